//! What arrived at a fake browser, checked against what it was told of its slots.

use std::collections::BTreeMap;

use hearken_protocol::{ParticipantId, Slot, TrackSource};

use super::Peer;
use crate::wire::{self, LEVEL, Rtp, Stamp, Vp8Packet};

/// A packet that arrived in a slot.
#[derive(Debug, Clone)]
pub struct Received {
    pub at_ms: u64,
    pub mid: String,
    pub index: u64,
    pub timestamp: u32,
    pub stamp: Stamp,
    pub vp8: Option<Vp8Packet>,
    pub payload_type: u8,
    pub is_repair: bool,
    pub level: Option<u8>,
    /// Not of whoever had the slot before.
    pub is_current: bool,
    /// When the sound of its copies was taken, and how many ticks before this packet's.
    pub copies: Vec<(u32, Stamp)>,
    /// Bytes of the payload.
    pub bytes: usize,
}

/// A packet of another codec than VP8 that arrived in a slot, repairs unpacked.
#[derive(Debug, Clone)]
pub struct Other {
    pub at_ms: u64,
    pub index: u64,
    pub packet: Rtp,
    pub is_repair: bool,
}

/// What is known of one slot's stream.
#[derive(Debug, Default)]
pub struct Inbox {
    pub highest: Option<u64>,
    pub payloads: BTreeMap<u64, Vec<u8>>,
    /// Of the last sender report: its time in ms, its timestamp, and when it came.
    pub report: Option<(f64, u32, u64)>,
    pub reports: u64,
    pub cname: Option<String>,
    /// The beginning of the newest key frame (of VP8).
    pub(super) key: Option<u64>,
    /// What was asked for in vain, and since when nothing can be shown for it.
    pub(super) stuck: Option<(u64, u64)>,
    /// How often each was asked for again, and when last.
    pub(super) asked: BTreeMap<u64, (u32, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holes {
    Forbidden,
    Allowed,
}

impl Inbox {
    fn keep(&mut self, index: u64, payload: &[u8]) {
        self.payloads.insert(index, payload.to_vec());
        while self.payloads.len() > 3000 {
            self.payloads.pop_first();
        }
        self.highest = Some(self.highest.map_or(index, |highest| highest.max(index)));
    }

    /// Whether nothing later can be shown as long as this packet is missing: no key frame began after it.
    pub(super) fn is_stuck_at(&self, index: u64) -> bool {
        self.key.is_some_and(|key| key <= index) && !self.payloads.contains_key(&index)
    }
}

impl Peer {
    /// An empty packet under a number that nothing else will come under.
    pub(super) fn is_filler(&mut self, packet: &Rtp) -> bool {
        let answer = self.answer.as_ref().unwrap();
        let (mid, is_repair) = answer.ssrcs[&packet.ssrc].clone();
        let sequence = match (is_repair, &packet.payload[..]) {
            (false, []) => packet.sequence,
            (true, [high, low]) => u16::from_be_bytes([*high, *low]),
            _ => return false,
        };
        let inbox = self.inboxes.get_mut(&mid).expect("something came before");
        let near = inbox.highest.unwrap();
        let index = near.wrapping_add_signed(i64::from(sequence.wrapping_sub(near as u16) as i16));
        let before = inbox.payloads.insert(index, Vec::new());
        assert!(
            before.is_none_or(|before| before.is_empty()),
            "{mid} #{index}: something else came before"
        );
        inbox.highest = Some(near.max(index));
        self.fillers.insert((mid, index));
        true
    }

    pub(super) fn receive_rtp(&mut self, packet: &Rtp, now_ms: u64) {
        let answer = self.answer.as_ref().unwrap();
        let (mid, is_repair) = answer
            .ssrcs
            .get(&packet.ssrc)
            .expect("an SSRC of the answer")
            .clone();
        let inbox = self.inboxes.entry(mid.clone()).or_default();
        let (sequence, payload) = if is_repair {
            (
                u16::from_be_bytes([packet.payload[0], packet.payload[1]]),
                &packet.payload[2..],
            )
        } else {
            (packet.sequence, &packet.payload[..])
        };
        let near = inbox.highest.unwrap_or(u64::from(sequence));
        let index = near.wrapping_add_signed(i64::from(sequence.wrapping_sub(near as u16) as i16));
        if let Some(before) = inbox.payloads.get(&index) {
            assert_eq!(before, payload, "{mid} #{index}: two packets under one number");
        }
        let slot = self
            .slots
            .get(&mid)
            .expect("a packet only after the slot was announced");
        let is_audio = usize::from(mid.parse::<u8>().unwrap()).is_multiple_of(2);
        if !is_audio && ![self.style.vp8, self.style.rtx_type()].contains(&packet.payload_type) {
            inbox.keep(index, payload);
            self.others.push(Other {
                at_ms: now_ms,
                index,
                packet: Rtp {
                    payload: payload.to_vec(),
                    ..packet.clone()
                },
                is_repair,
            });
            return;
        }
        let vp8 = (!is_audio).then(|| Vp8Packet::read(payload));
        let (copies, own) = match self.style.red {
            Some(red) if packet.payload_type == red => wire::read_red(payload, self.style.opus),
            _ => (Vec::new(), payload.to_vec()),
        };
        let stamp = vp8.map_or_else(|| Stamp::read(&own[1..]), |vp8| vp8.stamp);
        let copies = copies
            .iter()
            .map(|(offset, copy)| (*offset, Stamp::read(&copy[1..])))
            .collect();
        // What was under way when the slot changed hands is older than the new owner's first timestamp.
        let is_current = slot
            .content
            .is_some_and(|content| packet.timestamp.wrapping_sub(content.first_rtp_timestamp) as i32 >= 0);
        if let Some(content) = slot.content.filter(|_| is_current) {
            assert_eq!(
                stamp.publisher, content.participant.0,
                "{mid}: somebody under another's name"
            );
        }
        inbox.keep(index, payload);
        if vp8.is_some_and(|vp8| vp8.key && vp8.starts) {
            inbox.key = inbox.key.max(Some(index));
        }
        let level = packet
            .extensions
            .iter()
            .find(|(id, _)| *id == LEVEL)
            .map(|(_, value)| value[0]);
        self.received.push(Received {
            at_ms: now_ms,
            mid,
            index,
            timestamp: packet.timestamp,
            stamp,
            vp8,
            payload_type: packet.payload_type,
            is_repair,
            level,
            is_current,
            copies,
            bytes: payload.len(),
        });
    }

    /// The section that carries a source of somebody at present.
    pub fn slot_of(&self, participant: ParticipantId, source: TrackSource) -> Option<&Slot> {
        self.slots.values().find(|slot| {
            slot.content
                .is_some_and(|content| content.participant == participant && content.source == source)
        })
    }

    /// When a packet was taken, as this receiver must think from the sender reports: ms on the server's clock.
    pub fn taken_by_reports(&self, received: &Received) -> Option<f64> {
        let (ntp, timestamp, _) = self.inboxes[&received.mid].report?;
        let rate = if received.vp8.is_some() { 90.0 } else { 48.0 };
        Some(ntp + f64::from(received.timestamp.wrapping_sub(timestamp) as i32) / rate)
    }

    /// Checks that the numbers of each section make one stream, without holes if asked.
    pub fn check_continuity(&self, holes: Holes) {
        let temporal = |received: &Received| received.vp8.is_some_and(|vp8| vp8.temporal > 0);
        let is_temporal = self.received.iter().any(temporal);
        let mut by_mid: BTreeMap<&str, BTreeMap<u64, &Received>> = BTreeMap::new();
        for received in &self.received {
            by_mid
                .entry(&received.mid)
                .or_default()
                .insert(received.index, received);
        }
        for (mid, packets) in by_mid {
            let mut before: Option<&Received> = None;
            for (index, received) in packets {
                if let Some(before) = before {
                    let is_filled = |index: &u64| self.fillers.contains(&(mid.to_owned(), *index));
                    let fillers = (before.index + 1..index).filter(is_filled).count();
                    let step = index - before.index - fillers as u64;
                    if holes == Holes::Forbidden {
                        assert_eq!(step, 1, "{mid}: hole before #{index} at {} ms", received.at_ms);
                    }
                    let advance = received.timestamp.wrapping_sub(before.timestamp) as i32;
                    assert!(advance >= 0, "{mid} #{index}: timestamp goes back by {advance}");
                    if let (Some(vp8), Some(vp8_before)) = (received.vp8, before.vp8)
                        && !vp8.is_minimal
                    {
                        let pictures = vp8.picture.wrapping_sub(vp8_before.picture) & 0x7fff;
                        assert!(
                            u64::from(pictures) <= index - before.index,
                            "{mid} #{index}: picture id jumps by {pictures}"
                        );
                        assert_eq!(
                            pictures == 0,
                            advance == 0,
                            "{mid} #{index}: one picture, one timestamp"
                        );
                        let tl0 = u16::from(vp8.tl0.wrapping_sub(vp8_before.tl0));
                        assert!(
                            tl0 == pictures & 0xff || is_temporal && tl0 < pictures,
                            "{mid} #{index}: TL0PICIDX"
                        );
                        if received.stamp.layer != before.stamp.layer && step == 1 {
                            assert!(vp8.key, "{mid} #{index}: a layer begins with a key frame");
                        }
                    }
                }
                before = Some(received);
            }
        }
    }
}
