//! More speech than there is time to decode, with the real model and the real pool of threads in virtual time: first
//! the steps grow, then partials are left out, then finals come late; but they come, with all that was said.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use hearken_captions_core::{Job, JobId, Policy, SpeakerKey};
use hearken_captions_worker::{Done, Pipeline, Pool};
use hearken_protocol::{CaptionEvent, CaptionStatus, ParticipantId, SpeechPacket, Timestamp};
use support::{START, model, packets, recording, share_right, silence, transcript};

const THREADS: usize = 2;
const RECORDINGS: [&str; 3] = ["0870", "0920", "0930"];
/// Of them each speaker reads so many.
const READ: usize = 2;
/// What a second of sound takes a thread in virtual time, as a share of it: the same on every machine. With this, two
/// threads have enough to do for six speakers...
const SLOW: f64 = 0.15;
/// ...and with this far too much.
const FAR_TOO_SLOW: f64 = 0.7;

/// Which sound was decoded when.
struct Started {
    at: Timestamp,
    speaker: SpeakerKey,
    utterance: u64,
    backlog: Duration,
}

/// A worker's inside, but for the clock.
struct Machine {
    cost: f64,
    pipeline: Pipeline,
    pool: Pool,
    done: Receiver<Done>,
    /// Jobs in the pool, and when they count as done.
    running: BTreeMap<JobId, Timestamp>,
    /// Results that came sooner than that.
    results: BTreeMap<JobId, Done>,
    now: Timestamp,
    started: Vec<Started>,
    events: Vec<(Timestamp, CaptionEvent)>,
}

impl Machine {
    fn new(cost: f64) -> Self {
        let (report, done) = channel();
        let transcribers = (0..THREADS).map(|_| model().transcriber().unwrap()).collect();
        Self {
            cost,
            pipeline: Pipeline::new(1, Policy::default()),
            pool: Pool::start(transcribers, move |done| drop(report.send(done))),
            done,
            running: BTreeMap::new(),
            results: BTreeMap::new(),
            now: START,
            started: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Plays what so many people say at once, and goes on until all of it is decoded.
    fn hear(mut self, speakers: u64) -> Self {
        let mut sent: Vec<SpeechPacket> = (0..speakers).flat_map(talk).collect();
        sent.sort_by_key(|packet| packet.received_at);
        for packet in sent {
            self.run_until(packet.received_at);
            self.pipeline.packet(self.now, packet);
        }
        let end = self.now + Duration::from_secs(120);
        self.run_until(self.now + Duration::from_secs(2));
        while self.now < end && !(self.running.is_empty() && self.pipeline.backlog(self.now).is_zero()) {
            self.run_until(self.now + Duration::from_millis(100));
        }
        self
    }

    fn run_until(&mut self, until: Timestamp) {
        while self.now < until {
            self.now = (self.now + Duration::from_millis(5)).min(until);
            if self.now.0.is_multiple_of(50) {
                self.pipeline.tick(self.now);
            }
            self.take_results();
            while self.pool.has_free_thread()
                && let Some(job) = self.pipeline.next_job(self.now)
            {
                self.start(job);
            }
            while let Some(event) = self.pipeline.poll_event() {
                self.events.push((self.now, event));
            }
        }
    }

    fn start(&mut self, job: Job) {
        self.started.push(Started {
            at: self.now,
            speaker: job.speaker,
            utterance: job.utterance,
            backlog: self.pipeline.backlog(self.now),
        });
        self.running
            .insert(job.id, self.now + job.duration().mul_f64(self.cost));
        self.pool.start_job(job);
    }

    fn take_results(&mut self) {
        let is_due = |(_, until): &(&JobId, &Timestamp)| **until <= self.now;
        while let Some(id) = self.running.iter().find(is_due).map(|(id, _)| *id) {
            while !self.results.contains_key(&id) {
                let done = self.done.recv().unwrap();
                self.results.insert(done.job, done);
            }
            self.running.remove(&id);
            self.pool.finished();
            let done = self.results.remove(&id).unwrap();
            self.pipeline.finish_job(done.job, done.result);
        }
    }

    /// Whether the job was a partial: the same utterance was decoded again later.
    fn is_partial(&self, index: usize) -> bool {
        let of = |started: &Started| (started.speaker, started.utterance);
        self.started[index + 1..]
            .iter()
            .any(|later| of(later) == of(&self.started[index]))
    }

    /// The step in the middle of all between one decoding of an utterance and the next.
    fn step(&self) -> Duration {
        let mut latest = BTreeMap::new();
        let mut steps = Vec::new();
        for started in &self.started {
            if let Some(before) = latest.insert((started.speaker, started.utterance), started.at) {
                steps.push(started.at.saturating_since(before));
            }
        }
        steps.sort();
        steps[steps.len() / 2]
    }

    /// How late the latest final was.
    fn latest_final(&self) -> Duration {
        let finals = self
            .events
            .iter()
            .filter(|(_, event)| event.status == CaptionStatus::Final);
        finals
            .map(|(at, event)| at.saturating_since(event.ended_at))
            .max()
            .unwrap()
    }

    fn assert_all_words_came(&self, speakers: u64) {
        for speaker in 0..speakers {
            let finals = self.events.iter().filter(|(_, event)| {
                event.participant == ParticipantId(speaker) && event.status == CaptionStatus::Final
            });
            let heard: Vec<&str> = finals.map(|(_, event)| event.stable.as_str()).collect();
            let heard = heard.join(" ");
            let right = share_right(&script(speaker).map(transcript).join(" "), &heard);
            assert!(right >= 0.75, "speaker {speaker} {right:.2}: {heard}");
        }
        assert_eq!(self.pipeline.counters().finals_undecoded, 0);
    }
}

fn script(speaker: u64) -> [&'static str; READ] {
    std::array::from_fn(|turn| RECORDINGS[(speaker as usize + turn) % RECORDINGS.len()])
}

fn talk(speaker: u64) -> Vec<SpeechPacket> {
    let mut sound = silence(0.3 + speaker as f32 * 0.11);
    for number in script(speaker) {
        sound.extend(recording(number));
        sound.extend(silence(0.8));
    }
    packets(speaker, &sound)
}

#[test]
fn with_ever_more_to_do_the_steps_grow_then_partials_go_then_finals_are_late_and_none_is_lost() {
    let calm = Machine::new(SLOW).hear(1);
    calm.assert_all_words_came(1);
    assert!(calm.step() < Duration::from_millis(900), "{:?}", calm.step());

    // As much as the threads can do: partials come more seldom, so that finals come in time.
    let busy = Machine::new(SLOW).hear(6);
    busy.assert_all_words_came(6);
    assert!(
        busy.step() > calm.step().mul_f64(1.2),
        "{:?} {:?}",
        calm.step(),
        busy.step()
    );
    assert!(
        busy.latest_final() < Duration::from_secs(4),
        "{:?}",
        busy.latest_final()
    );

    // Far too much: when finals have waited for long there are no partials, and all that was said comes, late.
    let full = Machine::new(FAR_TOO_SLOW).hear(4);
    full.assert_all_words_came(4);
    assert!(
        full.latest_final() > Duration::from_secs(6),
        "{:?}",
        full.latest_final()
    );
    let is_late = |index: &usize| full.started[*index].backlog > Duration::from_secs(4);
    let late: Vec<usize> = (0..full.started.len()).filter(is_late).collect();
    let partials = late.iter().filter(|index| full.is_partial(**index)).count();
    assert!(late.len() >= 3, "{}", late.len());
    assert_eq!(partials, 0, "of {}", late.len());
}
