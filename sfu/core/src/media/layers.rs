//! Which simulcast layer of a video each subscriber gets: by the size it shows it in, within what its line
//! carries. Only layers that arrive count, so nobody ever waits for one that doesn't; it may be wished for.

use std::cmp::Reverse;

use super::rate::Bitrate;
use super::rewriter::StreamId;

/// Layers of one video: `q`, `h` and `f`, smallest first.
pub(crate) const LAYERS_MAX: usize = 3;

/// Frames may be this much smaller than they are shown, in percent, before the next larger layer is taken.
const UPSCALE_PERCENT_MAX: u32 = 125;
/// A layer of unknown height, not yet seen a key frame of: its share of a 720p capture.
const HEIGHTS_ASSUMED: [u16; LAYERS_MAX] = [180, 360, 720];
/// What clients are told to send at most, for layers that do not arrive, or only just.
pub(crate) const RATES_ASSUMED: [Bitrate; LAYERS_MAX] =
    [Bitrate(150_000), Bitrate(500_000), Bitrate(1_500_000)];

/// A layer that arrives at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LiveLayer {
    pub(crate) stream: StreamId,
    /// In pixels; `None` before its first key frame.
    pub(crate) height: Option<u16>,
    pub(crate) bitrate: Bitrate,
}

/// The layers of one video, by their number; `None` does not arrive.
pub(crate) type LiveLayers = [Option<LiveLayer>; LAYERS_MAX];

/// Why a video is served before another, the most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    Pinned,
    /// With the place in the list of speakers.
    Speaks(usize),
    Interpreter,
    Screen,
    /// Then the largest first.
    Other,
}

/// What one subscriber wants of one video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Demand {
    /// The subscriber's pair.
    pub(crate) pair: usize,
    pub(crate) layers: LiveLayers,
    /// How many layers the publisher could send, whether or not they arrive.
    pub(crate) offered: usize,
    /// Of the tile, in pixels.
    pub(crate) height: u16,
    pub(crate) priority: Priority,
    /// The layer it gets at present.
    pub(crate) current: Option<u8>,
    /// The stream it gets at present: not that of `current` any more when the publisher has replaced it.
    pub(crate) current_stream: Option<StreamId>,
    /// The choice before this one.
    pub(crate) before: Option<u8>,
    /// It had to give way a short time ago: nothing more for now.
    pub(crate) is_held: bool,
    /// It did not fit before at all.
    pub(crate) was_paused: bool,
    /// It is too early to begin again.
    pub(crate) is_pause_held: bool,
    /// The choice.
    pub(crate) chosen: Option<u8>,
    /// The layer to be chosen if it arrived.
    pub(crate) wish: Option<u8>,
}

impl Demand {
    /// The layer to ask for a key frame of, because it is to begin.
    pub(crate) fn awaited(&self) -> Option<u8> {
        let chosen = self.chosen?;
        let stream = self.layers[usize::from(chosen)].map(|layer| layer.stream);
        (self.current != self.chosen || self.current_stream != stream).then_some(chosen)
    }

    /// Whether it is shown and arrives, and does not fit.
    pub(crate) fn is_paused(&self) -> bool {
        self.chosen.is_none() && self.height > 0 && self.layers.iter().any(Option::is_some)
    }

    /// Whether it would be larger on a better line.
    pub(crate) fn is_limited(&self) -> bool {
        self.chosen.map(usize::from) < fitting(&self.layers, self.height)
    }

    fn smallest(&self) -> Option<usize> {
        self.layers.iter().position(Option::is_some)
    }

    /// What a layer takes; of one that does not arrive, about.
    fn rate(&self, layer: usize) -> u64 {
        self.layers[layer].map_or(RATES_ASSUMED[layer].0, |layer| layer.bitrate.0)
    }

    /// What must be left for a layer. What is being sent costs nothing new; to take on more there must be room
    /// to spare.
    fn cost(&self, layer: usize) -> u64 {
        let rate = self.rate(layer);
        let is_sent = self.before.max(self.current) >= Some(layer as u8);
        if is_sent { rate } else { rate + rate / 4 }
    }

