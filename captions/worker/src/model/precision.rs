//! How precisely the numbers of a model are stored, and the encodings that Hearken writes itself.

use std::fmt;

use super::half;

/// Numbers in a block that shares one scale.
const BLOCK: usize = 32;

/// A storage format of ggml that whisper.cpp computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floating point. Single tensors only: a whole file of these aborts whisper.cpp.
    F32,
    /// 16-bit floating point.
    F16,
    /// 4 bits a number and a scale per block of 32.
    Q4_0,
    /// 4 bits a number, a scale and a minimum per block.
    Q4_1,
    /// 5 bits a number and a scale per block.
    Q5_0,
    /// 5 bits a number, a scale and a minimum per block.
    Q5_1,
    /// 8 bits a number and a scale per block.
    Q8_0,
}

impl Precision {
    const ALL: [Self; 7] = [
        Self::F32,
        Self::F16,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q8_0,
    ];

    /// By the number that a file's header has for its weights (without the quantisation version).
    pub(super) fn of_file(code: u32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|precision| precision.file_code() == code)
    }

    /// The number in a file's header.
    pub(super) fn file_code(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q4_1 => 3,
            Self::Q8_0 => 7,
            Self::Q5_0 => 8,
            Self::Q5_1 => 9,
        }
    }

    /// The number in a tensor's header.
    pub(super) fn tensor_code(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q4_1 => 3,
            Self::Q5_0 => 6,
            Self::Q5_1 => 7,
            Self::Q8_0 => 8,
        }
    }

    /// Bytes that so many numbers take; whole blocks are the caller's affair.
    pub(super) fn size_bytes(self, elements: u64) -> u64 {
        let blocks = elements / BLOCK as u64;
        match self {
            Self::F32 => elements * 4,
            Self::F16 => elements * 2,
            Self::Q4_0 => blocks * 18,
            Self::Q4_1 => blocks * 20,
            Self::Q5_0 => blocks * 22,
            Self::Q5_1 => blocks * 24,
            Self::Q8_0 => blocks * 34,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Q4_0 => "q4_0",
            Self::Q4_1 => "q4_1",
            Self::Q5_0 => "q5_0",
            Self::Q5_1 => "q5_1",
            Self::Q8_0 => "q8_0",
        })
    }
}

/// Single-precision numbers, little-endian.
pub(super) fn encode_f32(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// Half-precision numbers, little-endian.
pub(super) fn encode_f16(numbers: &[f32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|&number| half::from_single(number).to_le_bytes())
        .collect()
}

/// Blocks of a half-precision scale and 32 signed bytes; numbers after the last whole block are left out.
pub(super) fn encode_q8_0(numbers: &[f32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(numbers.len() / BLOCK * (2 + BLOCK));
    for block in numbers.chunks_exact(BLOCK) {
        let largest = block
            .iter()
            .fold(0f32, |largest, number| largest.max(number.abs()));
        let scale = largest / 127.0;
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        bytes.extend(half::from_single(scale).to_le_bytes());
        bytes.extend(
            block
                .iter()
                .map(|number| (number * inverse).round_ties_even() as i8 as u8),
        );
    }
    bytes
}

/// Blocks of a half-precision scale and minimum, the fifth bits of 32 numbers, and their lower four; numbers after
/// the last whole block are left out.
pub(super) fn encode_q5_1(numbers: &[f32]) -> Vec<u8> {
    const STEPS: f32 = 31.0;
    let mut bytes = Vec::with_capacity(numbers.len() / BLOCK * 24);
    for block in numbers.chunks_exact(BLOCK) {
        let least = block.iter().copied().fold(f32::INFINITY, f32::min);
        let largest = block.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let scale = (largest - least) / STEPS;
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        let step = |number: f32| ((number - least) * inverse + 0.5).min(STEPS) as u8;
        let (mut fifths, mut fours) = (0u32, [0u8; BLOCK / 2]);
        let (first, second) = block.split_at(BLOCK / 2);
        for (index, (low, high)) in first.iter().zip(second).enumerate() {
            let (low, high) = (step(*low), step(*high));
            fours[index] = low & 0xf | high << 4;
            fifths |= u32::from(low >> 4) << index | u32::from(high >> 4) << (index + BLOCK / 2);
        }
        bytes.extend(half::from_single(scale).to_le_bytes());
        bytes.extend(half::from_single(least).to_le_bytes());
        bytes.extend(fifths.to_le_bytes());
        bytes.extend(fours);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q5_1_keeps_every_number_within_half_a_step() {
        let numbers: Vec<f32> = (0..64).map(|i| ((i * 29) % 64) as f32 * 0.37 - 9.0).collect();
        let bytes = encode_q5_1(&numbers);
        assert_eq!(bytes.len() as u64, Precision::Q5_1.size_bytes(64));
        for (block, numbers) in bytes.chunks(24).zip(numbers.chunks(32)) {
            let half = |at: usize| half::to_single(u16::from_le_bytes([block[at], block[at + 1]]));
            let (scale, least) = (half(0), half(2));
            let fifths = u32::from_le_bytes(block[4..8].try_into().unwrap());
            for (index, number) in numbers.iter().enumerate() {
                let four = block[8 + index % 16] >> (index / 16 * 4) & 0xf;
                let step = u32::from(four) | (fifths >> index & 1) << 4;
                // Scale and minimum are rounded to half precision.
                let decoded = step as f32 * scale + least;
                assert!((decoded - number).abs() <= scale * 0.57, "{number}: {decoded}");
            }
        }
    }

    #[test]
    fn a_block_of_equal_numbers_stays_as_it_is_in_q5_1() {
        let bytes = encode_q5_1(&[1.5; 32]);
        assert_eq!((&bytes[..4], &bytes[4..]), (&[0, 0, 0, 0x3e][..], &[0; 20][..]));
    }

    #[test]
    fn codes_name_one_precision_each() {
        for precision in Precision::ALL {
            assert_eq!(Precision::of_file(precision.file_code()), Some(precision));
        }
        assert_eq!(Precision::of_file(4), None);
    }

    #[test]
    fn q8_0_keeps_every_number_within_half_a_step() {
        let numbers: Vec<f32> = (0..64).map(|i| (i as f32 - 20.0) * 0.37).collect();
        let bytes = encode_q8_0(&numbers);
        assert_eq!(bytes.len() as u64, Precision::Q8_0.size_bytes(64));
        for (block, numbers) in bytes.chunks(34).zip(numbers.chunks(32)) {
            let scale = half::to_single(u16::from_le_bytes([block[0], block[1]]));
            for (&byte, number) in block[2..].iter().zip(numbers) {
                // The scale itself is rounded to half precision: up to 127 × 2⁻¹¹ of a step more.
                assert!(
                    (f32::from(byte as i8) * scale - number).abs() <= scale * 0.57,
                    "{number}"
                );
            }
        }
    }

    #[test]
    fn a_block_of_zeros_stays_zero() {
        assert_eq!(encode_q8_0(&[0.0; 32]), [0; 34]);
    }
}
