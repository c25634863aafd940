//! Keeps bursts of video from one receiver's line: what comes faster than the line is thought to carry, by a margin,
//! waits for a moment.
//!
//! ```text
//!  sound, repairs ──────────────────────────────► out      spend credit, never wait
//!  video ─┬─ nothing waits and there is credit ─► out
//!         └─ references, in order ──(credit)────► out
//! ```
//!
//! A leaky bucket, kept as the time at which all that went out would be through at the rate allowed. What waits is
//! not copied: only the numbers that it was given, by which it is found in its stream's cache. Nothing waits for
//! longer than [`WAIT_MAX`]; who sees to that is the session, which knows what can be given up.

use std::collections::VecDeque;
use std::time::Duration;

use super::rate::Bitrate;
use super::time::MediaTime;

/// Nothing waits longer. More: a picture that lags behind its sound; less: bursts that the line must queue itself.
pub(crate) const WAIT_MAX: Duration = Duration::from_millis(100);
const WAIT_MAX_NS: i64 = WAIT_MAX.as_nanos() as i64;
/// What must not be given up is planned to be out within this time, whatever the line: what spends credit meanwhile
/// and a late wake-up find room before [`WAIT_MAX`].
const IN_TIME: Duration = Duration::from_millis(80);
/// Sent at most, in percent of the estimate: key frames are many times as large as other frames, and the next moments
/// have room for them. More: longer queues on the line; less: key frames that take long.
const RATE_PERCENT: u64 = 250;
/// What may go out at once: so many bytes, or this much time at the rate allowed if that is more. Frames of several
/// people that come together fit in; more is felt by what shares the line.
const BURST_BYTES: i64 = 5_000;
const BURST: Duration = Duration::from_millis(20);
/// On a line that has fallen, of which it was seen what it carries, one packet goes after the other: its queue may be
/// short. What goes at once makes up for wake-ups that come late.
const NARROW_BURST: Duration = Duration::from_millis(5);
/// Repairs there may take the line for so long ahead of what waits. More overflows a short queue, and less leaves a key
/// frame of which a part was lost behind what needs it.
const REPAIRS_AHEAD_NS: i64 = Duration::from_millis(40).as_nanos() as i64;
/// Packets that wait for one receiver. Full: what has most waiting is given up.
const WAITING_MAX: usize = 2048;

/// A packet that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// Its number on the way out, by which it is found.
    pub(crate) index: u64,
    pub(crate) since: MediaTime,
    /// Of the pair: another means that it was given up.
    pub(crate) epoch: u32,
    /// The receiver's pair.
    pub(crate) pair: u16,
    /// What it takes on the line, about.
    pub(crate) bytes: u16,
}

/// See the module. In nanoseconds as plain numbers, since every packet that goes out is counted here.
#[derive(Debug, Default)]
pub(crate) struct Pacer {
    /// At the rate allowed; 0: there is no limit.
    byte_ns: i64,
    /// At the most that is allowed when what waits is hurried on a line that has fallen; 0: it has not.
    narrow_byte_ns: i64,
    /// When everything that went out since would be through at that.
    narrow_through: MediaTime,
    /// The same while what waits is hurried: then nothing more goes at once.
    hurried_byte_ns: Option<i64>,
    /// What may go out at once, as time at the rate allowed.
    burst_ns: i64,
    /// When everything that went out would be through.
    through: MediaTime,
    /// In the order in which it is to go out.
    queue: VecDeque<Waiting>,
}

