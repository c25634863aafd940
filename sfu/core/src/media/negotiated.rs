//! What an offer and its answer agreed on, as far as media go: the sections a client sends, the slot pairs it
//! receives, payload types and header-extension ids.

use hearken_protocol::{TrackSource, VideoCodec};

use super::layers::LAYERS_MAX;
use super::rtp::ExtensionIds;
use crate::sdp::{
    self, ChosenCodecs, Feedback, HeaderExtension, MediaKind, Offer, OfferSection, SectionRole,
};

/// Slot pairs of one client; a browser offers at most 25. Further ones stay unused.
const PAIRS_MAX: usize = 64;
const VIDEO_CODECS: usize = 4;
/// What clients call the layers of a camera, smallest first.
const USUAL_RIDS: [&str; LAYERS_MAX] = ["q", "h", "f"];

/// What a payload type stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Codec {
    /// Not agreed on.
    #[default]
    Unknown,
    Opus,
    /// Opus with copies of earlier packets (RFC 2198).
    Red,
    Video(VideoCodec),
    /// Repairs (RFC 4588).
    Rtx,
}

impl Codec {
    /// Whether it carries sound.
    pub(crate) fn is_audio(self) -> bool {
        matches!(self, Self::Opus | Self::Red)
    }

    fn of(codec: sdp::Codec) -> Self {
        match codec {
            sdp::Codec::Opus => Self::Opus,
            sdp::Codec::Vp8 => Self::Video(VideoCodec::Vp8),
            sdp::Codec::H264 => Self::Video(VideoCodec::H264),
            sdp::Codec::Vp9 => Self::Video(VideoCodec::Vp9),
            sdp::Codec::Av1 => Self::Video(VideoCodec::Av1),
            sdp::Codec::Red | sdp::Codec::Rtx { .. } | sdp::Codec::Other => Self::Unknown,
        }
    }
}

/// A receiver's own numbers for one codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PayloadTypes {
    pub(crate) media: u8,
    pub(crate) rtx: Option<u8>,
}

/// A section a client sends media in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SendSection {
    pub(crate) mid: String,
    pub(crate) source: TrackSource,
    /// Names of the simulcast layers, smallest first; empty without simulcast.
    pub(crate) rids: Vec<String>,
    /// SSRCs that the offer names, with the repair stream's: for clients without the MID extension.
    pub(crate) ssrcs: Vec<u32>,
    /// Media SSRC and repair SSRC (RFC 5576 §4.2).
    pub(crate) repair_groups: Vec<(u32, u32)>,
}

impl SendSection {
    /// The number of a layer by its name: 0 is the smallest.
    pub(crate) fn layer(&self, rid: &[u8]) -> Option<u8> {
        let place = self
            .rids
            .iter()
            .take(LAYERS_MAX)
            .position(|name| name.as_bytes() == rid)?;
        Some(place as u8)
    }
}

/// Everything about what a client sends.
#[derive(Debug, Clone)]
pub(crate) struct Sends {
    pub(crate) sections: Vec<SendSection>,
    /// By payload type.
    pub(crate) codecs: [Codec; 128],
    /// By the payload type of repairs: what they repair.
    pub(crate) repaired: [Codec; 128],
    pub(crate) extensions: ExtensionIds,
    /// Whether lost Opus packets can be asked for.
    pub(crate) audio_nack: bool,
}

/// A section a client receives media in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReceiveSection {
    pub(crate) mid: String,
    pub(crate) opus: Option<PayloadTypes>,
    /// By `VideoCodec`.
    pub(crate) video: [Option<PayloadTypes>; VIDEO_CODECS],
    /// Of Opus with copies of earlier packets.
    pub(crate) red: Option<u8>,
    pub(crate) extensions: ExtensionIds,
}

/// Two sections that are played in step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReceivePair {
    pub(crate) audio: ReceiveSection,
    pub(crate) video: ReceiveSection,
}

