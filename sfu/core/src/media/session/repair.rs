//! What a subscriber lost is sent again, as long as the publisher's packets are kept.

use hearken_protocol::TrackSource;

use super::{Now, Session, Shared};
use crate::media::downlink::Half;
use crate::media::participant::{self, Connection};
use crate::media::red::Copies;
use crate::media::rewriter::Source;
use crate::media::rtcp::LostSequences;
use crate::{Content, DropCause};

/// Lost packets answered per request: a whole second of video is beyond repair.
const REPAIRS_PER_REQUEST_MAX: usize = 128;

/// What came of a request for one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// It is sent again, or nothing can be done.
    Done,
    /// There is no room for it, nor for others.
    NoRoom,
    /// Pictures stand still for want of it, and nobody keeps it any more.
    BeyondRepair,
}

/// From whom to whom something is to be sent again.
struct RepairWay<'a> {
    connection: &'a mut Connection,
    from: &'a mut Connection,
    copies: &'a mut Copies,
    /// The receiver's pair.
    pair: usize,
    half: Half,
    source: TrackSource,
}

impl Session {
    /// Sends again what the participant at `at` lost of the stream `ssrc`.
    pub(super) fn repair(
        &mut self,
        at: usize,
        ssrc: u32,
        lost: LostSequences<'_>,
        now: Now,
        shared: &mut Shared,
    ) {
        let Some(mut way) = self.repair_way(at, ssrc) else {
            return;
        };
        let mut is_beyond_repair = false;
        for sequence in lost.take(REPAIRS_PER_REQUEST_MAX) {
            if !way.connection.downlink.look_ups.take(now.time) {
                shared.counters.drops.count(DropCause::TooManyRequests);
                break;
            }
            shared.counters.nacks_received += 1;
            let Some(lost) = way.find(sequence, now) else {
                continue;
            };
            match way.send(&lost, now, shared) {
                Answer::Done => {}
                Answer::NoRoom => break,
                Answer::BeyondRepair => is_beyond_repair = true,
            }
        }
        if is_beyond_repair {
            // The receiver would find out by itself, but browsers take seconds for it.
            self.picture_lost(at, ssrc, now, shared);
        }
    }

    fn repair_way(&mut self, at: usize, ssrc: u32) -> Option<RepairWay<'_>> {
        let downlink = &self.connection(at)?.downlink;
        let (pair, half) = downlink.find(ssrc)?;
        let owner = downlink.pairs[pair].owner?;
        let (audio, video) = owner.share.sources();
        let source = match half {
            Half::Audio => audio,
            Half::Video => video,
        };
        let participants = self.participants.get_disjoint_mut([at, owner.participant]);
        let Ok([Some(receiver), Some(publisher)]) = participants else {
            return None;
        };
        participant::grants(publisher.grants, source).then_some(())?;
        Some(RepairWay {
            connection: receiver.connection.as_mut()?,
            from: publisher.connection.as_mut()?,
            copies: &mut self.copies,
            pair,
            half,
            source,
        })
    }
}

impl RepairWay<'_> {
    /// Where what is missing came from; `None` if it is of no use any more, or on its way again already.
    fn find(&mut self, sequence: u16, now: Now) -> Option<Source> {
        let downlink = &mut self.connection.downlink;
        let round_trip = downlink
            .round_trip(now.time)
            .max(downlink.bandwidth.untold(now.time));
        let outgoing = downlink.pairs[self.pair].half(self.half);
        let lost = outgoing.rewriter.source(sequence)?;
        // A layer begins with a key frame: nobody needs what came before it of another one.
        let is_current = outgoing.rewriter.current() == Some(lost.stream);
        if self.half == Half::Video && !is_current {
            return None;
        }
        // Browsers ask again and again while a long queue keeps the answer: that must not use up the budget.
        let is_repaired = outgoing.is_repaired(&lost.rewritten, round_trip, now.time);
        (!is_repaired).then_some(lost)
    }

    /// Sends it if it is kept.
    fn send(&mut self, lost: &Source, now: Now, shared: &mut Shared) -> Answer {
        let downlink = &mut self.connection.downlink;
        let Some(stream) = self.from.uplink.by_id(lost.stream) else {
            return Answer::Done;
        };
        let Some(kept) = stream.kept(lost.sequence, now.time) else {
            // What has not come yet may come still: that is for the publisher's requests to give up.
            let is_gone = stream.cache.is_gone(lost.sequence, now.time);
            let video = &downlink.pairs[self.pair].video;
            let is_needed = self.half == Half::Video && video.is_needed(lost.rewritten.index);
            return if is_gone && is_needed {
                Answer::BeyondRepair
            } else {
                Answer::Done
            };
        };
        let stored = &kept.stored;
        // Without RTX the packet goes out again as it was, with the copies that it had.
        let outgoing = downlink.pairs[self.pair].half(self.half);
        let Some(had) = outgoing.copies_sent(lost.rewritten.index) else {
            return Answer::Done;
        };
        if had > 0 {
            self.copies.collect(&stream.cache, stored, now.time);
        } else {
            self.copies.clear();
        }
        let (prefix, copies) = self.copies.prefix(had);
        if copies != had {
            return Answer::Done;
        }
        if self.half == Half::Video && !downlink.pacer.may_repair(now.time) {
            // It would overflow the queue: it is asked for again.
            return Answer::NoRoom;
        }
        if !downlink.take_repair_budget(prefix.len() + stored.payload.len(), now.time) {
            return Answer::NoRoom;
        }
        let (pairs, mut leg) = self.connection.leg(Content::of(self.source), now.time, shared);
        leg.copies = copies;
        let outgoing = pairs[self.pair].half(self.half);
        let is_sent = outgoing.repair(&kept, prefix, lost.rewrite(stored.timestamp), &mut leg);
        shared.counters.nacks_answered += u64::from(is_sent);
        Answer::Done
    }
}
