//! A browser's offer, parsed.

use hearken_protocol::TrackSource;

use super::codec::Codec;
use super::section::{MediaKind, OfferSection, SectionRole, TransportLines};
use crate::transport::{Fingerprint, IceCredentials};

/// An untrimmed offer of 25 slot pairs is 158 KB in Chromium.
const OFFER_BYTES_MAX: usize = hearken_protocol::SDP_MESSAGE_BYTES_MAX;

/// Four sources and 25 slot pairs make 54.
const SECTIONS_MAX: usize = 64;

/// The longest line that is looked at; nothing of use comes near it.
const LINE_BYTES_MAX: usize = 4096;

/// Why an offer is not understood. Quotes nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// More than 256 KB.
    #[error("the offer is longer than {OFFER_BYTES_MAX} bytes")]
    TooLong,
    /// It does not begin with `v=0`.
    #[error("this is not SDP")]
    NotSdp,
    /// More sections than any client of ours has.
    #[error("the offer has more than {SECTIONS_MAX} sections")]
    TooManySections,
    /// An `m=` line that can't be read.
    #[error("the m= line of section {section} is malformed")]
    MalformedSection {
        /// Counts from 0.
        section: usize,
    },
    /// Nothing to answer.
    #[error("the offer has no section of audio or video that is in use")]
    NoSections,
    /// A `mid` is absent, malformed or used twice.
    #[error("section {section} has no mid of its own")]
    BadMid {
        /// Counts from 0.
        section: usize,
    },
    /// Only one transport is spoken here.
    #[error("section {section} is not in the BUNDLE group")]
    NotBundled {
        /// Counts from 0.
        section: usize,
    },
    /// Only one port is spoken here.
    #[error("section {section} has no rtcp-mux")]
    NoRtcpMux {
        /// Counts from 0.
        section: usize,
    },
    /// `ice-ufrag` or `ice-pwd` is absent or of a wrong length.
    #[error("the ICE credentials are missing or malformed")]
    BadIceCredentials,
    /// No SHA-256 fingerprint, so nobody could be recognised.
    #[error("there is no SHA-256 fingerprint")]
    NoFingerprint,
    /// The client wants to be the DTLS server, which is our part.
    #[error("a=setup must be actpass or active")]
    BadSetup,
}

/// What a browser offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Of the transport that all sections share.
    pub ice: IceCredentials,
    /// Of the client's certificate; at least one.
    pub fingerprints: Vec<Fingerprint>,
    /// In the order of the offer, rejected ones too.
    pub sections: Vec<OfferSection>,
    /// Whether both forms of header extensions may come in one stream (RFC 8285 §4.1.2): long values need it.
    pub mixes_extension_forms: bool,
}

impl Offer {
    /// As if no redundant audio (RFC 2198) had been offered.
    pub fn leave_out_redundancy(&mut self) {
        for section in &mut self.sections {
            section.codecs.retain(|offered| offered.codec != Codec::Red);
        }
    }

    /// Reads an offer. Candidates are passed over: addresses are learnt from authenticated checks.
    ///
    /// # Errors
    ///
    /// See [`OfferError`].
    pub fn parse(sdp: &str) -> Result<Self, OfferError> {
        if sdp.len() > OFFER_BYTES_MAX {
            return Err(OfferError::TooLong);
        }
        let mut lines = sdp
            .lines()
            .map(str::trim_end)
            .filter(|line| line.len() <= LINE_BYTES_MAX);
        if lines.next() != Some("v=0") {
            return Err(OfferError::NotSdp);
        }
        let mut session = TransportLines::default();
        let mut bundled = Vec::new();
        let mut mixes_extension_forms = false;
        let mut sections: Vec<OfferSection> = Vec::new();
        for line in lines {
            if let Some(header) = line.strip_prefix("m=") {
                let section = sections.len();
                if section >= SECTIONS_MAX {
                    return Err(OfferError::TooManySections);
                }
                sections.push(OfferSection::open(header).ok_or(OfferError::MalformedSection { section })?);
            } else if let Some(attribute) = line.strip_prefix("a=") {
                let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
                mixes_extension_forms |= name == "extmap-allow-mixed";
                match sections.last_mut() {
                    Some(section) => section.read(name, value),
                    None if name == "group" => {
                        if let Some(mids) = value.strip_prefix("BUNDLE") {
                            bundled.extend(mids.split_ascii_whitespace().take(SECTIONS_MAX));
                        }
                    }
                    None => session.read(name, value),
                }
            }
        }
        for section in &mut sections {
            section.close(session.direction);
        }
        check_sections(&sections, &bundled)?;
        let first = sections
            .iter()
            .find(|section| !section.rejected)
            .ok_or(OfferError::NoSections)?;
        let ice = ice_credentials(&first.transport, &session)?;
        let fingerprints = fingerprints(&first.transport, &session)?;
        check_setup(&first.transport, &session)?;
        Ok(Self {
            ice,
            fingerprints,
            sections,
            mixes_extension_forms,
        })
    }

