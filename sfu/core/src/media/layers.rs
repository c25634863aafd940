//! Which simulcast layer of a video each subscriber gets: by the size it shows it in, within what its line
//! carries. Only layers that arrive count, so nobody ever waits for one that doesn't; it may be wished for.
//!
//! Below the smallest there are fewer frames of it, where the publisher makes temporal layers: what moves a few times
//! a second is better than what stands still. A larger layer comes with all its frames only: small and smooth is
//! better than large and halting.

use std::cmp::Reverse;

use super::rate::Bitrate;
use super::rewriter::StreamId;
use super::temporal::{Pace, TEMPORAL_LAYERS_MAX, TemporalRates};

/// Layers of one video: `q`, `h` and `f`, smallest first.
pub(crate) const LAYERS_MAX: usize = 3;

/// Frames may be this much smaller than they are shown, in percent, before the next larger layer is taken.
const UPSCALE_PERCENT_MAX: u32 = 125;
/// A layer of unknown height, not yet seen a key frame of: its share of a 720p capture.
const HEIGHTS_ASSUMED: [u16; LAYERS_MAX] = [180, 360, 720];
/// What clients are told to send at most, for layers that do not arrive, or only just.
pub(crate) const RATES_ASSUMED: [Bitrate; LAYERS_MAX] =
    [Bitrate(150_000), Bitrate(500_000), Bitrate(1_500_000)];

/// All frames of the smallest layer go on as long as the line is thought to carry this much of them, and those of some
/// temporal layers as long as this much. More: pictures halt on lines that carry them; less: queues.
const FULL_PERCENT_MIN: u64 = 75;
const SLOWER_PERCENT_MIN: u64 = 90;

