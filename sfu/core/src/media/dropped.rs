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
    run: u64,
    first: u64,
    count: u64,
    /// Left out in this run before.
    before: u64,
    /// The frame of the last of them.
    frame: u32,
    /// Pictures whose numbers are closed up over, and those before.
    pictures: u16,
    pictures_before: u16,
}

impl Stretch {
    fn end(&self) -> u64 {
        self.first + self.count
    }

    /// What is left out up to its end: packets and pictures.
    fn all(&self) -> (u64, u16) {
        (
            self.before + self.count,
            self.pictures_before.wrapping_add(self.pictures),
        )
    }
}

/// A packet that is left out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LeftOut {
    pub(crate) sequence: u64,
    /// The same for all packets of its frame, another for the next.
    pub(crate) frame: u32,
    /// Whether numbers of pictures close up over its frame.
    pub(crate) is_counted: bool,
    /// One beyond the newest packet of its run before it, kept or not.
    pub(crate) expected: u64,
}

/// Where a packet of a run is on the way out, counted from the run's first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offset {
    /// It is the run's n-th packet, from 0, behind so many pictures that are left out.
    Kept { packets: u64, pictures: u16 },
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
    /// The newest run of which a stretch is forgotten. Of this one and those before it nobody knows any more what was
    /// left out before what is remembered.
    forgotten: Option<u64>,
}

impl Dropped {
    pub(crate) fn new() -> Self {
        Self {
            stretches: [Stretch::default(); STRETCHES_MAX],
            newest: 0,
            count: 0,
            forgotten: None,
        }
    }

    /// Leaves the newest packet of the newest run out. What was lost in the middle of its frame counts with it; what was
    /// kept since never does, whatever the publisher says of frames: it has its number. Runs are numbered upwards.
    pub(crate) fn leave_out(&mut self, run: u64, packet: LeftOut) {
        let LeftOut {
            sequence,
            frame,
            is_counted,
            expected,
        } = packet;
        let (before, pictures_before) = match self.newest_of(run) {
            Some(last) if sequence == last.end() || expected == last.end() && frame == last.frame => {
                last.count = sequence + 1 - last.first;
                last.pictures = last
                    .pictures
                    .wrapping_add((is_counted && frame != last.frame).into());
                last.frame = frame;
                return;
            }
            Some(last) => last.all(),
            None => (0, 0),
        };
        self.newest = (self.newest + 1) % STRETCHES_MAX;
        if self.count == STRETCHES_MAX {
            self.forgotten = Some(self.stretches[self.newest].run);
        }
        self.count = (self.count + 1).min(STRETCHES_MAX);
        self.stretches[self.newest] = Stretch {
            run,
            first: sequence,
            count: 1,
            before,
            frame,
            pictures: is_counted.into(),
            pictures_before,
        };
    }

    /// Where a packet goes, `since_first` behind the run's first, whose number is `first`.
    pub(crate) fn offset(&self, run: u64, first: u64, sequence: u64) -> Offset {
        let since_first = sequence - first;
        for stretch in self.of(run) {
            if sequence >= stretch.end() {
                let (packets, pictures) = stretch.all();
                return Offset::Kept {
                    packets: since_first - packets,
                    pictures,
                };
            }
            if sequence >= stretch.first {
                return Offset::LeftOut;
            }
        }
        if !self.is_known_from_its_first(run) {
            return Offset::Forgotten;
        }
        Offset::Kept {
            packets: since_first,
            pictures: 0,
        }
    }

    /// The number of the run's n-th packet, from 0, and how many pictures are left out before it; `first` is the
    /// number of the first. `None` when it is too old to know.
    pub(crate) fn sequence(&self, run: u64, first: u64, offset: u64) -> Option<(u64, u16)> {
        for stretch in self.of(run) {
            let (packets, pictures) = stretch.all();
            let sequence = first + offset + packets;
            if sequence >= stretch.end() {
                return Some((sequence, pictures));
            }
        }
        self.is_known_from_its_first(run).then_some((first + offset, 0))
    }

    /// Whether all that was ever left out of a run is remembered.
    fn is_known_from_its_first(&self, run: u64) -> bool {
        self.forgotten.is_none_or(|forgotten| run > forgotten)
    }

    fn newest_of(&mut self, run: u64) -> Option<&mut Stretch> {
        let is_known = self.count > 0;
        Some(&mut self.stretches[self.newest]).filter(|stretch| is_known && stretch.run == run)
    }

