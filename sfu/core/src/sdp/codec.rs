//! Codecs as an offer lists them.

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
}

/// What one section uses: Opus or VP8, with retransmission if it was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChosenCodecs<'a> {
    /// Opus in a section of sound, VP8 in one of pictures.
    pub media: &'a OfferedCodec,
    /// The payload type of its retransmissions.
    pub rtx: Option<u8>,
}
