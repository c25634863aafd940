//! RTP header extensions that are known here (RFC 8285).

/// What a header extension carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeaderExtension {
    /// How loud this packet is (RFC 6464).
    AudioLevel,
    /// Which section the packet belongs to (RFC 8843 §15).
    Mid,
    /// Which simulcast layer it belongs to (RFC 8852).
    Rid,
    /// Which simulcast layer a retransmission belongs to (RFC 8852).
    RepairedRid,
    /// The transport-wide sequence number that TWCC feedback goes by.
    TransportCc,
    /// When it left, in 1/2¹⁸ s.
    AbsSendTime,
    /// Which way up the picture is.
    VideoOrientation,
    /// Which frames a frame of AV1 or VP9 depends on (RTP payload format for AV1, appendix A).
    DependencyDescriptor,
}

impl HeaderExtension {
    const ALL: [Self; 8] = [
        Self::AudioLevel,
        Self::Mid,
        Self::Rid,
        Self::RepairedRid,
        Self::TransportCc,
        Self::AbsSendTime,
        Self::VideoOrientation,
        Self::DependencyDescriptor,
    ];

    /// As in `a=extmap`.
    pub fn uri(self) -> &'static str {
        match self {
            Self::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Self::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Self::Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            Self::RepairedRid => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            Self::TransportCc => "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
            Self::AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            Self::VideoOrientation => "urn:3gpp:video-orientation",
            Self::DependencyDescriptor => {
                "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
            }
        }
    }

    pub(super) fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|extension| extension.uri() == uri)
    }
}
