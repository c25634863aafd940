//! Ever more people who read aloud at once, without an end: what becomes of their captions, and what the metrics say
//! of the machine's room meanwhile. In virtual time, or in real time through the captioning process itself.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use hearken_captions_core::{Policy, SAMPLE_RATE};
use hearken_captions_worker::{Clock, Headroom, Room, Supervisor, SupervisorConfig};
use hearken_protocol::{CaptionEvent, CaptionNews, CaptionsState, ParticipantId, SpeechPacket, Timestamp};
use prometheus::Registry;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::captions::decoder::Decoder;
use crate::captions::rehearsal::{Rehearsal, START, packets};
use crate::captions::scorecard::{Score, Scorecard};
use crate::captions::timeline::Timeline;
use crate::speech::Recording;

/// Silence between two recordings: somebody who takes a breath, not a turn.
const BREATH: usize = SAMPLE_RATE * 4 / 5;
/// When nothing more was shown for so long, all is.
const AFTERWARDS: Duration = Duration::from_secs(4);
/// The metrics look back on so much: what they say sooner after one more began is of fewer people.
const LOOKED_BACK_ON: Duration = Duration::from_secs(30);
/// What is said so soon after one more began does not count for the delays.
const SETTLING: Duration = Duration::from_secs(15);
/// More than loading a model takes.
const STARTED_WITHIN: Duration = Duration::from_secs(60);

/// People who read, and what they read when.
pub struct Crowd<'a> {
    packets: Vec<SpeechPacket>,
    turns: Vec<Turn<'a>>,
    levels: Vec<Level>,
}

/// A time in which always as many people speak.
#[derive(Debug, Clone, Copy)]
struct Level {
    speakers: usize,
    from: Duration,
    until: Duration,
}

struct Turn<'a> {
    speaker: u64,
    /// First sample of the recording.
    from: usize,
    recording: &'a Recording,
}

/// What the metrics said in one second.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Since the first packet.
    pub at: Duration,
    /// Load and headroom.
    pub room: Room,
    /// How long the oldest sound waited.
    pub backlog: Duration,
}

/// What became of the captions while so many people spoke.
pub struct Outcome {
    /// How many.
    pub speakers: usize,
    /// Errors and delays.
    pub card: Scorecard,
    /// Second by second, once the metrics looked back on no other number of people.
    pub readings: Vec<Reading>,
    /// Revisions with other than final text, for each second of each speaker.
    pub partials_per_second: f64,
}

impl<'a> Crowd<'a> {
    /// As many people as the first number says, then as the next does, each number of them for so long: who has begun
    /// goes on. Each reads from another recording on.
    ///
    /// # Errors
    /// When there is no encoder.
    pub fn new(numbers: &[usize], each: Duration, recordings: &'a [Recording]) -> Result<Self> {
        let begins = (0u32..).map(|place| each * place);
        let levels: Vec<Level> = numbers
            .iter()
            .zip(begins)
            .map(|(speakers, from)| Level {
                speakers: *speakers,
                from,
                until: from + each,
            })
            .collect();
        let most = numbers.iter().copied().max().unwrap_or(0);
        let end = levels.last().map_or(0, |level| samples(level.until));
        let (mut all, mut turns) = (Vec::new(), Vec::new());
        for speaker in 0..most {
            let Some(level) = levels.iter().find(|level| level.speakers > speaker) else {
                continue;
            };
            // Not all take a breath at the same time.
            let mut sound = vec![0; samples(level.from) + BREATH * (1 + speaker % 5) / 3];
            let first = speaker * recordings.len() / most;
            for recording in recordings.iter().cycle().skip(first) {
                if sound.len() + recording.samples.len() > end {
                    break;
                }
                turns.push(Turn {
                    speaker: speaker as u64,
                    from: sound.len(),
                    recording,
                });
                sound.extend(&recording.samples);
                sound.extend([0; BREATH]);
            }
            let sent = packets(speaker as u64, &sound, 0.0)?;
            let began = START + level.from;
            all.extend(sent.into_iter().filter(|packet| packet.received_at > began));
        }
        all.sort_by_key(|packet| packet.received_at);
        Ok(Self {
            packets: all,
            turns,
            levels,
        })
    }

    /// Lets them read in virtual time.
    pub fn rehearse(&self, decoder: &mut Decoder, policy: Policy, threads: usize) -> Vec<Outcome> {
        let mut rehearsal = Rehearsal::new(decoder, policy, threads);
        let (mut headroom, mut readings) = (Headroom::default(), Vec::new());
        let mut next = START;
        for packet in &self.packets {
            while packet.received_at >= next {
                let report = rehearsal.report();
                readings.push(Reading {
                    at: next.saturating_since(START),
                    room: headroom.update(&report),
                    backlog: Duration::from_millis(report.backlog_milliseconds),
                });
                next = next + Duration::from_secs(1);
            }
            rehearsal.feed(packet.clone());
        }
        let events = rehearsal.finish().events;
        self.outcomes(&events, &readings)
    }

