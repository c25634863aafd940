//! Fields that begin and end anywhere in a byte.

/// Reads from the most significant bit on; `None` behind the end.
#[derive(Debug, Clone)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn left(&self) -> usize {
        self.bytes.len() * 8 - self.at
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        let byte = *self.bytes.get(self.at / 8)?;
        let flag = byte >> (7 - self.at % 8) & 1 != 0;
        self.at += 1;
        Some(flag)
    }

    /// At most 32.
    pub(super) fn bits(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.flag()?);
        }
        Some(value)
    }

    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        (count <= self.left()).then(|| self.at += count)
    }

    /// A number below `limit` in no more bits than it takes: `ns(n)` of the AV1 specification, §4.10.7.
    pub(super) fn below(&mut self, limit: u32) -> Option<u32> {
        let width = 32 - limit.leading_zeros();
        let short = (1 << width) - limit;
        let value = self.bits((width - 1) as usize)?;
        if value < short {
            return Some(value);
        }
        Some((value << 1) - short + self.bits(1)?)
    }

    /// Two bits for each decode target, the first one in the lowest bits.
    pub(super) fn indications(&mut self, targets: u8) -> Option<u64> {
        let mut indications = 0;
        for target in 0..targets {
            indications |= u64::from(self.bits(2)?) << (2 * target);
        }
        Some(indications)
    }

    /// The frames that a frame refers to, when they are not the template's.
    pub(super) fn references(&mut self) -> Option<()> {
        loop {
            match self.bits(2)? {
                0 => return Some(()),
                size => self.skip(4 * size as usize)?,
            }
        }
    }

    /// Whether the last `count` bits are all zero.
    pub(super) fn is_zero_at_end(&self, count: usize) -> bool {
        let mut end = Self {
            bytes: self.bytes,
            at: self.bytes.len() * 8 - count,
        };
        (0..count).all(|_| end.flag() == Some(false))
    }
}

/// Writes from the most significant bit on; `None` when the room is used up.
#[derive(Debug)]
pub(super) struct BitWriter<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(bytes: &'a mut [u8]) -> Self {
        bytes.fill(0);
        Self { bytes, at: 0 }
    }

    pub(super) fn room(&self) -> usize {
        self.bytes.len() * 8 - self.at
    }

    pub(super) fn bits(&mut self, value: u32, count: usize) -> Option<()> {
        for bit in (0..count).rev() {
            let byte = self.bytes.get_mut(self.at / 8)?;
            *byte |= ((value >> bit & 1) as u8) << (7 - self.at % 8);
            self.at += 1;
        }
        Some(())
    }

    pub(super) fn copy(&mut self, from: &mut BitReader<'_>, count: usize) -> Option<()> {
        let mut left = count;
        while left > 0 {
            let some = left.min(32);
            self.bits(from.bits(some)?, some)?;
            left -= some;
        }
        Some(())
    }

    /// The bytes in use.
    pub(super) fn finish(self) -> usize {
        self.at.div_ceil(8)
    }
}