    /// What each section is for, told by its place: the first sending sections of audio and video are
    /// microphone and camera, the second ones screen audio and screen; a receiving section of audio and the
    /// next one of video are a slot pair.
    pub fn roles(&self) -> Vec<SectionRole> {
        let (mut audio_sources, mut video_sources) = (
            [TrackSource::Microphone, TrackSource::ScreenAudio].iter(),
            [TrackSource::Camera, TrackSource::Screen].iter(),
        );
        let mut roles = vec![SectionRole::Unused; self.sections.len()];
        let mut pairs = 0;
        let mut waiting_audio = None;
        for (index, section) in self.sections.iter().enumerate() {
            if section.rejected || section.chosen().is_none() {
                continue;
            }
            let role = |source: Option<&TrackSource>| {
                source.map_or(SectionRole::Unused, |s| SectionRole::Source(*s))
            };
            match section.kind {
                MediaKind::Audio if section.direction.sends() => roles[index] = role(audio_sources.next()),
                MediaKind::Video if section.direction.sends() => roles[index] = role(video_sources.next()),
                MediaKind::Audio if section.direction.receives() => waiting_audio = Some(index),
                MediaKind::Video if section.direction.receives() => {
                    if let Some(audio) = waiting_audio.take() {
                        roles[audio] = SectionRole::Slot { pair: pairs };
                        roles[index] = SectionRole::Slot { pair: pairs };
                        pairs += 1;
                    }
                }
                MediaKind::Audio | MediaKind::Video | MediaKind::Other => {}
            }
        }
        roles
    }
}

fn check_sections(sections: &[OfferSection], bundled: &[&str]) -> Result<(), OfferError> {
    for (section, offered) in sections.iter().enumerate() {
        // A section that was stopped may have lost its mid (RFC 8829 §5.2.2), but not share another's.
        let repeated = sections[..section].iter().any(|other| other.mid == offered.mid);
        if !offered.rejected && (offered.mid.is_empty() || repeated) {
            return Err(OfferError::BadMid { section });
        }
        if !offered.rejected && !bundled.contains(&offered.mid.as_str()) {
            return Err(OfferError::NotBundled { section });
        }
        // RFC 8843 §9.1: in a bundle-only section it goes without saying.
        if !offered.rejected && !offered.transport.rtcp_mux && !offered.transport.bundle_only {
            return Err(OfferError::NoRtcpMux { section });
        }
    }
    Ok(())
}

fn ice_credentials(first: &TransportLines, session: &TransportLines) -> Result<IceCredentials, OfferError> {
    let good = |text: &&String, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
    };
    let ufrag = first
        .ufrag
        .as_ref()
        .or(session.ufrag.as_ref())
        .filter(|text| good(text, 4..=256));
    let password = first
        .password
        .as_ref()
        .or(session.password.as_ref())
        .filter(|text| good(text, 22..=256));
    let (ufrag, password) = ufrag.zip(password).ok_or(OfferError::BadIceCredentials)?;
    Ok(IceCredentials {
        ufrag: ufrag.clone(),
        password: password.clone(),
    })
}

fn fingerprints(first: &TransportLines, session: &TransportLines) -> Result<Vec<Fingerprint>, OfferError> {
    let lines = if first.fingerprints.is_empty() {
        &session.fingerprints
    } else {
        &first.fingerprints
    };
    let fingerprints: Vec<_> = lines.iter().filter_map(|line| Fingerprint::parse(line)).collect();
    if fingerprints.is_empty() {
        Err(OfferError::NoFingerprint)
    } else {
        Ok(fingerprints)
    }
}

fn check_setup(first: &TransportLines, session: &TransportLines) -> Result<(), OfferError> {
    match first.setup.as_deref().or(session.setup.as_deref()) {
        Some("actpass" | "active") => Ok(()),
        _ => Err(OfferError::BadSetup),
    }
}
