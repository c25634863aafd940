//! One speaker: the segment that is open, the segments that wait for their last decoding, the job in flight.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use hearken_protocol::{GroupSpeech, ParticipantId, SessionId, Timestamp};

use crate::captioner::Counters;
use crate::captions::{Known, Outbox};
use crate::plausibility::{SoundFacts, may_be_speech, plausible_words};
use crate::policy::Policy;
use crate::repetition::{cut_repetition, drop_unheard};
use crate::segment::{FrameNote, Segment, duration_to_samples, samples_to_duration};
use crate::segmenter::{FRAME_SAMPLES, Frame, LULL_WINDOW, Segmenter, Verdict};
use crate::transcriber::{Hypothesis, Job, JobId, TranscribeError};
use crate::words::Word;

/// Ended segments that wait for their last decoding, per speaker: a minute and a half at the longest.
/// Full: the oldest becomes final as it stands, and the one after it says that something is missing before it.
const CLOSED_SEGMENTS_MAX: usize = 8;
/// Lost sound shorter than that is not worth a mark.
const GAP_MIN: Duration = Duration::from_millis(500);
/// How long a due partial may wait before it is as urgent as a final that is due now.
const PARTIAL_PATIENCE: Duration = Duration::from_millis(500);

/// Names a speaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpeakerKey {
    /// Where.
    pub session: SessionId,
    /// Who.
    pub participant: ParticipantId,
}

/// What has to be decoded for a speaker, and how urgently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// Since when.
    pub since: Timestamp,
    /// The earliest goes first.
    pub deadline: Timestamp,
    pub kind: DueKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DueKind {
    Partial,
    Final,
}

#[derive(Debug)]
struct InFlight {
    job: JobId,
    segment: u64,
    /// Where the job's sound begins and ends.
    from: usize,
    until: usize,
    /// The segment was cut since, before the end of the job's sound.
    is_stale: bool,
}

#[derive(Debug)]
pub(crate) struct Speaker {
    key: SpeakerKey,
    segmenter: Segmenter,
    segments: u64,
    pre_roll: VecDeque<i16>,
    open: Option<Segment>,
    closed: VecDeque<Segment>,
    in_flight: Option<InFlight>,
    /// Sound was lost that no caption has told of yet.
    after_gap: bool,
    /// When a frame last came in.
    pub heard_at: Timestamp,
}

impl Speaker {
    pub fn new(key: SpeakerKey, now: Timestamp) -> Self {
        Self {
            key,
            segmenter: Segmenter::default(),
            segments: 0,
            pre_roll: VecDeque::new(),
            open: None,
            closed: VecDeque::new(),
            in_flight: None,
            after_gap: false,
            heard_at: now,
        }
    }

    /// Whether it can be forgotten without losing a word.
    pub fn is_idle(&self) -> bool {
        self.open.is_none() && self.closed.is_empty()
    }

    /// Which job is being done for it.
    pub fn job(&self) -> Option<JobId> {
        self.in_flight.as_ref().map(|job| job.job)
    }

    /// Takes the next frame.
    pub fn hear(&mut self, now: Timestamp, frame: Frame<'_>, desk: &mut Desk<'_>) {
        self.heard_at = now;
        let level = frame.level();
        let note = |voiced| FrameNote {
            voiced,
            level,
            crossings: frame.crossings(),
        };
        match self.segmenter.hear(frame.voice, level, desk.policy) {
            Verdict::Quiet => self.keep_pre_roll(frame.samples, desk.policy),
            Verdict::Begin => {
                self.segments += 1;
                let pre_roll: Vec<i16> = self.pre_roll.drain(..).collect();
                let at = frame.at - samples_to_duration(pre_roll.len());
                let mut segment = Segment::new(self.segments, at, pre_roll);
                segment.after_gap = std::mem::take(&mut self.after_gap);
                segment.push(frame.samples, note(true));
                self.open = Some(segment);
            }
            Verdict::Speech { voiced } => {
                if let Some(open) = &mut self.open {
                    open.push(frame.samples, note(voiced));
                    desk.counters.speech_milliseconds += if voiced { 16 } else { 0 };
                }
            }
            Verdict::End => {
                if let Some(open) = &mut self.open {
                    open.push(frame.samples, note(false));
                    let tail = open.tail(duration_to_samples(desk.policy.pre_roll));
                    self.pre_roll = tail.iter().copied().collect();
                }
                self.close(now, desk);
            }
            Verdict::Split { frames_back } => {
                let Some(open) = &mut self.open else { return };
                open.push(frame.samples, note(true));
                self.segments += 1;
                let rest = open.split_off(frames_back, self.segments);
                if let Some(job) = &mut self.in_flight {
                    job.is_stale |= job.segment == open.number && job.until > open.len();
                }
                self.close(now, desk);
                self.open = Some(rest);
            }
        }
    }

    /// The sound stopped or jumped: what was said so far is all of it.
    pub fn break_off(&mut self, now: Timestamp, desk: &mut Desk<'_>) {
        self.segmenter.reset();
        self.pre_roll.clear();
        self.close(now, desk);
    }

