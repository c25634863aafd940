//! Captions on their way to the browsers: the latest revision wins, an end is an end, every caption is closed.

mod typing;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hearken_protocol::{
    ALL_CAPTIONS_CORRECTABLE, CAPTION_HISTORY_MAX, Caption, CaptionEvent, CaptionId, CaptionOrigin,
    CaptionStatus, CaptionsState, Language, OWN_CAPTIONS_CORRECTABLE, ParticipantId, Sensitive, Timestamp,
    TypedEnd,
};

use crate::refusal::Refusal;
use crate::speech_clock::SpeechClock;

/// Spoken captions that can be open at once; one more is not shown. Ten speakers with ten sentences each are 100. Lines
/// that people type are not counted: each has one open at most, and what a machine hears is no reason to lose it.
const SPOKEN_OPEN_MAX: usize = 256;

/// The life of the worker that typed lines carry: no worker's, since those count from the time.
const TYPED_EPOCH: u64 = 0;

/// People who left and whose late captions still get their name; beyond it the one who left first is forgotten.
const PAST_NAMES_MAX: usize = 200;

/// What began so shortly after the group was on the record again counts as off it: the clocks that both times come
/// from are compared by messages, which take their time.
const RECORD_MARGIN: Duration = Duration::from_millis(500);

/// What has been said in a session, and whether anything is written along.
///
/// Shared between clones, since the shell clones a session before each message and drops the clone after it.
#[derive(Debug, Clone)]
pub(crate) struct Captions {
    /// How it stands with the worker.
    worker: CaptionsState,
    /// Whether the worker's model knows the language of this session.
    model_suits: bool,
    off_record: bool,
    /// When the group was last off the record: what began before is not kept, however late it becomes known.
    off_record_until: Option<Timestamp>,
    speech_clock: SpeechClock,
    log: Arc<Log>,
}

/// A line that somebody types, as it stands now.
#[derive(Debug, Clone)]
pub(crate) struct TypedLine {
    /// Counts the lines of who types.
    pub(crate) line: u32,
    pub(crate) text: Sensitive<String>,
    pub(crate) done: bool,
    /// Whether any of it was written off the record, whenever it arrives.
    pub(crate) off_record: bool,
    /// Whose caption it is, and their name.
    pub(crate) speaker: ParticipantId,
    pub(crate) name: Sensitive<String>,
    pub(crate) origin: CaptionOrigin,
    /// What it is written in, as far as that is known.
    pub(crate) language: Option<Language>,
}

/// Whose captions somebody may put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Corrector {
    /// One's own.
    Speaker(ParticipantId),
    /// Anybody's.
    Captioner,
}

/// What a final caption is to say instead.
#[derive(Debug, Clone)]
pub(crate) struct Correction {
    pub(crate) id: CaptionId,
    pub(crate) text: Sensitive<String>,
    /// The revision that it was written over, as far as its writer saw one.
    pub(crate) over: Option<u32>,
}

#[derive(Debug, Clone, Default)]
struct Log {
    /// The latest life of the worker.
    epoch: u64,
    open: BTreeMap<CaptionId, Caption>,
    /// Finals and interrupted ones, in the order in which they ended.
    ended: VecDeque<Caption>,
    ended_ids: BTreeSet<CaptionId>,
    /// The highest id that fell out of `ended`: what is not open at or below it is over.
    forgotten: Option<CaptionId>,
    /// The line that each of those who type has open.
    typing: BTreeMap<ParticipantId, (u32, CaptionId)>,
    /// The latest lines of each of those who typed that have ended, in that order.
    typed_ends: BTreeMap<ParticipantId, VecDeque<TypedEnd>>,
    typed: u64,
    past_names: VecDeque<(ParticipantId, Sensitive<String>)>,
}

impl Captions {
    /// For a session that has captions, or has none.
    pub(crate) fn new(wanted: bool, off_record: bool) -> Self {
        let state = if wanted {
            CaptionsState::Starting
        } else {
            CaptionsState::Off
        };
        Self {
            worker: state,
            model_suits: true,
            off_record,
            off_record_until: None,
            speech_clock: SpeechClock::default(),
            log: Arc::default(),
        }
    }

    pub(crate) fn off_record(&self) -> bool {
        self.off_record
    }

    /// From now on, or no longer, nothing is kept. What is open when it begins belongs to it.
    pub(crate) fn set_off_record(&mut self, on: bool, now: Timestamp) {
        if self.off_record && !on {
            self.off_record_until = Some(now);
        }
        self.off_record = on;
        if on {
            for caption in Arc::make_mut(&mut self.log).open.values_mut() {
                caption.off_record = true;
            }
        }
    }

