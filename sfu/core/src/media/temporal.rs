//! Temporal layers: frames that others do without, so that who can't have all of them sees fewer a second instead of
//! none.
//!
//! ```text
//!  layer 2       ○     ○     ○     ○        needed by nobody
//!  layer 1          ○           ○           needed by layers 1 and 2
//!  layer 0    ●           ●           ●     needed by all
//! ```
//!
//! Giving up a layer takes effect between any two frames. Taking one on must wait for a frame from which on nothing
//! refers to what was left out: the publisher says which these are.

use super::rate::{Bitrate, RateMeter};
use super::time::MediaTime;

/// As many as the payload descriptor of VP8 can tell apart; browsers make three.
pub(crate) const TEMPORAL_LAYERS_MAX: usize = 4;
/// What a packet takes on the line beside its payload, about.
const OVERHEAD_BYTES: usize = 40;

/// The highest temporal layer that a receiver gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pace(pub(crate) u8);

impl Pace {
    /// All that there are.
    pub(crate) const FULL: Self = Self(u8::MAX);

    pub(crate) fn takes(self, layer: u8) -> bool {
        layer <= self.0
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::FULL
    }
}

/// Where a frame stands among the temporal layers of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TemporalPlace {
    pub(crate) layer: u8,
    /// Its first packet.
    pub(crate) starts_frame: bool,
    /// The same for all packets of a frame, another for the next.
    pub(crate) frame: u32,
    pub(crate) opens: Option<Opening>,
    /// Receivers wait for a picture whose number is missing, so that numbers close up over what is left out.
    pub(crate) is_counted: bool,
}

/// From this frame on more layers can be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opening {
    /// By who got this layer, and those below, until now.
    pub(crate) from: u8,
    /// Up to this one.
    pub(crate) to: u8,
}

impl TemporalPlace {
    /// The pace from this frame on, for who had `pace` and is to have `wanted`; `top` is the stream's highest layer.
    pub(crate) fn pace_after(&self, pace: Pace, wanted: Pace, top: u8) -> Pace {
        if wanted <= pace {
            return wanted;
        }
        match self.opens.filter(|opening| pace.takes(opening.from)) {
            Some(opening) if opening.to >= top => wanted,
            Some(opening) => wanted.min(Pace(opening.to)).max(pace),
            None => pace,
        }
    }
}

/// What the layers of a stream take, each with those below it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TemporalRates {
    rates: [Bitrate; TEMPORAL_LAYERS_MAX],
    /// The highest layer that comes.
    pub(crate) top: u8,
}

impl TemporalRates {
    /// For `N` layers, of what each takes with those below.
    #[cfg(test)]
    pub(crate) fn of<const N: usize>(rates: [u64; N]) -> Self {
        let mut all = Self::default();
        for (rate, given) in all.rates.iter_mut().zip(rates) {
            *rate = Bitrate(given);
        }
        all.top = N as u8 - 1;
        all
    }

    /// The pace below which there is none.
    pub(crate) fn slowest(&self) -> Pace {
        if self.top > 0 { Pace(0) } else { Pace::FULL }
    }

    /// From the fastest to the slowest.
    pub(crate) fn paces(&self) -> impl Iterator<Item = Pace> {
        let slower = (0..self.top).rev().map(Pace);
        std::iter::once(Pace::FULL).chain(slower)
    }

    /// What a stream takes at a pace, if all of it takes `full`.
    pub(crate) fn at(&self, pace: Pace, full: u64) -> u64 {
        if pace.0 >= self.top {
            return full;
        }
        self.rates
            .get(usize::from(pace.0))
            .map_or(full, |rate| rate.0.min(full))
    }
}

/// Measures the temporal layers of one stream.
#[derive(Debug, Default)]
pub(crate) struct TemporalMeter {
    layers: [RateMeter; TEMPORAL_LAYERS_MAX],
}

impl TemporalMeter {
    /// Takes note of a packet with so many bytes of payload.
    pub(crate) fn note(&mut self, place: &TemporalPlace, bytes: usize, now: MediaTime) {
        if let Some(layer) = self.layers.get_mut(usize::from(place.layer)) {
            layer.add(bytes + OVERHEAD_BYTES, now);
        }
    }

    /// What the layers take; none are known before they have come for a moment.
    pub(crate) fn rates(&mut self, now: MediaTime) -> TemporalRates {
        let mut rates = TemporalRates::default();
        let mut sum = 0;
        for (number, layer) in self.layers.iter_mut().enumerate() {
            let rate = layer.steady_or(Bitrate(0), now).0;
            sum += rate;
            rates.rates[number] = Bitrate(sum);
            if rate > 0 {
                rates.top = number as u8;
            }
        }
        rates
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn place(layer: u8, opens: Option<(u8, u8)>) -> TemporalPlace {
        TemporalPlace {
            layer,
            starts_frame: true,
            frame: 0,
            opens: opens.map(|(from, to)| Opening { from, to }),
            is_counted: true,
        }
    }

    #[test]
    fn a_layer_is_given_up_at_any_frame_and_taken_on_where_it_opens() {
        let (slow, middle, full) = (Pace(0), Pace(1), Pace::FULL);
        for at in [place(0, None), place(2, None)] {
            assert_eq!(at.pace_after(full, slow, 2), slow);
            assert_eq!(at.pace_after(slow, full, 2), slow);
        }
        assert_eq!(place(1, Some((0, 1))).pace_after(slow, full, 2), middle);
        assert_eq!(place(2, Some((1, 2))).pace_after(middle, full, 2), full);
        assert_eq!(
            place(2, Some((1, 2))).pace_after(slow, full, 2),
            slow,
            "layer 1 is missing"
        );
        assert_eq!(place(0, Some((0, u8::MAX))).pace_after(slow, middle, 2), middle);
        assert_eq!(place(0, Some((0, u8::MAX))).pace_after(slow, full, 2), full);
        assert_eq!(place(1, Some((0, 1))).pace_after(middle, full, 2), middle);
    }

    #[test]
    fn a_meter_tells_what_each_layer_takes_with_those_below() {
        let mut meter = TemporalMeter::default();
        let at = |ms: u64| MediaTime(0) + Duration::from_millis(ms);
        assert_eq!(meter.rates(at(0)).slowest(), Pace::FULL);
        for ms in (0..3000).step_by(25) {
            let layer = [0, 2, 1, 2][ms as usize / 25 % 4];
            meter.note(&place(layer, None), 460, at(ms));
        }
        let rates = meter.rates(at(3000));
        assert_eq!(rates.top, 2);
        let taken = rates.paces().map(|pace| rates.at(pace, 160_000));
        let near = taken.zip([160_000, 80_000, 40_000]).map(|(taken, made)| {
            assert!((made * 9 / 10..=made).contains(&taken), "{taken} of {made}");
        });
        assert_eq!(near.count(), 3);
    }
}
