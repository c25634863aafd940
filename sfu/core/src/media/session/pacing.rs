//! What happens between the turns of the clock: video that waits for a receiver's line goes out, is hurried or given
//! up; padding probes the line.

use std::time::Duration;

use super::{Now, Session, Shared};
use crate::media::bandwidth::PROBE_STEP;
use crate::media::downlink::{Downlink, GivenUp, SlotPair};
use crate::media::pacer::{WAIT_MAX, Waiting};
use crate::media::time::MediaTime;
use crate::{Content, DropCause};

/// Packets of padding sent at once to one receiver.
const PADDING_AT_ONCE_MAX: usize = 200;
/// What waits goes out this often at least.
const PACE_STEP: Duration = Duration::from_millis(5);
/// A video that was not given up again for so long has got through.
const GIVEN_UP_FOR: Duration = Duration::from_secs(2);

/// How much of what waits may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Release {
    /// What there is credit for.
    Credit,
    /// The next one: a probe sends it in place of padding.
    One,
}

impl Session {
    /// Serves those who are to be served before the next turn of the clock.
    pub(crate) fn wake(&mut self, now: Now, shared: &mut Shared) {
        if !std::mem::take(&mut self.is_awake) {
            return;
        }
        for at in 0..self.participants.len() {
            self.serve(at, now, shared);
        }
    }

    /// Sends one receiver what is due: video that has waited, padding.
    pub(super) fn serve(&mut self, at: usize, now: Now, shared: &mut Shared) {
        self.keep_pace(at, now, shared);
        self.probe(at, now, shared);
    }

    /// Sends what waits for a receiver's line as far as there is credit, and sees to it that nothing waits too long:
    /// where the line carries less than is wanted, what has most waiting is given up; otherwise, or if that is not
    /// enough, the rest is hurried.
    pub(super) fn keep_pace(&mut self, at: usize, now: Now, shared: &mut Shared) {
        self.release(at, Release::Credit, now, shared);
        loop {
            let Some(connection) = self.connection(at) else {
                return;
            };
            let downlink = &mut connection.downlink;
            if !downlink.pacer.holds_something() {
                return;
            }
            let waiting_bytes = downlink.waiting_bytes();
            let is_in_time = downlink.pacer.is_in_time(waiting_bytes, now.time);
            if is_in_time && downlink.pacer.has_room() {
                break;
            }
            let victim = if !downlink.pacer.has_room() {
                most_waiting(downlink, None)
            } else if downlink.bandwidth.is_short() && !downlink.pacer.may_hurry(waiting_bytes, now.time) {
                most_waiting(downlink, longest_given_up(downlink, now))
            } else {
                None
            };
            let Some(pair) = victim else {
                downlink.pacer.hurry(waiting_bytes, now.time);
                break;
            };
            self.give_up(at, pair, now, shared);
        }
        self.wake_after(PACE_STEP, now, shared);
    }

    fn wake_after(&mut self, wait: Duration, now: Now, shared: &mut Shared) {
        self.is_awake = true;
        let due = now.instant + wait;
        shared.wake = Some(shared.wake.map_or(due, |wake| wake.min(due)));
    }

    /// Lets out what waits. Returns the bytes.
    fn release(&mut self, at: usize, release: Release, now: Now, shared: &mut Shared) -> u64 {
        let mut bytes = 0;
        while let Some(connection) = self.connection(at) {
            let downlink = &mut connection.downlink;
            let Some(waiting) = downlink.pacer.first() else {
                break;
            };
            let pair = usize::from(waiting.pair);
            if !downlink.pairs[pair].video.awaits(&waiting) {
                downlink.pacer.take_first();
                continue;
            }
            if now.time.since(waiting.since) > WAIT_MAX {
                self.give_up(at, pair, now, shared);
                continue;
            }
            let may_go = match release {
                Release::Credit => downlink.pacer.has_credit(now.time),
                Release::One => bytes == 0,
            };
            if !may_go {
                break;
            }
            if self.send_waiting(at, &waiting, now, shared) {
                bytes += u64::from(waiting.bytes);
                count_wait(now.time.since(waiting.since), shared);
            } else {
                self.give_up(at, pair, now, shared);
            }
        }
        bytes
    }

    /// Sends the first one that waits; false when nobody has it any more.
    fn send_waiting(&mut self, at: usize, waiting: &Waiting, now: Now, shared: &mut Shared) -> bool {
        let pair = usize::from(waiting.pair);
        let owner = self.connection(at).and_then(|c| c.downlink.pairs[pair].owner);
        let Some(owner) = owner else {
            return false;
        };
        let Ok([Some(receiver), Some(publisher)]) =
            self.participants.get_disjoint_mut([at, owner.participant])
        else {
            return false;
        };
        let (Some(connection), Some(from)) = (&mut receiver.connection, &mut publisher.connection) else {
            return false;
        };
        let Some(source) = connection.downlink.pairs[pair].video.locate(waiting) else {
            return false;
        };
        let Some(stream) = from.uplink.by_id(source.stream) else {
            return false;
        };
        let Some(kept) = stream.kept(source.sequence, now.time) else {
            return false;
        };
        let (pairs, mut leg) = connection.leg(Content::Video, now.time, shared);
        leg.waited_ms = milliseconds_begun(now.time.since(waiting.since));
        if !pairs[pair].video.send_waiting(waiting, &kept, &source, &mut leg) {
            return false;
        }
        leg.pacer.take_first();
        true
    }

