//! The lines that people type: each grows until its typist is done, or gone.

use std::collections::VecDeque;

use hearken_protocol::{
    Caption, CaptionId, CaptionOrigin, CaptionStatus, ParticipantId, Sensitive, TYPED_ENDS_MAX, Timestamp,
    TypedEnd, TypedFate,
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
        let is_open = open.is_some_and(|(line, _)| line == typed.line);
        if typed.done
            && !is_open
            && let Some(news) = self.finish_cut(typist, &typed)
        {
            return news;
        }
        if goes_on.is_none() {
            // One that comes as a whole, since its connection was lost or it was refused at first, is said beside the
            // one that is being typed by now.
            let is_beside = typed.done && open.is_some_and(|(line, _)| line != typed.line);
            if !is_beside {
                news.extend(self.stop_typing(typist));
            }
            if typed.text.is_empty() {
                return news;
            }
        }
        let known = goes_on.and_then(|(_, id)| self.open.get(&id)).cloned();
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
                ..known
            },
            None => Caption {
                id: self.next_id(now),
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
            },
        };
        if typed.done {
            if goes_on.is_some() {
                self.typing.remove(&typist);
            }
            self.note_end(typist, typed.line, caption.id, TypedFate::Done);
        } else {
            self.typing.insert(typist, (typed.line, caption.id));
        }
        self.take(caption.clone());
        news.push(caption);
        news
    }

    /// The whole of a line that had ended as it stood, since its end was refused for now and the next one was begun
    /// meanwhile: it puts right what stands. None where this is no line of the kind.
    fn finish_cut(&mut self, typist: ParticipantId, typed: &TypedLine) -> Option<Vec<Caption>> {
        let ends = self.typed_ends.get(&typist)?;
        let end = ends.iter().find(|end| end.line == typed.line)?.clone();
        let text = Sensitive(typed.text.trim().to_owned());
        let over = match &end.fate {
            // What is written off the record becomes no part of what everybody keeps.
            TypedFate::Cut { .. } if typed.off_record => return None,
            // What does not begin alike is the rest of a line that is closed.
            TypedFate::Cut { text: stands, .. }
                if !text.starts_with(stands.trim()) && !stands.starts_with(text.as_str()) =>
            {
                return None;
            }
            TypedFate::Cut { text: stands, .. } if stands.trim() == text.as_str() => {
                self.note_end(typist, end.line, end.id, TypedFate::Done);
                return Some(Vec::new());
            }
            TypedFate::Cut { revision, .. } => Some(*revision),
            TypedFate::Unkept => None,
            TypedFate::Done | TypedFate::Mended { .. } | TypedFate::Changed { .. } => return None,
        };
        let by = match typed.origin {
            CaptionOrigin::Captioner => Corrector::Captioner,
            CaptionOrigin::Typed | CaptionOrigin::Speech => Corrector::Speaker(typist),
        };
        let id = end.id;
        let mut ended = self.ended.iter();
        ended.find(|caption| caption.id == id && caption.participant == typed.speaker)?;
        let correction = Correction { id, text, over };
        let mut caption = match over {
            Some(_) => self.correct(by, correction).ok()?,
            None => self.finish_off_record(typist, by, &correction)?,
        };
        self.note_correction(typist, id, &caption.stable);
        if caption.off_record {
            caption.name = typed.name.clone();
        }
        Some(vec![caption])
    }

    /// Unique over restarts of the server, as browsers keep what they know.
    fn next_id(&mut self, now: Timestamp) -> CaptionId {
        self.typed = now.0.max(self.typed + 1);
        CaptionId {
            epoch: TYPED_EPOCH,
            number: self.typed,
        }
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
    pub(super) fn note_correction(&mut self, by: ParticipantId, id: CaptionId, to: &Sensitive<String>) {
        for (typist, ends) in &mut self.typed_ends {
            for end in ends.iter_mut().filter(|end| end.id == id) {
                end.fate = match std::mem::replace(&mut end.fate, TypedFate::Done) {
                    TypedFate::Cut { text, .. } if *typist == by => {
                        TypedFate::Mended { text, to: to.clone() }
                    }
                    TypedFate::Cut { text, .. } => TypedFate::Changed { text },
                    // Nothing of it is kept: that its typist has put it right is all there is to say.
                    TypedFate::Unkept if *typist == by => TypedFate::Done,
                    fate @ (TypedFate::Done
                    | TypedFate::Unkept
                    | TypedFate::Mended { .. }
                    | TypedFate::Changed { .. }) => fate,
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
