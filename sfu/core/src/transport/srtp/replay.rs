//! Replay window over packet indexes (RFC 3711 §3.3.2), and the guess of an index from a 16-bit sequence
//! number (§3.3.1).

/// Packets that may come late: one second of a 1,000 packets/s stream would be more, but what is later
/// than this is of no use to anybody.
const WINDOW_PACKETS: u64 = 128;

/// Which of the last 128 indexes were seen. Asked before authentication, told after it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ReplayWindow {
    /// The highest index seen; meaningless while `seen` is 0.
    highest: u64,
    /// Bit i stands for `highest - i`.
    seen: u128,
}

impl ReplayWindow {
    /// Whether this index is new and not too old.
    pub(crate) fn accepts(&self, index: u64) -> bool {
        if self.seen == 0 || index > self.highest {
            return true;
        }
        let age = self.highest - index;
        age < WINDOW_PACKETS && self.seen & (1 << age) == 0
    }

    /// Marks an index that `accepts` was true for.
    pub(crate) fn insert(&mut self, index: u64) {
        if self.seen == 0 {
            *self = Self {
                highest: index,
                seen: 1,
            };
        } else if index > self.highest {
            let ahead = index - self.highest;
            self.seen = if ahead < WINDOW_PACKETS {
                self.seen << ahead
            } else {
                0
            } | 1;
            self.highest = index;
        } else if self.highest - index < WINDOW_PACKETS {
            self.seen |= 1 << (self.highest - index);
        }
    }

    /// The 48-bit index that this sequence number most likely stands for: the one nearest to the highest
    /// seen. The first packet of a stream counts as being in roll-over 0. `None` past the last roll-over.
    pub(crate) fn estimate(&self, sequence: u16) -> Option<u64> {
        if self.seen == 0 {
            return Some(u64::from(sequence));
        }
        let step = i64::from(sequence.wrapping_sub(self.highest as u16) as i16);
        match self.highest.checked_add_signed(step) {
            Some(index) => (index < 1 << 48).then_some(index),
            // Before the first packet: taken as it stands, so it is far ahead and fails to authenticate.
            None => Some(u64::from(sequence)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_taken_once_in_any_order() {
        let mut window = ReplayWindow::default();
        for index in [100, 98, 101, 99, 300, 200, 173] {
            assert!(window.accepts(index), "{index}");
            window.insert(index);
            assert!(!window.accepts(index), "{index} again");
        }
        assert!(!window.accepts(172), "older than the window");
        assert!(window.accepts(174));
        assert!(window.accepts(1 << 40));
    }

    #[test]
    fn roll_over_is_followed_both_ways() {
        let mut window = ReplayWindow::default();
        window.insert(window.estimate(65_530).unwrap());
        assert_eq!(window.estimate(3), Some(65_536 + 3));
        window.insert(65_536 + 3);
        assert_eq!(window.estimate(65_535), Some(65_535));
        assert_eq!(window.estimate(32_000), Some(65_536 + 32_000));
    }

    #[test]
    fn a_number_before_the_first_packet_does_not_underflow() {
        let mut window = ReplayWindow::default();
        window.insert(2);
        assert_eq!(window.estimate(65_535), Some(65_535));
    }
}