    /// Takes the line that somebody types, as it stands now; says which captions to pass on.
    pub(crate) fn type_line(
        &mut self,
        typist: ParticipantId,
        typed: TypedLine,
        now: Timestamp,
    ) -> Vec<Caption> {
        let off_record = self.off_record || typed.off_record;
        let typed = TypedLine { off_record, ..typed };
        Arc::make_mut(&mut self.log).type_line(typist, typed, now)
    }

    /// The latest lines of what somebody typed that have ended, in that order.
    pub(crate) fn typed_ends(&self, typist: ParticipantId) -> Vec<TypedEnd> {
        let ends = self.log.typed_ends.get(&typist);
        ends.into_iter().flatten().cloned().collect()
    }

    /// Ends the line that somebody was typing.
    pub(crate) fn stop_typing(&mut self, typist: ParticipantId) -> Option<Caption> {
        Arc::make_mut(&mut self.log).stop_typing(typist)
    }

    /// Puts a final caption right. What was said off the record has lost its name, as nothing of it is kept.
    pub(crate) fn correct(
        &mut self,
        actor: ParticipantId,
        by: Corrector,
        correction: Correction,
    ) -> Result<Caption, Refusal> {
        let log = Arc::make_mut(&mut self.log);
        let id = correction.id;
        let caption = match log.finish_off_record(actor, by, &correction) {
            Some(caption) => caption,
            None => log.correct(by, correction)?,
        };
        log.note_correction(actor, id, &caption.stable);
        Ok(caption)
    }

    pub(crate) fn state(&self) -> CaptionsState {
        match self.worker {
            CaptionsState::Off => CaptionsState::Off,
            _ if !self.model_suits => CaptionsState::Unavailable,
            state => state,
        }
    }

    /// The latest ends, oldest first, without those that turned out to be no speech. One that was taken back is among
    /// them, empty: whoever was away still has what it said.
    pub(crate) fn history(&self) -> Vec<Caption> {
        let ended = self.log.ended.iter();
        let is_taken_back = |caption: &Caption| caption.corrected && !caption.off_record;
        ended
            .filter(|caption| !caption.stable.is_empty() || is_taken_back(caption))
            .cloned()
            .collect()
    }

    /// Takes a new state; says which captions it closed, or `None` if nothing has changed.
    pub(crate) fn set_state(&mut self, state: CaptionsState) -> Option<Vec<Caption>> {
        if self.worker == CaptionsState::Off {
            return None;
        }
        let before = self.state();
        self.worker = state;
        self.changed(before)
    }

    /// Takes whether the worker's model knows the language of this session; says which captions that closed, or
    /// `None` if nothing has changed.
    pub(crate) fn set_model_suits(&mut self, suits: bool) -> Option<Vec<Caption>> {
        let before = self.state();
        self.model_suits = suits;
        self.changed(before)
    }

    fn changed(&mut self, before: CaptionsState) -> Option<Vec<Caption>> {
        let state = self.state();
        (state != before).then(|| match state {
            CaptionsState::On | CaptionsState::Late => Vec::new(),
            CaptionsState::Off | CaptionsState::Starting | CaptionsState::Unavailable => {
                Arc::make_mut(&mut self.log).interrupt()
            }
        })
    }

    /// Takes a revision, which the worker sent when its clock said `sent_at`; says which captions to pass on: those
    /// of a worker that died unnoticed, closed, and this one, unless it is out of date.
    pub(crate) fn hear(
        &mut self,
        event: CaptionEvent,
        sent_at: Timestamp,
        name: Sensitive<String>,
        now: Timestamp,
    ) -> Vec<Caption> {
        if self.worker == CaptionsState::Off {
            return Vec::new();
        }
        self.speech_clock.compare(sent_at, now);
        let event = CaptionEvent {
            started_at: self.speech_clock.to_session(event.started_at),
            ended_at: self.speech_clock.to_session(event.ended_at),
            ..event
        };
        let kept_from = self.off_record_until.map(|until| until + RECORD_MARGIN);
        let off_record = self.off_record || kept_from.is_some_and(|from| event.started_at < from);
        Arc::make_mut(&mut self.log).hear(event, name, off_record)
    }

    /// Remembers the name of somebody who is gone.
    pub(crate) fn remember_name(&mut self, participant: ParticipantId, name: Sensitive<String>) {
        let names = &mut Arc::make_mut(&mut self.log).past_names;
        names.retain(|(past, _)| *past != participant);
        if names.len() == PAST_NAMES_MAX {
            names.pop_front();
        }
        names.push_back((participant, name));
    }

    pub(crate) fn past_name(&self, participant: ParticipantId) -> Option<Sensitive<String>> {
        let names = &self.log.past_names;
        names
            .iter()
            .find(|(past, _)| *past == participant)
            .map(|(_, name)| name.clone())
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.log = Arc::default();
    }
}

