//! Tells participants how well their media gets through: on a beat, off the packet path.

use std::time::Duration;

use hearken_protocol::{FlowStatistics, MediaEvent, ParticipantId, Statistics, StreamStatistics};

use super::{Now, Session, Shared};
use crate::Counters;
use crate::media::downlink::Downlink;
use crate::media::statistics::{Loss, Sample};
use crate::media::uplink::Uplink;

impl Session {
    /// Reads one participant's line, when that is due, and says what was read.
    pub(super) fn send_statistics(&mut self, at: usize, now: Now, shared: &mut Shared) {
        let Some(participant) = self.participant(at) else {
            return;
        };
        let id = participant.id;
        let Some(connection) = &mut participant.connection else {
            return;
        };
        if !connection.transport.is_connected() {
            return;
        }
        let Some(elapsed) = connection.downlink.meter.take_due(at, now.time) else {
            return;
        };
        let mut streams = Vec::new();
        let sending = read_uplink(&mut connection.uplink, id, now, &mut streams);
        for pair in 0..connection_pairs(self, at) {
            let Some(owner) = self.pair_owner(at, pair) else {
                continue;
            };
            let Some(connection) = self.connection(at) else {
                return;
            };
            read_pair(
                &mut connection.downlink,
                pair,
                owner,
                elapsed,
                &mut shared.counters,
                &mut streams,
            );
        }
        let Some(connection) = self.connection(at) else {
            return;
        };
        let downlink = &mut connection.downlink;
        let receiving = sum_downlink(downlink, id, now, &streams);
        let bandwidth_bps = downlink
            .bandwidth
            .estimate()
            .map(|estimate| u32::try_from(estimate.0).unwrap_or(u32::MAX));
        let round_trip = downlink.measured_round_trip(now.time);
        let round_trip_ms = round_trip.map(|known| milliseconds(known.mean()));
        let sample = Sample {
            up_loss_permille: sending.loss_permille,
            down_loss_permille: receiving.loss_permille,
            jitter_ms: sending.jitter_ms.max(receiving.jitter_ms),
            round_trip_ms,
            is_short_of_bandwidth: downlink.is_short_of_bandwidth(),
        };
        let (quality, trouble) = downlink.meter.judge(&sample);
        shared.event(MediaEvent::Statistics {
            session: self.id,
            participant: id,
            statistics: Statistics {
                quality,
                trouble,
                round_trip_ms,
                bandwidth_bps,
                sending,
                receiving,
                streams,
            },
        });
    }

    /// Whose media a receiver's pair carries.
    fn pair_owner(&self, receiver: usize, pair: usize) -> Option<ParticipantId> {
        let connection = self.participants.get(receiver)?.as_ref()?.connection.as_ref()?;
        let owner = connection.downlink.pairs.get(pair)?.owner?;
        Some(self.participants.get(owner.participant)?.as_ref()?.id)
    }
}

fn connection_pairs(session: &Session, at: usize) -> usize {
    let participant = session.participants.get(at).and_then(Option::as_ref);
    participant
        .and_then(|participant| participant.connection.as_ref())
        .map_or(0, |connection| connection.downlink.pairs.len())
}

/// What the participant sends: each stream that flows, and all of it.
fn read_uplink(
    uplink: &mut Uplink,
    id: ParticipantId,
    now: Now,
    streams: &mut Vec<StreamStatistics>,
) -> FlowStatistics {
    let (mut bitrate, mut loss, mut jitter) = (0, Loss::default(), 0);
    for reading in uplink.readings(now.time) {
        bitrate += reading.bitrate.0;
        loss.add(reading.loss);
        let jitter_ms = milliseconds(reading.jitter).min(u32::from(u16::MAX)) as u16;
        if reading.source.is_audio() {
            jitter = jitter.max(jitter_ms);
        }
        streams.push(StreamStatistics {
            participant: id,
            source: reading.source,
            layer: (!reading.source.is_audio()).then_some(reading.layer),
            flow: flow(reading.bitrate.0, reading.loss, jitter_ms),
            freezes: 0,
        });
    }
    flow(bitrate, loss, jitter)
}

/// What one pair carries to the participant.
fn read_pair(
    downlink: &mut Downlink,
    pair: usize,
    owner: ParticipantId,
    elapsed: Duration,
    counters: &mut Counters,
    streams: &mut Vec<StreamStatistics>,
) {
    let pair = &mut downlink.pairs[pair];
    let Some((audio, video)) = pair.owner.map(|owner| owner.share.sources()) else {
        return;
    };
    for (source, outgoing) in [(audio, &mut pair.audio), (video, &mut pair.video)] {
        let reading = outgoing.read();
        if reading.octets == 0 && reading.freezes == 0 {
            continue;
        }
        let layer = outgoing.current_layer.filter(|_| !source.is_audio());
        counters.freezes += u64::from(reading.freezes);
        let bitrate = reading.octets * 8 * 1000 / (elapsed.as_millis() as u64).max(1);
        let jitter_ms = milliseconds(reading.jitter).min(u32::from(u16::MAX)) as u16;
        streams.push(StreamStatistics {
            participant: owner,
            source,
            layer,
            flow: flow(bitrate, reading.loss, jitter_ms),
            freezes: reading.freezes,
        });
    }
}

/// Everything the participant is sent. The line's own jitter is in every stream: the least uneven one shows
/// it, the others add their publishers' lines.
fn sum_downlink(
    downlink: &mut Downlink,
    id: ParticipantId,
    now: Now,
    streams: &[StreamStatistics],
) -> FlowStatistics {
    let sounds = streams
        .iter()
        .filter(|stream| stream.participant != id && stream.source.is_audio());
    let jitter = sounds.map(|stream| stream.flow.jitter_ms).min().unwrap_or(0);
    let loss = downlink.read_loss();
    flow(downlink.sent.rate(now.time).0, loss, jitter)
}

fn flow(bitrate: u64, loss: Loss, jitter_ms: u16) -> FlowStatistics {
    FlowStatistics {
        bitrate_bps: u32::try_from(bitrate).unwrap_or(u32::MAX),
        loss_permille: loss.permille(),
        jitter_ms,
    }
}

fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
