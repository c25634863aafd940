//! All speakers together: who is decoded next, and what to leave out when there is too much to do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hearken_protocol::{CaptionEvent, GroupSpeech, SessionId, Timestamp};

use crate::captions::Outbox;
use crate::policy::Policy;
use crate::segmenter::Frame;
use crate::speaker::{Desk, Due, DueKind, Speaker, SpeakerKey};
use crate::transcriber::{Hypothesis, Job, JobId, TranscribeError};

/// Speakers that are followed at once. Full: a new one is refused and counted.
pub const SPEAKERS_MAX: usize = 1_000;
/// Sessions whose speech is known; one more is taken for English without a vocabulary.
const SPEECHES_MAX: usize = 1_000;
/// Without sound for so long, an utterance is over: the longest gap of Opus DTX is 400 ms.
const SOUND_STOPPED: Duration = Duration::from_millis(600);
/// Without sound for so long, a speaker is forgotten.
const SPEAKER_GONE: Duration = Duration::from_secs(30);
/// When something waits for so long there are finals only, no partials.
const PARTIALS_BACKLOG_MAX: Duration = Duration::from_secs(3);

/// What happened since the start. Only ever grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Voice heard inside of utterances, in milliseconds.
    pub speech_milliseconds: u64,
    /// Jobs handed out.
    pub jobs: u64,
    /// Jobs that the model failed at.
    pub jobs_failed: u64,
    /// Hypotheses, or whole segments, taken for noise.
    pub hypotheses_rejected: u64,
    /// Segments that became final without their last decoding, for want of time.
    pub finals_undecoded: u64,
    /// Frames of speakers beyond `SPEAKERS_MAX`.
    pub frames_refused: u64,
}

/// Turns the sound of many speakers into captions.
///
/// After each call, drain `poll_event`; whenever there is a free transcriber, ask for `next_job`.
#[derive(Debug)]
pub struct Captioner {
    policy: Policy,
    speakers: BTreeMap<SpeakerKey, Speaker>,
    /// How groups speak, where it was said.
    speeches: BTreeMap<SessionId, Arc<GroupSpeech>>,
    /// How all others speak.
    usual: Arc<GroupSpeech>,
    outbox: Outbox,
    jobs: u64,
    /// How long jobs have waited of late: what the step is lengthened by.
    lateness: Duration,
    counters: Counters,
}

impl Captioner {
    /// `epoch` becomes part of every caption's id: larger for each new captioner.
    pub fn new(epoch: u64, policy: Policy) -> Self {
        Self {
            policy,
            speakers: BTreeMap::new(),
            speeches: BTreeMap::new(),
            usual: Arc::default(),
            outbox: Outbox::new(epoch),
            jobs: 0,
            lateness: Duration::ZERO,
            counters: Counters::default(),
        }
    }

    /// Takes a speaker's next frame, which follows the last one without a gap.
    pub fn hear(&mut self, now: Timestamp, key: SpeakerKey, frame: Frame<'_>) {
        if !self.speakers.contains_key(&key) && self.speakers.len() >= SPEAKERS_MAX {
            self.counters.frames_refused += 1;
            return;
        }
        let mut desk = Desk {
            policy: &self.policy,
            outbox: &mut self.outbox,
            counters: &mut self.counters,
        };
        let speaker = self.speakers.entry(key).or_insert_with(|| Speaker::new(key, now));
        speaker.hear(now, frame, &mut desk);
    }

    /// A speaker's sound jumped or begins anew: what was said before is over. So much of it was lost.
    pub fn break_off(&mut self, now: Timestamp, key: SpeakerKey, lost: Duration) {
        let mut desk = Desk {
            policy: &self.policy,
            outbox: &mut self.outbox,
            counters: &mut self.counters,
        };
        if let Some(speaker) = self.speakers.get_mut(&key) {
            speaker.break_off(now, &mut desk);
            speaker.lose(lost);
        }
    }

    /// Ends the utterances of those whose sound has stopped. To be called every tenth of a second or so.
    pub fn tick(&mut self, now: Timestamp) {
        let mut desk = Desk {
            policy: &self.policy,
            outbox: &mut self.outbox,
            counters: &mut self.counters,
        };
        for speaker in self.speakers.values_mut() {
            if now.saturating_since(speaker.heard_at) >= SOUND_STOPPED {
                speaker.break_off(now, &mut desk);
            }
        }
        self.speakers
            .retain(|_, speaker| !speaker.is_idle() || now.saturating_since(speaker.heard_at) < SPEAKER_GONE);
    }

