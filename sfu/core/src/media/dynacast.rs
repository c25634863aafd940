//! Which layers of a camera a publisher is to send: those that somebody needs, at once, and the others not any
//! more after a while. The smallest stays as long as anybody looks at all. A screen has one, or counts as one.

use std::time::Duration;

use super::layers::LAYERS_MAX;
use super::time::MediaTime;

/// Switching layers makes key frames on all of them in some browsers: nothing that is needed again at once
/// must go off.
const IDLE_MAX: Duration = Duration::from_secs(6);
/// The same for a camera that nobody looks at in any size: whoever looks again has to wait for the publisher, so it
/// is longer than a page takes to load anew.
const UNWATCHED_MAX: Duration = Duration::from_secs(10);

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

    /// Takes what is needed of the first `offered` layers. The smallest is kept while any is: it is what everybody falls
    /// back on at once.
    pub(crate) fn update(&mut self, mut needed: [bool; LAYERS_MAX], offered: usize, now: MediaTime) {
        needed[0] = needed.contains(&true);
        let layers = self.asked.iter_mut().zip(&mut self.idle_since).zip(needed);
        for (layer, ((asked, idle_since), is_needed)) in layers.enumerate().take(offered) {
            let idle_max = if layer == 0 { UNWATCHED_MAX } else { IDLE_MAX };
            if is_needed {
                *asked = true;
                *idle_since = None;
            } else if now.since(*idle_since.get_or_insert(now)) >= idle_max {
                *asked = false;
            }
        }
    }

    /// Takes whether a screen is needed, all of it.
    pub(crate) fn update_whole(&mut self, is_needed: bool, now: MediaTime) {
        self.update([is_needed, false, false], 1, now);
        self.asked = [self.asked[0]; LAYERS_MAX];
    }

    /// Somebody is about to join and to look: the smallest layer is to be there by then.
    pub(crate) fn expect_viewer(&mut self, now: MediaTime) {
        self.asked[0] = true;
        self.idle_since[0] = Some(now);
    }

    /// The same of a screen.
    pub(crate) fn expect_viewer_of_whole(&mut self, now: MediaTime) {
        self.expect_viewer(now);
        self.asked = [true; LAYERS_MAX];
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
    fn a_moment_of_need_begins_the_wait_anew_and_the_smallest_goes_last() {
        let mut dynacast = Dynacast::default();
        for second in 0..60 {
            let needed = [false, second % 5 == 0, second % 5 == 0];
            dynacast.update(needed, 3, at(second * 1000));
            assert_eq!(dynacast.asked(), [true; 3]);
        }
        (60..80).for_each(|second| dynacast.update([false, false, true], 3, at(second * 1000)));
        assert_eq!(dynacast.asked(), [true, false, true]);
        (80..90).for_each(|second| dynacast.update([false; 3], 3, at(second * 1000)));
        assert_eq!(dynacast.asked(), [true, false, false]);
        dynacast.update([false; 3], 3, at(90_000));
        assert_eq!(dynacast.asked(), [false; 3]);
    }

    #[test]
    fn who_is_about_to_join_finds_the_smallest_for_a_while() {
        let mut dynacast = Dynacast::default();
        (0..20).for_each(|second| dynacast.update([false; 3], 3, at(second * 1000)));
        dynacast.expect_viewer(at(20_000));
        assert_eq!(dynacast.asked(), [true, false, false]);
        dynacast.update([false; 3], 3, at(29_999));
        assert_eq!(dynacast.asked(), [true, false, false]);
        dynacast.update([false; 3], 3, at(30_000));
        assert_eq!(dynacast.asked(), [false; 3]);
    }

    #[test]
    fn what_is_not_offered_is_not_switched() {
        let mut dynacast = Dynacast::default();
        (0..20).for_each(|second| dynacast.update([false; 3], 1, at(second * 1000)));
        assert_eq!(dynacast.asked(), [false, true, true]);
    }
}
