//! What of a stream waits for the line: it has its numbers, and is found by them when it may go out. Given up, the
//! numbers are taken back, as if it had never come.

use std::time::Duration;

use super::{Kept, Leg, Outgoing, note_layer};
use crate::media::cache::StoredPacket;
use crate::media::pacer::{WAIT_MAX, Waiting};
use crate::media::picture::{PictureCounters, VideoPacket};
use crate::media::rewriter::{Rewritten, Source};
use crate::media::time::MediaTime;

/// What a packet takes on the line beside its payload, about.
const OVERHEAD_BYTES: usize = 40;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    packets: u32,
    bytes: u32,
    /// Counts how often all of it was given up.
    epoch: u32,
    /// Of the last packet before it.
    counters: PictureCounters,
}

impl Outgoing {
    /// The packet waits; `counters` are those from before it got its numbers.
    pub(super) fn wait(
        &mut self,
        pair: usize,
        stored: &StoredPacket<'_>,
        rewritten: &Rewritten,
        counters: PictureCounters,
        leg: &mut Leg<'_>,
    ) {
        if self.backlog.packets == 0 {
            self.backlog.counters = counters;
        }
        let bytes = (stored.payload.len() + OVERHEAD_BYTES).min(u16::MAX.into()) as u16;
        self.backlog.packets += 1;
        self.backlog.bytes += u32::from(bytes);
        leg.pacer.push(Waiting {
            index: rewritten.index,
            since: leg.now,
            epoch: self.backlog.epoch,
            pair: pair as u16,
            bytes,
        });
    }

    /// Whether a packet that waits was not given up since.
    pub(crate) fn awaits(&self, waiting: &Waiting) -> bool {
        self.backlog.packets > 0 && waiting.epoch == self.backlog.epoch
    }

    /// Bytes that wait.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.backlog.bytes.into()
    }

    /// How much longer the newest packet may take to the receiver.
    pub(crate) fn waiting_time(&self) -> Duration {
        if self.backlog.packets > 0 {
            WAIT_MAX
        } else {
            Duration::ZERO
        }
    }

    /// Where a packet that waits is kept; `None` when nobody knows any more.
    pub(crate) fn locate(&self, waiting: &Waiting) -> Option<Source> {
        self.rewriter.locate(waiting.index)
    }

    /// Sends a packet that has waited. False when it can't be read any more: then it waits still.
    pub(crate) fn send_waiting(
        &mut self,
        waiting: &Waiting,
        kept: &Kept<'_>,
        source: &Source,
        leg: &mut Leg<'_>,
    ) -> bool {
        let stored = &kept.stored;
        let read = |codec| VideoPacket::parse(codec, stored.payload, stored.dependency, kept.structure);
        let Some(video) = kept.codec.and_then(read) else {
            return false;
        };
        let rewritten = source.rewrite(stored.timestamp).of(Some(&video));
        self.backlog.packets -= 1;
        self.backlog.bytes -= u32::from(waiting.bytes);
        if self.rewriter.is_unsent(rewritten.index) {
            self.backlog
                .counters
                .note(&video.numbers, rewritten.picture_shift);
        }
        if self.send(stored, &[], Some(&video), rewritten, leg) {
            note_layer(stored, kept.layer, rewritten, leg);
        }
        true
    }

    /// What waits is not sent any more. Returns how many packets that are.
    pub(super) fn give_up_waiting(&mut self) -> u32 {
        let packets = std::mem::take(&mut self.backlog.packets);
        if packets > 0 {
            self.backlog.bytes = 0;
            self.backlog.epoch = self.backlog.epoch.wrapping_add(1);
            self.rewriter.take_back(self.backlog.counters);
        }
        packets
    }

    /// Sends nothing more of the present layer, nor what waits of it. Returns how many packets are given up.
    pub(crate) fn stop(&mut self) -> u32 {
        let packets = self.give_up_waiting();
        self.begin_anew();
        packets
    }

    /// Gives up what waits, so that the next that goes out is a key frame of this layer. Returns how many packets
    /// are given up.
    pub(crate) fn give_up(&mut self, layer: u8, now: MediaTime) -> u32 {
        let packets = self.stop();
        self.choose(Some(layer), now);
        packets
    }
}
