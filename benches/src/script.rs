//! What the speaker of a benchmark sends: recordings with silence between them, as 20 ms of Opus at a time, each
//! with its level.

use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::Recording;
use crate::synthetic::{AUDIO_INTERVAL, LOUD};

/// As a browser encodes a voice, in bit/s.
const BITRATE: i32 = 32_000;
const PACKET_BYTES_MAX: usize = 1_500;
/// Digital silence (RFC 6464 §3).
const SILENT: u8 = 127;
/// So many loud packets in a row are a voice; fewer are a click.
const RUN_PACKETS: usize = 3;

/// 20 ms of sound.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Opus.
    pub payload: Vec<u8>,
    /// How loud, in −dBov: 0 is the loudest, 127 silence.
    pub level: u8,
}

/// One recording in a script.
#[derive(Debug, Clone)]
pub struct Utterance {
    /// Which of the recordings.
    pub recording: usize,
    /// From the first loud frame to the last.
    pub loud: RangeInclusive<usize>,
}

/// Frames to be sent one after the other, and where in them somebody speaks.
#[derive(Debug)]
pub struct Script {
    /// All frames.
    pub frames: Vec<Frame>,
    /// In the order in which they are spoken.
    pub utterances: Vec<Utterance>,
}

impl Script {
    /// Every recording once per round, `pause` of silence before and after each, until `limit` is reached.
    ///
    /// # Errors
    ///
    /// Recordings of different rates, one without a voice in it, or none at all.
    pub fn new(recordings: &[Recording], rounds: usize, pause: Duration, limit: Duration) -> Result<Self> {
        let rate = recordings.first().map_or(48_000, |recording| recording.rate);
        let mut encoder = opus::Encoder::new(rate, opus::Channels::Mono, opus::Application::Voip)?;
        encoder.set_bitrate(opus::Bitrate::Bits(BITRATE))?;
        encoder.set_inband_fec(true)?;
        encoder.set_dtx(false)?;
        let frame_samples = usize::try_from(rate / 50)?;
        let frames_in = |time: Duration| (time.as_nanos() / AUDIO_INTERVAL.as_nanos()) as usize;
        let silence = vec![0; frame_samples * frames_in(pause)];
        let mut script = Self {
            frames: Vec::new(),
            utterances: Vec::new(),
        };
        script.say(&mut encoder, &silence, frame_samples)?;
        let order = (0..rounds).flat_map(|_| recordings.iter().enumerate());
        for (index, recording) in order {
            ensure!(recording.rate == rate, "recordings of different rates");
            let length = recording.samples.len() / frame_samples + frames_in(pause);
            if !script.utterances.is_empty() && script.frames.len() + length > frames_in(limit) {
                break;
            }
            let start = script.frames.len();
            script.say(&mut encoder, &recording.samples, frame_samples)?;
            let levels: Vec<u8> = script.frames[start..].iter().map(|frame| frame.level).collect();
            let loud = loud_range(&levels);
            ensure!(loud.is_some(), "{} is silent", recording.name);
            script.utterances.extend(loud.map(|range| Utterance {
                recording: index,
                loud: start + range.start()..=start + range.end(),
            }));
            script.say(&mut encoder, &silence, frame_samples)?;
        }
        ensure!(!script.utterances.is_empty(), "no recordings");
        Ok(script)
    }

    /// How long somebody speaks, all in all, pauses within a recording counted.
    pub fn speech(&self) -> Duration {
        let frames: usize = self.utterances.iter().map(|one| one.loud.clone().count()).sum();
        AUDIO_INTERVAL * u32::try_from(frames).unwrap_or(u32::MAX)
    }

    fn say(&mut self, encoder: &mut opus::Encoder, sound: &[i16], frame_samples: usize) -> Result<()> {
        for samples in sound.chunks_exact(frame_samples) {
            self.frames.push(Frame {
                payload: encoder.encode_vec(samples, PACKET_BYTES_MAX)?,
                level: level(samples),
            });
        }
        Ok(())
    }
}

/// The root mean square against the loudest sample there is, in −dBov (RFC 6464 §3).
fn level(samples: &[i16]) -> u8 {
    let sum: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    let mean_square = sum / samples.len().max(1) as f64;
    if mean_square == 0.0 {
        return SILENT;
    }
    let below = 10.0 * (32_768.0_f64.powi(2) / mean_square).log10();
    below.round().clamp(0.0, f64::from(SILENT)) as u8
}

/// From the first run of loud packets to the end of the last one.
fn loud_range(levels: &[u8]) -> Option<RangeInclusive<usize>> {
    let is_run = |run: &[u8]| run.iter().all(|level| *level <= LOUD);
    let first = levels.windows(RUN_PACKETS).position(is_run)?;
    let last = levels.windows(RUN_PACKETS).rposition(is_run)? + RUN_PACKETS - 1;
    Some(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_rfc_6464() {
        assert_eq!(level(&[0; 320]), 127);
        assert_eq!(level(&[i16::MIN; 320]), 0);
        // A tenth of full scale is 20 dB below it.
        assert_eq!(level(&[3277; 320]), 20);
    }

    #[test]
    fn a_click_does_not_begin_an_utterance() {
        let levels = [127, 10, 127, 30, 30, 30, 90, 30, 30, 30, 30, 127, 20, 127];
        assert_eq!(loud_range(&levels), Some(3..=10));
        assert_eq!(loud_range(&[127; 20]), None);
    }

    #[test]
    fn a_script_has_silence_around_what_is_said() {
        let recording = Recording {
            name: "tone".to_owned(),
            transcript: None,
            rate: 16_000,
            samples: (0..16_000)
                .map(|n| if n / 40 % 2 == 0 { 9_000 } else { -9_000 })
                .collect(),
        };
        let pause = Duration::from_millis(200);
        let script = Script::new(&[recording], 5, pause, Duration::from_secs(3)).unwrap();
        // 10 frames of silence, then twice 50 of sound and 10 of silence: a third would be too long.
        let loud: Vec<_> = script.utterances.iter().map(|one| one.loud.clone()).collect();
        assert_eq!(loud, [10..=59, 70..=119]);
        assert_eq!(script.frames.len(), 130);
        assert_eq!(script.speech(), Duration::from_secs(2));
    }
}
