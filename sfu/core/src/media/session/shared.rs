//! What all sessions of a core share, and what goes out of it by queues.

use std::collections::VecDeque;
use std::time::Instant;

use hearken_protocol::{MediaEvent, VideoCodec};
use rand::rngs::StdRng;

use crate::media::participant::Connection;
use crate::media::speech::SpeechQueue;
use crate::media::time::{MediaTime, ServerClock};
use crate::{Counters, DropCause, Outbox};

/// Events waiting for signaling. Full: the newest is lost and counted.
const EVENTS_MAX: usize = 65_536;

/// The time of a call into the core, on both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) instant: Instant,
    pub(crate) time: MediaTime,
}

/// What all sessions of a core share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: ServerClock,
    pub(crate) random: StdRng,
    pub(crate) outbox: Outbox,
    /// What publishers are to encode with while everybody else can decode it.
    pub(crate) video_codec: VideoCodec,
    pub(crate) events: VecDeque<MediaEvent>,
    pub(crate) speech: SpeechQueue,
    pub(crate) counters: Counters,
    pub(crate) next_stream: u64,
    /// RTCP as it is written, and sealed.
    pub(crate) rtcp: Vec<u8>,
    pub(crate) sealed: Vec<u8>,
    /// When a receiver is to be served before the next turn of the clock.
    pub(crate) wake: Option<Instant>,
}

impl Shared {
    pub(crate) fn event(&mut self, event: MediaEvent) {
        if self.events.len() < EVENTS_MAX {
            self.events.push_back(event);
        } else {
            self.counters.drops.count(DropCause::EventQueueFull);
        }
    }

    /// Seals and queues what is in `rtcp`, and empties it.
    pub(super) fn flush_rtcp(&mut self, connection: &mut Connection) {
        if self.rtcp.is_empty() {
            return;
        }
        // Between two ways, as when a TCP connection has ended: reports are repeated.
        let Some(pair) = connection.transport.selected() else {
            self.rtcp.clear();
            return self.counters.drops.count(DropCause::NoWay);
        };
        self.sealed.clear();
        let sealed = connection.transport.seal_rtcp(&self.rtcp, &mut self.sealed);
        self.rtcp.clear();
        if sealed.is_err() {
            self.counters.drops.count(DropCause::SealFailed);
        } else if self.outbox.push_control(&self.sealed, pair) {
            self.counters.sent.rtcp.add(self.sealed.len());
        } else {
            self.counters.drops.count(DropCause::OutboxFull);
        }
    }
}