impl Log {
    fn hear(&mut self, event: CaptionEvent, name: Sensitive<String>, off_record: bool) -> Vec<Caption> {
        let id = event.id;
        if id.epoch < self.epoch {
            return Vec::new();
        }
        let mut news = if id.epoch > self.epoch {
            self.interrupt()
        } else {
            Vec::new()
        };
        self.epoch = id.epoch;
        let off_record = off_record || self.open.get(&id).is_some_and(|known| known.off_record);
        let name = match self.open.get(&id) {
            Some(known) if known.revision >= event.revision => return news,
            Some(known) if known.participant != event.participant => return news,
            Some(known) => known.name.clone(),
            None if self.ended_ids.contains(&id) || self.forgotten >= Some(id) => return news,
            None if self.spoken_open() >= SPOKEN_OPEN_MAX => return news,
            None => name,
        };
        let caption = Caption {
            id,
            participant: event.participant,
            name,
            revision: event.revision,
            status: event.status,
            stable: event.stable,
            tentative: event.tentative,
            started_at: event.started_at,
            ended_at: event.ended_at,
            origin: CaptionOrigin::Speech,
            corrected: false,
            off_record,
            words: event.words,
            after_gap: event.after_gap,
            language: event.language,
        };
        self.take(caption.clone());
        news.push(caption);
        news
    }

    fn spoken_open(&self) -> usize {
        let first = CaptionId {
            epoch: TYPED_EPOCH + 1,
            number: 0,
        };
        self.open.range(first..).count()
    }

    fn take(&mut self, caption: Caption) {
        match caption.status {
            CaptionStatus::Partial => {
                self.open.insert(caption.id, caption);
            }
            CaptionStatus::Final | CaptionStatus::Interrupted => self.end(caption),
        }
    }

    fn correct(&mut self, by: Corrector, correction: Correction) -> Result<Caption, Refusal> {
        let Correction { id, text, over } = correction;
        let kept = self
            .ended
            .iter_mut()
            .rev()
            .filter(|caption| !caption.stable.is_empty());
        let caption = match by {
            Corrector::Speaker(speaker) => kept
                .filter(|caption| {
                    caption.participant == speaker && caption.origin != CaptionOrigin::Captioner
                })
                .take(OWN_CAPTIONS_CORRECTABLE)
                .find(|caption| caption.id == id),
            Corrector::Captioner => kept
                .take(ALL_CAPTIONS_CORRECTABLE)
                .find(|caption| caption.id == id),
        };
        let caption = caption.ok_or(Refusal::NotCorrectable)?;
        if over.is_some_and(|over| over < caption.revision) {
            return Err(Refusal::CorrectedMeanwhile);
        }
        caption.revision = caption.revision.saturating_add(1);
        caption.status = CaptionStatus::Final;
        caption.stable = text;
        caption.corrected = true;
        caption.words.clear();
        Ok(caption.clone())
    }

    /// Closes every open caption of the worker; its text stays as it stood.
    fn interrupt(&mut self) -> Vec<Caption> {
        let (typed, closed): (Vec<Caption>, Vec<Caption>) = std::mem::take(&mut self.open)
            .into_values()
            .partition(|caption| caption.id.epoch == TYPED_EPOCH);
        self.open = typed.into_iter().map(|caption| (caption.id, caption)).collect();
        let mut closed = closed;
        for caption in &mut closed {
            caption.revision = caption.revision.saturating_add(1);
            caption.status = CaptionStatus::Interrupted;
            let tentative = std::mem::take(&mut caption.tentative);
            caption.stable = Sensitive(join(&caption.stable, &tentative));
            self.end(caption.clone());
        }
        closed
    }

    fn end(&mut self, mut caption: Caption) {
        self.open.remove(&caption.id);
        self.ended_ids.insert(caption.id);
        if caption.off_record {
            // That it is over has to be known; what it said must not be.
            caption.stable = Default::default();
            caption.name = Default::default();
        }
        self.ended.push_back(caption);
        if self.ended.len() > CAPTION_HISTORY_MAX
            && let Some(oldest) = self.ended.pop_front()
        {
            self.ended_ids.remove(&oldest.id);
            self.forgotten = self.forgotten.max(Some(oldest.id));
        }
    }
}

/// The agreed and the tentative words as one text.
fn join(stable: &str, tentative: &str) -> String {
    let apart = !stable.is_empty()
        && !tentative.is_empty()
        && !stable.ends_with(char::is_whitespace)
        && !tentative.starts_with(char::is_whitespace);
    format!("{stable}{}{tentative}", if apart { " " } else { "" })
}