    /// What must be left for the smallest layer, below which it is paused. To begin again there must be room to
    /// spare. One that is being sent goes on while a part is missing, the first of all while more is: after a cut the
    /// estimate lies below what the line carries, a key frame makes the rate look larger than it is, and a pause
    /// costs another key frame and a picture that stands still.
    fn least_needed(&self, layer: usize, place: usize) -> u64 {
        let rate = self.rate(layer);
        match (self.was_paused, self.before, place) {
            (true, _, _) => rate * 5 / 4,
            (false, Some(_), 0) => rate * 3 / 5,
            (false, Some(_), _) => rate * 4 / 5,
            (false, None, _) => rate,
        }
    }

    fn may_rise_to(&self, layer: usize) -> bool {
        !self.is_held || self.before.max(self.current) >= Some(layer as u8)
    }

    /// The layer that would fit the tile among all that the publisher could send.
    fn ideal(&self) -> Option<usize> {
        if self.height == 0 {
            return None;
        }
        let known = |layer: &usize| self.layers[*layer].and_then(|live| live.height);
        let reference = (0..LAYERS_MAX).find_map(|layer| Some((layer, known(&layer)?)));
        let height = |layer: usize| match reference {
            Some((of, height)) if layer >= of => u32::from(height) << (layer - of),
            Some((of, height)) => u32::from(height) >> (of - layer),
            None => u32::from(HEIGHTS_ASSUMED[layer]),
        };
        let last = self.offered.clamp(1, LAYERS_MAX) - 1;
        let fits = |layer: &usize| height(*layer) * UPSCALE_PERCENT_MAX >= u32::from(self.height) * 100;
        Some((0..last).find(fits).unwrap_or(last))
    }

    /// Wishes for a layer that does not arrive, if it would be better and there is room for it.
    fn wish(&mut self, left: Option<u64>) {
        let Some(ideal) = self.ideal() else {
            return;
        };
        let Some(chosen) = self.chosen.map(usize::from) else {
            self.wish = Some(0);
            return;
        };
        let room = left.map(|left| left + self.rate(chosen));
        let is_better = |layer: &usize| {
            self.layers[*layer].is_none()
                && self.may_rise_to(*layer)
                && room.is_none_or(|room| self.cost(*layer) <= room)
        };
        let better = (chosen + 1..=ideal).rev().find(is_better);
        // A smaller one will do, but must come first.
        let smaller = (ideal < chosen && self.layers[ideal].is_none()).then_some(ideal);
        self.wish = better.or(smaller).map(|layer| layer as u8);
    }
}

/// The smallest layer that fills a tile of `height`, else the largest there is.
fn fitting(layers: &LiveLayers, height: u16) -> Option<usize> {
    let fits = |index: usize, layer: &LiveLayer| {
        let layer_height = u32::from(layer.height.unwrap_or(HEIGHTS_ASSUMED[index]));
        layer_height * UPSCALE_PERCENT_MAX >= u32::from(height) * 100
    };
    let mut live = layers
        .iter()
        .enumerate()
        .filter_map(|(index, layer)| layer.as_ref().map(|l| (index, l)));
    live.clone()
        .find(|(index, layer)| fits(*index, layer))
        .or_else(|| live.next_back())
        .map(|(index, _)| index)
}

/// What all videos together would take if there were no limit and everything arrived.
pub(crate) fn wanted(demands: &[Demand]) -> Bitrate {
    let arrives = |demand: &&Demand| demand.layers.iter().any(Option::is_some);
    let rate = |demand: &Demand| {
        let live = fitting(&demand.layers, demand.height).map_or(0, |layer| demand.rate(layer));
        demand.ideal().map_or(live, |layer| demand.rate(layer).max(live))
    };
    Bitrate(demands.iter().filter(arrives).map(rate).sum())
}

