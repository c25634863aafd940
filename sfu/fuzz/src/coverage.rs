//! Which code an input reached: the compiler's counters (`-sanitizer-coverage-inline-8bit-counters`), one byte for
//! each edge of the control flow graph.
//!
//! The compiler makes each object file announce its counters before `main`, through a function that it expects
//! the program to have. Without the compiler's option nobody calls it, and there is no coverage.

use std::sync::Mutex;

/// Where the counters are: addresses of the first and of the one behind the last. Guards the list while object
/// files announce themselves.
static COUNTERS: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

/// Called by instrumented object files before `main`.
///
/// # Safety
///
/// The range must be counters that live as long as the program. Only the compiler calls this.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, stop: *mut u8) {
    let range = (start as usize, stop as usize);
    if let Ok(mut counters) = COUNTERS.lock()
        && range.0 < range.1
        && !counters.contains(&range)
    {
        counters.push(range);
    }
}

/// What was reached by any input so far: for each counter, which magnitudes it has had.
#[derive(Debug, Default)]
pub struct Coverage {
    seen: Vec<u8>,
}

impl Coverage {
    /// Edges reached so far.
    pub fn edges(&self) -> usize {
        self.seen.iter().filter(|seen| **seen != 0).count()
    }

    /// Sets all counters back, before an input runs.
    pub fn begin(&mut self) {
        for_each_word(|_, word| *word = 0);
    }

    /// Whether the input that has run reached anything new.
    pub fn end(&mut self) -> bool {
        let mut is_new = false;
        let seen = &mut self.seen;
        for_each_word(|at, word| {
            if *word == 0 {
                return;
            }
            if seen.len() < at + 8 {
                seen.resize(at + 8, 0);
            }
            for (byte, seen) in word.to_ne_bytes().into_iter().zip(&mut seen[at..]) {
                let magnitude = magnitude(byte);
                is_new |= magnitude & !*seen != 0;
                *seen |= magnitude;
            }
        });
        is_new
    }
}

/// One, two, three, a few, ... many times are different things, each a bit; 17 and 18 times are not.
fn magnitude(count: u8) -> u8 {
    match count {
        0 => 0,
        1..=3 => 1 << (count - 1),
        4..=7 => 8,
        8..=15 => 16,
        16..=31 => 32,
        32..=127 => 64,
        128..=255 => 128,
    }
}

/// Goes over all counters, eight at a time; the number is that of the first. Up to seven at the end of a range that
/// don't fill a word are left out.
fn for_each_word(mut each: impl FnMut(usize, &mut u64)) {
    let Ok(ranges) = COUNTERS.lock() else { return };
    let mut number = 0;
    for (start, stop) in ranges.iter().copied() {
        let aligned = start.next_multiple_of(8);
        for address in (aligned..stop.saturating_sub(7)).step_by(8) {
            // SAFETY: the whole word lies within counters that live as long as the program, and it is aligned.
            // Instrumented code writes them too, but none runs meanwhile: the engine has one thread, and the
            // closures here are not kept across calls.
            let word = unsafe { &mut *(address as *mut u64) };
            each(number, word);
            number += 8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_has_one_magnitude() {
        assert_eq!(magnitude(0), 0);
        assert!((1..=255).all(|count| magnitude(count).count_ones() == 1));
        assert!(magnitude(16) == magnitude(31) && magnitude(3) != magnitude(4));
    }
}