    /// The newest first.
    fn of(&self, run: u64) -> impl Iterator<Item = &Stretch> {
        (0..self.count)
            .map(|back| &self.stretches[(self.newest + STRETCHES_MAX - back) % STRETCHES_MAX])
            .filter(move |stretch| stretch.run == run)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn leave_out(dropped: &mut Dropped, run: u64, sequence: u64, frame: u32) {
        leave_out_after_loss(dropped, run, sequence, frame, 0);
    }

    fn leave_out_after_loss(dropped: &mut Dropped, run: u64, sequence: u64, frame: u32, lost_before: u64) {
        dropped.leave_out(
            run,
            LeftOut {
                sequence,
                frame,
                is_counted: true,
                expected: sequence - lost_before,
            },
        );
    }

    /// Left out before it are so many packets, each a picture.
    fn kept(packets: u64, pictures: u16) -> Offset {
        Offset::Kept { packets, pictures }
    }

    #[test]
    fn numbers_close_up_over_what_is_left_out() {
        let mut dropped = Dropped::new();
        for sequence in [43, 44, 45, 48, 49] {
            leave_out(&mut dropped, 1, sequence, sequence as u32);
        }
        let offsets = [42, 44, 46, 47, 48, 50].map(|sequence| dropped.offset(1, 41, sequence));
        let out = Offset::LeftOut;
        assert_eq!(
            offsets,
            [kept(1, 0), out, kept(2, 3), kept(3, 3), out, kept(4, 5)]
        );
        let back: Vec<_> = (0..5).map(|offset| dropped.sequence(1, 41, offset)).collect();
        assert_eq!(back, [(41, 0), (42, 0), (46, 3), (47, 3), (50, 5)].map(Some));
    }

    #[test]
    fn what_is_lost_inside_a_frame_that_is_left_out_leaves_no_hole() {
        let mut dropped = Dropped::new();
        leave_out(&mut dropped, 1, 11, 5);
        leave_out_after_loss(&mut dropped, 1, 14, 5, 2);
        assert_eq!(dropped.offset(1, 10, 12), Offset::LeftOut);
        assert_eq!(dropped.offset(1, 10, 15), kept(1, 1));
        leave_out(&mut dropped, 1, 17, 6);
        assert_eq!(dropped.offset(1, 10, 16), kept(2, 1), "nobody knows what it was");
    }

    /// Frames are told apart by numbers of the publisher's, which may say anything, and come round.
    #[test]
    fn what_was_kept_keeps_its_number_whatever_is_left_out_after_it() {
        let mut dropped = Dropped::new();
        leave_out(&mut dropped, 1, 11, 5);
        assert_eq!(dropped.offset(1, 10, 12), kept(1, 1));
        assert_eq!(dropped.offset(1, 10, 13), kept(2, 1));
        leave_out(&mut dropped, 1, 14, 5);
        assert_eq!(dropped.offset(1, 10, 13), kept(2, 1));
        assert_eq!(dropped.offset(1, 10, 15), kept(3, 2));
        assert_eq!(dropped.sequence(1, 10, 2), Some((13, 1)));
    }

    #[test]
    fn a_run_knows_nothing_of_another() {
        let mut dropped = Dropped::new();
        leave_out(&mut dropped, 1, 11, 0);
        assert_eq!(dropped.offset(2, 10, 12), kept(2, 0));
        leave_out(&mut dropped, 2, 20, 0);
        assert_eq!(dropped.offset(1, 10, 12), kept(1, 1));
        assert_eq!(dropped.sequence(1, 10, 1), Some((12, 1)));
    }

    #[test]
    fn what_is_older_than_all_that_is_remembered_has_no_number() {
        let mut dropped = Dropped::new();
        for picture in 0..100 {
            leave_out(&mut dropped, 1, 10 * picture + 5, picture as u32);
        }
        assert_eq!(dropped.offset(1, 0, 20), Offset::Forgotten);
        assert_eq!(dropped.sequence(1, 0, 20), None);
        assert_eq!(dropped.offset(1, 0, 996), kept(996 - 100, 100));
        assert_eq!(dropped.sequence(1, 0, 996 - 100), Some((996, 100)));
    }

    /// Nothing remembered of a run must not look as if nothing had been left out of it.
    #[test]
    fn a_run_of_which_newer_ones_leave_nothing_remembered_has_no_numbers_any_more() {
        let mut dropped = Dropped::new();
        leave_out(&mut dropped, 1, 11, 0);
        for stretch in 0..STRETCHES_MAX as u64 {
            assert_eq!(dropped.offset(1, 10, 12), kept(1, 1));
            leave_out(&mut dropped, 2, 101 + 2 * stretch, stretch as u32);
        }
        let of_older = [1, 0].map(|run| (dropped.offset(run, 10, 12), dropped.sequence(run, 10, 1)));
        assert_eq!(of_older, [(Offset::Forgotten, None); 2]);
        assert_eq!(dropped.offset(2, 100, 100), kept(0, 0), "all of it is remembered");
    }

    proptest! {
        #[test]
        fn both_ways_agree(keeps in proptest::collection::vec(any::<bool>(), 1..300), first: u32) {
            let first = u64::from(first);
            let mut dropped = Dropped::new();
            let mut packets = Vec::new();
            for (place, keep) in keeps.iter().enumerate() {
                let sequence = first + 1 + place as u64;
                if *keep {
                    let offset = dropped.offset(7, first, sequence);
                    let left_out = place - packets.len();
                    prop_assert_eq!(offset, kept(packets.len() as u64 + 1, left_out as u16));
                    packets.push((sequence, left_out as u16));
                } else {
                    leave_out(&mut dropped, 7, sequence, place as u32);
                }
            }
            for (place, (sequence, left_out)) in packets.iter().enumerate() {
                if let Some(found) = dropped.sequence(7, first, place as u64 + 1) {
                    prop_assert_eq!(found, (*sequence, *left_out));
                    prop_assert_eq!(dropped.offset(7, first, found.0), kept(place as u64 + 1, found.1));
                }
            }
        }
    }
}
