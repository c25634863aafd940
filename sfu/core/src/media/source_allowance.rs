//! How much one source may send. Sound goes to everybody and waits for nothing, so without a limit one publisher could
//! fill everybody's line, and their pictures would give way to it. What is sent of video is measured out to each line, but
//! what lines carry is found out by filling them, up to what a publisher sends; and the work and the memory are everybody's.

use hearken_protocol::TrackSource;

use super::time::MediaTime;

/// What one source may send, as the time that is booked for it.
#[derive(Debug, Clone, Copy)]
struct Limits {
    packet_nanos: i64,
    byte_nanos: i64,
    /// What may come at once, as time at these rates.
    burst_nanos: i64,
}

const SOUND: Limits = Limits {
    // 500 packets a second: Opus makes 400 of its shortest frames (2.5 ms), and browsers 100 at most.
    packet_nanos: 2_000_000,
    // 1 Mbit/s: Opus ends at 510 kbit/s; browsers add copies (RED) only to packets that stay within 1,200 bytes with
    // them, at most 100 of them a second.
    byte_nanos: 8_000,
    // Four seconds of a voice that were held up somewhere. More would fill a narrow line's queue by itself.
    burst_nanos: 400_000_000,
};

/// All layers of a video together.
const VIDEO: Limits = Limits {
    // 5,000 packets a second: of 500 bytes each, the rate below.
    packet_nanos: 200_000,
    // 20 Mbit/s: browsers are asked for 4 at most in one layer, and send some 10 of a screen that moves if nobody asks.
    byte_nanos: 400,
    // 2.5 MB: the key frame of a large screen, and all that was held up somewhere for a second.
    burst_nanos: 1_000_000_000,
};

/// The allowance of one source: what was taken is booked as time, up to a burst ahead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SourceAllowance {
    limits: Limits,
    booked_until: Option<MediaTime>,
}

impl SourceAllowance {
    pub(crate) fn of(source: TrackSource) -> Self {
        Self {
            limits: if source.is_audio() { SOUND } else { VIDEO },
            booked_until: None,
        }
    }

    /// Takes so many packets with so many bytes in all; false when they are too many.
    pub(crate) fn take(&mut self, packets: usize, bytes: usize, now: MediaTime) -> bool {
        let from = self.booked_until.map_or(now, |until| until.max(now));
        if from.0 - now.0 > self.limits.burst_nanos {
            return false;
        }
        let time = (packets as i64 * self.limits.packet_nanos).max(bytes as i64 * self.limits.byte_nanos);
        self.booked_until = Some(MediaTime(from.0 + time));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many packets a second of this size are taken in ten seconds.
    fn taken(source: TrackSource, packets: i64, bytes: usize) -> i64 {
        let mut allowance = SourceAllowance::of(source);
        let times = (0..10 * packets).map(|packet| MediaTime(packet * 1_000_000_000 / packets));
        times.filter(|now| allowance.take(1, bytes, *now)).count() as i64
    }

    #[test]
    fn all_that_opus_can_make_is_taken() {
        // The shortest frames at the highest rate; the largest packets with copies; music in stereo.
        for (packets, bytes) in [(400, 200), (100, 1240), (50, 1320)] {
            let taken = taken(TrackSource::Microphone, packets, bytes);
            assert_eq!(taken, 10 * packets, "{packets} of {bytes} bytes");
        }
    }

    #[test]
    fn what_was_held_up_is_taken_at_once() {
        let mut voice = SourceAllowance::of(TrackSource::Microphone);
        assert!((0..200).all(|_| voice.take(1, 120, MediaTime(0))));
        // Two megabytes: a key frame of a screen.
        let mut screen = SourceAllowance::of(TrackSource::Screen);
        assert!((0..1700).all(|_| screen.take(1, 1200, MediaTime(0))));
    }

    #[test]
    fn of_too_many_packets_or_bytes_the_rest_is_refused() {
        let packets = taken(TrackSource::ScreenAudio, 5000, 60);
        assert!((5000..5300).contains(&packets), "{packets}");
        let bits = taken(TrackSource::Microphone, 1000, 1400) * 1400 * 8;
        assert!((10_000_000..10_600_000).contains(&bits), "{bits}");
        let packets = taken(TrackSource::Screen, 20_000, 60);
        assert!((50_000..55_100).contains(&packets), "{packets}");
        let bits = taken(TrackSource::Camera, 5000, 1200) * 1200 * 8;
        assert!((200_000_000..220_100_000).contains(&bits), "{bits}");
    }
}
