//! A model's vocabulary: from the text form of byte-level tokens to the bytes they stand for.
//!
//! GPT-2's tokens are byte strings. To write them as text, each byte got a printable character: printable Latin-1
//! stands for itself, and the other 68 bytes, in order, for the characters from U+0100 on.

use thiserror::Error;

/// The first token that is a mark and no text; the file format leaves it and all after it to the reader.
const FIRST_MARK: &str = "<|endoftext|>";

/// Why a vocabulary can't be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum VocabularyError {
    /// A vocabulary is UTF-8 text, one token a line.
    #[error("it is not UTF-8 text")]
    NotText,
    /// The marks at its end are missing, so that the file was cut or is something else.
    #[error("it has no `{FIRST_MARK}` line")]
    NoEnd,
    /// A character that stands for no byte.
    #[error("token {rank} has the character {character:?}, which stands for no byte")]
    NotByteLevel {
        /// The token's place, from 0.
        rank: usize,
        /// What it holds.
        character: char,
    },
}

/// The tokens that stand for text, in the order of their ranks.
///
/// # Errors
/// When the text is no byte-level vocabulary.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Vec<u8>>, VocabularyError> {
    let text = str::from_utf8(text).map_err(|_| VocabularyError::NotText)?;
    let mut tokens = Vec::new();
    for line in text.split('\n') {
        if line == FIRST_MARK {
            return Ok(tokens);
        }
        let rank = tokens.len();
        let token = line
            .chars()
            .map(|character| byte_of(character).ok_or(VocabularyError::NotByteLevel { rank, character }));
        tokens.push(token.collect::<Result<Vec<u8>, _>>()?);
    }
    Err(VocabularyError::NoEnd)
}

fn byte_of(character: char) -> Option<u8> {
    let code = u32::from(character);
    match code {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => u8::try_from(code).ok(),
        // Bytes 0–32, then 127–160, then 173.
        0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        0x121..=0x142 => u8::try_from(code - 0x121 + 127).ok(),
        0x143 => Some(173),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_have_one_character_each() {
        let mut bytes: Vec<u8> = (0..0x200)
            .filter_map(char::from_u32)
            .filter_map(byte_of)
            .collect();
        bytes.sort_unstable();
        assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
    }

    #[test]
    fn words_with_spaces_and_newlines_are_read() {
        let tokens = parse("Hello\nĠgazed\nĊ\nâĢĻ\n<|endoftext|>\n<|en|>\n".as_bytes());
        assert_eq!(
            tokens,
            Ok(vec![
                b"Hello".to_vec(),
                b" gazed".to_vec(),
                b"\n".to_vec(),
                "’".as_bytes().to_vec()
            ])
        );
    }

    #[test]
    fn a_vocabulary_that_was_cut_is_refused() {
        assert_eq!(parse(b"a\nb\n"), Err(VocabularyError::NoEnd));
        assert_eq!(parse(b""), Err(VocabularyError::NoEnd));
    }

    #[test]
    fn other_text_is_refused() {
        assert_eq!(parse(b"\xff\xfe"), Err(VocabularyError::NotText));
        let refused = VocabularyError::NotByteLevel {
            rank: 1,
            character: ' ',
        };
        assert_eq!(parse(b"a\nb c\n<|endoftext|>\n"), Err(refused));
    }
}
