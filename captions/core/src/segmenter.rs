//! Where speech begins and ends, from the voice probability of each frame.

use std::collections::VecDeque;
use std::time::Duration;

use hearken_protocol::Timestamp;

use crate::policy::Policy;

/// Samples per second of all sound here.
pub const SAMPLE_RATE: usize = 16_000;
/// Samples in a frame: what the voice detector takes at a time.
pub const FRAME_SAMPLES: usize = 256;
/// Length of a frame.
pub const FRAME: Duration = Duration::from_millis(16);

/// Probability from which a frame counts as voice while nobody speaks...
const VOICE_BEGINS: f32 = 0.5;
/// ...and while somebody does: word endings are quiet...
const VOICE_GOES_ON: f32 = 0.35;
/// ...but not for longer than so many frames, 256 ms, since the last that would begin a segment: after some voices
/// the detector stays just above that for seconds of silence.
const WEAK_FRAMES_MAX: usize = 16;
/// So many voiced frames of the last `BEGIN_WINDOW` begin a segment: one alone is a click.
const BEGIN_VOICED: u32 = 3;
const BEGIN_WINDOW: u32 = 5;
/// How far back from the hard limit a lull is looked for, in frames...
const LULL_WINDOW_FRAMES: usize = 156;
/// ...and in time. No word in there may settle: it may turn out to belong to the next segment.
pub(crate) const LULL_WINDOW: Duration = Duration::from_millis(2_500);
/// Frames over which loudness is averaged when looking for a lull: 80 ms.
const LULL_FRAMES: usize = 5;

/// Sixteen milliseconds of one speaker's sound.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// When its first sample was heard.
    pub at: Timestamp,
    /// How likely it holds a voice, 0 to 1.
    pub voice: f32,
    /// `FRAME_SAMPLES` of them; a shorter or longer slice is taken as it is.
    pub samples: &'a [i16],
}

impl Frame<'_> {
    /// Loudness in dB below full scale: 0 is the loudest, −96 silence.
    pub(crate) fn level(&self) -> f32 {
        let squares: f64 = self.samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        let mean = squares / self.samples.len().max(1) as f64 / 32_768f64.powi(2);
        (10.0 * mean.max(1e-10).log10()).max(-96.0) as f32
    }
}

impl Frame<'_> {
    /// How often the wave changes sides: about its pitch.
    pub(crate) fn crossings(&self) -> u16 {
        let sides = self
            .samples
            .windows(2)
            .filter(|pair| (pair[0] < 0) != (pair[1] < 0));
        u16::try_from(sides.count()).unwrap_or(u16::MAX)
    }
}

/// What a frame means for the segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nobody speaks.
    Quiet,
    /// A segment begins with this frame (and the pre-roll before it).
    Begin,
    /// The segment goes on, with voice or without.
    Speech { voiced: bool },
    /// The segment goes on to here and ends: a pause.
    End,
    /// The segment is too long: it ends so many frames ago, in a lull, and the next one begins there.
    Split { frames_back: usize },
}

/// Follows one speaker.
#[derive(Debug, Default)]
pub(crate) struct Segmenter {
    state: State,
}

#[derive(Debug)]
enum State {
    /// The voiced ones among the latest frames, one bit each.
    Quiet { recent: u32 },
    Speech {
        frames: usize,
        pause: usize,
        /// Frames since the last that would begin a segment.
        weak: usize,
        levels: VecDeque<f32>,
    },
}

impl Default for State {
    fn default() -> Self {
        Self::Quiet { recent: 0 }
    }
}

impl Segmenter {
    /// Takes the next frame.
    pub fn hear(&mut self, voice: f32, level: f32, policy: &Policy) -> Verdict {
        match &mut self.state {
            State::Quiet { recent } => {
                let window = (1 << BEGIN_WINDOW) - 1;
                *recent = (*recent << 1 | u32::from(voice >= VOICE_BEGINS)) & window;
                if recent.count_ones() < BEGIN_VOICED {
                    return Verdict::Quiet;
                }
                self.state = State::Speech {
                    frames: 1,
                    pause: 0,
                    weak: 0,
                    levels: VecDeque::from([level]),
                };
                Verdict::Begin
            }
            State::Speech {
                frames,
                pause,
                weak,
                levels,
            } => {
                *weak = if voice >= VOICE_BEGINS { 0 } else { *weak + 1 };
                let voiced = voice >= VOICE_GOES_ON && *weak <= WEAK_FRAMES_MAX;
                *frames += 1;
                *pause = if voiced { 0 } else { *pause + 1 };
                if levels.len() == LULL_WINDOW_FRAMES {
                    levels.pop_front();
                }
                levels.push_back(level);
                let length = FRAME * u32::try_from(*frames).unwrap_or(u32::MAX);
                if FRAME * u32::try_from(*pause).unwrap_or(u32::MAX) >= policy.pause_that_ends(length) {
                    self.state = State::default();
                    Verdict::End
                } else if length >= policy.hard_limit {
                    let frames_back = frames_since_lull(levels);
                    *frames = frames_back;
                    levels.clear();
                    Verdict::Split { frames_back }
                } else {
                    Verdict::Speech { voiced }
                }
            }
        }
    }

