//! One stretch of speech between two pauses: its sound, and its words as they settle.

use std::time::Duration;

use hearken_protocol::{Language, Timestamp};

use crate::agreement::Agreement;
use crate::captions::{CaptionWriter, Span};
use crate::segmenter::{FRAME_SAMPLES, SAMPLE_RATE};
use crate::showing::Showing;

/// Whisper says nothing at all about less than a second of sound.
const JOB_SAMPLES_MIN: usize = SAMPLE_RATE + SAMPLE_RATE / 10;
/// So much sound after the last voice has to be decoded for a hypothesis to hold for the whole segment.
const TAIL_SAMPLES: usize = SAMPLE_RATE / 10;

/// What is kept of each frame besides its samples.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameNote {
    pub voiced: bool,
    /// Loudness in dB below full scale.
    pub level: f32,
    /// How often the wave changes sides.
    pub crossings: u16,
}

#[derive(Debug)]
pub(crate) struct Segment {
    /// Counts the segments of its speaker.
    pub number: u64,
    /// When the first sample was heard.
    at: Timestamp,
    /// Of the sound from `dropped` on; bounded by the policy's hard limit and the pre-roll.
    samples: Vec<i16>,
    /// Samples of the beginning that are no longer here. All places count from the real beginning.
    dropped: usize,
    /// One per frame after the pre-roll.
    notes: Vec<FrameNote>,
    voiced_frames: usize,
    pre_roll: usize,
    /// Where the latest job ended, and the latest finished one.
    pub asked_until: usize,
    decoded_until: usize,
    /// As `decoded_until`, but a cut leaves it: readers have seen words of it.
    seen_until: usize,
    /// When it ended, for the policy on what is late.
    pub closed_at: Option<Timestamp>,
    /// Since when a job for it is due and was not given.
    pub due_since: Option<Timestamp>,
    /// Sound just before it got lost.
    pub after_gap: bool,
    /// What the latest hypothesis with words was written in, if the model said so.
    pub language: Option<Language>,
    pub agreement: Agreement,
    pub showing: Showing,
    pub captions: CaptionWriter,
}

impl Segment {
    /// Begins with sound from before the first voice.
    pub fn new(number: u64, at: Timestamp, pre_roll: Vec<i16>) -> Self {
        Self {
            number,
            at,
            pre_roll: pre_roll.len(),
            samples: pre_roll,
            dropped: 0,
            notes: Vec::new(),
            voiced_frames: 0,
            asked_until: 0,
            decoded_until: 0,
            seen_until: 0,
            closed_at: None,
            due_since: None,
            after_gap: false,
            language: None,
            agreement: Agreement::default(),
            showing: Showing::default(),
            captions: CaptionWriter::default(),
        }
    }

    /// Appends a frame.
    pub fn push(&mut self, samples: &[i16], note: FrameNote) {
        self.samples.extend_from_slice(samples);
        self.notes.push(note);
        self.voiced_frames += usize::from(note.voiced);
    }

    /// Cuts off the last frames: they become the beginning of segment `number`.
    pub fn split_off(&mut self, frames_back: usize, number: u64) -> Self {
        let kept = self.notes.len().saturating_sub(frames_back);
        let notes = self.notes.split_off(kept);
        let cut = (self.pre_roll + kept * FRAME_SAMPLES).saturating_sub(self.dropped);
        let samples = self.samples.split_off(cut.min(self.samples.len()));
        let mut rest = Self::new(number, self.at_sample(self.len()), Vec::new());
        rest.voiced_frames = notes.iter().filter(|note| note.voiced).count();
        self.voiced_frames -= rest.voiced_frames;
        (rest.samples, rest.notes) = (samples, notes);
        rest.seen_until = self.seen_until.saturating_sub(self.len());
        // What was decoded beyond the cut says too much: it has to be decoded again.
        if self.decoded_until > self.len() {
            self.decoded_until = 0;
        }
        rest
    }

    /// The sound after the last voice, at most `length`: the pre-roll of what comes next.
    pub fn tail(&self, length: usize) -> &[i16] {
        let silence = (self.len() - self.voiced_until()).min(self.samples.len());
        &self.samples[self.samples.len() - length.min(silence / 2)..]
    }

    /// The sound so far from where it is still there, for a job.
    pub fn sound(&self) -> Vec<f32> {
        let mut sound: Vec<f32> = self
            .samples
            .iter()
            .map(|sample| f32::from(*sample) / 32_768.0)
            .collect();
        sound.resize(sound.len().max(JOB_SAMPLES_MIN), 0.0);
        sound
    }

