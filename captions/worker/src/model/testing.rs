//! Small files in CTranslate2's format, for tests.

/// Builds a file, variable by variable.
pub(super) struct CheckpointFile {
    specification: &'static str,
    variables: Vec<(String, Vec<u8>)>,
    aliases: Vec<u8>,
    aliases_count: u32,
}

impl Default for CheckpointFile {
    fn default() -> Self {
        Self::of_specification("WhisperSpec")
    }
}

impl CheckpointFile {
    pub fn of_specification(specification: &'static str) -> Self {
        Self {
            specification,
            variables: Vec::new(),
            aliases: Vec::new(),
            aliases_count: 0,
        }
    }

    pub fn raw(mut self, name: &str, dimensions: &[u32], kind: u8, bytes: &[u8]) -> Self {
        let mut variable = Vec::new();
        put_name(&mut variable, name);
        variable.push(dimensions.len() as u8);
        for dimension in dimensions {
            variable.extend(dimension.to_le_bytes());
        }
        variable.push(kind);
        variable.extend((bytes.len() as u32).to_le_bytes());
        variable.extend(bytes);
        self.variables.push((name.to_owned(), variable));
        self
    }

    pub fn halves(self, name: &str, dimensions: &[u32], numbers: &[u16]) -> Self {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.raw(name, dimensions, 4, &bytes)
    }

    pub fn small_number(self, name: &str, number: i16) -> Self {
        self.raw(name, &[], 2, &number.to_le_bytes())
    }

    pub fn alias(mut self, alias: &str, target: &str) -> Self {
        put_name(&mut self.aliases, alias);
        put_name(&mut self.aliases, target);
        self.aliases_count += 1;
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.variables.retain(|(variable, _)| variable != name);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = 6u32.to_le_bytes().to_vec();
        put_name(&mut bytes, self.specification);
        bytes.extend(3u32.to_le_bytes());
        bytes.extend((self.variables.len() as u32).to_le_bytes());
        bytes.extend(self.variables.iter().flat_map(|(_, variable)| variable));
        bytes.extend(self.aliases_count.to_le_bytes());
        bytes.extend(&self.aliases);
        bytes
    }

    /// A half for every element: zero for biases, so that keys have none, else a small pattern.
    fn pattern(self, name: &str, dimensions: &[u32]) -> Self {
        let elements = dimensions.iter().product::<u32>();
        let number = |index: u32| {
            if name.ends_with("bias") {
                0
            } else {
                0x3000 + (index % 0x400) as u16
            }
        };
        let numbers: Vec<u16> = (0..elements).map(number).collect();
        self.halves(name, dimensions, &numbers)
    }
}

/// A Whisper model of one layer a side, 32 wide: whole in form, without sense.
pub(super) fn whisper_checkpoint() -> CheckpointFile {
    let mut file = CheckpointFile::default()
        .small_number("encoder/num_heads", 2)
        .small_number("decoder/num_heads", 2)
        .pattern("encoder/position_encodings/encodings", &[1_500, 32])
        .pattern("decoder/position_encodings/encodings", &[448, 32])
        .pattern("encoder/conv1/weight", &[32, 80, 3])
        .pattern("encoder/conv1/bias", &[32])
        .pattern("encoder/conv2/weight", &[32, 32, 3])
        .pattern("encoder/conv2/bias", &[32])
        .pattern("decoder/embeddings/weight", &[51_864, 32])
        .alias("decoder/projection/weight", "decoder/embeddings/weight");
    let norm = |file: CheckpointFile, name: &str| {
        file.pattern(&format!("{name}/gamma"), &[32])
            .pattern(&format!("{name}/beta"), &[32])
    };
    let linear = |file: CheckpointFile, name: &str, [outputs, inputs]: [u32; 2]| {
        file.pattern(&format!("{name}/weight"), &[outputs, inputs])
            .pattern(&format!("{name}/bias"), &[outputs])
    };
    for side in ["encoder", "decoder"] {
        file = norm(file, &format!("{side}/layer_norm"));
        let layer = format!("{side}/layer_0");
        file = norm(file, &format!("{layer}/self_attention/layer_norm"));
        file = linear(file, &format!("{layer}/self_attention/linear_0"), [96, 32]);
        file = linear(file, &format!("{layer}/self_attention/linear_1"), [32, 32]);
        if side == "decoder" {
            file = norm(file, &format!("{layer}/attention/layer_norm"));
            file = linear(file, &format!("{layer}/attention/linear_0"), [32, 32]);
            file = linear(file, &format!("{layer}/attention/linear_1"), [64, 32]);
            file = linear(file, &format!("{layer}/attention/linear_2"), [32, 32]);
        }
        file = norm(file, &format!("{layer}/ffn/layer_norm"));
        file = linear(file, &format!("{layer}/ffn/linear_0"), [128, 32]);
        file = linear(file, &format!("{layer}/ffn/linear_1"), [32, 128]);
    }
    file
}

/// A few tokens in text form.
pub(super) fn whisper_vocabulary() -> Vec<u8> {
    "!\nĠthe\nĊ\n<|endoftext|>\n<|startoftranscript|>\n"
        .as_bytes()
        .to_vec()
}

fn put_name(bytes: &mut Vec<u8>, name: &str) {
    bytes.extend((name.len() as u16 + 1).to_le_bytes());
    bytes.extend(name.as_bytes());
    bytes.push(0);
}
