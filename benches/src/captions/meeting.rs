//! A long meeting in virtual time: people take turns, now and then two speak at once, and every microphone is on
//! all the while. Whether memory or the back-log grows is what it is for.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Result;
use hearken_captions_core::{Policy, SAMPLE_RATE};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::captions::decoder::Decoder;
use crate::captions::memory::{allocated_bytes, resident_bytes};
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
    /// Of that, what is in use; the rest is what the allocator keeps.
    pub allocated: u64,
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
        // Only what is read, never a copy of it: the meeting's own memory must not grow.
        let mut said: Vec<VecDeque<&[i16]>> = vec![VecDeque::new(); people];
        let mut rehearsal = Rehearsal::new(decoder, policy, threads);
        let mut random = SmallRng::seed_from_u64(1);
        let (mut meeting, mut turn, mut next_turn) = (Self::default(), 0, 0usize);
        for minute in 0..minutes {
            let mut speech = 0usize;
            for packet in minute * 60 * 50..(minute + 1) * 60 * 50 {
                if packet >= next_turn {
                    let sound = recordings[turn % recordings.len()];
                    said[turn % people].push_back(sound);
                    let pause = random.random_range(-OVERLAP_MAX..PAUSE_MAX);
                    let length = sound.len() as f32 / SAMPLE_RATE as f32 + pause;
                    next_turn = packet + (length.max(0.5) * 50.0) as usize;
                    turn += 1;
                }
                for (microphone, said) in microphones.iter_mut().zip(&mut said) {
                    let mut samples = [0; PACKET_SAMPLES];
                    speech += read(said, &mut samples);
                    rehearsal.feed(microphone.send(&samples)?);
                }
            }
            let played = rehearsal.take_played();
            meeting.minutes.push(Minute {
                resident: resident_bytes()?,
                allocated: allocated_bytes(),
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

/// Fills a packet from what is to be read, as far as that goes, and gives how many samples.
fn read(said: &mut VecDeque<&[i16]>, packet: &mut [i16]) -> usize {
    let mut filled = 0;
    while filled < packet.len()
        && let Some(next) = said.front_mut()
    {
        let (now, later) = next.split_at(next.len().min(packet.len() - filled));
        packet[filled..filled + now.len()].copy_from_slice(now);
        filled += now.len();
        *next = later;
        if later.is_empty() {
            said.pop_front();
        }
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_are_read_one_after_the_other_and_then_there_is_silence() {
        let mut said = VecDeque::from([&[1, 2, 3][..], &[4][..]]);
        let mut packet = [0; 2];
        let mut heard = Vec::new();
        while read(&mut said, &mut packet) > 0 {
            heard.push(packet);
            packet = [0; 2];
        }
        assert_eq!(heard, [[1, 2], [3, 4]]);
        assert_eq!(packet, [0, 0]);
    }
}