/// Everything that was agreed on.
#[derive(Debug, Clone)]
pub(crate) struct Negotiated {
    pub(crate) sends: Sends,
    pub(crate) pairs: Vec<ReceivePair>,
}

impl Negotiated {
    /// What our answer to this offer agrees on.
    pub(crate) fn from_offer(offer: &Offer) -> Self {
        let mut sends = Sends {
            sections: Vec::new(),
            codecs: [Codec::Unknown; 128],
            repaired: [Codec::Unknown; 128],
            extensions: ExtensionIds::default(),
            audio_nack: false,
        };
        let mut pairs: Vec<(Option<ReceiveSection>, Option<ReceiveSection>)> = Vec::new();
        for (section, role) in offer.sections.iter().zip(offer.roles()) {
            let chosen = section.all_chosen();
            match role {
                SectionRole::Source(source) => sends.add(section, source, &chosen),
                SectionRole::Slot { pair } => {
                    if pairs.len() <= pair {
                        pairs.resize(pair + 1, (None, None));
                    }
                    let mut received = ReceiveSection::new(section, &chosen);
                    if !offer.mixes_extension_forms {
                        // Some of its values are longer than the short form holds.
                        received.extensions.dependency = None;
                    }
                    let received = Some(received);
                    match section.kind {
                        MediaKind::Audio => pairs[pair].0 = received,
                        MediaKind::Video | MediaKind::Other => pairs[pair].1 = received,
                    }
                }
                SectionRole::Unused => {}
            }
        }
        if !offer.mixes_extension_forms {
            sends.extensions.dependency = None;
        }
        let whole = |(audio, video): (Option<_>, Option<_>)| {
            Some(ReceivePair {
                audio: audio?,
                video: video?,
            })
        };
        Self {
            sends,
            pairs: pairs.into_iter().filter_map(whole).take(PAIRS_MAX).collect(),
        }
    }
}

