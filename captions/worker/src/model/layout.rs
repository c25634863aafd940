//! What a Whisper model consists of: its sizes, and from them every tensor with its name, dimensions and storage in a
//! ggml file, beside the CTranslate2 variable it comes from. One table, for converting and for checking.

use super::checkpoint::Part;
use super::precision::Precision;

/// 30 seconds of sound in steps of 20 ms: the same for every Whisper model.
pub(super) const AUDIO_CONTEXT: u32 = 1_500;
/// Tokens of text: the same for every Whisper model.
pub(super) const TEXT_CONTEXT: u32 = 448;

/// The sizes that tell Whisper models apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Tokens, marks included.
    pub vocabulary: u32,
    /// Width of the encoder and the decoder.
    pub state: u32,
    pub audio_heads: u32,
    pub audio_layers: u32,
    pub text_heads: u32,
    pub text_layers: u32,
    /// Bands of the mel spectrogram.
    pub mels: u32,
}

impl Sizes {
    /// The first size that no Whisper model has, with its value.
    pub fn implausible(&self) -> Option<(&'static str, u32)> {
        let heads_fit = |heads: u32| (1..=32).contains(&heads) && self.state.is_multiple_of(heads);
        let rules = [
            // 51864 is English only, 51865 multilingual, 51866 has Cantonese.
            (
                "vocabulary",
                self.vocabulary,
                (51_864..=51_866).contains(&self.vocabulary),
            ),
            // Quantised blocks have 32 numbers and never cross rows.
            (
                "width",
                self.state,
                (32..=2_048).contains(&self.state) && self.state.is_multiple_of(32),
            ),
            (
                "number of encoder heads",
                self.audio_heads,
                heads_fit(self.audio_heads),
            ),
            (
                "number of decoder heads",
                self.text_heads,
                heads_fit(self.text_heads),
            ),
            (
                "number of encoder layers",
                self.audio_layers,
                (1..=48).contains(&self.audio_layers),
            ),
            (
                "number of decoder layers",
                self.text_layers,
                (1..=48).contains(&self.text_layers),
            ),
            (
                "number of mel bands",
                self.mels,
                self.mels == 80 || self.mels == 128,
            ),
        ];
        rules
            .into_iter()
            .find(|&(_, _, plausible)| !plausible)
            .map(|(name, value, _)| (name, value))
    }
}

/// How the numbers of a tensor are stored in a ggml file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Storage {
    /// Single precision, whatever the file's precision.
    Single,
    /// Half precision, whatever the file's precision: whisper.cpp's convolution takes nothing else.
    Half,
    /// The file's precision.
    Weights,
}

impl Storage {
    /// The precision of such a tensor in a file of `weights`.
    pub fn precision(self, weights: Precision) -> Precision {
        match self {
            Self::Single => Precision::F32,
            Self::Half => Precision::F16,
            Self::Weights => weights,
        }
    }
}

/// One tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tensor {
    /// In a ggml file.
    pub name: String,
    /// Innermost first, as ggml has them.
    pub dimensions: Vec<u32>,
    pub storage: Storage,
    /// The variable of a CTranslate2 file.
    pub variable: String,
    /// Which of its rows.
    pub part: Part,
}

impl Tensor {
    pub fn elements(&self) -> u64 {
        self.dimensions
            .iter()
            .map(|&dimension| u64::from(dimension))
            .product()
    }

    /// The dimensions of the whole variable: outermost first, and a bias of a convolution has one only.
    pub fn variable_dimensions(&self) -> Vec<u32> {
        let mut dimensions: Vec<u32> = self.dimensions.iter().rev().copied().collect();
        if dimensions.len() == 2 && dimensions[1] == 1 {
            dimensions.pop();
        }
        dimensions[0] *= self.part.of as u32;
        dimensions
    }
}

/// Every tensor of a model, in the order of the file.
pub(super) fn tensors(sizes: &Sizes) -> Vec<Tensor> {
    let mut table = Table {
        state: sizes.state,
        tensors: Vec::new(),
    };
    table.encoder(sizes);
    table.decoder(sizes);
    table.tensors
}

