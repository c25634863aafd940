//! Decodings with what they cost the processor. They may be remembered: another policy over the same sound asks
//! mostly for the same ones, and is scored within seconds.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hearken_captions_core::{Hypothesis, Job, TranscribeError, Transcriber, Word};
use hearken_captions_worker::{Context, WhisperModel, WhisperTranscriber};
use serde::{Deserialize, Serialize};

use crate::captions::rehearsal::thread_cpu_time;

/// A model, and what it said before.
pub struct Decoder {
    transcriber: WhisperTranscriber,
    context: Context,
    remembered: Option<Remembered>,
}

/// A file with a line for each decoding. Several programs may add to it at once.
struct Remembered {
    known: HashMap<u64, Line>,
    file: File,
    model: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    job: u64,
    micros: u64,
    average: f32,
    no_speech: f32,
    /// Text, probability, end in milliseconds.
    words: Vec<(String, f32, Option<u64>)>,
}

impl Decoder {
    /// Decodes everything anew.
    ///
    /// # Errors
    /// When there is no memory left.
    pub fn new(model: &WhisperModel, context: Context) -> Result<Self> {
        Ok(Self {
            transcriber: model.transcriber_with(context)?,
            context,
            remembered: None,
        })
    }

    /// The same, but what stands in the file is not decoded again, and costs what it cost then. `model` tells
    /// the models apart.
    ///
    /// # Errors
    /// When the file cannot be read or added to.
    pub fn remembering(mut self, path: &Path, model: &str) -> Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .open(path)
            .with_context(|| path.display().to_string())?;
        let mut known = HashMap::new();
        for line in BufReader::new(&file).lines() {
            // A line that another program is just writing is not whole.
            if let Ok(line) = serde_json::from_str::<Line>(&line?) {
                known.insert(line.job, line);
            }
        }
        self.remembered = Some(Remembered {
            known,
            file,
            model: model.to_owned(),
        });
        Ok(self)
    }

    /// What the model makes of the sound, and the processor time that it took this thread: what else runs on
    /// the machine takes turns with it, and is not counted.
    pub fn decode(&mut self, job: &Job) -> (Result<Hypothesis, TranscribeError>, Duration) {
        let key = self
            .remembered
            .as_ref()
            .map(|memory| memory.key(job, self.context));
        if let Some(line) = key.and_then(|key| self.remembered.as_ref()?.known.get(&key)) {
            return (Ok(line.hypothesis()), Duration::from_micros(line.micros));
        }
        let before = thread_cpu_time();
        let result = self.transcriber.transcribe(job);
        let cost = thread_cpu_time() - before;
        if let (Some(key), Some(memory), Ok(hypothesis)) = (key, &mut self.remembered, &result) {
            memory.add(Line::new(key, cost, hypothesis));
        }
        (result, cost)
    }
}

impl Remembered {
    fn key(&self, job: &Job, context: Context) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.model, context == Context::Full).hash(&mut hasher);
        for sample in &job.sound {
            sample.to_bits().hash(&mut hasher);
        }
        hasher.finish()
    }

    fn add(&mut self, line: Line) {
        if let Ok(mut text) = serde_json::to_string(&line) {
            text.push('\n');
            // In one piece, for those who add to it at the same time. Forgotten is decoded again.
            let _ = self.file.write_all(text.as_bytes());
        }
        self.known.insert(line.job, line);
    }
}

impl Line {
    fn new(job: u64, cost: Duration, hypothesis: &Hypothesis) -> Self {
        let millis = |end: Duration| end.as_millis() as u64;
        let words = hypothesis.words.iter();
        Self {
            job,
            micros: cost.as_micros() as u64,
            average: hypothesis.average_log_probability,
            no_speech: hypothesis.no_speech_probability,
            words: words
                .map(|word| (word.text.clone(), word.probability, word.ends_at.map(millis)))
                .collect(),
        }
    }

    fn hypothesis(&self) -> Hypothesis {
        let word = |(text, probability, end): &(String, f32, Option<u64>)| Word {
            text: text.clone(),
            probability: *probability,
            ends_at: end.map(Duration::from_millis),
        };
        Hypothesis {
            words: self.words.iter().map(word).collect(),
            average_log_probability: self.average,
            no_speech_probability: self.no_speech,
            language: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_remembered_is_what_was_said() {
        let mut word = Word::certain("café");
        (word.probability, word.ends_at) = (0.123_456_7, Some(Duration::from_millis(1_230)));
        let said = Hypothesis {
            words: vec![word, Word::certain("so")],
            average_log_probability: -0.345_678_9,
            no_speech_probability: 0.01,
            language: None,
        };
        let line = Line::new(7, Duration::from_micros(1_234), &said);
        let read: Line = serde_json::from_str(&serde_json::to_string(&line).unwrap()).unwrap();
        assert!(read.hypothesis() == said);
        assert_eq!((read.job, read.micros), (7, 1_234));
    }
}
