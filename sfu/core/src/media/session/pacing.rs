//! What happens between the turns of the clock: padding that probes a receiver's line.

use super::{Now, Session, Shared};
use crate::Content;
use crate::media::bandwidth::PROBE_STEP;
use crate::media::downlink::Downlink;
use crate::media::outgoing::Leg;

/// Packets of padding sent at once to one receiver.
const PADDING_AT_ONCE_MAX: usize = 200;

impl Session {
    /// Serves those who are to be served before the next turn of the clock.
    pub(crate) fn wake(&mut self, now: Now, shared: &mut Shared) {
        if !std::mem::take(&mut self.is_awake) {
            return;
        }
        for at in 0..self.participants.len() {
            self.probe(at, now, shared);
        }
    }

    /// Sends the padding that is due to one receiver.
    pub(super) fn probe(&mut self, at: usize, now: Now, shared: &mut Shared) {
        let Some(connection) = self.connection(at) else {
            return;
        };
        if !connection.transport.is_connected() {
            return;
        }
        let downlink = &mut connection.downlink;
        let Some(mut missing) = downlink.bandwidth.poll_probe(now.time, &mut shared.counters) else {
            return;
        };
        let Some(pair) = padding_pair(downlink) else {
            return;
        };
        let mut leg = Leg {
            transport: &mut connection.transport,
            bandwidth: &mut downlink.bandwidth,
            sent: &mut downlink.sent,
            outbox: &mut shared.outbox,
            content: Content::Video,
            counters: &mut shared.counters,
            copies: 0,
            now: now.time,
        };
        for _ in 0..PADDING_AT_ONCE_MAX {
            let Some(bytes) = (missing > 0)
                .then(|| downlink.pairs[pair].video.pad(&mut leg))
                .flatten()
            else {
                break;
            };
            missing = missing.saturating_sub(bytes as u64);
        }
        self.is_awake = true;
        let due = now.instant + PROBE_STEP;
        shared.wake = Some(shared.wake.map_or(due, |wake| wake.min(due)));
    }
}

/// The pair whose repair stream carries padding: one that the receiver has had packets of, if there is one.
fn padding_pair(downlink: &Downlink) -> Option<usize> {
    let can_pad = |pair: &usize| downlink.pairs[*pair].video.can_pad();
    let pairs = || (0..downlink.pairs.len()).filter(can_pad);
    pairs()
        .find(|pair| downlink.pairs[*pair].video.was_sent())
        .or_else(|| pairs().next())
}
