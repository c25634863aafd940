//! What microphones send, on its way to the captions: copied, since the datagram it came in is used again.
//!
//! The copies lie one behind the other in pieces of memory, each of which is used again once all in it is taken. So
//! what is held is what waits, and two pieces at most beside that.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use hearken_protocol::{Sensitive, SpeechPacket};

/// Packets waiting for the captions: twenty seconds of one speaker, or one of twenty. Full: the newest is lost, which
/// the captions mark as a gap.
const PACKETS_MAX: usize = 1024;
/// A piece of memory: some hundred packets.
const PIECE_BYTES: usize = 64 << 10;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct SpeechQueue {
    packets: VecDeque<SpeechPacket>,
    piece: BytesMut,
}

impl SpeechQueue {
    /// Queues a copy of a payload, as `packet` puts it together. False when there is no room.
    #[must_use]
    pub(crate) fn push(
        &mut self,
        payload: &[u8],
        packet: impl FnOnce(Sensitive<Bytes>) -> SpeechPacket,
    ) -> bool {
        if self.packets.len() >= PACKETS_MAX {
            return false;
        }
        if self.piece.capacity() < payload.len() {
            // The same piece again if nobody has anything of it any more.
            self.piece.reserve(PIECE_BYTES.max(payload.len()));
        }
        self.piece.extend_from_slice(payload);
        self.packets
            .push_back(packet(Sensitive(self.piece.split().freeze())));
        true
    }

    /// Drops what is not to come any more.
    pub(crate) fn retain(&mut self, keeps: impl FnMut(&SpeechPacket) -> bool) {
        self.packets.retain(keeps);
    }

    /// The oldest.
    pub(crate) fn pop(&mut self) -> Option<SpeechPacket> {
        self.packets.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use hearken_protocol::{ParticipantId, SessionId, Timestamp};

    use super::*;

    fn push(queue: &mut SpeechQueue, sequence: u64, payload: &[u8]) -> bool {
        queue.push(payload, |payload| SpeechPacket {
            session: SessionId(1),
            participant: ParticipantId(2),
            stream: 3,
            sequence,
            rtp_timestamp: 0,
            received_at: Timestamp(0),
            payload,
        })
    }

    #[test]
    fn what_is_taken_is_what_was_said_whatever_comes_after_it() {
        let mut queue = SpeechQueue::default();
        let payload = |sequence: u64| vec![sequence as u8; 1 + sequence as usize * 37 % 300];
        let mut taken = Vec::new();
        for sequence in 0..5000 {
            assert!(push(&mut queue, sequence, &payload(sequence)));
            if sequence >= 100 {
                taken.extend(queue.pop());
            }
        }
        for packet in &taken {
            assert_eq!(packet.payload[..], payload(packet.sequence));
        }
        assert_eq!(taken.len(), 4900);
    }

    #[test]
    fn a_piece_of_memory_of_which_all_is_taken_is_used_again() {
        let mut queue = SpeechQueue::default();
        let mut places = std::collections::HashSet::new();
        for sequence in 0..10_000 {
            assert!(push(&mut queue, sequence, &[7; 100]));
            let packet = queue.pop().unwrap();
            places.insert(packet.payload.as_ptr() as usize);
        }
        assert!(places.len() <= PIECE_BYTES / 100 + 1, "{}", places.len());
    }

    #[test]
    fn when_too_much_waits_the_newest_is_lost() {
        let mut queue = SpeechQueue::default();
        let pushed = (0..PACKETS_MAX as u64 + 10).filter(|sequence| push(&mut queue, *sequence, &[1]));
        assert_eq!(pushed.count(), PACKETS_MAX);
        assert_eq!(queue.pop().unwrap().sequence, 0);
        assert!(push(&mut queue, 9999, &[1; 2000]));
    }
}
