//! Which numbers of an outgoing stream went to a packet. Each goes to one only, whatever runs say: the last guard
//! before the encryption, which two packets under one number would break.

use crate::media::sequence::WINDOW_PACKETS;

const WORDS: usize = (WINDOW_PACKETS / 64) as usize;

/// The numbers given lately. Older ones count as given.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// One beyond the newest.
    end: u64,
    /// Nothing is known of what is before this.
    known_from: u64,
    /// Bit by bit, as a ring.
    taken: [u64; WORDS],
}

impl Given {
    /// Gives a number away; false if it was given before, or is too old to know.
    pub(super) fn take(&mut self, index: u64) -> bool {
        if index >= self.end {
            // All of the ring at most.
            for skipped in self.end.max(index.saturating_sub(WINDOW_PACKETS))..index {
                self.set(skipped, false);
            }
            self.end = index + 1;
            self.known_from = self.known_from.max(self.end.saturating_sub(WINDOW_PACKETS));
        } else if index < self.known_from || self.is_taken(index) {
            return false;
        }
        self.set(index, true);
        true
    }

    /// This number and all after it are to be given anew.
    pub(super) fn take_back(&mut self, from: u64) {
        for index in from.max(self.known_from)..self.end {
            self.set(index, false);
        }
        self.end = self.end.min(from);
        self.known_from = self.known_from.min(from);
    }

    fn is_taken(&self, index: u64) -> bool {
        self.taken[(index / 64) as usize % WORDS] & 1 << (index % 64) != 0
    }

    fn set(&mut self, index: u64, is_taken: bool) {
        let word = &mut self.taken[(index / 64) as usize % WORDS];
        let bit = 1 << (index % 64);
        *word = if is_taken { *word | bit } else { *word & !bit };
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_given_once_and_what_is_taken_back_once_more() {
        let mut given = Given::default();
        assert!(given.take(100) && given.take(102) && given.take(101));
        assert!(!given.take(101) && !given.take(100));
        given.take_back(101);
        assert!(given.take(101) && given.take(102) && !given.take(100));
        assert!(given.take(103 + WINDOW_PACKETS));
        assert!(!given.take(103), "too old to know");
        assert!(given.take(104), "skipped, and not so old");
    }

    #[test]
    fn whatever_is_taken_back_is_free() {
        let mut given = Given::default();
        for index in 0..3 * WINDOW_PACKETS {
            assert!(given.take(index));
        }
        given.take_back(10);
        assert!(given.take(10) && given.take(11));
        assert!(!given.take(9), "given before");
    }

    proptest! {
        #[test]
        fn it_is_like_a_set_of_all_numbers(
            steps in proptest::collection::vec((0u8..10, 0u64..3000), 1..500),
        ) {
            let mut given = Given::default();
            let mut all = HashSet::new();
            let (mut end, mut highest) = (0u64, 0);
            for (kind, far) in steps {
                let index = match kind {
                    0 => {
                        let from = end.saturating_sub(far);
                        given.take_back(from);
                        all.retain(|index| *index < from);
                        end = end.min(from);
                        continue;
                    }
                    1 => end + far,
                    2..6 => end,
                    _ => end.saturating_sub(far),
                };
                let is_free = all.insert(index);
                let is_given = given.take(index);
                prop_assert!(is_free || !is_given, "{index} is given twice");
                end = end.max(index + 1);
                highest = highest.max(end);
                prop_assert!(is_given || !is_free || index + WINDOW_PACKETS < highest);
            }
        }
    }
}
