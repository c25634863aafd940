//! With how many copies each packet of sound went out, so that it can go out again as it was.
//!
//! Sound has no repair stream: a repair is sealed under the number that the packet had, and two different
//! packets under one number would break the encryption of both.

/// Packets remembered: as many as are kept for repairs.
const PACKETS: u64 = 128;

/// The latest packets of one outgoing stream. Most streams never carry copies, and have no log.
#[derive(Debug)]
pub(crate) struct CopyLog {
    counts: [u8; PACKETS as usize],
    /// One more than the newest index.
    end: u64,
}

impl CopyLog {
    /// Begins with the packet of this index; none before it had copies.
    pub(crate) fn starting_at(index: u64) -> Self {
        Self {
            counts: [0; PACKETS as usize],
            end: index,
        }
    }

    /// Notes a packet that goes out for the first time. One that comes late never has copies.
    pub(crate) fn note(&mut self, index: u64, copies: usize) {
        if index < self.end {
            return;
        }
        for jumped in self.end.max(index.saturating_sub(PACKETS))..index {
            self.counts[(jumped % PACKETS) as usize] = 0;
        }
        self.counts[(index % PACKETS) as usize] = copies as u8;
        self.end = index + 1;
    }

    /// How many copies a packet went out with; `None` when that is forgotten.
    pub(crate) fn get(&self, index: u64) -> Option<usize> {
        let is_known = index < self.end && index + PACKETS >= self.end;
        is_known.then(|| usize::from(self.counts[(index % PACKETS) as usize]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_out_is_known_for_a_while() {
        let mut log = CopyLog::starting_at(1000);
        log.note(1000, 2);
        log.note(1003, 1);
        log.note(1001, 2);
        let known = [999, 1000, 1001, 1002, 1003, 1004].map(|index| log.get(index));
        assert_eq!(known, [Some(0), Some(2), Some(0), Some(0), Some(1), None]);
        log.note(1128, 1);
        assert_eq!(
            (log.get(1000), log.get(1001), log.get(1128)),
            (None, Some(0), Some(1))
        );
        log.note(9000, 0);
        assert_eq!((log.get(1128), log.get(8999)), (None, Some(0)));
    }
}
