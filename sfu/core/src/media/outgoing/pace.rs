//! How many of a video's temporal layers go out: fewer from the next frame on, more as soon as a frame opens them.

use std::time::Duration;

use super::{MediaPacket, Outgoing};
use crate::media::temporal::Pace;
use crate::media::time::MediaTime;

/// Encoders open their layers several times a second. One that does not is asked for a key frame, which opens all.
const OPENING_PATIENCE: Duration = Duration::from_secs(3);

/// What is wished for.
#[derive(Debug, Default)]
pub(super) struct PaceWish {
    pace: Pace,
    /// The highest temporal layer of the stream.
    top: u8,
    /// Since when there have been fewer.
    waiting_since: Option<MediaTime>,
}

impl Outgoing {
    /// Sets the temporal layers to be sent, of a stream with `top` as the highest.
    pub(crate) fn set_pace(&mut self, pace: Pace, top: u8, now: MediaTime) {
        let is_slower = self.current_layer.is_some() && self.rewriter.pace() < pace;
        let since = self.pace.waiting_since.unwrap_or(now);
        self.pace = PaceWish {
            pace,
            top,
            waiting_since: is_slower.then_some(since),
        };
    }

    /// The temporal layers to be sent.
    pub(crate) fn pace(&self) -> Pace {
        self.pace.pace
    }

    /// Whether only a key frame can bring the temporal layers that are to be sent.
    pub(crate) fn is_stuck(&self, now: MediaTime) -> bool {
        let since = self.pace.waiting_since;
        since.is_some_and(|since| now.since(since) >= OPENING_PATIENCE)
    }

    /// The pace of a run that begins with this packet.
    pub(super) fn first_pace(&self, packet: &MediaPacket<'_>) -> Pace {
        let has_layers = packet.video.is_some_and(|video| video.temporal.is_some());
        if has_layers { self.pace.pace } else { Pace::FULL }
    }

    /// Changes the pace at this packet, if that is wished for and it can be done there.
    pub(super) fn follow_pace(&mut self, packet: &MediaPacket<'_>) {
        let (sent, wanted) = (self.rewriter.pace(), self.first_pace(packet));
        let Some(video) = packet.video.as_ref().filter(|_| sent != wanted) else {
            return;
        };
        let next = match &video.temporal {
            // Nothing refers to what was before it, and the publisher may have stopped to tell of layers.
            _ if video.starts_key_frame => wanted,
            Some(place) if place.starts_frame => place.pace_after(sent, wanted, self.pace.top),
            Some(_) | None => sent,
        };
        if next != sent && self.rewriter.current() == Some(packet.stream) {
            self.rewriter.change_pace(next, packet.stored.sequence);
        }
    }
}
