//! What a subscriber does not get of a stream it gets: packets of layers that are not its own. Numbers close up over
//! them, and are found again from either side.
//!
//! ```text
//!  in:   41 42 [43 44 45] 46 47 [48 49] 50      [left out]
//!  out:   5  6            7  8          9
//! ```

/// Stretches remembered: one or two for each picture, so two seconds of them. Full: the oldest is forgotten, and
/// packets from before it have no number any more.
const STRETCHES_MAX: usize = 64;

/// Packets that follow each other and are left out.
#[derive(Debug, Clone, Copy, Default)]
struct Stretch {
    run: u32,
    first: u64,
    count: u64,
    /// Left out in this run before.
    before: u64,
    /// The frame of the last of them.
    frame: u32,
}

impl Stretch {
    fn end(&self) -> u64 {
        self.first + self.count
    }
}

/// Where a packet of a run is on the way out, counted from the run's first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offset {
    /// It is the run's n-th packet, from 0.
    Kept(u64),
    /// It is left out.
    LeftOut,
    /// It is too old to know.
    Forgotten,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Dropped {
    /// A ring, `newest` the last one written.
    stretches: [Stretch; STRETCHES_MAX],
    newest: usize,
    count: usize,
}

impl Dropped {
    pub(crate) fn new() -> Self {
        Self {
            stretches: [Stretch::default(); STRETCHES_MAX],
            newest: 0,
            count: 0,
        }
    }

    /// Leaves the newest packet of the newest run out. What was lost in the middle of its frame counts with it.
    pub(crate) fn leave_out(&mut self, run: u32, sequence: u64, frame: u32) {
        let before = match self.newest_of(run) {
            Some(last) if sequence == last.end() || sequence > last.end() && frame == last.frame => {
                last.count = sequence + 1 - last.first;
                last.frame = frame;
                return;
            }
            Some(last) => last.before + last.count,
            None => 0,
        };
        self.newest = (self.newest + 1) % STRETCHES_MAX;
        self.count = (self.count + 1).min(STRETCHES_MAX);
        self.stretches[self.newest] = Stretch {
            run,
            first: sequence,
            count: 1,
            before,
            frame,
        };
    }

    /// Where a packet goes, `since_first` behind the run's first, whose number is `first`.
    pub(crate) fn offset(&self, run: u32, first: u64, sequence: u64) -> Offset {
        let since_first = sequence - first;
        let mut oldest = None;
        for stretch in self.of(run) {
            if sequence >= stretch.end() {
                return Offset::Kept(since_first - stretch.before - stretch.count);
            }
            if sequence >= stretch.first {
                return Offset::LeftOut;
            }
            oldest = Some(stretch);
        }
        match oldest {
            Some(stretch) if stretch.before > 0 => Offset::Forgotten,
            _ => Offset::Kept(since_first),
        }
    }

    /// The number of the run's n-th packet, from 0; `first` is that of the first. `None` when it is too old to know.
    pub(crate) fn sequence(&self, run: u32, first: u64, offset: u64) -> Option<u64> {
        let mut oldest = None;
        for stretch in self.of(run) {
            let sequence = first + offset + stretch.before + stretch.count;
            if sequence >= stretch.end() {
                return Some(sequence);
            }
            oldest = Some(stretch);
        }
        match oldest {
            Some(stretch) if stretch.before > 0 => None,
            _ => Some(first + offset),
        }
    }

    fn newest_of(&mut self, run: u32) -> Option<&mut Stretch> {
        let is_known = self.count > 0;
        Some(&mut self.stretches[self.newest]).filter(|stretch| is_known && stretch.run == run)
    }

    /// The newest first.
    fn of(&self, run: u32) -> impl Iterator<Item = &Stretch> {
        (0..self.count)
            .map(|back| &self.stretches[(self.newest + STRETCHES_MAX - back) % STRETCHES_MAX])
            .filter(move |stretch| stretch.run == run)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_close_up_over_what_is_left_out() {
        let mut dropped = Dropped::new();
        for sequence in [43, 44, 45, 48, 49] {
            dropped.leave_out(1, sequence, sequence as u32);
        }
        let offsets = [42, 44, 46, 47, 48, 50].map(|sequence| dropped.offset(1, 41, sequence));
        use Offset::{Kept, LeftOut};
        assert_eq!(offsets, [Kept(1), LeftOut, Kept(2), Kept(3), LeftOut, Kept(4)]);
        let back: Vec<_> = (0..5).map(|offset| dropped.sequence(1, 41, offset)).collect();
        assert_eq!(back, [41, 42, 46, 47, 50].map(Some));
    }

    #[test]
    fn what_is_lost_inside_a_frame_that_is_left_out_leaves_no_hole() {
        let mut dropped = Dropped::new();
        dropped.leave_out(1, 11, 5);
        dropped.leave_out(1, 14, 5);
        assert_eq!(dropped.offset(1, 10, 12), Offset::LeftOut);
        assert_eq!(dropped.offset(1, 10, 15), Offset::Kept(1));
        dropped.leave_out(1, 17, 6);
        assert_eq!(
            dropped.offset(1, 10, 16),
            Offset::Kept(2),
            "nobody knows what it was"
        );
    }

    #[test]
    fn a_run_knows_nothing_of_another() {
        let mut dropped = Dropped::new();
        dropped.leave_out(1, 11, 0);
        assert_eq!(dropped.offset(2, 10, 12), Offset::Kept(2));
        dropped.leave_out(2, 20, 0);
        assert_eq!(dropped.offset(1, 10, 12), Offset::Kept(1));
        assert_eq!(dropped.sequence(1, 10, 1), Some(12));
    }

    #[test]
    fn what_is_older_than_all_that_is_remembered_has_no_number() {
        let mut dropped = Dropped::new();
        for picture in 0..100 {
            dropped.leave_out(1, 10 * picture + 5, picture as u32);
        }
        assert_eq!(dropped.offset(1, 0, 20), Offset::Forgotten);
        assert_eq!(dropped.sequence(1, 0, 20), None);
        assert_eq!(dropped.offset(1, 0, 996), Offset::Kept(996 - 100));
        assert_eq!(dropped.sequence(1, 0, 996 - 100), Some(996));
    }

    proptest! {
        #[test]
        fn both_ways_agree(keeps in proptest::collection::vec(any::<bool>(), 1..300), first: u32) {
            let first = u64::from(first);
            let mut dropped = Dropped::new();
            let mut kept = Vec::new();
            for (place, keep) in keeps.iter().enumerate() {
                let sequence = first + 1 + place as u64;
                if *keep {
                    let offset = dropped.offset(7, first, sequence);
                    prop_assert_eq!(offset, Offset::Kept(kept.len() as u64 + 1));
                    kept.push(sequence);
                } else {
                    dropped.leave_out(7, sequence, place as u32);
                }
            }
            for (place, sequence) in kept.iter().enumerate() {
                if let Some(found) = dropped.sequence(7, first, place as u64 + 1) {
                    prop_assert_eq!(found, *sequence);
                    prop_assert_eq!(dropped.offset(7, first, found), Offset::Kept(place as u64 + 1));
                }
            }
        }
    }
}
