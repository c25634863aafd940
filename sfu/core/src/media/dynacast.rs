//! Which layers of a camera a publisher is to send: those that somebody needs, at once, and the others not any
//! more after a while.

use std::time::Duration;

use super::layers::LAYERS_MAX;
use super::time::MediaTime;

/// Switching layers makes key frames on all of them in some browsers: nothing that is needed again at once
/// must go off.
const IDLE_MAX: Duration = Duration::from_secs(6);

/// What one publisher was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dynacast {
    asked: [bool; LAYERS_MAX],
    idle_since: [Option<MediaTime>; LAYERS_MAX],
}

impl Default for Dynacast {
    fn default() -> Self {
        Self {
            asked: [true; LAYERS_MAX],
            idle_since: [None; LAYERS_MAX],
        }
    }
}

impl Dynacast {
    /// The layers to be sent.
    pub(crate) fn asked(&self) -> [bool; LAYERS_MAX] {
        self.asked
    }

    /// Whether a layer is to be sent: one that is not may still arrive for a moment, and is not to be chosen.
    pub(crate) fn is_asked(&self, layer: usize) -> bool {
        self.asked.get(layer).is_none_or(|asked| *asked)
    }

    /// Takes what is needed of the first `offered` layers. The smallest is always kept: it is what everybody
    /// falls back on at once, and it tells that the camera is on.
    pub(crate) fn update(&mut self, needed: [bool; LAYERS_MAX], offered: usize, now: MediaTime) {
        let layers = self.asked.iter_mut().zip(&mut self.idle_since).zip(needed);
        for (layer, ((asked, idle_since), is_needed)) in layers.enumerate().take(offered) {
            if is_needed || layer == 0 {
                *asked = true;
                *idle_since = None;
            } else if now.since(*idle_since.get_or_insert(now)) >= IDLE_MAX {
                *asked = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> MediaTime {
        MediaTime(0) + Duration::from_millis(ms)
    }

    #[test]
    fn what_nobody_needs_goes_off_late_and_comes_on_at_once() {
        let mut dynacast = Dynacast::default();
        dynacast.update([true; 3], 3, at(0));
        assert_eq!(dynacast.asked(), [true; 3]);
        let off = (200..).step_by(200).find(|ms| {
            dynacast.update([true, true, false], 3, at(*ms));
            !dynacast.is_asked(2)
        });
        assert_eq!((off, dynacast.asked()), (Some(6200), [true, true, false]));
        dynacast.update([true, true, true], 3, at(6400));
        assert_eq!(dynacast.asked(), [true; 3]);
    }

    #[test]
    fn a_moment_of_need_begins_the_wait_anew_and_the_smallest_stays() {
        let mut dynacast = Dynacast::default();
        for second in 0..60 {
            let needed = [false, second % 5 == 0, second % 5 == 0];
            dynacast.update(needed, 3, at(second * 1000));
            assert_eq!(dynacast.asked(), [true; 3]);
        }
        (60..80).for_each(|second| dynacast.update([false; 3], 3, at(second * 1000)));
        assert_eq!(dynacast.asked(), [true, false, false]);
    }

    #[test]
    fn what_is_not_offered_is_not_switched() {
        let mut dynacast = Dynacast::default();
        (0..20).for_each(|second| dynacast.update([false; 3], 1, at(second * 1000)));
        assert_eq!(dynacast.asked(), [true; 3]);
    }
}
