//! The numbers that weigh speed against correctness. Each says what moving it costs.

use std::time::Duration;

/// How eagerly to decode and where to cut. The defaults were measured on recorded speech (see
/// `benches/README.md`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// Sound between two partials while there is time for all. Shorter: words show sooner, more CPU time.
    pub step: Duration,
    /// Longest step under load. Beyond it partials are not worth showing.
    pub step_max: Duration,
    /// Sound from the first voice to the first partial. Under half a second the model guesses.
    pub first_step: Duration,
    /// A pause so long is decoded at once, without waiting for the step: it is probably the end.
    pub eager_pause: Duration,
    /// A pause so long ends a segment. Shorter: finals come sooner, sentences are torn.
    pub endpoint: Duration,
    /// From this length on, shorter and shorter pauses end a segment...
    pub soft_limit: Duration,
    /// ...down to any lull near this length, which no segment exceeds. Longer: more CPU time per partial.
    pub hard_limit: Duration,
    /// Sound kept from before the first voice: detectors come late, and whisper wants the first consonant.
    pub pre_roll: Duration,
    /// Less voice than that is a cough or a knock.
    pub voice_min: Duration,
    /// Characters from which a caption ends with its sentence.
    pub caption_sentence_characters: usize,
    /// Characters from which a caption ends with a clause.
    pub caption_clause_characters: usize,
    /// Characters at which a caption ends at any word: two lines.
    pub caption_characters_max: usize,
    /// Hypotheses in a row that have to agree on a word before it settles. More: fewer wrong words, later.
    pub agreeing_hypotheses: u32,
    /// A word of which the model is less sure, 0 to 1, and those after it, wait for `patience`.
    pub settling_probability: f32,
    /// Sound that has to follow a word before it settles, where the model says when words end.
    pub margin: Duration,
    /// A word followed by so much sound settles as it stands in the latest hypothesis.
    pub patience: Duration,
    /// A word of which the model is so sure, 0 to 1, settles with one agreeing hypothesis less.
    pub sure_probability: f32,
    /// From this length on, the sound before settled words is dropped. Longer: more CPU time per partial.
    pub trim_from: Duration,
    /// Sound that is kept when the rest is dropped. Less: cheaper, and the model hears words out of context.
    pub trim_to: Duration,
    /// Sound that has to follow a word before it is shown: half a word sounds like another one. More: less is
    /// taken back, words show later.
    pub showing_margin: Duration,
    /// So much more for a word of which the model knows nothing, and in proportion...
    pub showing_margin_unsure: Duration,
    /// ...less the surer it is, up to this probability, 0 to 1.
    pub showing_probability: f32,
    /// So many hypotheses in a row may do without a shown word before the next one takes it away. More: calmer
    /// text, wrong words stand longer.
    pub doubts: u32,
    /// The last words of a hypothesis are never taken for agreed: half a word at the edge of the window
    /// looks like another word. More: fewer wrong words become stable, later.
    pub edge_words: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            step: Duration::from_millis(600),
            step_max: Duration::from_secs(4),
            first_step: Duration::from_millis(700),
            eager_pause: Duration::from_millis(200),
            endpoint: Duration::from_millis(500),
            soft_limit: Duration::from_secs(8),
            hard_limit: Duration::from_secs(12),
            pre_roll: Duration::from_millis(300),
            voice_min: Duration::from_millis(160),
            caption_sentence_characters: 40,
            caption_clause_characters: 80,
            caption_characters_max: 120,
            agreeing_hypotheses: 3,
            settling_probability: 0.5,
            margin: Duration::from_millis(300),
            patience: Duration::from_millis(2_400),
            sure_probability: 0.8,
            trim_from: Duration::from_secs(8),
            trim_to: Duration::from_secs(4),
            showing_margin: Duration::from_millis(100),
            showing_margin_unsure: Duration::from_millis(500),
            showing_probability: 0.98,
            doubts: 2,
            edge_words: 1,
        }
    }
}

impl Policy {
    /// The pause that ends a segment of this length: `endpoint` up to `soft_limit`, then falling in a
    /// straight line to a tenth of a second at `hard_limit`.
    pub(crate) fn pause_that_ends(&self, length: Duration) -> Duration {
        const LULL: Duration = Duration::from_millis(100);
        if length <= self.soft_limit || self.hard_limit <= self.soft_limit {
            return self.endpoint;
        }
        let over = (length - self.soft_limit).as_secs_f32();
        let share = (over / (self.hard_limit - self.soft_limit).as_secs_f32()).min(1.0);
        self.endpoint
            .saturating_sub(self.endpoint.saturating_sub(LULL).mul_f32(share))
            .max(LULL)
    }
}
