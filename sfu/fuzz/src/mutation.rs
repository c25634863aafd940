//! Changes to an input: bits, bytes, numbers, cuts, copies, words that mean something, and parts of other inputs.

use rand::Rng;
use rand::rngs::StdRng;

/// The longest input.
pub const INPUT_BYTES_MAX: usize = 8192;
/// Changes made at once.
const CHANGES_MAX: usize = 8;
/// Numbers at which code likes to break.
const NUMBERS: [u32; 12] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
];

/// Changes `input` in a few ways. `others` are inputs that parts may be taken from, `words` are texts that mean
/// something to the target.
pub fn mutate(input: &mut Vec<u8>, others: &[Vec<u8>], words: &[&[u8]], random: &mut StdRng) {
    for _ in 0..random.random_range(1..=CHANGES_MAX) {
        change(input, others, words, random);
    }
    input.truncate(INPUT_BYTES_MAX);
}

fn change(input: &mut Vec<u8>, others: &[Vec<u8>], words: &[&[u8]], random: &mut StdRng) {
    let at = random.random_range(0..=input.len());
    let (first, last) = range(input.len(), random);
    match random.random_range(0..12) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << random.random_range(0..8);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = random.random();
            }
        }
        2 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = byte.wrapping_add_signed(random.random_range(-4..=4));
            }
        }
        3 | 4 => {
            let number = NUMBERS[random.random_range(0..NUMBERS.len())].to_be_bytes();
            let width = 1 << random.random_range(0..3);
            overwrite(input, at, &number[4 - width..]);
        }
        5 => drop(input.drain(first..last)),
        6 => input.truncate(at),
        7 => {
            let copy = input[first..last].to_vec();
            insert(input, at, &copy);
        }
        8 => {
            let new: Vec<u8> = (0..random.random_range(1..16)).map(|_| random.random()).collect();
            insert(input, at, &new);
        }
        9 if !words.is_empty() => {
            let word = words[random.random_range(0..words.len())];
            if random.random_bool(0.5) {
                insert(input, at, word);
            } else {
                overwrite(input, at, word);
            }
        }
        _ => {
            let Some(other) = others.get(random.random_range(0..others.len().max(1))) else {
                return;
            };
            let (first, last) = range(other.len(), random);
            if random.random_bool(0.5) {
                insert(input, at, &other[first..last]);
            } else {
                overwrite(input, at, &other[first..last]);
            }
        }
    }
}

/// Short ranges more often than long ones.
fn range(len: usize, random: &mut StdRng) -> (usize, usize) {
    let first = random.random_range(0..=len);
    let most = (len - first).min(1 << random.random_range(0..12));
    (first, first + random.random_range(0..=most))
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if input.len() + bytes.len() <= INPUT_BYTES_MAX {
        input.splice(at..at, bytes.iter().copied());
    }
}

fn overwrite(input: &mut [u8], at: usize, bytes: &[u8]) {
    for (byte, new) in input[at..].iter_mut().zip(bytes) {
        *byte = *new;
    }
}
