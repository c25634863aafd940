//! RTCP both ways: what browsers report and ask for, and what they are told.

use super::{Now, Session, Shared};
use crate::DropCause;
use crate::media::downlink::Half;
use crate::media::rtcp::{self, RtcpPacket, RtcpPackets, SENDER_REPORT_BYTES};

/// What leaves room for headers in the smallest path that matters.
const RTCP_BYTES_MAX: usize = 1100;
/// Beats of 20 ms between messages about arrivals, as often as browsers send them themselves.
const ARRIVALS_EVERY: u64 = 3;
/// Beats between receiver reports: once a second.
const REPORTS_EVERY: u64 = 50;

impl Session {
    /// Takes a decrypted compound packet of the participant at `at`.
    pub(crate) fn handle_rtcp(&mut self, at: usize, compound: &[u8], now: Now, shared: &mut Shared) {
        shared.counters.received.rtcp.add(compound.len());
        if let Some(connection) = self.connection(at) {
            connection.last_rtcp = Some(now.time);
        }
        for packet in RtcpPackets::new(compound) {
            let Ok(packet) = packet else {
                shared.counters.drops.count(DropCause::MalformedRtcp);
                return;
            };
            let Some(connection) = self.connection(at) else {
                return;
            };
            if !connection.downlink.rtcp.take(now.time) {
                shared.counters.drops.count(DropCause::TooManyRequests);
                return;
            }
            match packet {
                RtcpPacket::SenderReport {
                    ssrc,
                    ntp,
                    timestamp,
                    blocks,
                } => {
                    connection.uplink.sender_report(ssrc, ntp, timestamp, now.time);
                    for block in blocks {
                        connection
                            .downlink
                            .reported(&block, shared.clock.ntp(now.time), now.time);
                    }
                }
                RtcpPacket::ReceiverReport { blocks } => {
                    for block in blocks {
                        connection
                            .downlink
                            .reported(&block, shared.clock.ntp(now.time), now.time);
                    }
                }
                RtcpPacket::Nack { media_ssrc, lost } => self.repair(at, media_ssrc, lost, now, shared),
                RtcpPacket::PictureLoss { media_ssrc } => {
                    shared.counters.plis_received += 1;
                    self.picture_lost(at, media_ssrc, now, shared);
                }
                RtcpPacket::FullIntra { entries } => {
                    for ssrc in rtcp::full_intra_ssrcs(entries) {
                        shared.counters.plis_received += 1;
                        self.picture_lost(at, ssrc, now, shared);
                    }
                }
                RtcpPacket::TransportFeedback { body } => {
                    let downlink = &mut connection.downlink;
                    let (expected, lost) = downlink.bandwidth.feedback(body, now.time, &mut shared.counters);
                    downlink.redundancy.reported(expected, lost, now.time);
                    downlink.set_pace(now.time);
                    if downlink.bandwidth.is_draining(now.time) && downlink.bandwidth.has_fallen() {
                        self.choose_layers_soon(now, shared);
                    }
                    self.keep_pace(at, now, shared);
                }
                RtcpPacket::Other => {}
            }
        }
    }

    /// A subscriber can't go on without a key frame: the publisher is asked, once for all who want one.
    pub(crate) fn picture_lost(&mut self, at: usize, ssrc: u32, now: Now, shared: &mut Shared) {
        let Some(connection) = self.connection(at) else {
            return;
        };
        let Some((pair, Half::Video)) = connection.downlink.find(ssrc) else {
            return;
        };
        let Some(owner) = connection.downlink.pairs[pair].owner else {
            return;
        };
        let Ok([Some(receiver), Some(publisher)]) =
            self.participants.get_disjoint_mut([at, owner.participant])
        else {
            return;
        };
        let (Some(connection), Some(from)) = (&mut receiver.connection, &mut publisher.connection) else {
            return;
        };
        let round_trip = connection.downlink.round_trip(now.time);
        let slot = &mut connection.downlink.pairs[pair];
        let round_trip = round_trip + slot.video.waiting_time();
        slot.video.picture_lost(now.time);
        let current = slot.video.rewriter.current();
        let Some(stream) = current.and_then(|stream| from.uplink.by_id(stream)) else {
            return;
        };
        if stream.key_frames.renew(now.time) || stream.key_frames.is_under_way(round_trip, now.time) {
            return;
        }
        if receiver.key_frames.take_loss(owner, now.time) {
            stream.key_frames.wish(now.time);
        } else {
            shared.counters.drops.count(DropCause::TooManyRequests);
        }
    }

    /// Tells one browser what is due: requests, arrivals, receiver and sender reports.
    pub(super) fn send_reports(&mut self, at: usize, now: Now, shared: &mut Shared) {
        let beat = self.beat;
        let Some(connection) = self.connection(at) else {
            return;
        };
        if !connection.transport.is_connected() {
            return;
        }
        let sender = connection.rtcp_ssrc;
        shared.rtcp.clear();
        let round_trip = connection.downlink.measured_round_trip(now.time);
        connection.uplink.write_requests(
            sender,
            round_trip,
            now.time,
            &mut shared.rtcp,
            &mut shared.counters,
        );
        shared.flush_rtcp(connection);
        if beat.is_multiple_of(ARRIVALS_EVERY) {
            while connection.uplink.write_arrivals(sender, &mut shared.rtcp) {
                shared.counters.twcc_sent += 1;
                shared.flush_rtcp(connection);
            }
        }
        if beat.is_multiple_of(REPORTS_EVERY) {
            connection.uplink.write_report(sender, now.time, &mut shared.rtcp);
            shared.flush_rtcp(connection);
        }
        for pair in 0..connection.downlink.pairs.len() {
            let slot = &mut connection.downlink.pairs[pair];
            slot.audio
                .write_report(&shared.clock, &slot.cname, now.time, &mut shared.rtcp);
            slot.video
                .write_report(&shared.clock, &slot.cname, now.time, &mut shared.rtcp);
            if shared.rtcp.len() + 2 * SENDER_REPORT_BYTES > RTCP_BYTES_MAX {
                shared.flush_rtcp(connection);
            }
        }
        shared.flush_rtcp(connection);
    }
}