/// The slices of biases that CTranslate2 keeps and Whisper does not have, as (variable, all its elements, slice):
/// keys have no bias, so these must be zero.
pub(super) fn key_biases(sizes: &Sizes) -> Vec<(String, u32, Part)> {
    let own = |side: &str, layer| {
        (
            format!("{side}/layer_{layer}/self_attention/linear_0/bias"),
            3 * sizes.state,
            Part { index: 1, of: 3 },
        )
    };
    let cross = |layer| {
        (
            format!("decoder/layer_{layer}/attention/linear_1/bias"),
            2 * sizes.state,
            Part { index: 0, of: 2 },
        )
    };
    (0..sizes.audio_layers)
        .map(|layer| own("encoder", layer))
        .chain((0..sizes.text_layers).flat_map(|layer| [own("decoder", layer), cross(layer)]))
        .collect()
}

struct Table {
    state: u32,
    tensors: Vec<Tensor>,
}

impl Table {
    fn encoder(&mut self, sizes: &Sizes) {
        self.positions("encoder", AUDIO_CONTEXT);
        for (convolution, inputs) in [("conv1", sizes.mels), ("conv2", sizes.state)] {
            let (to, from) = (format!("encoder.{convolution}"), format!("encoder/{convolution}"));
            self.push(
                format!("{to}.weight"),
                &[3, inputs, self.state],
                Storage::Half,
                format!("{from}/weight"),
                Part::WHOLE,
            );
            self.push(
                format!("{to}.bias"),
                &[1, self.state],
                Storage::Single,
                format!("{from}/bias"),
                Part::WHOLE,
            );
        }
        for layer in 0..sizes.audio_layers {
            let (to, from) = (
                format!("encoder.blocks.{layer}"),
                format!("encoder/layer_{layer}"),
            );
            self.self_attention(&to, &from);
            self.feed_forward(&to, &from);
        }
        self.norm("encoder.ln_post", "encoder/layer_norm");
    }

    fn decoder(&mut self, sizes: &Sizes) {
        self.positions("decoder", TEXT_CONTEXT);
        let embeddings = [self.state, sizes.vocabulary];
        let (to, from) = ("decoder.token_embedding.weight", "decoder/embeddings/weight");
        self.push(
            to.to_owned(),
            &embeddings,
            Storage::Weights,
            from.to_owned(),
            Part::WHOLE,
        );
        for layer in 0..sizes.text_layers {
            let (to, from) = (
                format!("decoder.blocks.{layer}"),
                format!("decoder/layer_{layer}"),
            );
            self.self_attention(&to, &from);
            self.cross_attention(&to, &from);
            self.feed_forward(&to, &from);
        }
        self.norm("decoder.ln", "decoder/layer_norm");
    }

    fn positions(&mut self, side: &str, context: u32) {
        let (to, from) = (
            format!("{side}.positional_embedding"),
            format!("{side}/position_encodings/encodings"),
        );
        self.push(to, &[self.state, context], Storage::Single, from, Part::WHOLE);
    }

    fn self_attention(&mut self, to: &str, from: &str) {
        let rows = |index| Part { index, of: 3 };
        let all = format!("{from}/self_attention/linear_0");
        self.norm(
            &format!("{to}.attn_ln"),
            &format!("{from}/self_attention/layer_norm"),
        );
        self.linear(&format!("{to}.attn.query"), &all, self.square(), rows(0));
        self.weights(&format!("{to}.attn.key"), &all, self.square(), rows(1));
        self.linear(&format!("{to}.attn.value"), &all, self.square(), rows(2));
        let out = format!("{from}/self_attention/linear_1");
        self.linear(&format!("{to}.attn.out"), &out, self.square(), Part::WHOLE);
    }

    fn cross_attention(&mut self, to: &str, from: &str) {
        let rows = |index| Part { index, of: 2 };
        let keys_and_values = format!("{from}/attention/linear_1");
        self.norm(
            &format!("{to}.cross_attn_ln"),
            &format!("{from}/attention/layer_norm"),
        );
        let query = format!("{from}/attention/linear_0");
        self.linear(
            &format!("{to}.cross_attn.query"),
            &query,
            self.square(),
            Part::WHOLE,
        );
        self.weights(
            &format!("{to}.cross_attn.key"),
            &keys_and_values,
            self.square(),
            rows(0),
        );
        self.linear(
            &format!("{to}.cross_attn.value"),
            &keys_and_values,
            self.square(),
            rows(1),
        );
        let out = format!("{from}/attention/linear_2");
        self.linear(&format!("{to}.cross_attn.out"), &out, self.square(), Part::WHOLE);
    }