    /// Gives up what waits of one video: it begins anew with a key frame of its smallest layer, which is asked for.
    fn give_up(&mut self, at: usize, pair: usize, now: Now, shared: &mut Shared) {
        let Some(connection) = self.connection(at) else {
            return;
        };
        let estimate = connection.downlink.bandwidth.estimate();
        let slot = &mut connection.downlink.pairs[pair];
        let first = given_up_since(slot, now).unwrap_or(now.time);
        let last = now.time;
        slot.given_up = Some(GivenUp { first, last });
        slot.steadiness.lowered(estimate, now.time);
        let owner = slot.owner;
        let smallest = owner.and_then(|owner| {
            let (_, source) = owner.share.sources();
            let publisher = self.participant(owner.participant)?;
            let live = publisher.live_layers(source, now.time);
            let layer = live.iter().position(Option::is_some)?;
            let stream = live[layer]?.stream;
            let connection = publisher.connection.as_mut()?;
            connection.uplink.by_id(stream)?.key_frames.wish(now.time);
            Some(layer as u8)
        });
        let Some(connection) = self.connection(at) else {
            return;
        };
        let downlink = &mut connection.downlink;
        let video = &mut downlink.pairs[pair].video;
        let packets = video.give_up(smallest.unwrap_or(0), now.time);
        shared.counters.drops.add(DropCause::Pacing, packets.into());
        shared.counters.videos_given_up += 1;
        let Downlink { pacer, pairs, .. } = downlink;
        pacer.retain(|waiting| pairs[usize::from(waiting.pair)].video.awaits(waiting));
    }

    /// Sends the padding that is due to one receiver; what waits goes in place of it.
    fn probe(&mut self, at: usize, now: Now, shared: &mut Shared) {
        let Some(connection) = self.connection(at) else {
            return;
        };
        if !connection.transport.is_connected() {
            return;
        }
        let bandwidth = &mut connection.downlink.bandwidth;
        let Some(mut missing) = bandwidth.poll_probe(now.time, &mut shared.counters) else {
            return;
        };
        while missing > 0 {
            let bytes = self.release(at, Release::One, now, shared);
            if bytes == 0 {
                break;
            }
            missing = missing.saturating_sub(bytes);
        }
        self.pad(at, missing, now, shared);
        self.wake_after(PROBE_STEP, now, shared);
    }

    /// Sends about so many bytes of padding.
    fn pad(&mut self, at: usize, mut missing: u64, now: Now, shared: &mut Shared) {
        let Some(connection) = self.connection(at) else {
            return;
        };
        let Some(pair) = padding_pair(&connection.downlink) else {
            return;
        };
        let (pairs, mut leg) = connection.leg(Content::Video, now.time, shared);
        for _ in 0..PADDING_AT_ONCE_MAX {
            let Some(bytes) = (missing > 0).then(|| pairs[pair].video.pad(&mut leg)).flatten() else {
                break;
            };
            missing = missing.saturating_sub(bytes as u64);
        }
    }
}

fn count_wait(waited: Duration, shared: &mut Shared) {
    let counters = &mut shared.counters;
    counters.paced_packets += 1;
    counters.paced_time += waited;
    counters.paced_longest = counters.paced_longest.max(waited);
}

/// The pair that most waits of, but not `spared`: what is freed by it is the most, and so the fewest pictures suffer.
fn most_waiting(downlink: &Downlink, spared: Option<usize>) -> Option<usize> {
    let waiting = |pair: &usize| downlink.pairs[*pair].video.waiting_bytes();
    (0..downlink.pairs.len())
        .filter(|pair| waiting(pair) > 0 && Some(*pair) != spared)
        .max_by_key(waiting)
}

/// Of the pairs with something waiting, the one that was given up before all others and has not got through since: it
/// is not given up again, so that one after the other gets through, whatever the line.
fn longest_given_up(downlink: &Downlink, now: Now) -> Option<usize> {
    let first = |pair: usize| given_up_since(&downlink.pairs[pair], now);
    (0..downlink.pairs.len())
        .filter(|pair| downlink.pairs[*pair].video.waiting_bytes() > 0)
        .filter_map(|pair| Some((first(pair)?, pair)))
        .min()
        .map(|(_, pair)| pair)
}

/// When a pair was first given up, if it has not got through since.
fn given_up_since(pair: &SlotPair, now: Now) -> Option<MediaTime> {
    let given_up = pair.given_up?;
    (now.time.since(given_up.last) < GIVEN_UP_FOR).then_some(given_up.first)
}

/// The pair whose repair stream carries padding: one that the receiver has had packets of, if there is one.
fn padding_pair(downlink: &Downlink) -> Option<usize> {
    let can_pad = |pair: &usize| downlink.pairs[*pair].video.can_pad();
    let pairs = || (0..downlink.pairs.len()).filter(can_pad);
    pairs()
        .find(|pair| downlink.pairs[*pair].video.was_sent())
        .or_else(|| pairs().next())
}

/// Rounded up, so that what is left of a limit is never too much.
fn milliseconds_begun(duration: Duration) -> u16 {
    u16::try_from(duration.as_micros().div_ceil(1000)).unwrap_or(u16::MAX)
}
