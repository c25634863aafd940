//! The captions of one segment: text in revisions, split where a reader can take it in.

use std::collections::VecDeque;

use hearken_protocol::{CaptionEvent, CaptionId, CaptionStatus, CaptionWord, Language, Timestamp};

use crate::policy::Policy;
use crate::speaker::SpeakerKey;
use crate::words::{Word, joined, length};

/// Where events go, and where the numbers of captions come from.
#[derive(Debug)]
pub(crate) struct Outbox {
    epoch: u64,
    captions: u64,
    pub events: VecDeque<CaptionEvent>,
}

impl Outbox {
    pub fn new(epoch: u64) -> Self {
        Self {
            epoch,
            captions: 0,
            events: VecDeque::new(),
        }
    }

    fn next_id(&mut self) -> CaptionId {
        self.captions += 1;
        CaptionId {
            epoch: self.epoch,
            number: self.captions,
        }
    }
}

/// The stretch of time in which words were said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub from: Timestamp,
    pub until: Timestamp,
}

impl Span {
    /// The time at which `part` of `whole` characters were said, as if all took equally long.
    fn at(&self, part: usize, whole: usize) -> Timestamp {
        let length = self.until.saturating_since(self.from);
        self.from + length.mul_f64(part as f64 / whole.max(1) as f64)
    }
}

/// Turns settled words into captions. A caption's text only grows where it is settled, and never changes
/// once it is final.
#[derive(Debug, Default)]
pub(crate) struct CaptionWriter {
    /// Settled words that stand in final captions already.
    written: usize,
    /// A caption of it ended with words.
    has_said: bool,
    open: Option<OpenCaption>,
}

#[derive(Debug)]
struct OpenCaption {
    id: CaptionId,
    revision: u32,
    stable: String,
    /// Words in it.
    stable_words: usize,
    tentative: String,
    started_at: Timestamp,
}

/// Everything known of the segment's words.
pub(crate) struct Known<'a> {
    pub key: SpeakerKey,
    pub agreed: &'a [Word],
    pub rest: &'a [Word],
    pub span: Span,
    /// From when on the ends of words count.
    pub origin: Timestamp,
    /// Sound before the segment got lost.
    pub after_gap: bool,
    /// What the words are written in, if that is known.
    pub language: Option<Language>,
}

impl Known<'_> {
    /// When the word begins: when the one before it ends.
    fn time_of_word(&self, index: usize) -> Timestamp {
        let before = index.checked_sub(1).and_then(|before| self.agreed.get(before));
        if let Some(end) = before.and_then(|word| word.ends_at) {
            return self.origin + end;
        }
        let before = length(&self.agreed[..index.min(self.agreed.len())]);
        self.span.at(before, length(self.agreed) + length(self.rest))
    }
}

/// What is known of words, if the model says when they end.
fn notes<'a>(
    words: impl Iterator<Item = &'a Word>,
    origin: Timestamp,
    started_at: Timestamp,
) -> Vec<CaptionWord> {
    let note = |word: &Word| {
        let ended = (origin + word.ends_at?).saturating_since(started_at);
        Some(CaptionWord {
            ended: u32::try_from(ended.as_millis()).unwrap_or(u32::MAX),
            sure: (word.probability.clamp(0.0, 1.0) * 100.0) as u8,
        })
    };
    // All or none: a note belongs to a word by its place.
    words.map(note).collect::<Option<_>>().unwrap_or_default()
}

impl CaptionWriter {
    /// Whether a caption of the segment has ended with words.
    pub fn has_said(&self) -> bool {
        self.has_said
    }

    /// Whether something was shown that is not final yet.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Shows what is known now.
    pub fn update(&mut self, known: &Known<'_>, policy: &Policy, outbox: &mut Outbox) {
        while let Some(end) = self.split_point(known, policy) {
            self.finish(known, end, outbox);
        }
        let words = known.agreed.get(self.written..).unwrap_or_default();
        let (stable, tentative) = (joined(words), joined(known.rest));
        if stable.is_empty() && tentative.is_empty() {
            return;
        }
        if self
            .open
            .as_ref()
            .is_some_and(|open| open.stable == stable && open.tentative == tentative)
        {
            return;
        }
        self.write(
            known,
            CaptionStatus::Partial,
            words,
            known.rest,
            known.span.until,
            outbox,
        );
    }

    /// Nothing more will be known: everything agreed is final. A caption that was shown and of which nothing
    /// is left ends with an empty text: it was not said.
    pub fn close(&mut self, known: &Known<'_>, policy: &Policy, outbox: &mut Outbox) {
        while let Some(end) = self.split_point(known, policy) {
            self.finish(known, end, outbox);
        }
        if self.written < known.agreed.len() || self.open.is_some() {
            self.finish(known, known.agreed.len(), outbox);
        }
    }

    /// The settled word before which the open caption ends because it is long enough: with its sentence, with a
    /// clause, or at two lines. There is always a word after it, and what was shown as settled stays in.
    fn split_point(&self, known: &Known<'_>, policy: &Policy) -> Option<usize> {
        let words = known.agreed.get(self.written..)?;
        let shown = self.open.as_ref().map_or(0, |open| open.stable_words);
        let followed = |index: usize| index + 1 < words.len() || !known.rest.is_empty();
        let mut characters = 0;
        for (index, word) in words.iter().enumerate() {
            characters += word.text.chars().count() + usize::from(index > 0);
            if characters > policy.caption_characters_max && index > 0 {
                return Some(self.written + index);
            }
            let ends = word.ends_sentence() && characters >= policy.caption_sentence_characters
                || word.ends_clause() && characters >= policy.caption_clause_characters;
            if ends && followed(index) && index + 1 >= shown {
                return Some(self.written + index + 1);
            }
        }
        None
    }

    fn finish(&mut self, known: &Known<'_>, end: usize, outbox: &mut Outbox) {
        let words = known.agreed.get(self.written..end).unwrap_or_default();
        let is_last = end == known.agreed.len() && known.rest.is_empty();
        let ended_at = if is_last {
            known.span.until
        } else {
            known.time_of_word(end)
        };
        self.write(known, CaptionStatus::Final, words, &[], ended_at, outbox);
        self.has_said |= !words.is_empty();
        self.written = end;
        self.open = None;
    }

    fn write(
        &mut self,
        known: &Known<'_>,
        status: CaptionStatus,
        stable_words: &[Word],
        tentative_words: &[Word],
        ended_at: Timestamp,
        outbox: &mut Outbox,
    ) {
        let (stable, tentative) = (joined(stable_words), joined(tentative_words));
        let open = self.open.get_or_insert_with(|| OpenCaption {
            id: outbox.next_id(),
            revision: 0,
            stable: String::new(),
            stable_words: 0,
            tentative: String::new(),
            started_at: known.time_of_word(self.written),
        });
        open.revision += 1;
        open.stable.clone_from(&stable);
        open.stable_words = stable_words.len();
        open.tentative.clone_from(&tentative);
        outbox.events.push_back(CaptionEvent {
            session: known.key.session,
            participant: known.key.participant,
            id: open.id,
            revision: open.revision,
            status,
            stable: stable.into(),
            tentative: tentative.into(),
            started_at: open.started_at,
            ended_at: ended_at.max(open.started_at),
            words: notes(
                stable_words.iter().chain(tentative_words),
                known.origin,
                open.started_at,
            ),
            after_gap: known.after_gap && self.written == 0,
            language: known.language,
        });
    }
}
