//! How likely a frame holds a voice: the `earshot` detector, one per speaker.

use hearken_captions_core::FRAME_SAMPLES;

/// Follows one speaker's sound. About 10 KB.
#[derive(Default)]
pub struct VoiceDetector(Box<earshot::Detector>);

impl VoiceDetector {
    /// Probability of a voice in the next frame, 0 to 1.
    pub fn hear(&mut self, frame: &[i16; FRAME_SAMPLES]) -> f32 {
        self.0.predict_i16(frame).clamp(0.0, 1.0)
    }

    /// The sound jumped: what came before says nothing about what comes next.
    pub fn reset(&mut self) {
        self.0.reset();
    }
}
