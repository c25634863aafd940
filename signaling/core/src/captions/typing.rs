//! The lines that people type: each grows until its typist is done, or gone.

use std::collections::VecDeque;

use hearken_protocol::{
    Caption, CaptionId, CaptionOrigin, CaptionStatus, ParticipantId, TYPED_ENDS_MAX, Timestamp, TypedEnd,
    TypedFate,
};

use super::{Correction, Corrector, Log, TYPED_EPOCH, TypedLine};

/// Typists whose last lines are remembered; beyond it the one whose last line is the oldest is forgotten.
const TYPISTS_MAX: usize = 200;

impl Log {
    pub(super) fn type_line(
        &mut self,
        typist: ParticipantId,
        typed: TypedLine,
        now: Timestamp,
    ) -> Vec<Caption> {
        let mut news = Vec::new();
        let open = self.typing.get(&typist).copied();
        // Another number, or another speaker: the next line.
        let goes_on = open.filter(|(line, id)| {
            *line == typed.line
                && self
                    .open
                    .get(id)
                    .is_some_and(|caption| caption.participant == typed.speaker)
        });
        if goes_on.is_none() {
            news.extend(self.stop_typing(typist));
            if typed.text.is_empty() {
                return news;
            }
        }
        let known = goes_on.and_then(|(_, id)| self.open.get(&id));
        let (status, stable, tentative) = if typed.done {
            (CaptionStatus::Final, typed.text, Default::default())
        } else {
            (CaptionStatus::Partial, Default::default(), typed.text)
        };
        let caption = match known {
            Some(known) => Caption {
                revision: known.revision.saturating_add(1),
                status,
                stable,
                tentative,
                ended_at: now,
                off_record: known.off_record || typed.off_record,
                ..known.clone()
            },
            None => {
                // Unique over restarts of the server, as browsers keep what they know.
                self.typed = now.0.max(self.typed + 1);
                Caption {
                    id: CaptionId {
                        epoch: TYPED_EPOCH,
                        number: self.typed,
                    },
                    participant: typed.speaker,
                    name: typed.name,
                    revision: 1,
                    status,
                    stable,
                    tentative,
                    started_at: now,
                    ended_at: now,
                    origin: typed.origin,
                    corrected: false,
                    off_record: typed.off_record,
                    words: Vec::new(),
                    after_gap: false,
                    language: typed.language,
                }
            }
        };
        if typed.done {
            self.typing.remove(&typist);
            self.note_end(typist, typed.line, caption.id, TypedFate::Done);
        } else {
            self.typing.insert(typist, (typed.line, caption.id));
        }
        self.take(caption.clone());
        news.push(caption);
        news
    }

    pub(super) fn stop_typing(&mut self, typist: ParticipantId) -> Option<Caption> {
        let (line, id) = self.typing.remove(&typist)?;
        let mut caption = self.open.remove(&id)?;
        caption.revision = caption.revision.saturating_add(1);
        caption.status = CaptionStatus::Final;
        caption.stable = std::mem::take(&mut caption.tentative);
        let fate = if caption.off_record {
            TypedFate::Unkept
        } else {
            TypedFate::Cut {
                text: caption.stable.clone(),
                revision: caption.revision,
            }
        };
        self.note_end(typist, line, id, fate);
        self.end(caption.clone());
        Some(caption)
    }

    fn note_end(&mut self, typist: ParticipantId, line: u32, id: CaptionId, fate: TypedFate) {
        let ends = self.typed_ends.entry(typist).or_default();
        // What follows a line that others have put right may go by its number.
        ends.retain(|end| end.line != line);
        ends.push_back(TypedEnd { line, id, fate });
        if ends.len() > TYPED_ENDS_MAX {
            ends.pop_front();
        }
        let last = |ends: &VecDeque<TypedEnd>| ends.back().map(|end| end.id);
        if self.typed_ends.len() > TYPISTS_MAX
            && let Some(oldest) = self.typed_ends.iter().min_by_key(|(_, ends)| last(ends))
        {
            let oldest = *oldest.0;
            self.typed_ends.remove(&oldest);
        }
    }

    /// Somebody has put a caption right: perhaps a line that had ended as it stood. Whoever was first settles what
    /// its typist is told.
    pub(super) fn note_correction(&mut self, by: ParticipantId, id: CaptionId) {
        for (typist, ends) in &mut self.typed_ends {
            for end in ends.iter_mut().filter(|end| end.id == id) {
                end.fate = match std::mem::replace(&mut end.fate, TypedFate::Done) {
                    TypedFate::Cut { .. } | TypedFate::Unkept if *typist == by => TypedFate::Done,
                    TypedFate::Cut { text, .. } => TypedFate::Changed { text },
                    fate @ (TypedFate::Done | TypedFate::Unkept | TypedFate::Changed { .. }) => fate,
                };
            }
        }
    }

    /// The whole of a typed line that ended as it stood, off the record: passed on, and kept no more than the rest.
    pub(super) fn finish_off_record(
        &mut self,
        typist: ParticipantId,
        by: Corrector,
        correction: &Correction,
    ) -> Option<Caption> {
        let id = correction.id;
        let mut ends = self.typed_ends.get(&typist)?.iter();
        ends.find(|end| end.id == id && end.fate == TypedFate::Unkept)?;
        let mut ended = self.ended.iter_mut().rev();
        let caption = ended.find(|caption| caption.id == id && caption.off_record)?;
        if by != Corrector::Captioner && caption.origin == CaptionOrigin::Captioner {
            return None;
        }
        caption.revision = caption.revision.saturating_add(1);
        caption.corrected = true;
        Some(Caption {
            stable: correction.text.clone(),
            ..caption.clone()
        })
    }
}