    /// So much sound did not come: the next caption says so, if a word may have been in it.
    pub fn lose(&mut self, sound: Duration) {
        self.after_gap |= sound >= GAP_MIN;
    }

    fn keep_pre_roll(&mut self, samples: &[i16], policy: &Policy) {
        self.pre_roll.extend(samples);
        let excess = self
            .pre_roll
            .len()
            .saturating_sub(duration_to_samples(policy.pre_roll));
        self.pre_roll.drain(..excess);
    }

    /// Ends the open segment. If its end was decoded while the pause lasted, it is final at once.
    fn close(&mut self, now: Timestamp, desk: &mut Desk<'_>) {
        let Some(mut segment) = self.open.take() else {
            return;
        };
        if segment.voice() < desk.policy.voice_min && !segment.captions.is_open() {
            self.pass_gap_on(&segment);
            return;
        }
        segment.closed_at = Some(now);
        if segment.is_decoded() {
            segment.agreement.finish_as_it_stands();
            self.write_final(segment, desk);
            return;
        }
        if self.closed.len() == CLOSED_SEGMENTS_MAX
            && let Some(mut oldest) = self.closed.pop_front()
        {
            desk.counters.finals_undecoded += 1;
            oldest.agreement.finish_as_it_stands();
            self.write_final(oldest, desk);
            if let Some(next) = self.closed.front_mut() {
                next.after_gap = true;
            }
        }
        self.closed.push_back(segment);
    }

    /// Since when the oldest thing to be decoded waits, or is being decoded.
    pub fn waiting_since(&self) -> Option<Timestamp> {
        let closed = self.closed.front().and_then(|segment| segment.closed_at);
        closed.or_else(|| self.open.as_ref().and_then(|segment| segment.due_since))
    }

    /// When the oldest voice was heard that is due to be decoded, or is being decoded.
    pub fn undecoded_from(&self) -> Option<Timestamp> {
        let is_asked = |segment: &&Segment| {
            let in_flight = self.in_flight.as_ref().map(|job| job.segment);
            segment.due_since.is_some() || in_flight == Some(segment.number)
        };
        let open = self.open.as_ref().filter(is_asked);
        self.closed.iter().chain(open).find_map(Segment::undecoded_from)
    }

    /// What has to be decoded next, if anything. `step` is the sound between two partials at present.
    pub fn due(&mut self, now: Timestamp, step: Duration, policy: &Policy) -> Option<Due> {
        if self.in_flight.is_some() {
            return None;
        }
        if let Some(since) = self.closed.front().and_then(|segment| segment.closed_at) {
            return Some(Due {
                since,
                deadline: since,
                kind: DueKind::Final,
            });
        }
        let pause = self.segmenter.pause();
        let open = self.open.as_mut()?;
        let fresh = open.len().saturating_sub(open.asked_until);
        let wanted = if open.asked_until == 0 {
            policy.first_step + policy.pre_roll
        } else {
            step
        };
        let is_pausing = pause >= policy.eager_pause;
        let has_new_voice =
            !open.is_covered_by(open.asked_until) && (is_pausing || open.voiced_until() > open.asked_until);
        let is_due = has_new_voice
            && open.voice() >= policy.voice_min
            && (is_pausing || fresh >= duration_to_samples(wanted));
        if !is_due {
            open.due_since = None;
            return None;
        }
        let since = *open.due_since.get_or_insert(now);
        Some(Due {
            since,
            deadline: since + PARTIAL_PATIENCE,
            kind: DueKind::Partial,
        })
    }

    /// The job that is due. Segments that cannot be speech end here without one.
    pub fn start_job(&mut self, id: JobId, speech: &Arc<GroupSpeech>, desk: &mut Desk<'_>) -> Option<Job> {
        let segment = self.closed.front_mut().or(self.open.as_mut())?;
        segment.due_since = None;
        segment.asked_until = segment.len();
        if !may_be_speech(facts(segment)) {
            desk.counters.hypotheses_rejected += 1;
            segment.decoded(segment.len());
            if segment.closed_at.is_some()
                && let Some(segment) = self.closed.pop_front()
            {
                self.write_final(segment, desk);
            }
            return None;
        }
        self.in_flight = Some(InFlight {
            job: id,
            segment: segment.number,
            from: segment.begins_at(),
            until: segment.len(),
            is_stale: false,
        });
        Some(Job {
            id,
            speaker: self.key,
            utterance: segment.number,
            speech: Arc::clone(speech),
            sound: segment.sound(),
        })
    }