    /// Lets them read in real time, through a captioning process that this program is started as again, with the
    /// argument `captions`.
    ///
    /// # Errors
    /// When captions do not start.
    pub async fn perform(&self, model: &std::path::Path, threads: usize) -> Result<Vec<Outcome>> {
        let (speech, heard) = mpsc::channel(4_096);
        let registry = Registry::new();
        let clock = Clock::starting_at(START);
        let config = SupervisorConfig {
            threads: Some(threads),
            clock,
            ..SupervisorConfig::new(model.to_path_buf())
        };
        let (supervisor, mut news) = Supervisor::start(config, &registry, heard)?;
        let is_on = async {
            while let Some(new) = news.recv().await {
                if matches!(new, CaptionNews::State(CaptionsState::On)) {
                    return true;
                }
            }
            false
        };
        if !timeout(STARTED_WITHIN, is_on).await.unwrap_or(false) {
            bail!("captions do not start");
        }
        // Packets are stamped by the supervisor's clock; the scores count from START.
        let began = clock.now();
        let lead = began.saturating_since(START);
        let (mut readings, mut events) = (Vec::new(), Vec::new());
        let mut next = began;
        for packet in &self.packets {
            let mut packet = packet.clone();
            packet.received_at = packet.received_at + lead;
            loop {
                let now = clock.now();
                if now >= next {
                    readings.push(reading(&registry, now.saturating_since(began))?);
                    next = next + Duration::from_secs(1);
                }
                while let Ok(new) = news.try_recv() {
                    events.extend(event(new, clock.now(), lead));
                }
                let early = packet.received_at.saturating_since(now);
                if early.is_zero() {
                    break;
                }
                sleep(early.min(Duration::from_millis(5))).await;
            }
            speech.send(packet).await.context("the supervisor ended")?;
        }
        while let Ok(Some(new)) = timeout(AFTERWARDS, news.recv()).await {
            events.extend(event(new, clock.now(), lead));
        }
        supervisor.shutdown().await;
        Ok(self.outcomes(&events, &readings))
    }

    fn outcomes(&self, events: &[(Timestamp, CaptionEvent)], readings: &[Reading]) -> Vec<Outcome> {
        let levels = self.levels.iter();
        levels
            .map(|level| self.outcome(level, events, readings))
            .collect()
    }

    fn outcome(&self, level: &Level, events: &[(Timestamp, CaptionEvent)], readings: &[Reading]) -> Outcome {
        let mut card = Scorecard::default();
        let counted = level.from + SETTLING..level.until;
        for turn in self
            .turns
            .iter()
            .filter(|turn| counted.contains(&time(turn.from)))
        {
            let begins = START + time(turn.from - BREATH / 2);
            let ends = START + time(turn.from + turn.recording.samples.len() + BREATH / 2);
            let is_theirs = |entry: &&(Timestamp, CaptionEvent)| {
                let event = &entry.1;
                event.participant == ParticipantId(turn.speaker) && (begins..ends).contains(&event.started_at)
            };
            let theirs: Vec<_> = events.iter().filter(is_theirs).cloned().collect();
            let said = turn.recording.transcript.as_deref().unwrap_or_default();
            let seen = Timeline::new(theirs.iter());
            card.scores
                .push(Score::new(&turn.recording.name, said, &seen, time(turn.from)));
        }
        let is_partial = |entry: &&(Timestamp, CaptionEvent)| {
            counted.contains(&entry.0.saturating_since(START)) && !entry.1.tentative.is_empty()
        };
        let seconds = (level.until - level.from - SETTLING).as_secs_f64();
        let looked = level.from + LOOKED_BACK_ON..level.until;
        let readings = readings.iter().filter(|reading| looked.contains(&reading.at));
        Outcome {
            speakers: level.speakers,
            card,
            readings: readings.copied().collect(),
            partials_per_second: events.iter().filter(is_partial).count() as f64
                / seconds
                / level.speakers as f64,
        }
    }
}

impl Outcome {
    /// The headroom: least, median, most.
    pub fn headroom(&self) -> [f64; 3] {
        self.spread(|reading| reading.room.speakers)
    }

    /// The load, likewise.
    pub fn load(&self) -> [f64; 3] {
        self.spread(|reading| reading.room.load)
    }

    /// The back-log in seconds, likewise.
    pub fn backlog(&self) -> [f64; 3] {
        self.spread(|reading| reading.backlog.as_secs_f64())
    }

    fn spread(&self, of: impl Fn(&Reading) -> f64) -> [f64; 3] {
        let counted = self
            .readings
            .iter()
            .filter(|reading| reading.at >= LOOKED_BACK_ON);
        let mut values: Vec<f64> = counted.map(of).collect();
        values.sort_by(f64::total_cmp);
        let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
        [at(0), at(values.len() / 2), at(values.len().saturating_sub(1))]
    }
}

/// What the exported metrics say.
fn reading(registry: &Registry, at: Duration) -> Result<Reading> {
    let families = registry.gather();
    let gauge = |name: &str| {
        let family = families.iter().find(|family| family.name() == name);
        let metric = family.and_then(|family| family.get_metric().first());
        metric
            .map(|metric| metric.get_gauge().get_value())
            .with_context(|| name.to_owned())
    };
    Ok(Reading {
        at,
        room: Room {
            load: gauge("hearken_captions_load_ratio")?,
            speakers: gauge("hearken_captions_headroom_speakers")?,
        },
        backlog: Duration::from_secs_f64(gauge("hearken_captions_backlog_seconds")?),
    })
}

/// An event as if the first packet had come at START.
fn event(new: CaptionNews, now: Timestamp, lead: Duration) -> Option<(Timestamp, CaptionEvent)> {
    match new {
        CaptionNews::Event { mut event, .. } => {
            event.started_at = event.started_at - lead;
            event.ended_at = event.ended_at - lead;
            Some((now - lead, event))
        }
        CaptionNews::State(_) | CaptionNews::Model(_) => None,
    }
}

fn samples(time: Duration) -> usize {
    (time.as_secs_f64() * SAMPLE_RATE as f64) as usize
}

fn time(samples: usize) -> Duration {
    Duration::from_secs_f64(samples as f64 / SAMPLE_RATE as f64)
}
