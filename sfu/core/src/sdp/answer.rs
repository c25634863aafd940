//! Our answer to an offer: section by section, with the offer's payload types and extension ids.

use std::fmt::Write;

use super::codec::{ChosenCodecs, Codec, Feedback};
use super::extension::HeaderExtension;
use super::offer::Offer;
use super::section::OfferSection;
use crate::transport::{Candidate, Fingerprint, IceCredentials};

/// Feedback that we give and take, where the offer has it.
const FEEDBACK: [Feedback; 4] = [
    Feedback::Nack,
    Feedback::NackPli,
    Feedback::CcmFir,
    Feedback::TransportCc,
];

/// Extensions that we read in what the client sends.
const INCOMING_EXTENSIONS: [HeaderExtension; 7] = [
    HeaderExtension::AudioLevel,
    HeaderExtension::Mid,
    HeaderExtension::Rid,
    HeaderExtension::RepairedRid,
    HeaderExtension::TransportCc,
    HeaderExtension::VideoOrientation,
    HeaderExtension::DependencyDescriptor,
];

/// Extensions that we may put into what the client receives.
const OUTGOING_EXTENSIONS: [HeaderExtension; 5] = [
    HeaderExtension::AudioLevel,
    HeaderExtension::Mid,
    HeaderExtension::TransportCc,
    HeaderExtension::VideoOrientation,
    HeaderExtension::DependencyDescriptor,
];

/// In-band error correction and silence without packets (RFC 7587 §6.1), asked of whoever sends to us.
const OPUS_PARAMETERS: &str = "minptime=10;useinbandfec=1;usedtx=1";

/// Everything an answer says beside the sections.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Our ICE credentials for this client.
    pub ice: IceCredentials,
    /// Of our certificate.
    pub fingerprint: Fingerprint,
    /// Our announced addresses, the preferred one first.
    pub candidates: Vec<Candidate>,
    /// Names the SDP session: the same in all answers on one peer connection, below 2⁶³.
    pub session: u64,
    /// Counts the answers on one peer connection.
    pub version: u64,
}

/// What becomes of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerSection {
    /// We take what the client sends.
    Receive,
    /// We send this to the client.
    Send(OutgoingStream),
    /// Nothing flows for now.
    Inactive,
    /// Nothing ever flows.
    Reject,
}

/// What we send in a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingStream {
    /// Of the media.
    pub ssrc: u32,
    /// Of the retransmissions; said only where the section has RTX.
    pub rtx_ssrc: Option<u32>,
    /// Names the media stream and its clock: the audio and the video of a slot pair have the same, which
    /// makes Chromium play them in sync.
    pub stream: String,
}

impl Answer {
    /// Writes the SDP: what becomes of each section of `offer`, in its order. A section that is rejected in
    /// the offer, has no codec of ours or no entry in `sections` is rejected.
    pub fn write(&self, offer: &Offer, sections: &[AnswerSection]) -> String {
        let answered: Vec<_> = offer
            .sections
            .iter()
            .enumerate()
            .map(|(index, offered)| {
                let codecs = offered.all_chosen();
                match sections.get(index) {
                    Some(section)
                        if !codecs.is_empty() && !offered.rejected && *section != AnswerSection::Reject =>
                    {
                        (offered, Some((codecs, section)))
                    }
                    _ => (offered, None),
                }
            })
            .collect();
        let mut sdp = String::with_capacity(1024 + 1024 * answered.len());
        self.write_session(
            &mut sdp,
            offer,
            answered
                .iter()
                .filter(|(_, accepted)| accepted.is_some())
                .map(|(s, _)| *s),
        );
        // With BUNDLE the candidates belong to the first section that is in use (RFC 8843 §9).
        let mut candidates = self.candidates.as_slice();
        for (offered, accepted) in &answered {
            match accepted {
                Some((codecs, section)) => {
                    self.write_section(&mut sdp, offered, codecs, section);
                    write_candidates(&mut sdp, std::mem::take(&mut candidates));
                }
                None => write_rejected(&mut sdp, offered),
            }
        }
        sdp
    }

    fn write_session<'a>(
        &self,
        sdp: &mut String,
        offer: &Offer,
        accepted: impl Iterator<Item = &'a OfferSection>,
    ) {
        line(sdp, format_args!("v=0"));
        line(
            sdp,
            format_args!(
                "o=- {} {} IN IP4 0.0.0.0",
                self.session & (u64::MAX >> 1),
                self.version
            ),
        );
        line(sdp, format_args!("s=-"));
        line(sdp, format_args!("t=0 0"));
        let mids = accepted
            .map(|section| section.mid.as_str())
            .collect::<Vec<_>>()
            .join(" ");
        line(sdp, format_args!("a=group:BUNDLE {mids}"));
        line(sdp, format_args!("a=ice-lite"));
        if offer.mixes_extension_forms {
            line(sdp, "a=extmap-allow-mixed");
        }
        line(sdp, format_args!("a=msid-semantic:WMS *"));
    }

    fn write_section(
        &self,
        sdp: &mut String,
        offered: &OfferSection,
        codecs: &[ChosenCodecs<'_>],
        section: &AnswerSection,
    ) {
        let [media, protocol, _] = &offered.header;
        // Browsers send what comes first: sound with copies, whenever they can.
        let numbers = |chosen: &ChosenCodecs<'_>| {
            let media = Some(chosen.media.payload_type);
            match section {
                AnswerSection::Receive => [chosen.red, media, chosen.rtx],
                AnswerSection::Send(_) | AnswerSection::Inactive | AnswerSection::Reject => {
                    [media, chosen.red, chosen.rtx]
                }
            }
        };
        let _ = write!(sdp, "m={media} 9 {protocol}");
        for number in codecs.iter().flat_map(numbers).flatten() {
            let _ = write!(sdp, " {number}");
        }
        line(sdp, "");
        line(sdp, format_args!("c=IN IP4 0.0.0.0"));
        line(sdp, format_args!("a=mid:{}", offered.mid));
        line(sdp, format_args!("a=ice-ufrag:{}", self.ice.ufrag));
        line(sdp, format_args!("a=ice-pwd:{}", self.ice.password));
        line(sdp, format_args!("a=fingerprint:{}", self.fingerprint));
        line(sdp, format_args!("a=setup:passive"));
        line(sdp, format_args!("a=rtcp-mux"));
        line(sdp, format_args!("a=rtcp-rsize"));
        for chosen in codecs {
            write_codec(sdp, *chosen);
        }
        match section {
            AnswerSection::Receive => write_receiving(sdp, offered),
            AnswerSection::Send(stream) => write_sending(sdp, offered, codecs, stream),
            AnswerSection::Inactive | AnswerSection::Reject => line(sdp, "a=inactive"),
        }
    }
}

