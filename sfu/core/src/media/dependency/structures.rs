//! Which templates the packets of a stream mean. A structure counts from the key frame on that brought it; what came
//! before that may be read once more, when it is repaired or has waited for a line, and means those of before.

use super::structure::TemplateStructure;

/// Structures remembered: a stream changes its own when it changes its size, which it does not do twice within the
/// second that its packets are kept for. More: the oldest is forgotten, and what needs it can't be read any more.
const STRUCTURES_MAX: usize = 2;

#[derive(Debug)]
struct Known {
    /// The first packet that it counts for.
    from: u64,
    structure: TemplateStructure,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Structures {
    /// The newest first.
    known: [Option<Box<Known>>; STRUCTURES_MAX],
}

impl Structures {
    /// Takes note of what the descriptor of the packet with this number brings, if it brings a structure.
    pub(crate) fn note(&mut self, sequence: u64, descriptor: &[u8]) {
        let Some(structure) = TemplateStructure::read(descriptor) else {
            return;
        };
        let [newest, before] = &mut self.known;
        match newest {
            Some(known) if known.structure == structure => {
                // The same may have counted before the other one, too: that is another time.
                if before.as_ref().is_none_or(|before| before.from < sequence) {
                    known.from = known.from.min(sequence);
                }
            }
            // It comes late.
            Some(known) if known.from > sequence => {
                if before.as_ref().is_none_or(|before| before.from < sequence) {
                    *before = Some(Box::new(Known {
                        from: sequence,
                        structure,
                    }));
                }
            }
            _ => {
                std::mem::swap(newest, before);
                let known = Known {
                    from: sequence,
                    structure,
                };
                match newest {
                    Some(oldest) => **oldest = known,
                    None => *newest = Some(Box::new(known)),
                }
            }
        }
    }

    /// What the packet with this number means; `None` when it is too old to know, or nothing has come yet.
    pub(crate) fn of(&self, sequence: u64) -> Option<&TemplateStructure> {
        let mut known = self.known.iter().flatten();
        let known = known.find(|known| known.from <= sequence)?;
        Some(&known.structure)
    }

    /// Whether none has come yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.known[0].is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::key_frame_at;
    use super::*;

    const A: u32 = 0;
    const B: u32 = 20;
    const C: u32 = 40;

    /// Key frames are noted in this order: where each is, and the number that its templates begin with.
    fn noted<const N: usize>(key_frames: [(u64, u32); N]) -> Structures {
        let mut structures = Structures::default();
        for (sequence, templates) in key_frames {
            structures.note(sequence, &key_frame_at(templates, 7, None));
        }
        structures
    }

    /// Which templates the packets at these places mean.
    fn meant<const N: usize>(structures: &Structures, at: [u64; N]) -> [Option<u32>; N] {
        let read = |templates| TemplateStructure::read(&key_frame_at(templates, 7, None)).unwrap();
        let known = [A, B, C].map(|templates| (templates, read(templates)));
        at.map(|sequence| {
            let structure = structures.of(sequence)?;
            let (templates, _) = known.iter().find(|(_, known)| known == structure)?;
            Some(*templates)
        })
    }

    #[test]
    fn nothing_is_meant_before_the_first_key_frame() {
        assert!(Structures::default().is_empty());
        assert_eq!(meant(&Structures::default(), [0, 9]), [None, None]);
        let structures = noted([(10, A)]);
        assert!(!structures.is_empty());
        assert_eq!(meant(&structures, [9, 10, 9000]), [None, Some(A), Some(A)]);
    }

    #[test]
    fn what_brings_no_structure_changes_nothing() {
        let mut structures = noted([(10, A)]);
        let whole = key_frame_at(B, 7, None);
        for descriptor in [&[][..], &[0, 0, 9], &whole[..whole.len() / 2]] {
            structures.note(11, descriptor);
        }
        assert_eq!(meant(&structures, [12]), [Some(A)]);
    }

    #[test]
    fn a_structure_counts_until_the_next_and_two_are_remembered() {
        let mut structures = noted([(10, A), (20, B)]);
        assert_eq!(meant(&structures, [9, 19, 20]), [None, Some(A), Some(B)]);
        structures.note(30, &key_frame_at(C, 7, None));
        assert_eq!(meant(&structures, [19, 29, 30]), [None, Some(B), Some(C)]);
    }

    #[test]
    fn a_key_frame_that_comes_late_counts_for_what_came_after_it_only() {
        // One that was lost, between two others.
        assert_eq!(
            meant(&noted([(10, A), (30, C), (20, B)]), [19, 25, 30]),
            [None, Some(B), Some(C)]
        );
        // One before all that are known.
        assert_eq!(
            meant(&noted([(30, C), (20, B)]), [19, 25, 30]),
            [None, Some(B), Some(C)]
        );
        // One that is forgotten already.
        assert_eq!(
            meant(&noted([(20, B), (30, C), (10, A)]), [15, 25, 30]),
            [None, Some(B), Some(C)]
        );
        // The first packet of the key frame whose second one was there before it.
        assert_eq!(
            meant(&noted([(10, A), (21, B), (20, B)]), [19, 20]),
            [Some(A), Some(B)]
        );
    }

    /// As of a screen that changes its size and back.
    #[test]
    fn a_structure_that_is_back_does_not_count_for_the_time_between() {
        let mut structures = noted([(10, A), (20, B), (30, A)]);
        // A packet of the first key frame, once more.
        structures.note(10, &key_frame_at(A, 7, None));
        assert_eq!(meant(&structures, [19, 25, 30]), [None, Some(B), Some(A)]);
    }
}