/// A layer that arrives at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LiveLayer {
    pub(crate) stream: StreamId,
    /// In pixels; `None` before its first key frame.
    pub(crate) height: Option<u16>,
    pub(crate) bitrate: Bitrate,
    pub(crate) temporal: TemporalRates,
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
    /// Its temporal layers.
    pub(crate) pace_before: Pace,
    /// It had to give way a short time ago: nothing more for now.
    pub(crate) is_held: bool,
    /// There has been too little even for the fewest frames for a while: they would be at the cost of the sound.
    pub(crate) is_starved: bool,
    /// It did not fit before at all.
    pub(crate) was_paused: bool,
    /// It is too early to begin again.
    pub(crate) is_pause_held: bool,
    /// The choice.
    pub(crate) chosen: Option<u8>,
    /// The temporal layers of the choice.
    pub(crate) pace: Pace,
    /// There is too little at present even for the fewest frames.
    pub(crate) is_short: bool,
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
        self.pace < Pace::FULL || self.chosen.map(usize::from) < fitting(&self.layers, self.height)
    }

    /// Whether more is chosen than before.
    pub(crate) fn rises(&self) -> bool {
        (self.chosen, self.pace) > (self.before, self.pace_before)
    }

    /// Whether less is chosen than before.
    pub(crate) fn falls(&self) -> bool {
        (self.chosen, self.pace) < (self.before, self.pace_before)
    }

    /// The highest temporal layer of what is sent until the choice begins, or else of the choice; the highest that there
    /// can be where it is not known yet, so that nobody gets frames that refer to what was left out.
    pub(crate) fn top(&self, current: Option<u8>) -> u8 {
        let layer = current
            .or(self.chosen)
            .and_then(|layer| self.layers[usize::from(layer)]);
        match layer.map(|layer| layer.temporal.top) {
            Some(top) if top > 0 => top,
            _ => TEMPORAL_LAYERS_MAX as u8 - 1,
        }
    }

    fn smallest(&self) -> Option<usize> {
        self.layers.iter().position(Option::is_some)
    }

    /// What a layer takes; of one that does not arrive, about.
    fn rate(&self, layer: usize) -> u64 {
        self.rate_at(layer, Pace::FULL)
    }

    fn rate_at(&self, layer: usize, pace: Pace) -> u64 {
        self.layers[layer].map_or(RATES_ASSUMED[layer].0, |layer| {
            layer.temporal.at(pace, layer.bitrate.0)
        })
    }

    fn slowest(&self, layer: usize) -> Pace {
        self.layers[layer].map_or(Pace::FULL, |layer| layer.temporal.slowest())
    }

    /// What must be left for a layer. What is being sent costs nothing new; to take on more there must be room
    /// to spare.
    fn cost(&self, layer: usize) -> u64 {
        let rate = self.rate(layer);
        let is_sent = self.before.max(self.current) >= Some(layer as u8);
        if is_sent { rate } else { rate + rate / 4 }
    }

    /// What must be left for the fewest frames of the smallest layer, below which it is paused. To begin again there must be room to
    /// spare. One that is being sent goes on while a part is missing, the first of all while more is: after a cut the
    /// estimate lies below what the line carries, a key frame makes the rate look larger than it is, and a pause
    /// costs another key frame and a picture that stands still.
    fn least_needed(&self, layer: usize, place: usize) -> u64 {
        let rate = self.rate_at(layer, self.slowest(layer));
        match (self.was_paused, self.before, place) {
            (true, _, _) => rate * 5 / 4,
            (false, Some(_), _) if self.is_starved => rate * SLOWER_PERCENT_MIN / 100,
            (false, Some(_), 0) => rate * 3 / 5,
            (false, Some(_), _) => rate * 4 / 5,
            (false, None, _) => rate,
        }
    }

    /// Whether most of the fewest frames of a layer fit.
    fn has_most_of(&self, layer: usize, left: u64) -> bool {
        self.rate_at(layer, self.slowest(layer)) * SLOWER_PERCENT_MIN / 100 <= left
    }

    /// Whether there is room for all of the smallest layer's frames up to this pace. More than there were need room to
    /// spare, not much, since they come and go without a key frame; those there were go on while a little is missing,
    /// since estimates go up and down.
    fn has_room_for(&self, layer: usize, pace: Pace, room: u64) -> bool {
        let rate = self.rate_at(layer, pace);
        let is_sent = self.before.is_some() && pace <= self.pace_before;
        let is_first = self.before.is_none() && !self.was_paused;
        if is_sent {
            let percent = if pace == Pace::FULL {
                FULL_PERCENT_MIN
            } else {
                SLOWER_PERCENT_MIN
            };
            rate * percent / 100 <= room
        } else {
            rate + if is_first { 0 } else { rate / 10 } <= room && !self.is_held
        }
    }

    /// Takes as many of the smallest layer's frames as there is room for. Returns what is left.
    fn quicken(&mut self, left: u64) -> u64 {
        let Some(layer) = self.chosen.map(usize::from) else {
            return left;
        };
        let Some(live) = self.layers[layer] else {
            return left;
        };
        let room = left + self.rate_at(layer, self.pace);
        let mut quicker = live.temporal.paces().take_while(|pace| *pace > self.pace);
        if let Some(pace) = quicker.find(|pace| self.has_room_for(layer, *pace, room)) {
            self.pace = pace;
        }
        room.saturating_sub(self.rate_at(layer, self.pace))
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
        let room = left.map(|left| left + self.rate_at(chosen, self.pace));
        let is_better = |layer: &usize| {
            self.layers[*layer].is_none()
                && self.pace == Pace::FULL
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

/// Chooses for all videos of one subscriber. Within a budget everybody gets the smallest layer first, as many frames of
/// it as there is room for, the most important first; then the wishes are met in the same order.
pub(crate) fn choose(demands: &mut [Demand], budget: Option<Bitrate>) {
    let Some(budget) = budget else {
        for demand in demands {
            demand.chosen = fitting(&demand.layers, demand.height).map(|layer| layer as u8);
            demand.pace = Pace::FULL;
            demand.wish(None);
        }
        return;
    };
    demands.sort_unstable_by_key(|demand| (demand.priority, Reverse(demand.height), demand.pair));
    let mut left = budget.0;
    for (place, demand) in demands.iter_mut().enumerate() {
        let slowest = demand
            .smallest()
            .filter(|layer| demand.slowest(*layer) < Pace::FULL);
        demand.is_short = slowest.is_some_and(|layer| !demand.has_most_of(layer, left));
        let affordable = demand.smallest().filter(|layer| {
            demand.least_needed(*layer, place) <= left && !(demand.was_paused && demand.is_pause_held)
        });
        demand.pace = affordable.map_or(Pace::FULL, |layer| demand.slowest(layer));
        left -= affordable
            .map_or(0, |layer| demand.rate_at(layer, demand.pace))
            .min(left);
        demand.chosen = affordable.map(|layer| layer as u8);
        left = demand.quicken(left);
    }
    for demand in demands {
        let (Some(chosen), Some(fits)) = (demand.chosen, fitting(&demand.layers, demand.height)) else {
            demand.wish(Some(left));
            continue;
        };
        let chosen = usize::from(chosen);
        let room = left + demand.rate_at(chosen, demand.pace);
        let larger = (chosen + 1..=fits).rev().find(|layer| {
            demand.pace == Pace::FULL
                && demand.layers[*layer].is_some()
                && demand.may_rise_to(*layer)
                && demand.cost(*layer) <= room
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
            temporal: TemporalRates::default(),
        })
    }

    /// 180 lines of 150 kbit/s, in temporal layers as Chromium makes them, and 360 lines.
    fn temporal() -> LiveLayers {
        let small = layer(180, 150).map(|layer| LiveLayer {
            temporal: TemporalRates::of([60_000, 90_000, 150_000]),
            ..layer
        });
        [small, layer(360, 500), None]
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
            pace_before: Pace::FULL,
            is_held: false,
            is_starved: false,
            was_paused: false,
            is_pause_held: false,
            chosen: None,
            pace: Pace::FULL,
            is_short: false,
            wish: None,
        }
    }

    /// Layer and pace.
    fn paced(mut demands: Vec<Demand>, kbps: u64) -> Vec<Option<(u8, Pace)>> {
        choose(&mut demands, Some(Bitrate(kbps * 1000)));
        demands
            .iter()
            .map(|demand| demand.chosen.map(|layer| (layer, demand.pace)))
            .collect()
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
    fn before_a_video_is_paused_it_gives_up_frames() {
        let sent = Demand {
            before: Some(0),
            current: Some(0),
            ..demand(temporal(), 360, 0)
        };
        for (kbps, pace) in [
            (500, Pace::FULL),
            (113, Pace::FULL),
            (112, Pace(1)),
            (81, Pace(1)),
            (80, Pace(0)),
            (36, Pace(0)),
        ] {
            assert_eq!(paced(vec![sent], kbps), [Some((0, pace))], "{kbps} kbit/s");
        }
        assert_eq!(paced(vec![sent], 35), [None]);
        let starved = Demand {
            is_starved: true,
            ..sent
        };
        assert_eq!(paced(vec![starved], 53), [None], "for long it needs most of it");
        assert_eq!(paced(vec![starved], 54), [Some((0, Pace(0)))]);
        assert_eq!(paced(vec![sent], 625), [Some((1, Pace::FULL))]);
    }

    #[test]
    fn the_highest_temporal_layer_is_that_of_what_is_sent_until_the_choice_begins() {
        let [small, medium, _] = temporal();
        let medium = medium.map(|layer| LiveLayer {
            temporal: TemporalRates::of([200_000, 500_000]),
            ..layer
        });
        let rises = Demand {
            chosen: Some(1),
            ..demand([small, medium, layer(720, 1700)], 360, 0)
        };
        assert_eq!(
            (rises.top(Some(0)), rises.top(Some(1)), rises.top(None)),
            (2, 1, 1)
        );
        // Of what only just comes it is not known yet.
        let most = TEMPORAL_LAYERS_MAX as u8 - 1;
        assert_eq!(rises.top(Some(2)), most);
        assert_eq!(demand(temporal(), 360, 0).top(None), most);
    }

    #[test]
    fn frames_come_back_with_room_to_spare_and_not_while_held() {
        let slow = Demand {
            before: Some(0),
            current: Some(0),
            pace_before: Pace(0),
            ..demand(temporal(), 360, 0)
        };
        for (kbps, pace) in [(98, Pace(0)), (99, Pace(1)), (164, Pace(1)), (165, Pace::FULL)] {
            assert_eq!(paced(vec![slow], kbps), [Some((0, pace))], "{kbps} kbit/s");
        }
        let held = Demand {
            is_held: true,
            ..slow
        };
        assert_eq!(paced(vec![held], 5000), [Some((0, Pace(0)))]);
    }

    #[test]
    fn who_is_important_is_smooth_before_the_others_move_and_all_are_before_anybody_is_large() {
        let (slow, middle, full) = (Pace(0), Pace(1), Pace::FULL);
        let places = |kbps| {
            let demands: Vec<_> = (0..3).map(|place| demand(temporal(), 360, place)).collect();
            paced(demands, kbps)
        };
        assert_eq!(places(70), [Some((0, slow)), None, None]);
        assert_eq!(places(150), [Some((0, full)), None, None]);
        assert_eq!(places(210), [Some((0, full)), Some((0, slow)), None]);
        assert_eq!(places(310), [Some((0, full)), Some((0, full)), None]);
        assert_eq!(places(400), [Some((0, full)), Some((0, full)), Some((0, middle))]);
        assert_eq!(places(450), [Some((0, full)); 3]);
        assert_eq!(places(1000), [Some((1, full)), Some((0, full)), Some((0, full))]);
    }

    #[test]
    fn what_was_paused_comes_back_with_the_fewest_frames() {
        let paused = Demand {
            was_paused: true,
            ..demand(temporal(), 360, 0)
        };
        assert_eq!(paced(vec![paused], 74), [None]);
        assert_eq!(paced(vec![paused], 75), [Some((0, Pace(0)))]);
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