    fn feed_forward(&mut self, to: &str, from: &str) {
        let (narrow, wide) = (self.state, 4 * self.state);
        self.norm(&format!("{to}.mlp_ln"), &format!("{from}/ffn/layer_norm"));
        self.linear(
            &format!("{to}.mlp.0"),
            &format!("{from}/ffn/linear_0"),
            [narrow, wide],
            Part::WHOLE,
        );
        self.linear(
            &format!("{to}.mlp.2"),
            &format!("{from}/ffn/linear_1"),
            [wide, narrow],
            Part::WHOLE,
        );
    }

    fn square(&self) -> [u32; 2] {
        [self.state, self.state]
    }

    fn norm(&mut self, to: &str, from: &str) {
        for (name, variable) in [("weight", "gamma"), ("bias", "beta")] {
            let (to, from) = (format!("{to}.{name}"), format!("{from}/{variable}"));
            self.push(to, &[self.state], Storage::Single, from, Part::WHOLE);
        }
    }

    /// Weights and a bias; `sizes` are inputs, then outputs.
    fn linear(&mut self, to: &str, from: &str, sizes: [u32; 2], part: Part) {
        self.weights(to, from, sizes, part);
        self.push(
            format!("{to}.bias"),
            &sizes[1..],
            Storage::Single,
            format!("{from}/bias"),
            part,
        );
    }

    fn weights(&mut self, to: &str, from: &str, sizes: [u32; 2], part: Part) {
        self.push(
            format!("{to}.weight"),
            &sizes,
            Storage::Weights,
            format!("{from}/weight"),
            part,
        );
    }

    fn push(&mut self, name: String, dimensions: &[u32], storage: Storage, variable: String, part: Part) {
        self.tensors.push(Tensor {
            name,
            dimensions: dimensions.to_vec(),
            storage,
            variable,
            part,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TINY: Sizes = Sizes {
        vocabulary: 51_864,
        state: 384,
        audio_heads: 6,
        audio_layers: 4,
        text_heads: 6,
        text_layers: 4,
        mels: 80,
    };

    #[test]
    fn tiny_and_base_have_as_many_tensors_as_published() {
        assert_eq!(tensors(&TINY).len(), 167);
        assert_eq!(
            tensors(&Sizes {
                state: 512,
                audio_layers: 6,
                text_layers: 6,
                ..TINY
            })
            .len(),
            245
        );
    }

    #[test]
    fn tensors_know_the_shape_of_their_variable() {
        let all = tensors(&TINY);
        let shape = |name: &str| {
            all.iter()
                .find(|tensor| tensor.name == name)
                .unwrap()
                .variable_dimensions()
        };
        assert_eq!(shape("encoder.conv1.bias"), [384]);
        assert_eq!(shape("encoder.conv1.weight"), [384, 80, 3]);
        assert_eq!(shape("decoder.blocks.3.attn.value.weight"), [3 * 384, 384]);
        assert_eq!(shape("decoder.blocks.3.attn.value.bias"), [3 * 384]);
        assert_eq!(shape("decoder.token_embedding.weight"), [51_864, 384]);
    }

    #[test]
    fn sizes_that_no_model_has_are_found() {
        assert_eq!(TINY.implausible(), None);
        assert_eq!(Sizes { state: 385, ..TINY }.implausible(), Some(("width", 385)));
        assert_eq!(
            Sizes {
                vocabulary: 1,
                ..TINY
            }
            .implausible(),
            Some(("vocabulary", 1))
        );
        assert_eq!(
            Sizes {
                text_heads: 0,
                ..TINY
            }
            .implausible(),
            Some(("number of decoder heads", 0))
        );
        assert_eq!(
            Sizes {
                audio_heads: 7,
                ..TINY
            }
            .implausible(),
            Some(("number of encoder heads", 7))
        );
        assert_eq!(
            Sizes {
                text_layers: u32::MAX,
                ..TINY
            }
            .implausible()
            .map(|(_, value)| value),
            Some(u32::MAX)
        );
    }
}
