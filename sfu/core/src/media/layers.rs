//! Which simulcast layer of a video each subscriber gets: by the size it shows it in, within what its line
//! carries. Only layers that arrive count, so nobody ever waits for one that doesn't.

use super::rate::Bitrate;
use super::rewriter::StreamId;

/// Layers of one video: `q`, `h` and `f`, smallest first.
pub(crate) const LAYERS_MAX: usize = 3;

/// Frames may be this much smaller than they are shown, in percent, before the next larger layer is taken.
const UPSCALE_PERCENT_MAX: u32 = 125;
/// A layer of unknown height, not yet seen a key frame of: its share of a 720p capture.
const HEIGHTS_ASSUMED: [u16; LAYERS_MAX] = [180, 360, 720];

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

/// What one subscriber wants of one video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Demand {
    /// The subscriber's pair.
    pub(crate) pair: usize,
    pub(crate) layers: LiveLayers,
    /// Of the tile, in pixels.
    pub(crate) height: u16,
    /// Lower is served first.
    pub(crate) priority: u8,
    /// The layer it gets at present.
    pub(crate) current: Option<u8>,
    /// The stream it gets at present: not that of `current` any more when the publisher has replaced it.
    pub(crate) current_stream: Option<StreamId>,
    /// The choice.
    pub(crate) chosen: Option<u8>,
}

impl Demand {
    /// The layer to ask for a key frame of, because it is to begin.
    pub(crate) fn awaited(&self) -> Option<u8> {
        let chosen = self.chosen?;
        let stream = self.layers[usize::from(chosen)].map(|layer| layer.stream);
        (self.current != self.chosen || self.current_stream != stream).then_some(chosen)
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

/// What all videos together would take if there were no limit.
pub(crate) fn wanted(demands: &[Demand]) -> Bitrate {
    let rate = |demand: &Demand| {
        let layer = fitting(&demand.layers, demand.height)?;
        demand.layers[layer].map(|layer| layer.bitrate.0)
    };
    Bitrate(demands.iter().filter_map(rate).sum())
}

/// Chooses for all videos of one subscriber. With a ceiling, everybody gets the smallest layer first, as far
/// as it goes, then the wishes are met in order of priority.
pub(crate) fn choose(demands: &mut [Demand], ceiling: Option<Bitrate>) {
    let Some(ceiling) = ceiling else {
        for demand in demands {
            demand.chosen = fitting(&demand.layers, demand.height).map(|layer| layer as u8);
        }
        return;
    };
    demands.sort_unstable_by_key(|demand| demand.priority);
    let rate = |demand: &Demand, layer: usize| demand.layers[layer].map_or(0, |layer| layer.bitrate.0);
    let mut left = ceiling.0;
    for (served, demand) in demands.iter_mut().enumerate() {
        let smallest = demand.layers.iter().position(Option::is_some);
        // The first is served even if it does not fit: some picture is better than none.
        let affordable = smallest.filter(|layer| served == 0 || rate(demand, *layer) <= left);
        left = left.saturating_sub(affordable.map_or(0, |layer| rate(demand, layer)));
        demand.chosen = affordable.map(|layer| layer as u8);
    }
    for demand in demands {
        let (Some(chosen), Some(wish)) = (demand.chosen, fitting(&demand.layers, demand.height)) else {
            continue;
        };
        let chosen = usize::from(chosen);
        let spent = rate(demand, chosen);
        let larger = (chosen + 1..=wish).rev().find(|layer| {
            // What is already being sent costs nothing new; to take on more there must be room to spare.
            let cost = rate(demand, *layer);
            let margin = if demand.current == Some(*layer as u8) {
                cost
            } else {
                cost + cost / 4
            };
            demand.layers[*layer].is_some() && margin <= left + spent
        });
        if let Some(layer) = larger {
            left = (left + spent).saturating_sub(rate(demand, layer));
            demand.chosen = Some(layer as u8);
        }
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

    fn demand(layers: LiveLayers, height: u16, priority: u8) -> Demand {
        Demand {
            pair: 0,
            layers,
            height,
            priority,
            current: None,
            current_stream: None,
            chosen: None,
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
        assert_eq!(chosen(demands, Some(50)), [Some(0), None, None]);
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
}