    /// How long the pause at the end of the open segment has lasted.
    pub fn pause(&self) -> Duration {
        match &self.state {
            State::Quiet { .. } => Duration::ZERO,
            State::Speech { pause, .. } => FRAME * u32::try_from(*pause).unwrap_or(u32::MAX),
        }
    }

    /// The beginning of the segment was dropped: so much shorter it is for the limits.
    pub fn shorten(&mut self, by: usize) {
        if let State::Speech { frames, .. } = &mut self.state {
            *frames = frames.saturating_sub(by);
        }
    }

    /// The sound stopped or jumped: whatever comes next begins anew.
    pub fn reset(&mut self) {
        self.state = State::default();
    }
}

/// How many frames ago it was quietest, averaged over a few frames.
fn frames_since_lull(levels: &VecDeque<f32>) -> usize {
    let levels: Vec<f32> = levels.iter().copied().collect();
    let quietest = levels
        .windows(LULL_FRAMES)
        .map(|window| window.iter().sum::<f32>())
        .enumerate()
        .min_by(|(_, one), (_, other)| one.total_cmp(other));
    quietest.map_or(0, |(start, _)| levels.len() - (start + LULL_FRAMES / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds frames of `(milliseconds, voice)` and says when something happened.
    fn verdicts(sound: &[(u64, f32)]) -> Vec<(u64, Verdict)> {
        let (policy, mut segmenter, mut at) = (Policy::default(), Segmenter::default(), 0);
        let mut seen = Vec::new();
        for (length, voice) in sound {
            for _ in 0..length / 16 {
                let level = if *voice > 0.5 { -20.0 } else { -60.0 };
                let verdict = segmenter.hear(*voice, level, &policy);
                if !matches!(verdict, Verdict::Quiet | Verdict::Speech { .. }) {
                    seen.push((at, verdict));
                }
                at += 16;
            }
        }
        seen
    }

    #[test]
    fn speech_begins_with_three_voiced_frames_and_ends_after_half_a_second_of_silence() {
        let seen = verdicts(&[(1600, 0.0), (1600, 0.9), (1600, 0.0)]);
        assert_eq!(seen, [(1632, Verdict::Begin), (3696, Verdict::End)]);
    }

    #[test]
    fn a_detector_that_stays_undecided_in_silence_ends_the_segment_all_the_same() {
        let seen = verdicts(&[(800, 0.0), (1600, 0.9), (4000, 0.37)]);
        assert_eq!(seen.len(), 2, "{seen:?}");
        assert_eq!(seen[1].1, Verdict::End);
        assert!((3_000..3_250).contains(&seen[1].0), "{seen:?}");
    }

    #[test]
    fn a_quiet_word_ending_is_voice() {
        let seen = verdicts(&[(1600, 0.9), (240, 0.37), (480, 0.0), (1600, 0.9)]);
        assert_eq!(seen.len(), 1, "{seen:?}");
    }

    #[test]
    fn a_click_begins_nothing() {
        assert_eq!(verdicts(&[(800, 0.0), (32, 0.9), (800, 0.0)]), []);
    }

    #[test]
    fn a_short_pause_ends_a_long_segment_but_not_a_short_one() {
        let short = verdicts(&[(3200, 0.9), (320, 0.0), (3200, 0.9)]);
        assert_eq!(short.len(), 1, "{short:?}");
        let long = verdicts(&[(10_400, 0.9), (320, 0.0), (3200, 0.9)]);
        assert_eq!(long[1].1, Verdict::End, "{long:?}");
    }

    #[test]
    fn speech_without_a_pause_is_split_in_a_lull() {
        let seen = verdicts(&[(11_008, 0.9), (96, 0.2), (3_008, 0.9)]);
        let Verdict::Split { frames_back } = seen[1].1 else {
            panic!("{seen:?}")
        };
        let split = seen[1].0 - frames_back as u64 * 16;
        assert!((11_008..11_104).contains(&split), "{split}");
        assert_eq!(seen.len(), 2, "the rest is a segment of its own: {seen:?}");
    }
}