/// Chooses for all videos of one subscriber. Within a budget everybody gets the smallest layer first, as far as
/// it goes, the most important first; then the wishes are met in the same order.
pub(crate) fn choose(demands: &mut [Demand], budget: Option<Bitrate>) {
    let Some(budget) = budget else {
        for demand in demands {
            demand.chosen = fitting(&demand.layers, demand.height).map(|layer| layer as u8);
            demand.wish(None);
        }
        return;
    };
    demands.sort_unstable_by_key(|demand| (demand.priority, Reverse(demand.height), demand.pair));
    let mut left = budget.0;
    for (place, demand) in demands.iter_mut().enumerate() {
        let affordable = demand.smallest().filter(|layer| {
            demand.least_needed(*layer, place) <= left && !(demand.was_paused && demand.is_pause_held)
        });
        left -= affordable.map_or(0, |layer| demand.rate(layer)).min(left);
        demand.chosen = affordable.map(|layer| layer as u8);
    }
    for demand in demands {
        let (Some(chosen), Some(fits)) = (demand.chosen, fitting(&demand.layers, demand.height)) else {
            demand.wish(Some(left));
            continue;
        };
        let chosen = usize::from(chosen);
        let room = left + demand.rate(chosen);
        let larger = (chosen + 1..=fits).rev().find(|layer| {
            demand.layers[*layer].is_some() && demand.may_rise_to(*layer) && demand.cost(*layer) <= room
        });
        if let Some(layer) = larger {
            left = room.saturating_sub(demand.rate(layer));
            demand.chosen = Some(layer as u8);
        }
        demand.wish(Some(left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(height: u16, kbps: u64) -> Option<LiveLayer> {
        Some(LiveLayer {
            stream: StreamId(0),
            height: Some(height),
            bitrate: Bitrate(kbps * 1000),
        })
    }

    fn all() -> LiveLayers {
        [layer(180, 150), layer(360, 500), layer(720, 1700)]
    }

    /// The later, the less important.
    fn demand(layers: LiveLayers, height: u16, place: usize) -> Demand {
        Demand {
            pair: place,
            layers,
            offered: 3,
            height,
            priority: Priority::Speaks(place),
            current: None,
            current_stream: None,
            before: None,
            is_held: false,
            was_paused: false,
            is_pause_held: false,
            chosen: None,
            wish: None,
        }
    }

    fn chosen(mut demands: Vec<Demand>, ceiling: Option<u64>) -> Vec<Option<u8>> {
        choose(&mut demands, ceiling.map(|kbps| Bitrate(kbps * 1000)));
        demands.iter().map(|demand| demand.chosen).collect()
    }

    #[test]
    fn the_smallest_layer_that_fills_the_tile_is_chosen() {
        for (height, layer) in [
            (90, 0),
            (180, 0),
            (225, 0),
            (240, 1),
            (450, 1),
            (500, 2),
            (2000, 2),
        ] {
            assert_eq!(
                chosen(vec![demand(all(), height, 0)], None),
                [Some(layer)],
                "{height}"
            );
        }
    }

    #[test]
    fn a_layer_that_does_not_come_is_not_waited_for() {
        assert_eq!(
            chosen(vec![demand([layer(180, 150), None, None], 720, 0)], None),
            [Some(0)]
        );
        assert_eq!(
            chosen(vec![demand([None, None, layer(720, 900)], 90, 0)], None),
            [Some(2)]
        );
        assert_eq!(chosen(vec![demand([None; 3], 90, 0)], None), [None]);
    }

    #[test]
    fn within_a_ceiling_everybody_is_seen_before_anybody_is_large() {
        let demands = vec![
            demand(all(), 720, 0),
            demand(all(), 720, 1),
            demand(all(), 720, 2),
        ];
        assert_eq!(chosen(demands.clone(), Some(1000)), [Some(1), Some(0), Some(0)]);
        assert_eq!(chosen(demands.clone(), Some(320)), [Some(0), Some(0), None]);
        assert_eq!(chosen(demands, Some(50)), [None, None, None]);
    }

    #[test]
    fn what_is_sent_already_is_not_given_up_for_a_margin() {
        let current = Demand {
            current: Some(1),
            ..demand(all(), 360, 0)
        };
        assert_eq!(chosen(vec![current], Some(510)), [Some(1)]);
        assert_eq!(chosen(vec![demand(all(), 360, 0)], Some(510)), [Some(0)]);
    }

    #[test]
    fn the_important_ones_are_served_first_and_then_the_large_ones() {
        let with = |pair, priority, height| Demand {
            pair,
            priority,
            ..demand([layer(180, 150), None, None], height, 0)
        };
        let mut demands = vec![
            with(0, Priority::Other, 180),
            with(1, Priority::Other, 360),
            with(2, Priority::Screen, 180),
            with(3, Priority::Interpreter, 180),
            with(4, Priority::Speaks(0), 180),
            with(5, Priority::Pinned, 180),
        ];
        for (fit, kbps) in [(0, 140), (1, 150), (3, 450), (5, 899), (6, 900)] {
            choose(&mut demands, Some(Bitrate(kbps * 1000)));
            let served: Vec<_> = demands
                .iter()
                .filter(|demand| demand.chosen.is_some())
                .map(|demand| demand.pair)
                .collect();
            assert_eq!(served, [5, 4, 3, 2, 1, 0][..fit], "{kbps} kbit/s");
        }
    }

    #[test]
    fn who_had_to_give_way_neither_rises_nor_falls_while_held() {
        let held = Demand {
            before: Some(1),
            is_held: true,
            ..demand(all(), 720, 0)
        };
        assert_eq!(chosen(vec![held], Some(5000)), [Some(1)]);
        let paused = Demand {
            was_paused: true,
            ..demand(all(), 180, 0)
        };
        assert_eq!(chosen(vec![paused], Some(160)), [None]);
        assert_eq!(chosen(vec![paused], Some(190)), [Some(0)]);
        let held = Demand {
            is_pause_held: true,
            ..paused
        };
        assert_eq!(chosen(vec![held], Some(5000)), [None]);
    }

    #[test]
    fn a_smallest_layer_that_is_sent_goes_on_while_a_part_of_its_rate_is_missing() {
        let sent = Demand {
            before: Some(2),
            current: Some(2),
            ..demand(all(), 720, 0)
        };
        assert_eq!(chosen(vec![sent], Some(100)), [Some(0)]);
        assert_eq!(chosen(vec![sent], Some(80)), [None]);
        assert_eq!(chosen(vec![demand(all(), 720, 0)], Some(100)), [None]);
    }

    #[test]
    fn a_layer_that_is_switched_off_is_wished_for_while_a_smaller_one_is_sent() {
        let wish = |layers, height, budget: Option<u64>| {
            let mut demands = [demand(layers, height, 0)];
            choose(&mut demands, budget.map(|kbps| Bitrate(kbps * 1000)));
            (demands[0].chosen, demands[0].wish)
        };
        let only_small = [layer(180, 150), None, None];
        assert_eq!(wish(only_small, 720, None), (Some(0), Some(2)));
        assert_eq!(wish(only_small, 360, None), (Some(0), Some(1)));
        assert_eq!(wish(only_small, 180, None), (Some(0), None));
        assert_eq!(wish(only_small, 720, Some(2500)), (Some(0), Some(2)));
        assert_eq!(wish(only_small, 720, Some(1000)), (Some(0), Some(1)));
        assert_eq!(wish(only_small, 720, Some(300)), (Some(0), None));
        assert_eq!(wish(only_small, 720, Some(100)), (None, Some(0)));
        assert_eq!(wish([None, None, layer(720, 900)], 180, None), (Some(2), Some(0)));
        assert_eq!(wish(all(), 720, Some(5000)), (Some(2), None));
    }
}