    /// Samples so far.
    pub fn len(&self) -> usize {
        self.dropped + self.samples.len()
    }

    /// Where the sound begins that is still there, in samples.
    pub fn begins_at(&self) -> usize {
        self.dropped
    }

    /// Drops the sound before a place, or a lull nearby. Gives the samples dropped.
    pub fn drop_before(&mut self, place: usize) -> usize {
        let frame_of = |sample: usize| sample.saturating_sub(self.pre_roll) / FRAME_SAMPLES;
        let near = frame_of(place).saturating_sub(2)..(frame_of(place) + 8).min(self.notes.len());
        let lull = near.min_by(|one, other| self.notes[*one].level.total_cmp(&self.notes[*other].level));
        let cut = lull.map_or(place, |frame| self.pre_roll + frame * FRAME_SAMPLES);
        let dropped = cut.saturating_sub(self.dropped).min(self.samples.len());
        self.samples.drain(..dropped);
        self.dropped += dropped;
        dropped
    }

    /// Voice in it, pauses not counted.
    pub fn voice(&self) -> Duration {
        samples_to_duration(self.voiced_frames * FRAME_SAMPLES)
    }

    /// Standard deviation of the loudness of its voiced frames in dB: small for hums and tones.
    pub fn level_variation(&self) -> f32 {
        let levels: Vec<f32> = self
            .notes
            .iter()
            .filter(|note| note.voiced)
            .map(|note| note.level)
            .collect();
        let count = levels.len().max(1) as f32;
        let mean = levels.iter().sum::<f32>() / count;
        (levels.iter().map(|level| (level - mean).powi(2)).sum::<f32>() / count).sqrt()
    }

    /// Share of its voiced frames, 0 to 1, that are as loud and as high as the one before: most of a tone's
    /// or a melody's, a tenth of a voice's.
    pub fn steady_share(&self) -> f32 {
        let pairs = self
            .notes
            .windows(2)
            .filter(|pair| pair[0].voiced && pair[1].voiced);
        let (mut count, mut steady) = (0usize, 0usize);
        for pair in pairs {
            count += 1;
            let is_level = (pair[0].level - pair[1].level).abs() < 1.0;
            steady += usize::from(is_level && pair[0].crossings.abs_diff(pair[1].crossings) <= 1);
        }
        steady as f32 / count.max(1) as f32
    }

    /// Where the last voice ends, in samples.
    pub fn voiced_until(&self) -> usize {
        let frames = self
            .notes
            .iter()
            .rposition(|note| note.voiced)
            .map_or(0, |last| last + 1);
        (self.pre_roll + frames * FRAME_SAMPLES).min(self.len())
    }

    /// A hypothesis about the first `until` samples is in.
    pub fn decoded(&mut self, until: usize) {
        self.decoded_until = self.decoded_until.max(until);
        self.seen_until = self.seen_until.max(until);
    }

    /// Whether a job that ended at `until` says all there is to say.
    pub fn is_covered_by(&self, until: usize) -> bool {
        until >= (self.voiced_until() + TAIL_SAMPLES).min(self.len())
    }

    /// Whether the latest hypothesis says all there is to say.
    pub fn is_decoded(&self) -> bool {
        self.decoded_until > 0 && self.is_covered_by(self.decoded_until)
    }

    /// When the first voice was heard that no hypothesis is about yet.
    pub fn undecoded_from(&self) -> Option<Timestamp> {
        let frame_from = |index: usize| self.pre_roll + index * FRAME_SAMPLES;
        let first = (0..self.notes.len())
            .find(|index| self.notes[*index].voiced && frame_from(*index + 1) > self.seen_until)?;
        Some(self.at_sample(frame_from(first)))
    }

    /// When its first sample was heard: what the ends of its words count from.
    pub fn origin(&self) -> Timestamp {
        self.at
    }

    /// From the first voice to the last.
    pub fn span(&self) -> Span {
        Span {
            from: self.at_sample(self.pre_roll),
            until: self.at_sample(self.voiced_until()),
        }
    }

    fn at_sample(&self, sample: usize) -> Timestamp {
        self.at + samples_to_duration(sample)
    }
}

/// How long so many samples last.
pub(crate) fn samples_to_duration(samples: usize) -> Duration {
    Duration::from_micros(samples as u64 * 1_000_000 / SAMPLE_RATE as u64)
}

/// How many samples last so long.
pub(crate) fn duration_to_samples(duration: Duration) -> usize {
    usize::try_from(duration.as_millis()).unwrap_or(usize::MAX / SAMPLE_RATE) * (SAMPLE_RATE / 1000)
}
