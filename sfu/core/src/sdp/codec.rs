//! Codecs as an offer lists them, and which of them we take.

use super::section::{MediaKind, parameter};

/// What an RTP payload type stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// RFC 7587.
    Opus,
    /// Redundant audio (RFC 2198).
    Red,
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9,
    /// RFC 6184.
    H264,
    /// The AV1 payload format of the Alliance for Open Media.
    Av1,
    /// Retransmissions (RFC 4588).
    Rtx {
        /// The payload type of what is retransmitted.
        apt: u8,
    },
    /// Anything else.
    Other,
}

/// Feedback that a receiver of a codec can give (RFC 4585, RFC 5104).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Feedback {
    /// Lost packets are asked for again.
    Nack,
    /// A key frame is asked for after loss.
    NackPli,
    /// A key frame is asked for.
    CcmFir,
    /// Arrival times of all packets of the transport.
    TransportCc,
}

impl Feedback {
    const ALL: [Self; 4] = [Self::Nack, Self::NackPli, Self::CcmFir, Self::TransportCc];

    /// As in `a=rtcp-fb`, behind the payload type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nack => "nack",
            Self::NackPli => "nack pli",
            Self::CcmFir => "ccm fir",
            Self::TransportCc => "transport-cc",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feedback| feedback.name() == name)
    }
}

/// A payload type that an offer describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedCodec {
    /// The number in RTP packets, 0 to 127. It is the receiver's own and is used both ways.
    pub payload_type: u8,
    /// What it stands for.
    pub codec: Codec,
    /// Ticks of the RTP timestamp per second.
    pub clock_rate: u32,
    /// 1 unless said otherwise.
    pub channels: u8,
    /// The parameters of `a=fmtp`, as they stand; empty if there are none.
    pub fmtp: String,
    /// In the order of the offer, without what is not known here.
    pub feedback: Vec<Feedback>,
}

impl OfferedCodec {
    /// Whether the offer lists this feedback for it.
    pub fn has(&self, feedback: Feedback) -> bool {
        self.feedback.contains(&feedback)
    }

    /// Whether the parameters can be repeated in an answer as they stand.
    pub(super) fn has_plain_parameters(&self) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"=;-_. ".contains(&byte);
        !self.fmtp.is_empty() && self.fmtp.bytes().all(plain)
    }

    /// Whether we take it in a section of this kind. Only what every decoder of the codec can decode: H.264 in
    /// constrained baseline and packets that may be fragments (RFC 6184 §5.2), VP9 and AV1 in profile 0.
    pub(super) fn is_usable_for(&self, kind: MediaKind) -> bool {
        let value = |name| parameter(&self.fmtp, name);
        let is_zero = |value: Option<&str>| matches!(value, None | Some("0"));
        match (kind, self.codec) {
            (MediaKind::Audio, Codec::Opus) => self.clock_rate == 48_000 && self.channels == 2,
            (MediaKind::Video, _) if self.clock_rate != 90_000 => false,
            (MediaKind::Video, Codec::Vp8) => true,
            (MediaKind::Video, Codec::Vp9) => is_zero(value("profile-id")),
            (MediaKind::Video, Codec::Av1) => is_zero(value("profile")),
            (MediaKind::Video, Codec::H264) => {
                value("packetization-mode") == Some("1")
                    && value("profile-level-id").is_some_and(is_constrained_baseline)
            }
            _ => false,
        }
    }
}

/// Whether a profile-level-id names constrained baseline, which goes by three names (RFC 6184 §8.1, table 5).
fn is_constrained_baseline(profile_level_id: &str) -> bool {
    let is_hex = profile_level_id.len() == 6 && profile_level_id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let Some(id) = u32::from_str_radix(profile_level_id, 16).ok().filter(|_| is_hex) else {
        return false;
    };
    let [_, profile, constraints, _] = id.to_be_bytes();
    match profile {
        0x42 => constraints & 0x4f == 0x40,
        0x4d => constraints & 0x8f == 0x80,
        0x58 => constraints & 0xcf == 0xc0,
        _ => false,
    }
}

/// One codec a section uses, with retransmission and redundancy if they were offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChosenCodecs<'a> {
    /// Opus in a section of sound, one of the video codecs in one of pictures.
    pub media: &'a OfferedCodec,
    /// The payload type of its retransmissions.
    pub rtx: Option<u8>,
    /// The payload type of Opus with copies of earlier packets (RFC 2198).
    pub red: Option<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constrained_baseline_is_known_by_all_its_names() {
        for id in ["42e01f", "42E034", "42401f", "4de01f", "4d801f", "58c01f"] {
            assert!(is_constrained_baseline(id), "{id}");
        }
        for id in [
            "42001f", "4d001f", "64001f", "640c1f", "58801f", "42e0", "+2e01f", "42e01f0", "",
        ] {
            assert!(!is_constrained_baseline(id), "{id}");
        }
    }
}
