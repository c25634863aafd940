//! Sequence numbers of a received stream: extended past 16 bits, seen once, and closed up over packets that
//! carry nothing.

/// How far behind the newest a packet may be and still count: more than a second of the fastest stream.
pub(crate) const WINDOW_PACKETS: u64 = 1024;
/// Padding packets remembered for numbering late packets right. Older ones only matter to packets that are
/// older still, and these are dropped.
const PADDING_REMEMBERED: usize = 64;
const WORDS: usize = (WINDOW_PACKETS / 64) as usize;

/// The full number that 16 bits most likely stand for: the one nearest to `reference`.
pub(crate) fn nearest(reference: u64, sequence: u16) -> u64 {
    let step = i64::from(sequence.wrapping_sub(reference as u16) as i16);
    // Below zero there is nothing: then it is ahead by that much less than a whole turn.
    reference
        .checked_add_signed(step)
        .unwrap_or(reference.wrapping_add_signed(step + 0x1_0000))
}

/// What a packet is to the stream, by its sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The newest so far; `missing` numbers before it were not seen.
    Newest { extended: u64, missing: u64 },
    /// Late, but not seen before.
    Late { extended: u64 },
    /// Seen before, or too old to know.
    Duplicate,
}

/// Which sequence numbers of a stream have arrived.
#[derive(Debug, Clone)]
pub(crate) struct ReceiveWindow {
    newest: Option<u64>,
    seen: [u64; WORDS],
}

impl Default for ReceiveWindow {
    fn default() -> Self {
        Self {
            newest: None,
            seen: [0; WORDS],
        }
    }
}

impl ReceiveWindow {
    /// The newest number so far.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.newest
    }

    /// Takes the next packet's number.
    pub(crate) fn insert(&mut self, sequence: u16) -> Arrival {
        let Some(newest) = self.newest else {
            // One turn up, so that packets from before the first have a number too.
            let extended = 0x1_0000 | u64::from(sequence);
            self.newest = Some(extended);
            self.set(extended);
            return Arrival::Newest { extended, missing: 0 };
        };
        let extended = nearest(newest, sequence);
        if extended > newest {
            let ahead = extended - newest;
            for skipped in newest + 1..(extended).min(newest + 1 + WINDOW_PACKETS) {
                self.clear(skipped);
            }
            if ahead > WINDOW_PACKETS {
                self.seen = [0; WORDS];
            }
            self.newest = Some(extended);
            self.set(extended);
            return Arrival::Newest {
                extended,
                missing: ahead - 1,
            };
        }
        if newest - extended >= WINDOW_PACKETS || self.has(extended) {
            return Arrival::Duplicate;
        }
        self.set(extended);
        Arrival::Late { extended }
    }

    fn set(&mut self, extended: u64) {
        self.seen[(extended / 64) as usize % WORDS] |= 1 << (extended % 64);
    }

    fn clear(&mut self, extended: u64) {
        self.seen[(extended / 64) as usize % WORDS] &= !(1 << (extended % 64));
    }

    fn has(&self, extended: u64) -> bool {
        self.seen[(extended / 64) as usize % WORDS] & 1 << (extended % 64) != 0
    }
}

/// Numbers a stream's packets without those that carry nothing, so that subscribers see no gap where only
/// padding was.
#[derive(Debug, Clone, Default)]
pub(crate) struct DenseNumbering {
    /// Packets left out so far.
    left_out: u64,
    /// The latest of them, in order.
    latest: Vec<u64>,
}

impl DenseNumbering {
    /// Leaves the newest packet out. One that comes late can't be: later ones have their numbers already.
    pub(crate) fn leave_out_newest(&mut self, extended: u64) {
        if self.latest.len() == PADDING_REMEMBERED {
            self.latest.remove(0);
        }
        self.latest.push(extended);
        self.left_out += 1;
    }

    /// The number of a packet; `None` when it is too old to be sure of it.
    pub(crate) fn number(&self, extended: u64) -> Option<u64> {
        let later = self
            .latest
            .iter()
            .rev()
            .take_while(|left_out| **left_out > extended)
            .count();
        let unsure = later == PADDING_REMEMBERED && self.left_out > later as u64;
        if unsure {
            return None;
        }
        Some(extended - (self.left_out - later as u64))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_go_on_past_sixteen_bits() {
        let mut window = ReceiveWindow::default();
        assert_eq!(
            window.insert(65_534),
            Arrival::Newest {
                extended: 131_070,
                missing: 0
            }
        );
        assert_eq!(
            window.insert(1),
            Arrival::Newest {
                extended: 131_073,
                missing: 2
            }
        );
        assert_eq!(window.insert(65_535), Arrival::Late { extended: 131_071 });
        assert_eq!(window.insert(65_535), Arrival::Duplicate);
    }

    #[test]
    fn a_packet_from_before_the_first_is_late_not_new() {
        let mut window = ReceiveWindow::default();
        window.insert(0);
        assert_eq!(window.insert(65_535), Arrival::Late { extended: 65_535 });
    }

    #[test]
    fn what_is_older_than_the_window_counts_as_seen() {
        let mut window = ReceiveWindow::default();
        window.insert(5000);
        assert_eq!(window.insert(5000 - WINDOW_PACKETS as u16), Arrival::Duplicate);
        assert!(matches!(
            window.insert(5001 - WINDOW_PACKETS as u16),
            Arrival::Late { .. }
        ));
    }

    #[test]
    fn numbers_close_up_over_padding_even_for_late_packets() {
        let mut numbering = DenseNumbering::default();
        assert_eq!(numbering.number(10), Some(10));
        numbering.leave_out_newest(12);
        assert_eq!(numbering.number(13), Some(12));
        assert_eq!(numbering.number(11), Some(11));
        numbering.leave_out_newest(14);
        assert_eq!((numbering.number(13), numbering.number(15)), (Some(12), Some(13)));
    }

    #[test]
    fn a_packet_older_than_all_remembered_padding_has_no_number() {
        let mut numbering = DenseNumbering::default();
        for left_out in 100..=100 + PADDING_REMEMBERED as u64 {
            numbering.leave_out_newest(left_out);
        }
        assert_eq!(numbering.number(50), None);
        assert_eq!(numbering.number(1000), Some(1000 - PADDING_REMEMBERED as u64 - 1));
    }

    proptest! {
        #[test]
        fn no_number_is_taken_twice(steps in proptest::collection::vec(-40i32..60, 1..400), start: u16) {
            let mut window = ReceiveWindow::default();
            let mut seen = std::collections::HashSet::new();
            let mut sequence = start;
            for step in steps {
                sequence = sequence.wrapping_add(step as u16);
                match window.insert(sequence) {
                    Arrival::Newest { extended, .. } | Arrival::Late { extended } => {
                        prop_assert!(seen.insert(extended));
                        prop_assert_eq!(extended as u16, sequence);
                    }
                    Arrival::Duplicate => {}
                }
            }
        }
    }
}
