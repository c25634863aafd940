//! From packets to caption events, without threads and without a clock: what the child process, the tests and
//! the measurements all drive.

use std::collections::HashMap;
use std::time::Duration;

use hearken_captions_core::{
    Captioner, Counters, Frame, Hypothesis, Job, JobId, Policy, SPEAKERS_MAX, SpeakerKey, TranscribeError,
};
use hearken_protocol::{CaptionEvent, GroupSpeech, SessionId, SpeechPacket, Timestamp};

use crate::intake::{Heard, Intake, IntakeCounters};
use crate::voice::VoiceDetector;

/// Without packets for so long, a speaker's decoder is given up.
const SPEAKER_GONE: Duration = Duration::from_secs(30);

/// All speakers of this process.
pub struct Pipeline {
    captioner: Captioner,
    listeners: HashMap<SpeakerKey, Listener>,
    intake: IntakeCounters,
    refused: u64,
    heard: Vec<Heard>,
}

struct Listener {
    intake: Intake,
    voice: VoiceDetector,
    heard_at: Timestamp,
}

impl Pipeline {
    /// `epoch` becomes part of every caption's id: larger for each new pipeline.
    pub fn new(epoch: u64, policy: Policy) -> Self {
        Self {
            captioner: Captioner::new(epoch, policy),
            listeners: HashMap::new(),
            intake: IntakeCounters::default(),
            refused: 0,
            heard: Vec::new(),
        }
    }

    /// Takes a packet of anybody.
    pub fn packet(&mut self, now: Timestamp, packet: SpeechPacket) {
        let key = SpeakerKey {
            session: packet.session,
            participant: packet.participant,
        };
        if !self.listeners.contains_key(&key) {
            let intake = if self.listeners.len() < SPEAKERS_MAX {
                Intake::new().ok()
            } else {
                None
            };
            let Some(intake) = intake else {
                self.refused += 1;
                return;
            };
            self.listeners.insert(
                key,
                Listener {
                    intake,
                    voice: VoiceDetector::default(),
                    heard_at: now,
                },
            );
        }
        let Some(listener) = self.listeners.get_mut(&key) else {
            return;
        };
        listener.heard_at = now;
        listener.intake.packet(packet, &mut self.heard, &mut self.intake);
        listener.listen(now, key, &mut self.heard, &mut self.captioner);
    }

    /// To be called every twentieth of a second or so.
    pub fn tick(&mut self, now: Timestamp) {
        for (key, listener) in &mut self.listeners {
            listener.intake.tick(now, &mut self.heard, &mut self.intake);
            listener.listen(now, *key, &mut self.heard, &mut self.captioner);
        }
        self.listeners
            .retain(|_, listener| now.saturating_since(listener.heard_at) < SPEAKER_GONE);
        self.captioner.tick(now);
    }

    /// A session is over.
    pub fn forget_session(&mut self, session: SessionId) {
        self.listeners.retain(|key, _| key.session != session);
        self.captioner.forget_session(session);
    }

    /// How the group of a session speaks.
    pub fn listen(&mut self, session: SessionId, speech: GroupSpeech) {
        self.captioner.listen(session, speech);
    }

    /// The most urgent job, if any.
    pub fn next_job(&mut self, now: Timestamp) -> Option<Job> {
        self.captioner.next_job(now)
    }

    /// A job came back.
    pub fn finish_job(&mut self, id: JobId, result: Result<Hypothesis, TranscribeError>) {
        self.captioner.finish_job(id, result);
    }

    /// The next revision of a caption.
    pub fn poll_event(&mut self) -> Option<CaptionEvent> {
        self.captioner.poll_event()
    }

    /// How long the oldest sound that is due to be decoded has waited.
    pub fn backlog(&self, now: Timestamp) -> Duration {
        self.captioner.backlog(now)
    }

    /// How late captions are: see [`Captioner::delay`].
    pub fn delay(&self, now: Timestamp) -> Duration {
        self.captioner.delay(now)
    }

    /// What happened to packets, and how many came from speakers beyond `SPEAKERS_MAX`.
    pub fn intake_counters(&self) -> (IntakeCounters, u64) {
        (self.intake, self.refused)
    }

    /// What happened to speech.
    pub fn counters(&self) -> Counters {
        self.captioner.counters()
    }
}

impl Listener {
    fn listen(&mut self, now: Timestamp, key: SpeakerKey, heard: &mut Vec<Heard>, captioner: &mut Captioner) {
        for heard in heard.drain(..) {
            match heard {
                Heard::Frame { at, samples } => {
                    let voice = self.voice.hear(&samples);
                    captioner.hear(
                        now,
                        key,
                        Frame {
                            at,
                            voice,
                            samples: samples.as_slice(),
                        },
                    );
                }
                Heard::Break { lost } => {
                    self.voice.reset();
                    captioner.break_off(now, key, lost);
                }
            }
        }
    }
}
