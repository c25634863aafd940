//! Recorded speech: Debian's `pocketsphinx-testdata`, or what lies in the folder that `HEARKEN_SPEECH_DIR` names.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// Where Debian's `pocketsphinx-testdata` puts its recordings.
const DEBIAN_FOLDER: &str = "/usr/share/pocketsphinx/test/data/librivox";
const DEBIAN_STEM: &str = "sense_and_sensibility_01_austen_64kb-";

/// What is said in them, after the book; Debian's own list has a word too many in the fourth.
const DEBIAN_TRANSCRIPTS: [(&str, &str); 5] = [
    (
        "0870",
        "and mister john dashwood had then leisure to consider how much there might be prudently in his power to \
         do for them",
    ),
    ("0880", "he was not an ill disposed young man"),
    (
        "0890",
        "unless to be rather cold hearted and rather selfish is to be ill disposed",
    ),
    (
        "0920",
        "had he married a more amiable woman he might have been made still more respectable than he was",
    ),
    ("0930", "he might even have been made amiable himself"),
];

/// Sample rates that an Opus encoder takes, in Hz.
const RATES: [u32; 5] = [8_000, 12_000, 16_000, 24_000, 48_000];

/// Somebody says something.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The file's name without its ending.
    pub name: String,
    /// What is said, if it is known.
    pub transcript: Option<String>,
    /// Samples per second, one of those that Opus takes.
    pub rate: u32,
    /// One channel.
    pub samples: Vec<i16>,
}

/// All recordings there are, in the order of their names; none if there is neither a folder nor Debian's package.
///
/// In a folder, `NAME.txt` beside `NAME.wav` or `NAME.flac` says what is said in it.
///
/// # Errors
///
/// A folder that cannot be read, or a file that is not 16-bit PCM with one channel at a rate that Opus takes.
pub fn recordings() -> Result<Vec<Recording>> {
    let Some(folder) = std::env::var_os("HEARKEN_SPEECH_DIR").map(PathBuf::from) else {
        return debian_recordings();
    };
    let entries = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "wav" || extension == "flac")
        {
            paths.push(path);
        }
    }
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let transcript = std::fs::read_to_string(path.with_extension("txt")).ok();
            read(path, transcript)
        })
        .collect()
}

fn debian_recordings() -> Result<Vec<Recording>> {
    let folder = Path::new(DEBIAN_FOLDER);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    DEBIAN_TRANSCRIPTS
        .iter()
        .map(|(number, transcript)| {
            let path = folder.join(format!("{DEBIAN_STEM}{number}.wav"));
            read(&path, Some((*transcript).to_owned()))
        })
        .collect()
}

fn read(path: &Path, transcript: Option<String>) -> Result<Recording> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let is_flac = bytes.starts_with(b"fLaC");
    let (rate, samples) = if is_flac {
        parse_flac(&bytes)
    } else {
        parse_wav(&bytes)
    }
    .with_context(|| path.display().to_string())?;
    let name = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok(Recording {
        name,
        transcript,
        rate,
        samples,
    })
}

/// Rate and samples of a RIFF WAVE file of 16-bit PCM with one channel.
fn parse_wav(bytes: &[u8]) -> Result<(u32, Vec<i16>)> {
    ensure!(
        bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WAVE".as_slice()),
        "not a WAV file"
    );
    let mut rest = &bytes[12..];
    let mut rate = None;
    while let Some((header, after)) = rest.split_first_chunk::<8>() {
        let (kind, len) = header.split_at(4);
        let len = usize::try_from(u32::from_le_bytes([len[0], len[1], len[2], len[3]]))?;
        let body = after.get(..len).unwrap_or(after);
        match (kind, rate) {
            (b"fmt ", _) => rate = Some(parse_format(body)?),
            (b"data", Some(rate)) => {
                let pairs = body.chunks_exact(2);
                return Ok((
                    rate,
                    pairs.map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect(),
                ));
            }
            _ => {}
        }
        // Chunks begin at even places.
        rest = after.get(len + len % 2..).unwrap_or_default();
    }
    bail!("a WAV file without sound")
}

/// Rate and samples of a FLAC file of 16 bits with one channel.
fn parse_flac(bytes: &[u8]) -> Result<(u32, Vec<i16>)> {
    let mut reader = claxon::FlacReader::new(bytes)?;
    let info = reader.streaminfo();
    ensure!(
        (info.channels, info.bits_per_sample) == (1, 16),
        "not 16-bit with one channel"
    );
    ensure!(
        RATES.contains(&info.sample_rate),
        "{} Hz is none of {RATES:?}",
        info.sample_rate
    );
    let mut samples = Vec::new();
    for sample in reader.samples() {
        samples.push(i16::try_from(sample?)?);
    }
    Ok((info.sample_rate, samples))
}

fn parse_format(body: &[u8]) -> Result<u32> {
    let fields = body.first_chunk::<16>().context("a short format")?;
    let short = |at: usize| u16::from_le_bytes([fields[at], fields[at + 1]]);
    let rate = u32::from_le_bytes([fields[4], fields[5], fields[6], fields[7]]);
    ensure!(
        (short(0), short(2), short(14)) == (1, 1, 16),
        "not 16-bit PCM with one channel"
    );
    ensure!(RATES.contains(&rate), "{rate} Hz is none of {RATES:?}");
    Ok(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(channels: u16, rate: u32, samples: &[i16]) -> Vec<u8> {
        let mut bytes = b"RIFF....WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0".to_vec();
        bytes.extend(channels.to_le_bytes());
        bytes.extend(rate.to_le_bytes());
        bytes.extend([0, 0, 0, 0, 2, 0, 16, 0]);
        bytes.extend(b"data");
        bytes.extend((samples.len() as u32 * 2).to_le_bytes());
        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        bytes
    }

    #[test]
    fn samples_and_rate_are_read_past_other_chunks() {
        let (rate, samples) = parse_wav(&wav(1, 16_000, &[1, -2, 300])).unwrap();
        assert_eq!((rate, samples), (16_000, vec![1, -2, 300]));
    }

    #[test]
    fn other_formats_are_refused() {
        assert!(parse_wav(&wav(2, 16_000, &[1])).is_err());
        assert!(parse_wav(&wav(1, 44_100, &[1])).is_err());
        assert!(parse_wav(b"RIFF").is_err());
    }
}
