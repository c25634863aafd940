//! A run: a stretch of one received stream that goes out as it came, shifted.

use super::StreamId;
use crate::media::picture::{PictureNumbers, PictureShift};
use crate::media::temporal::Pace;

/// A stretch of one received stream.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Run {
    /// Higher than that of every run before it in the outgoing stream.
    pub(super) number: u64,
    pub(super) stream: StreamId,
    pub(super) first_in: u64,
    pub(super) first_out: u64,
    pub(super) timestamp_shift: u32,
    pub(super) picture_shift: PictureShift,
    /// The layer that is let through, where there are several in the stream.
    pub(super) target: Option<u8>,
    /// The temporal layers that are let through.
    pub(super) pace: Pace,
    /// Everything before this was let through or left out.
    pub(super) next_in: u64,
}

impl Run {
    /// Whether some of its packets may be left out.
    pub(super) fn closes_up(&self) -> bool {
        self.target.is_some() || self.pace != Pace::FULL
    }
}

/// The first packet of a run, as it came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunStart {
    pub(crate) stream: StreamId,
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) numbers: PictureNumbers,
    /// The layer to let through, where there are several in the stream.
    pub(crate) target: Option<u8>,
    /// The temporal layers to let through.
    pub(crate) pace: Pace,
}