    /// The job in flight came back.
    pub fn finish_job(&mut self, result: Result<Hypothesis, TranscribeError>, desk: &mut Desk<'_>) {
        let Some(done) = self.in_flight.take() else { return };
        let is_closed = self
            .closed
            .front()
            .is_some_and(|segment| segment.number == done.segment);
        let segment = if is_closed {
            self.closed.front_mut()
        } else {
            self.open.as_mut()
        };
        let Some(segment) = segment.filter(|segment| segment.number == done.segment) else {
            return;
        };
        if done.is_stale {
            return;
        }
        let is_whole = segment.closed_at.is_some() && segment.is_covered_by(done.until);
        match result {
            Ok(mut hypothesis) => {
                segment.decoded(done.until);
                drop_unheard(&mut hypothesis.words);
                cut_repetition(&mut hypothesis.words);
                let from = samples_to_duration(done.from);
                for word in &mut hypothesis.words {
                    word.ends_at = word.ends_at.map(|end| from + end);
                }
                let had_words = !hypothesis.words.is_empty();
                let language = hypothesis.language;
                let words = plausible_words(hypothesis, facts(segment));
                if !words.is_empty() {
                    segment.language = language;
                }
                desk.counters.hypotheses_rejected += u64::from(had_words && words.is_empty());
                if is_whole {
                    segment.agreement.finish(words);
                } else if samples_to_duration(done.until - done.from) + LULL_WINDOW < desk.policy.hard_limit {
                    let until = samples_to_duration(done.until);
                    segment.agreement.update(words, until, desk.policy);
                } else {
                    segment.agreement.show(words);
                }
            }
            Err(_) => {
                desk.counters.jobs_failed += 1;
                if is_whole {
                    segment.agreement.finish_as_it_stands();
                }
            }
        }
        if is_whole {
            if let Some(segment) = self.closed.pop_front() {
                self.write_final(segment, desk);
            }
        } else {
            show(self.key, segment, done.until, desk);
            if segment.closed_at.is_none() {
                let dropped = trim(segment, desk.policy);
                self.segmenter.shorten(dropped / FRAME_SAMPLES);
            }
        }
    }

    fn write_final(&mut self, mut segment: Segment, desk: &mut Desk<'_>) {
        let known = Known {
            key: self.key,
            agreed: segment.agreement.agreed(),
            rest: &[],
            span: segment.span(),
            origin: segment.origin(),
            after_gap: segment.after_gap,
            language: segment.language,
        };
        segment.captions.close(&known, desk.policy, desk.outbox);
        self.pass_gap_on(&segment);
    }

    /// A segment is over: if it should have told of lost sound and said nothing, the next one tells of it.
    fn pass_gap_on(&mut self, segment: &Segment) {
        if !segment.after_gap || segment.captions.has_said() {
            return;
        }
        match self.closed.front_mut().or(self.open.as_mut()) {
            Some(next) => next.after_gap = true,
            None => self.after_gap = true,
        }
    }
}

/// What a speaker needs of the captioner to work with.
pub(crate) struct Desk<'a> {
    pub policy: &'a Policy,
    pub outbox: &'a mut Outbox,
    pub counters: &'a mut Counters,
}

fn show(key: SpeakerKey, segment: &mut Segment, until: usize, desk: &mut Desk<'_>) {
    let is_cut = segment.voiced_until() + duration_to_samples(desk.policy.eager_pause) > until;
    let cut_at = is_cut.then(|| samples_to_duration(until));
    let (agreed, rest) = (segment.agreement.agreed(), segment.agreement.rest());
    segment.showing.update(agreed, rest, cut_at, desk.policy);
    let known = Known {
        key,
        agreed,
        rest: segment.showing.words(),
        span: segment.span(),
        origin: segment.origin(),
        after_gap: segment.after_gap,
        language: segment.language,
    };
    segment.captions.update(&known, desk.policy, desk.outbox);
}

/// Drops sound whose words are settled, if there is much of it: what is decoded again and again stays short.
/// Gives the samples dropped.
fn trim(segment: &mut Segment, policy: &Policy) -> usize {
    let length = samples_to_duration(segment.len() - segment.begins_at());
    if length < policy.trim_from {
        return 0;
    }
    let latest = samples_to_duration(segment.len()).saturating_sub(policy.trim_to);
    let (dropped, words) = segment.agreement.agreed_in_window();
    let ended = words
        .iter()
        .take_while(|word| word.ends_at.is_some_and(|end| end <= latest));
    let ended = &words[..ended.count()];
    // After a sentence the model needs the words before it least.
    let after = |is_good: fn(&Word) -> bool| ended.iter().rposition(is_good).map(|index| index + 1);
    let half = ended.len() / 2;
    let sentence = after(Word::ends_sentence).filter(|count| *count > half);
    let clause = after(Word::ends_clause).filter(|count| *count > half);
    let count = sentence.or(clause).unwrap_or(ended.len());
    let Some(end) = count.checked_sub(1).and_then(|last| ended[last].ends_at) else {
        return 0;
    };
    segment.agreement.drop_before(dropped + count);
    segment.drop_before(duration_to_samples(end))
}

fn facts(segment: &Segment) -> SoundFacts {
    SoundFacts {
        voice: segment.voice(),
        level_variation: segment.level_variation(),
        steady_share: segment.steady_share(),
    }
}
