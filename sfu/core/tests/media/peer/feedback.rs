//! What a fake browser tells of what it sends and gets: reports, requests for what is missing, arrivals.

use super::Peer;
use crate::wire::{self, Rtp, TWCC};

/// Of the newest packets so many are asked for again until they come: a second of a large picture...
const ASKED_VIDEO: u64 = 400;
/// ...each so often...
const ASKED_TIMES: u32 = 10;
/// ...and what of the sound may still be played in time.
const ASKED_AUDIO: u64 = 80;
/// Without what was asked for in vain no picture is shown any more, for 3 s: then a key frame is asked for.
const STUCK_MS: u64 = 2400;
/// So long until it is asked for once more.
const KEY_FRAME_EVERY_MS: u64 = 200;

impl Peer {
    pub(super) fn report(&mut self, at: usize, now_ms: u64, out: &mut Vec<Vec<u8>>) {
        let sender = &self.senders[at];
        let ntp_ms = now_ms + self.clock_offset_ms;
        let ntp = (u128::from(ntp_ms) << 32) / 1000;
        // The clock runs with what is taken now, not with what is sent now.
        let words = [
            sender.ssrc,
            (ntp >> 32) as u32,
            ntp as u32,
            sender.timestamp(now_ms),
            sender.packets,
            sender.packets * 100,
        ];
        let packet = wire::rtcp_packet(0, 200, &words);
        out.extend(self.seal_rtcp(&packet));
    }

    pub(super) fn ask_again(&mut self, now_ms: u64, out: &mut Vec<Vec<u8>>) {
        let Some(answer) = &self.answer else { return };
        let mut requests = Vec::new();
        for (ssrc, (mid, is_rtx)) in &answer.ssrcs {
            let Some(inbox) = self.inboxes.get_mut(mid).filter(|_| !is_rtx) else {
                continue;
            };
            let Some(highest) = inbox.highest else { continue };
            let first = *inbox.payloads.keys().next().unwrap();
            let is_audio = mid.parse::<usize>().unwrap().is_multiple_of(2);
            let wanted = if is_audio { ASKED_AUDIO } else { ASKED_VIDEO };
            for index in first.max(highest.saturating_sub(wanted))..highest {
                if inbox.payloads.contains_key(&index) {
                    continue;
                }
                let (times, at_ms) = inbox.asked.get(&index).copied().unwrap_or_default();
                if times == 0 || (times < ASKED_TIMES && now_ms - at_ms > 60) {
                    inbox.asked.insert(index, (times + 1, now_ms));
                    requests.push(wire::rtcp_packet(
                        1,
                        205,
                        &[1, *ssrc, (index as u32 & 0xffff) << 16],
                    ));
                } else if times == ASKED_TIMES && inbox.is_stuck_at(index) && inbox.stuck.is_none() {
                    inbox.stuck = Some((index, now_ms));
                }
            }
            inbox.stuck = inbox.stuck.filter(|(index, _)| inbox.is_stuck_at(*index));
            if let Some((_, since_ms)) = &mut inbox.stuck
                && now_ms - *since_ms > STUCK_MS
            {
                *since_ms += KEY_FRAME_EVERY_MS;
                requests.push(wire::rtcp_packet(1, 206, &[1, *ssrc]));
            }
        }
        for request in requests {
            out.extend(self.seal_rtcp(&request));
        }
    }

    pub(super) fn report_reception(&mut self, now_ms: u64, out: &mut Vec<Vec<u8>>) {
        let Some(answer) = &self.answer else { return };
        let mut packets = Vec::new();
        for (ssrc, (mid, is_rtx)) in &answer.ssrcs {
            let Some(inbox) = self.inboxes.get(mid).filter(|_| !is_rtx) else {
                continue;
            };
            let Some(highest) = inbox.highest else { continue };
            let loss = u32::from(self.reported_loss) << 24;
            // The middle of the last sender report's time, and how long ago it came.
            let (last, delay) = inbox.report.map_or((0, 0), |(ntp_ms, _, at_ms)| {
                let middle = (ntp_ms / 1000.0 * 65_536.0) as u64 as u32;
                (middle, ((now_ms - at_ms) * 65_536 / 1000) as u32)
            });
            packets.push(wire::rtcp_packet(
                1,
                201,
                &[1, *ssrc, loss, highest as u32, 0, last, delay],
            ));
        }
        for packet in packets {
            out.extend(self.seal_rtcp(&packet));
        }
    }

    /// Tells of what has arrived since it told last, and of what is missing between.
    pub(super) fn tell_arrivals(&mut self, out: &mut Vec<Vec<u8>>) {
        let Some((newest, _)) = self.arrivals.last_key_value() else {
            return;
        };
        let newest = *newest;
        let numbers =
            (self.told + 1..=newest).map(|number| (number as u16, self.arrivals.get(&number).copied()));
        let numbers: Vec<_> = numbers.collect();
        for some in numbers.chunks(300) {
            if some.iter().all(|(_, arrival)| arrival.is_none()) {
                continue;
            }
            let message = wire::transport_feedback(some, self.feedback_sent);
            self.feedback_sent = self.feedback_sent.wrapping_add(1);
            out.extend(self.seal_rtcp(&message));
        }
        self.arrivals.clear();
        self.told = newest;
    }

    pub(super) fn note_arrival(&mut self, packet: &Rtp, now_ms: u64) {
        let Some((_, value)) = packet.extensions.iter().find(|(id, _)| *id == TWCC) else {
            return;
        };
        let number = u16::from_be_bytes([value[0], value[1]]);
        let near = self
            .arrivals
            .last_key_value()
            .map_or(self.told, |(newest, _)| *newest);
        let number = near.saturating_add_signed(i64::from(number.wrapping_sub(near as u16) as i16));
        if number > self.told {
            self.arrivals.insert(number, now_ms);
        }
    }
}