fn write_codec(sdp: &mut String, codec: ChosenCodecs<'_>) {
    let ChosenCodecs { media, rtx, red } = codec;
    let number = media.payload_type;
    let name = match media.codec {
        Codec::Opus => "opus/48000/2",
        Codec::Vp8 => "VP8/90000",
        Codec::Vp9 => "VP9/90000",
        Codec::H264 => "H264/90000",
        Codec::Av1 => "AV1/90000",
        Codec::Red | Codec::Rtx { .. } | Codec::Other => return,
    };
    line(sdp, format_args!("a=rtpmap:{number} {name}"));
    match media.codec {
        Codec::Opus => line(sdp, format_args!("a=fmtp:{number} {OPUS_PARAMETERS}")),
        // What the client can decode it can be sent, and what it sends others may decode: profiles and levels are
        // the client's own.
        _ if media.has_plain_parameters() => line(sdp, format_args!("a=fmtp:{number} {}", media.fmtp)),
        _ => {}
    }
    for feedback in FEEDBACK.into_iter().filter(|feedback| media.has(*feedback)) {
        line(sdp, format_args!("a=rtcp-fb:{number} {}", feedback.name()));
    }
    if let Some(rtx) = rtx {
        line(sdp, format_args!("a=rtpmap:{rtx} rtx/{}", media.clock_rate));
        line(sdp, format_args!("a=fmtp:{rtx} apt={number}"));
    }
    if let Some(red) = red {
        line(sdp, format_args!("a=rtpmap:{red} red/48000/2"));
        line(sdp, format_args!("a=fmtp:{red} {number}/{number}"));
    }
}

fn write_receiving(sdp: &mut String, offered: &OfferSection) {
    write_extensions(sdp, offered, &INCOMING_EXTENSIONS);
    line(sdp, "a=recvonly");
    for rid in &offered.rids {
        line(sdp, format_args!("a=rid:{rid} recv"));
    }
    if !offered.rids.is_empty() {
        line(sdp, format_args!("a=simulcast:recv {}", offered.rids.join(";")));
    }
}

fn write_sending(
    sdp: &mut String,
    offered: &OfferSection,
    codecs: &[ChosenCodecs<'_>],
    stream: &OutgoingStream,
) {
    write_extensions(sdp, offered, &OUTGOING_EXTENSIONS);
    let OutgoingStream {
        ssrc,
        rtx_ssrc,
        stream,
    } = stream;
    line(sdp, "a=sendonly");
    line(sdp, format_args!("a=msid:{stream} {stream}-{}", offered.mid));
    let rtx_ssrc = rtx_ssrc.filter(|_| codecs.iter().any(|chosen| chosen.rtx.is_some()));
    if let Some(rtx_ssrc) = rtx_ssrc {
        line(sdp, format_args!("a=ssrc-group:FID {ssrc} {rtx_ssrc}"));
    }
    for ssrc in [Some(*ssrc), rtx_ssrc].into_iter().flatten() {
        line(sdp, format_args!("a=ssrc:{ssrc} cname:{stream}"));
        line(
            sdp,
            format_args!("a=ssrc:{ssrc} msid:{stream} {stream}-{}", offered.mid),
        );
    }
}

fn write_extensions(sdp: &mut String, offered: &OfferSection, accepted: &[HeaderExtension]) {
    for (id, extension) in &offered.extensions {
        if accepted.contains(extension) {
            line(sdp, format_args!("a=extmap:{id} {}", extension.uri()));
        }
    }
}

fn write_candidates(sdp: &mut String, candidates: &[Candidate]) {
    for (index, candidate) in candidates.iter().enumerate() {
        line(sdp, format_args!("a=candidate:{}", candidate.attribute(index)));
    }
    if !candidates.is_empty() {
        line(sdp, "a=end-of-candidates");
    }
}

fn write_rejected(sdp: &mut String, offered: &OfferSection) {
    let [media, protocol, format] = &offered.header;
    line(sdp, format_args!("m={media} 0 {protocol} {format}"));
    line(sdp, "c=IN IP4 0.0.0.0");
    line(sdp, "a=inactive");
    if !offered.mid.is_empty() {
        line(sdp, format_args!("a=mid:{}", offered.mid));
    }
}

/// Adds text and the end of a line. Writing into a `String` never fails.
fn line(sdp: &mut String, text: impl std::fmt::Display) {
    let _ = write!(sdp, "{text}\r\n");
}
