//! For tests of whatever carries speech.

use hearken_protocol::{ParticipantId, SessionId, SpeechPacket, Timestamp};

/// A packet of so many bytes.
pub(crate) fn packet(bytes: usize) -> SpeechPacket {
    SpeechPacket {
        session: SessionId(1),
        participant: ParticipantId(2),
        stream: 3,
        sequence: 4,
        rtp_timestamp: 5,
        received_at: Timestamp(6),
        payload: vec![7; bytes].into(),
    }
}
