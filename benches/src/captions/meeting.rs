//! A long meeting in virtual time: people take turns, now and then two speak at once, and every microphone is on
//! all the while. Whether memory or the back-log grows is what it is for.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Result;
use hearken_captions_core::{Policy, SAMPLE_RATE};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::captions::decoder::Decoder;
use crate::captions::memory::resident_bytes;
use crate::captions::rehearsal::{Microphone, PACKET_SAMPLES, Rehearsal};
use crate::captions::trend::Trend;

/// Between one turn and the next it is quiet for at most that...
const PAUSE_MAX: f32 = 1.5;
/// ...or they overlap by at most so much, in seconds.
const OVERLAP_MAX: f32 = 1.0;
/// Buffers grow to their size in the first minutes: they do not count for the slopes.
const WARM_UP_MINUTES: usize = 3;

/// What was seen at the end of each minute.
#[derive(Debug, Clone, Copy)]
pub struct Minute {
    /// Resident memory in bytes.
    pub resident: u64,
    /// The longest that anything due waited in this minute.
    pub backlog: Duration,
    /// Decodings in this minute.
    pub jobs: usize,
    /// Processor time in this minute.
    pub cpu: Duration,
    /// Seconds that people spoke, overlaps counted twice.
    pub speech: f64,
}

/// A meeting's minutes.
#[derive(Debug, Default)]
pub struct Meeting {
    /// In their order.
    pub minutes: Vec<Minute>,
}

impl Meeting {
    /// Holds it: so many people, so many minutes, who read recordings in turn.
    ///
    /// # Errors
    /// When there is no encoder, or no `/proc`.
    pub fn hold(
        decoder: &mut Decoder,
        policy: Policy,
        threads: usize,
        people: usize,
        minutes: usize,
        recordings: &[&[i16]],
    ) -> Result<Self> {
        let mut microphones: Vec<Microphone> = (0..people)
            .map(|person| Microphone::new(person as u64))
            .collect::<Result<_>>()?;
        let mut said: Vec<VecDeque<i16>> = vec![VecDeque::new(); people];
        let mut rehearsal = Rehearsal::new(decoder, policy, threads);
        let mut random = SmallRng::seed_from_u64(1);
        let (mut meeting, mut turn, mut next_turn) = (Self::default(), 0, 0usize);
        for minute in 0..minutes {
            let mut speech = 0usize;
            for packet in minute * 60 * 50..(minute + 1) * 60 * 50 {
                if packet >= next_turn {
                    let sound = recordings[turn % recordings.len()];
                    said[turn % people].extend(sound);
                    let pause = random.random_range(-OVERLAP_MAX..PAUSE_MAX);
                    let length = sound.len() as f32 / SAMPLE_RATE as f32 + pause;
                    next_turn = packet + (length.max(0.5) * 50.0) as usize;
                    turn += 1;
                }
                for (microphone, said) in microphones.iter_mut().zip(&mut said) {
                    let spoken = said.len().min(PACKET_SAMPLES);
                    speech += spoken;
                    let mut samples = [0; PACKET_SAMPLES];
                    for (sample, said) in samples.iter_mut().zip(said.drain(..spoken)) {
                        *sample = said;
                    }
                    rehearsal.feed(microphone.send(&samples)?);
                }
            }
            let played = rehearsal.take_played();
            meeting.minutes.push(Minute {
                resident: resident_bytes()?,
                backlog: played.backlog,
                jobs: played.jobs,
                cpu: played.cpu,
                speech: speech as f64 / SAMPLE_RATE as f64,
            });
        }
        Ok(meeting)
    }

    /// How memory grows, in KB a minute.
    pub fn memory_trend(&self) -> Option<Trend> {
        self.trend(|minute| minute.resident as f64 / 1_000.0)
    }

    /// How the back-log grows, in milliseconds a minute.
    pub fn backlog_trend(&self) -> Option<Trend> {
        self.trend(|minute| minute.backlog.as_secs_f64() * 1_000.0)
    }

    fn trend(&self, of: impl Fn(&Minute) -> f64) -> Option<Trend> {
        let points = self.minutes.iter().enumerate().skip(WARM_UP_MINUTES);
        let points: Vec<(f64, f64)> = points.map(|(index, minute)| (index as f64, of(minute))).collect();
        Trend::of(&points)
    }
}
