//! Sounds without a word in them, of which captions must not make any: made, not recorded.

use std::f32::consts::TAU;

use hearken_captions_core::SAMPLE_RATE;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// What sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noise {
    /// Nothing at all.
    Silence,
    /// All frequencies alike.
    White,
    /// A fan: mostly low, swelling slowly.
    Fan,
    /// Mains hum with its harmonics.
    Hum,
    /// A tone that lasts.
    Tone,
    /// A tone every half second.
    Beeps,
    /// The two tones of a telephone.
    DialTone,
    /// Single notes that fade.
    Melody,
    /// Three notes at a time.
    Chords,
    /// Keys struck at a typist's pace.
    Keyboard,
    /// Air in, air out.
    Breathing,
    /// Short voiced bursts, five a second, falling.
    Laughter,
}

impl Noise {
    /// Each of them.
    pub const ALL: [Self; 12] = [
        Self::Silence,
        Self::White,
        Self::Fan,
        Self::Hum,
        Self::Tone,
        Self::Beeps,
        Self::DialTone,
        Self::Melody,
        Self::Chords,
        Self::Keyboard,
        Self::Breathing,
        Self::Laughter,
    ];

    /// So many seconds of it.
    pub fn samples(self, seconds: f32, seed: u64) -> Vec<i16> {
        let mut random = SmallRng::seed_from_u64(seed);
        let mut low = 0.0f32;
        let count = (seconds * SAMPLE_RATE as f32) as usize;
        let sample = |index| {
            let time = index as f32 / SAMPLE_RATE as f32;
            let white: f32 = random.random_range(-1.0..1.0);
            low = low * 0.97 + white * 0.03;
            let level = match self {
                Self::Silence => 0.0,
                Self::White => white * 0.2,
                Self::Fan => low * (1.2 + 0.3 * (time * 0.7).sin()) + white * 0.01,
                Self::Hum => {
                    (1..6)
                        .map(|n| sine(50.0 * n as f32, time) / n as f32)
                        .sum::<f32>()
                        * 0.15
                }
                Self::Tone => sine(440.0, time) * 0.25,
                Self::Beeps => sine(880.0, time) * if time % 1.0 < 0.5 { 0.25 } else { 0.0 },
                Self::DialTone => (sine(350.0, time) + sine(440.0, time)) * 0.15,
                Self::Melody => note(time, 0.4, 1),
                Self::Chords => (note(time, 0.8, 1) + note(time, 0.8, 3) + note(time, 0.8, 5)) * 0.5,
                Self::Keyboard => white * (-(time % 0.21) * 180.0).exp() * 0.5,
                Self::Breathing => (white - low) * (time * TAU / 3.5).sin().max(0.0).powi(2) * 0.05,
                Self::Laughter => laughter(time) + white * 0.003,
            };
            (level.clamp(-1.0, 1.0) * 32_000.0) as i16
        };
        (0..count).map(sample).collect()
    }
}

fn sine(frequency: f32, time: f32) -> f32 {
    (TAU * frequency * time).sin()
}

/// A note that fades, another every `length` seconds.
fn note(time: f32, length: f32, stride: usize) -> f32 {
    const NOTES: [f32; 7] = [261.6, 329.6, 392.0, 523.3, 440.0, 349.2, 293.7];
    let frequency = NOTES[(time / length) as usize * stride % NOTES.len()];
    let voice: f32 = [1.0, 0.5, 0.3]
        .iter()
        .zip(1..)
        .map(|(part, n)| part * sine(frequency * n as f32, time))
        .sum();
    voice * (-(time % length) * 3.0).exp() * 0.2
}

/// "Ha ha ha": bursts of a vowel-like sound, each lower than the one before, with pauses for breath.
fn laughter(time: f32) -> f32 {
    let (breath, burst) = (time % 2.4, time % 0.2);
    if breath > 1.6 || burst > 0.11 {
        return 0.0;
    }
    let pitch = 280.0 - breath * 60.0;
    let vowel: f32 = (1..12)
        .map(|n| {
            let frequency = pitch * n as f32;
            let formants = [(800.0, 1.0), (1_250.0, 0.6), (2_600.0, 0.2)];
            let loud: f32 = formants
                .iter()
                .map(|(centre, share): &(f32, f32)| share / (1.0 + ((frequency - centre) / 150.0).powi(2)))
                .sum();
            loud * sine(frequency, time)
        })
        .sum();
    vowel * (burst / 0.11 * std::f32::consts::PI).sin() * 0.25
}