    /// A session is over: nothing more of it is decoded or said.
    pub fn forget_session(&mut self, session: SessionId) {
        self.speakers.retain(|key, _| key.session != session);
        self.speeches.remove(&session);
    }

    /// How the group of a session speaks: what its jobs say from now on.
    pub fn listen(&mut self, session: SessionId, speech: GroupSpeech) {
        if self.speeches.len() < SPEECHES_MAX || self.speeches.contains_key(&session) {
            self.speeches.insert(session, Arc::new(speech));
        }
    }

    /// The most urgent job, if any: finals by when they ended, partials by when they fell due, the longest
    /// wait first, so that no speaker starves another.
    pub fn next_job(&mut self, now: Timestamp) -> Option<Job> {
        loop {
            let (key, due) = self.most_urgent(now)?;
            let waited = now.saturating_since(due.since);
            self.lateness = (self.lateness * 3 + waited) / 4;
            let id = JobId(self.jobs + 1);
            let mut desk = Desk {
                policy: &self.policy,
                outbox: &mut self.outbox,
                counters: &mut self.counters,
            };
            let job = self.speakers.get_mut(&key).and_then(|speaker| {
                let speech = self.speeches.get(&key.session).unwrap_or(&self.usual);
                speaker.start_job(id, speech, &mut desk)
            });
            if let Some(job) = job {
                self.jobs += 1;
                self.counters.jobs += 1;
                return Some(job);
            }
        }
    }

    fn most_urgent(&mut self, now: Timestamp) -> Option<(SpeakerKey, Due)> {
        let step = self.step();
        let mut finals_only = false;
        let mut best: Option<(SpeakerKey, Due)> = None;
        for (key, speaker) in &mut self.speakers {
            let Some(due) = speaker.due(now, step, &self.policy) else {
                continue;
            };
            if due.kind == DueKind::Final && now.saturating_since(due.since) > PARTIALS_BACKLOG_MAX {
                finals_only = true;
            }
            if finals_only && due.kind == DueKind::Partial {
                continue;
            }
            let is_better = best.is_none_or(|(_, best)| {
                due.deadline < best.deadline || finals_only && best.kind == DueKind::Partial
            });
            if is_better {
                best = Some((*key, due));
            }
        }
        best
    }

    /// Sound between two partials at present: longer the later they come.
    fn step(&self) -> Duration {
        (self.policy.step + self.lateness * 2).min(self.policy.step_max)
    }

    /// A job came back. One whose speaker is gone is dropped.
    pub fn finish_job(&mut self, id: JobId, result: Result<Hypothesis, TranscribeError>) {
        let mut desk = Desk {
            policy: &self.policy,
            outbox: &mut self.outbox,
            counters: &mut self.counters,
        };
        if let Some(speaker) = self
            .speakers
            .values_mut()
            .find(|speaker| speaker.job() == Some(id))
        {
            speaker.finish_job(result, &mut desk);
        }
    }

    /// The next revision of a caption.
    pub fn poll_event(&mut self) -> Option<CaptionEvent> {
        self.outbox.events.pop_front()
    }

    /// How long the oldest sound that is due to be decoded has waited.
    pub fn backlog(&self, now: Timestamp) -> Duration {
        let waiting = self.speakers.values().filter_map(Speaker::waiting_since);
        waiting
            .map(|since| now.saturating_since(since))
            .max()
            .unwrap_or_default()
    }

    /// How long ago the oldest voice was heard that is due to be decoded, or is being decoded: so late are captions.
    pub fn delay(&self, now: Timestamp) -> Duration {
        let undecoded = self.speakers.values().filter_map(Speaker::undecoded_from);
        undecoded
            .map(|from| now.saturating_since(from))
            .max()
            .unwrap_or_default()
    }

    /// Speakers that are followed at present.
    pub fn speakers(&self) -> usize {
        self.speakers.len()
    }

    /// What happened since the start.
    pub fn counters(&self) -> Counters {
        self.counters
    }
}
