//! Asks the processor for memory that is needed in a moment.
//!
//! From one packet to the next, whatever else runs on the machine pushes what belongs to the receivers out of the
//! caches. The first touch of each line then waits for memory, a tenth of a microsecond, and forwarding touches dozens
//! of each receiver. Asked for ahead, all lines of all receivers come at once.

use std::iter;
use std::ops::Range;

/// What x86 processors fetch at a time.
const LINE_BYTES: usize = 64;

/// Asks for all of `value`, but not for what it points to, and does not wait for it. Changes nothing but how long things
/// take.
pub(crate) fn prefetch<T: ?Sized>(value: &T) {
    let first = std::ptr::from_ref(value).cast::<u8>().addr();
    for line in lines(first..first + size_of_val(value)) {
        prefetch_line(line);
    }
}

/// Where the lines begin in which these addresses lie.
fn lines(addresses: Range<usize>) -> impl Iterator<Item = usize> {
    let first = addresses.start - addresses.start % LINE_BYTES;
    iter::successors(Some(first), |line| Some(line + LINE_BYTES))
        .take_while(move |line| *line < addresses.end)
}

#[cfg(target_arch = "x86_64")]
fn prefetch_line(address: usize) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a hint, which takes any address, reads nothing that could be seen and never faults.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::without_provenance(address)) }
}

/// Other processors can't be asked by stable Rust.
#[cfg(not(target_arch = "x86_64"))]
fn prefetch_line(_address: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_that_a_value_lies_in_is_asked_for_once() {
        let lines = |addresses| lines(addresses).collect::<Vec<_>>();
        assert_eq!(lines(128..192), [128]);
        assert_eq!(lines(127..193), [64, 128, 192]);
        assert_eq!(lines(130..131), [128]);
        assert!(lines(128..128).is_empty());
    }

    #[test]
    fn values_of_any_size_can_be_asked_for() {
        prefetch(&());
        prefetch(&[0u8; 1000][..]);
        prefetch::<dyn std::fmt::Debug>(&[0u64; 100]);
    }
}