impl Pacer {
    /// Allows a margin beyond what the line is thought to carry; everything as long as nothing is known of it. Where it has
    /// fallen before a short queue, what it `carries`, sound included.
    pub(crate) fn set_estimate(&mut self, estimate: Option<Bitrate>, carries: Option<Bitrate>) {
        self.narrow_byte_ns = 0;
        let Some(estimate) = estimate.filter(|estimate| estimate.0 > 0) else {
            (self.byte_ns, self.burst_ns) = (0, 0);
            return;
        };
        let rate = estimate.0.saturating_mul(RATE_PERCENT) / 100;
        self.byte_ns = (8_000_000_000 / rate.max(1)) as i64;
        self.burst_ns = (BURST.as_nanos() as i64).max(self.byte_ns * BURST_BYTES);
        if let Some(carries) = carries.filter(|carries| carries.0 < rate) {
            self.narrow_byte_ns = self.byte_ns;
            self.byte_ns = (8_000_000_000 / carries.0.max(1)) as i64;
            self.burst_ns = NARROW_BURST.as_nanos() as i64;
        }
    }

    /// Whether the line has fallen, and what goes out keeps to what it was seen to carry.
    pub(crate) fn is_narrow(&self) -> bool {
        self.narrow_byte_ns > 0
    }

    /// Whether video that was lost may go out again: before what waits, and not in bursts where the line has fallen.
    pub(crate) fn may_repair(&self, now: MediaTime) -> bool {
        !self.is_narrow() || self.through.0 <= now.0 + REPAIRS_AHEAD_NS
    }

    /// Whether everything that waits, so many bytes, is out in time at the most that is allowed on a line that has fallen.
    pub(crate) fn may_hurry(&self, bytes: u64, now: MediaTime) -> bool {
        let until_credit = (self.narrow_through.0 - now.0 - self.narrow_burst_ns()).max(0);
        let takes = self.narrow_byte_ns.saturating_mul(bytes as i64);
        self.is_narrow() && until_credit + takes <= self.time_left_ns(now)
    }

    /// What may go out at once at the most that is allowed there.
    fn narrow_burst_ns(&self) -> i64 {
        (BURST.as_nanos() as i64).max(self.narrow_byte_ns * BURST_BYTES)
    }

    /// Whether a picture's packet may go out at once.
    pub(crate) fn is_open(&self, now: MediaTime) -> bool {
        self.queue.is_empty() && self.has_credit(now)
    }

    /// Whether the first one that waits may go out.
    pub(crate) fn has_credit(&self, now: MediaTime) -> bool {
        self.byte_ns == 0 || self.through.0 <= now.0 + self.burst_ns()
    }

    /// So many bytes go out now. Who can't wait may spend what is not there, but holds nobody else up for longer than
    /// [`WAIT_MAX`].
    pub(crate) fn spend(&mut self, bytes: usize, now: MediaTime) {
        let (from, byte_ns) = match self.hurried_byte_ns {
            // By its plan, which a wake-up that comes late does not put off.
            Some(byte_ns) => (self.through, byte_ns),
            None => (self.through.max(now), self.byte_ns),
        };
        let latest = now.0 + self.burst_ns + WAIT_MAX_NS;
        self.through = MediaTime((from.0 + byte_ns * bytes as i64).min(latest));
        if self.is_narrow() {
            let through = self.narrow_through.max(now).0 + self.narrow_byte_ns * bytes as i64;
            let latest = now.0 + self.narrow_burst_ns() + WAIT_MAX_NS;
            self.narrow_through = MediaTime(through.min(latest));
        }
    }

    /// Whether one more can wait.
    pub(crate) fn has_room(&self) -> bool {
        self.queue.len() < WAITING_MAX
    }

    /// This one waits from now on. There must be room.
    pub(crate) fn push(&mut self, waiting: Waiting) {
        debug_assert!(self.has_room(), "room is made before");
        self.queue.push_back(waiting);
    }

    /// The next one to go out.
    pub(crate) fn first(&self) -> Option<Waiting> {
        self.queue.front().copied()
    }

    /// Takes the first one away, sent or given up.
    pub(crate) fn take_first(&mut self) {
        self.queue.pop_front();
        self.calm_down();
    }

    /// Forgets what was given up.
    pub(crate) fn retain(&mut self, is_awaited: impl FnMut(&Waiting) -> bool) {
        self.queue.retain(is_awaited);
        self.calm_down();
    }