impl Sends {
    fn add(&mut self, section: &OfferSection, source: TrackSource, chosen: &[ChosenCodecs<'_>]) {
        for ChosenCodecs { media, rtx, red } in chosen {
            let codec = Codec::of(media.codec);
            if let Some(known) = self.codecs.get_mut(usize::from(media.payload_type)) {
                *known = codec;
            }
            if let Some(rtx) = rtx.map(usize::from).filter(|rtx| *rtx < self.codecs.len()) {
                self.codecs[rtx] = Codec::Rtx;
                self.repaired[rtx] = codec;
            }
            if let Some(known) = red.and_then(|red| self.codecs.get_mut(usize::from(red))) {
                *known = Codec::Red;
            }
            self.audio_nack |= source.is_audio() && media.has(Feedback::Nack);
        }
        self.extensions = self.extensions.or(extension_ids(section));
        let mut rids = section.rids.clone();
        // By their names if these are the usual ones, else in the client's order.
        if rids.iter().all(|rid| USUAL_RIDS.contains(&rid.as_str())) {
            rids.sort_by_key(|rid| USUAL_RIDS.iter().position(|usual| usual == rid));
        }
        self.sections.push(SendSection {
            mid: section.mid.clone(),
            source,
            rids,
            ssrcs: section.ssrcs.clone(),
            repair_groups: section.fid_groups.clone(),
        });
    }
}

impl ReceiveSection {
    fn new(section: &OfferSection, chosen: &[ChosenCodecs<'_>]) -> Self {
        let (mut opus, mut video) = (None, [None; VIDEO_CODECS]);
        for ChosenCodecs { media, rtx, .. } in chosen {
            let numbers = Some(PayloadTypes {
                media: media.payload_type,
                rtx: *rtx,
            });
            match Codec::of(media.codec) {
                Codec::Opus => opus = numbers,
                Codec::Video(codec) => video[codec as usize] = numbers,
                Codec::Unknown | Codec::Red | Codec::Rtx => {}
            }
        }
        Self {
            mid: section.mid.clone(),
            opus,
            video,
            red: chosen.iter().find_map(|codec| codec.red),
            extensions: extension_ids(section),
        }
    }

    /// The numbers for a codec; `None` when this client does not know it.
    pub(crate) fn payload_types(&self, codec: Option<VideoCodec>) -> Option<PayloadTypes> {
        match codec {
            Some(codec) => self.video[codec as usize],
            None => self.opus,
        }
    }

    /// Whether lost packets of any codec can be repaired.
    pub(crate) fn has_repairs(&self) -> bool {
        let numbers = [self.opus].into_iter().chain(self.video);
        numbers.flatten().any(|numbers| numbers.rtx.is_some())
    }
}

fn extension_ids(section: &OfferSection) -> ExtensionIds {
    ExtensionIds {
        mid: section.extension_id(HeaderExtension::Mid),
        rid: section.extension_id(HeaderExtension::Rid),
        repaired_rid: section.extension_id(HeaderExtension::RepairedRid),
        audio_level: section.extension_id(HeaderExtension::AudioLevel),
        transport_cc: section.extension_id(HeaderExtension::TransportCc),
        video_orientation: section.extension_id(HeaderExtension::VideoOrientation),
        dependency: section.extension_id(HeaderExtension::DependencyDescriptor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VP8: Codec = Codec::Video(VideoCodec::Vp8);

    #[test]
    fn a_chromium_offer_has_its_sources_pairs_and_numbers() {
        let offer = Offer::parse(include_str!("../sdp/fixtures/chromium_156.sdp")).unwrap();
        let Negotiated { sends, pairs } = Negotiated::from_offer(&offer);
        let sources: Vec<_> = sends.sections.iter().map(|section| section.source).collect();
        assert_eq!(sources, TrackSource::ALL);
        assert_eq!(sends.sections[1].layer(b"q"), Some(0));
        assert_eq!(sends.sections[1].layer(b"f"), Some(2));
        assert_eq!(sends.sections[1].layer(b"x"), None);
        assert_eq!(
            [
                sends.codecs[111],
                sends.codecs[96],
                sends.codecs[97],
                sends.codecs[98]
            ],
            [Codec::Opus, VP8, Codec::Rtx, Codec::Unknown]
        );
        let mids: Vec<_> = pairs
            .iter()
            .map(|pair| (pair.audio.mid.as_str(), pair.video.mid.as_str()))
            .collect();
        assert_eq!(mids, [("4", "5"), ("6", "7"), ("8", "9")]);
        let vp8 = |pair: &ReceivePair| pair.video.payload_types(Some(VideoCodec::Vp8)).unwrap();
        assert!(pairs.iter().all(|pair| vp8(pair).rtx == Some(97)));
    }

    #[test]
    fn a_firefox_offer_keeps_its_own_numbers() {
        let offer = Offer::parse(include_str!("../sdp/fixtures/firefox_153.sdp")).unwrap();
        let Negotiated { sends, pairs } = Negotiated::from_offer(&offer);
        assert_eq!(
            (sends.codecs[109], sends.codecs[120], sends.codecs[124]),
            (Codec::Opus, VP8, Codec::Rtx)
        );
        assert_eq!(
            [
                pairs[0].audio.payload_types(None),
                pairs[0].video.payload_types(Some(VideoCodec::Vp8))
            ]
            .map(|numbers| numbers.unwrap().media),
            [109, 120]
        );
        let others = [VideoCodec::Vp9, VideoCodec::Av1, VideoCodec::H264];
        let numbers = others.map(|codec| {
            pairs[0]
                .video
                .payload_types(Some(codec))
                .map(|numbers| numbers.media)
        });
        assert_eq!(numbers, [Some(121), Some(99), None]);
        assert_eq!((pairs.len(), pairs[0].video.extensions.dependency), (3, None));
    }
}
