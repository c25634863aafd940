//! Several spatial layers in one stream (L3T3_KEY): each is predicted from the one below in key pictures only.
//! Whoever gets the largest needs nothing else between them, so a receiver can change layers only at a key
//! picture.
//!
//! ```text
//!              key picture        then
//!  layer 2        ▣ ◄──────────── ▣ ◄── ▣      wanted by who gets layer 2
//!                 ▲
//!  layer 1        ▣ ◄──────────── ▣ ◄── ▣      … layer 1
//!                 ▲
//!  layer 0        ▣ ◄──────────── ▣ ◄── ▣      … layer 0
//! ```

use std::time::Duration;

use super::layers::LAYERS_MAX;
use super::picture::FrameSize;
use super::rate::{Bitrate, RateMeter};
use super::time::MediaTime;

/// A frame of one spatial layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LayeredFrame {
    /// 0 is the smallest.
    pub(crate) spatial: u8,
    /// Of the whole stream, as far as it is said here.
    pub(crate) count: Option<u8>,
    /// The last packet of the frame.
    pub(crate) ends_frame: bool,
    /// The same for all packets of a frame, another for the next.
    pub(crate) frame: u32,
    /// Bit n: whoever gets layer n needs it.
    pub(crate) needed_by: u8,
    /// Bit n: the publisher makes layer n at present, as far as it says.
    pub(crate) active: u8,
}

impl LayeredFrame {
    /// Whether a receiver of this layer needs it.
    pub(crate) fn is_needed_by(&self, target: u8) -> bool {
        self.needed_by & 1 << target != 0
    }

    /// Whether this is the last packet of a picture for who gets this layer: the marker belongs there.
    pub(crate) fn ends_picture_of(&self, target: u8) -> bool {
        self.ends_frame && self.spatial == target
    }
}

/// What is known of one layer of a stream.
#[derive(Debug, Default)]
struct Layer {
    size: Option<FrameSize>,
    last_packet: Option<MediaTime>,
    /// All that a receiver of this layer gets.
    bitrate: RateMeter,
}

/// The layers in one stream, as they have come lately.
#[derive(Debug, Default)]
pub(crate) struct StreamLayers {
    layers: [Layer; LAYERS_MAX],
    count: u8,
    active: u8,
}

impl StreamLayers {
    /// Takes note of a packet.
    pub(crate) fn note(&mut self, frame: &LayeredFrame, bytes: usize, now: MediaTime) {
        match frame.count {
            Some(count) => self.count = count,
            None => self.count = self.count.max(frame.spatial + 1),
        }
        self.active = frame.active;
        for (number, layer) in self.layers.iter_mut().enumerate() {
            if frame.is_needed_by(number as u8) {
                layer.bitrate.add(bytes, now);
            }
        }
        if let Some(layer) = self.layers.get_mut(usize::from(frame.spatial)) {
            layer.last_packet = Some(now);
        }
    }

    /// Takes note of the sizes that a key picture tells, smallest first.
    pub(crate) fn resize(&mut self, sizes: [Option<FrameSize>; LAYERS_MAX]) {
        for (layer, size) in self.layers.iter_mut().zip(sizes) {
            layer.size = size.or(layer.size);
        }
    }

    /// Whether there is more than one.
    pub(crate) fn are_several(&self) -> bool {
        self.count > 1
    }

    /// Size and bitrate of a layer, unless it was silent for so long.
    pub(crate) fn get(
        &mut self,
        number: usize,
        silence_max: Duration,
        now: MediaTime,
    ) -> Option<(Option<FrameSize>, Bitrate)> {
        let is_made = self.active & 1 << number != 0 && number < usize::from(self.count);
        let layer = self.layers.get_mut(number).filter(|_| is_made)?;
        let comes = layer
            .last_packet
            .is_some_and(|last| now.since(last) < silence_max);
        comes.then(|| (layer.size, layer.bitrate.rate(now)))
    }
}
