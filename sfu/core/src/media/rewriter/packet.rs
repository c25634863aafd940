//! A packet before and after its numbers are changed, and the way back from its new ones.

use super::StreamId;
use crate::media::picture::{PictureNumbers, PictureShift, VideoPacket};
use crate::media::svc::LayeredFrame;
use crate::media::temporal::{Pace, TemporalPlace};

/// A packet, as far as its numbers go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Incoming<'a> {
    pub(crate) stream: StreamId,
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    /// `None` for sound.
    pub(crate) numbers: Option<&'a PictureNumbers>,
    /// Where there are several layers in the stream.
    pub(crate) layers: Option<&'a LayeredFrame>,
    /// Where there are temporal layers in it.
    pub(crate) temporal: Option<&'a TemporalPlace>,
}

/// A packet's numbers on the way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rewritten {
    /// Roll-over counter and sequence number.
    pub(crate) index: u64,
    pub(crate) timestamp: u32,
    pub(crate) picture_shift: PictureShift,
    /// The layer that the receiver gets, where there are several in the stream.
    pub(crate) target: Option<u8>,
    /// The temporal layers that it gets.
    pub(crate) pace: Pace,
    /// It came too late for its number to be closed up over, and the receiver does without it: an empty packet takes
    /// its place, so that nothing waits for it.
    pub(crate) is_filler: bool,
}

impl Rewritten {
    /// The same for what came under this number: an empty packet if it is nothing that the receiver gets.
    pub(crate) fn of(self, video: Option<&VideoPacket>) -> Self {
        let is_filler = video.is_some_and(|video| {
            let (layers, temporal) = (video.layers.as_ref(), video.temporal.as_ref());
            !is_let_through(self.target, self.pace, layers, temporal)
        });
        Self { is_filler, ..self }
    }
}

pub(super) fn is_let_through(
    target: Option<u8>,
    pace: Pace,
    layers: Option<&LayeredFrame>,
    temporal: Option<&TemporalPlace>,
) -> bool {
    let is_of_target = match (target, layers) {
        (Some(target), Some(layers)) => layers.is_needed_by(target),
        _ => true,
    };
    is_of_target && temporal.is_none_or(|place| pace.takes(place.layer))
}

/// What a subscriber lost, in terms of the stream it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) stream: StreamId,
    pub(crate) sequence: u64,
    pub(crate) rewritten: Rewritten,
    pub(super) timestamp_shift: u32,
}

impl Source {
    /// The numbers to send it with, given its own timestamp.
    pub(crate) fn rewrite(&self, timestamp: u32) -> Rewritten {
        Rewritten {
            timestamp: timestamp.wrapping_add(self.timestamp_shift),
            ..self.rewritten
        }
    }
}