    /// When nothing waits any more, nothing is hurried, and what may go out at once is used up.
    fn calm_down(&mut self) {
        if self.queue.is_empty() && self.hurried_byte_ns.take().is_some() {
            self.through.0 += self.burst_ns();
        }
    }

    /// Whether something waits.
    pub(crate) fn holds_something(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether everything that waits, so many bytes, goes out in time at the present rate.
    pub(crate) fn is_in_time(&self, bytes: u64, now: MediaTime) -> bool {
        let byte_ns = self.hurried_byte_ns.unwrap_or(self.byte_ns);
        let until_credit = (self.through.0 - now.0 - self.burst_ns()).max(0);
        bytes == 0 || until_credit + byte_ns.saturating_mul(bytes as i64) <= self.time_left_ns(now)
    }

    /// Everything that waits, so many bytes, is to go out in time, spread as evenly as that allows.
    pub(crate) fn hurry(&mut self, bytes: u64, now: MediaTime) {
        let needed = self.time_left_ns(now) / bytes.max(1) as i64;
        self.hurried_byte_ns = Some(self.hurried_byte_ns.unwrap_or(self.byte_ns).min(needed));
        self.through = self.through.min(now);
    }

    /// What may go out at once.
    fn burst_ns(&self) -> i64 {
        match self.hurried_byte_ns {
            Some(_) => 0,
            None => self.burst_ns,
        }
    }

    /// In which the last one that waits is to be out.
    fn time_left_ns(&self, now: MediaTime) -> i64 {
        let waited = self
            .queue
            .back()
            .map_or(Duration::ZERO, |last| now.since(last.since));
        IN_TIME.saturating_sub(waited).as_nanos() as i64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(us: u64) -> MediaTime {
        MediaTime(0) + Duration::from_micros(us)
    }

    fn pacer(estimate: u64) -> Pacer {
        let mut pacer = Pacer::default();
        pacer.set_estimate(Some(Bitrate(estimate)), None);
        pacer
    }

    fn waiting(index: u64, bytes: u16, since: MediaTime) -> Waiting {
        Waiting {
            index,
            since,
            epoch: 0,
            pair: 0,
            bytes,
        }
    }

    /// Sends as much as there is credit for; the bytes.
    fn send(pacer: &mut Pacer, packet: usize, now: MediaTime) -> usize {
        let mut bytes = 0;
        while pacer.has_credit(now) {
            pacer.spend(packet, now);
            bytes += packet;
        }
        bytes
    }

    #[test]
    fn as_long_as_nothing_is_known_everything_goes_at_once() {
        let mut pacer = Pacer::default();
        for _ in 0..10_000 {
            assert!(pacer.is_open(at(0)));
            pacer.spend(1200, at(0));
        }
        pacer.set_estimate(Some(Bitrate(100_000)), None);
        assert!(pacer.is_open(at(0)), "what went before is not held against it");
    }

    #[test]
    fn a_moment_goes_at_once_and_then_two_and_a_half_times_the_estimate() {
        // 10 Mbit/s allowed: 25 KB at once, then 1,250 bytes in a millisecond.
        let mut pacer = pacer(4_000_000);
        let first = send(&mut pacer, 1000, at(0));
        assert!((25_000..=26_000).contains(&first), "{first}");
        let later: usize = (1..=1000).map(|ms| send(&mut pacer, 1000, at(ms * 1000))).sum();
        assert!((1_249_000..=1_251_000).contains(&later), "{later}");
        // What was not used is not saved up.
        assert!(send(&mut pacer, 1000, at(60_000_000)) <= 26_000);
    }

    #[test]
    fn on_a_narrow_line_a_few_packets_go_at_once() {
        let first = send(&mut pacer(100_000), 1000, at(0));
        assert_eq!(first, 6000);
    }

    #[test]
    fn on_a_line_that_has_fallen_one_packet_follows_the_other_and_repairs_come_before_what_waits() {
        let mut pacer = Pacer::default();
        // 25 bytes in a millisecond.
        pacer.set_estimate(Some(Bitrate(170_000)), Some(Bitrate(200_000)));
        assert!(pacer.is_narrow());
        assert_eq!(send(&mut pacer, 500, at(0)), 500);
        assert_eq!(send(&mut pacer, 500, at(14_000)), 0);
        assert!(pacer.may_repair(at(0)));
        pacer.spend(1000, at(0));
        assert!(!pacer.may_repair(at(19_000)) && pacer.may_repair(at(20_000)));
        // As much as elsewhere may be hurried.
        pacer.push(waiting(1, 1000, at(20_000)));
        assert!(pacer.may_hurry(4_000, at(20_000)) && !pacer.may_hurry(5_000, at(20_000)));
        pacer.set_estimate(Some(Bitrate(170_000)), None);
        assert!(!pacer.is_narrow() && !pacer.may_hurry(100, at(20_000)));
    }

    #[test]
    fn what_never_waits_holds_up_the_rest_no_longer_than_anything_may_wait() {
        let mut pacer = pacer(50_000);
        for _ in 0..1000 {
            pacer.spend(1000, at(0));
        }
        assert!(!pacer.is_open(at(99_000)) && pacer.is_open(at(100_000)));
    }

    #[test]
    fn nothing_overtakes_what_waits() {
        let mut pacer = pacer(1_000_000);
        pacer.push(waiting(1, 1000, at(0)));
        assert!(pacer.has_credit(at(0)) && !pacer.is_open(at(0)));
        pacer.take_first();
        assert!(pacer.is_open(at(0)));
    }

    #[test]
    fn what_is_hurried_is_spread_evenly_and_out_in_time() {
        let mut pacer = pacer(100_000);
        for index in 0..100 {
            pacer.push(waiting(index, 1000, at(0)));
        }
        assert!(!pacer.is_in_time(100_000, at(0)));
        pacer.hurry(100_000, at(0));
        let mut halfway = 0;
        for ms in (0..=100).step_by(5) {
            while pacer.holds_something() && pacer.has_credit(at(ms * 1000)) {
                let packet = pacer.first().unwrap();
                pacer.spend(packet.bytes.into(), at(ms * 1000));
                pacer.take_first();
                assert!(ms <= 85, "{ms}");
            }
            if ms == 40 {
                halfway = pacer.queue.len();
            }
        }
        assert!((30..70).contains(&halfway), "{halfway}");
        assert!(!pacer.holds_something() && pacer.hurried_byte_ns.is_none());
    }

    proptest! {
        #[test]
        fn whatever_is_added_and_hurried_when_late_is_out_in_time(
            steps in proptest::collection::vec((0u64..30, 1u16..1500, 1u64..20), 1..200),
            estimate in 50_000u64..5_000_000,
        ) {
            let mut pacer = pacer(estimate);
            let (mut now_ms, mut bytes, mut index) = (0, 0, 0);
            let drain = |pacer: &mut Pacer, bytes: &mut u64, now: MediaTime| {
                while let Some(first) = pacer.first() {
                    prop_assert!(now.since(first.since) <= WAIT_MAX);
                    if !pacer.has_credit(now) {
                        break;
                    }
                    pacer.spend(first.bytes.into(), now);
                    pacer.take_first();
                    *bytes -= u64::from(first.bytes);
                }
                Ok(())
            };
            for (count, size, wait_ms) in steps {
                for _ in 0..count {
                    index += 1;
                    pacer.push(waiting(index, size, at(now_ms * 1000)));
                    bytes += u64::from(size);
                    if !pacer.is_in_time(bytes, at(now_ms * 1000)) {
                        pacer.hurry(bytes, at(now_ms * 1000));
                    }
                }
                for _ in 0..wait_ms.div_ceil(5) {
                    drain(&mut pacer, &mut bytes, at(now_ms * 1000))?;
                    now_ms += 5;
                }
            }
        }
    }
}
