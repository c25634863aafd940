//! How much sound one source may send: sound goes to everybody and waits for nothing, so without a limit one publisher
//! could fill everybody's line, and their pictures would give way to it.

use super::time::MediaTime;

/// 500 packets a second: Opus makes 400 of its shortest frames (2.5 ms), and browsers 100 at most.
const PACKET_NANOS: i64 = 2_000_000;
/// 1 Mbit/s: Opus ends at 510 kbit/s; browsers add copies (RED) only to packets that stay within 1,200 bytes with
/// them, at most 100 of them a second.
const BYTE_NANOS: i64 = 8_000;
/// What may come at once, as time at these rates: four seconds of a voice that were held up somewhere. More would
/// fill a narrow line's queue by itself.
const BURST_NANOS: i64 = 400_000_000;

/// The allowance of one source: what was taken is booked as time, up to a burst ahead.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SoundAllowance {
    booked_until: Option<MediaTime>,
}

impl SoundAllowance {
    /// Takes so many packets with so many bytes in all; false when they are too many.
    pub(crate) fn take(&mut self, packets: usize, bytes: usize, now: MediaTime) -> bool {
        let from = self.booked_until.map_or(now, |until| until.max(now));
        if from.0 - now.0 > BURST_NANOS {
            return false;
        }
        let time = (packets as i64 * PACKET_NANOS).max(bytes as i64 * BYTE_NANOS);
        self.booked_until = Some(MediaTime(from.0 + time));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many packets a second of this size are taken in ten seconds.
    fn taken(packets: i64, bytes: usize) -> i64 {
        let mut allowance = SoundAllowance::default();
        let times = (0..10 * packets).map(|packet| MediaTime(packet * 1_000_000_000 / packets));
        times.filter(|now| allowance.take(1, bytes, *now)).count() as i64
    }

    #[test]
    fn all_that_opus_can_make_is_taken() {
        // The shortest frames at the highest rate; the largest packets with copies; music in stereo.
        for (packets, bytes) in [(400, 200), (100, 1240), (50, 1320)] {
            assert_eq!(taken(packets, bytes), 10 * packets, "{packets} of {bytes} bytes");
        }
    }

    #[test]
    fn what_was_held_up_is_taken_at_once() {
        let mut allowance = SoundAllowance::default();
        assert!((0..200).all(|_| allowance.take(1, 120, MediaTime(0))));
    }

    #[test]
    fn of_too_many_packets_or_bytes_the_rest_is_refused() {
        assert!((5000..5300).contains(&taken(5000, 60)), "{}", taken(5000, 60));
        let bits = taken(1000, 1400) * 1400 * 8;
        assert!((10_000_000..10_600_000).contains(&bits), "{bits}");
    }
}
