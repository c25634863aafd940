//! How long packets queued at most in the last while, without its last few seconds: what is far beyond that is sudden, and
//! can be told from a line that is restless by a few packets.

/// The last while is the two epochs before the present one, in each of which so many packets came at least.
const EPOCH_US: u32 = 2_000_000;
const PACKETS_MIN: u32 = 20;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Usual {
    /// When the present epoch began, in microseconds that wrap.
    since_us: Option<u32>,
    packets: u32,
    most_us: i64,
    /// Of the two epochs before it, as far as there was enough to tell.
    before_us: [Option<i64>; 2],
}

impl Usual {
    /// Takes a packet that arrived, and for how long the newest have queued.
    pub(super) fn arrived(&mut self, at_us: u32, queued_us: i64) {
        let since_us = *self.since_us.get_or_insert(at_us);
        if at_us.wrapping_sub(since_us) >= EPOCH_US {
            let most_us = (self.packets >= PACKETS_MIN).then_some(self.most_us);
            *self = Self {
                since_us: Some(at_us),
                packets: 0,
                most_us: 0,
                before_us: [most_us, self.before_us[0]],
            };
        }
        self.packets += 1;
        self.most_us = self.most_us.max(queued_us);
    }

    /// In microseconds; `None` when too few came to tell.
    pub(super) fn most_us(&self) -> Option<i64> {
        let [newer, older] = self.before_us;
        Some(newer?.max(older?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet each 10 ms.
    fn run(usual: &mut Usual, ms: std::ops::Range<u32>, queued_us: i64) {
        for ms in ms.step_by(10) {
            usual.arrived(ms.wrapping_mul(1000).wrapping_sub(3_000_000), queued_us);
        }
    }

    #[test]
    fn what_queues_now_is_not_usual_yet_and_what_queued_long_ago_is_not_any_more() {
        let mut usual = Usual::default();
        run(&mut usual, 0..4000, 9_000);
        assert_eq!(usual.most_us(), None, "not long enough");
        run(&mut usual, 4000..5900, 5_000);
        assert_eq!(usual.most_us(), Some(9_000));
        run(&mut usual, 5900..6000, 70_000);
        assert_eq!(usual.most_us(), Some(9_000));
        run(&mut usual, 6000..8500, 5_000);
        assert_eq!(usual.most_us(), Some(70_000));
        run(&mut usual, 8500..12_500, 5_000);
        assert_eq!(usual.most_us(), Some(5_000));
    }

    #[test]
    fn a_few_packets_are_not_enough_to_tell() {
        let mut usual = Usual::default();
        for ms in (0..20_000_u32).step_by(200) {
            usual.arrived(ms * 1000, 1_000);
        }
        assert_eq!(usual.most_us(), None);
    }
}
