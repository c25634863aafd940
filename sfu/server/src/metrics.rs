//! What the media plane exports: `hearken_sfu_*`. Label values come from enums, never from ids.

use hearken_protocol::{FlowStatistics, Statistics};
use hearken_sfu_core::{Counters, Traffic};
use prometheus::{
    Counter, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
    register_counter_with_registry, register_histogram_vec_with_registry, register_histogram_with_registry,
    register_int_counter_vec_with_registry, register_int_counter_with_registry,
    register_int_gauge_vec_with_registry,
};

use crate::sender::SendReport;
use crate::socket::BufferSizes;

/// Seconds from a batch's receipt to its being sent: 10 µs to 100 ms.
const FORWARDING_BUCKETS: &[f64] = &[
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1,
];

/// Seconds from an offer to a connection, and to the first media.
const JOIN_BUCKETS: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Shares of packets lost: from what nobody notices to what nobody bears.
const LOSS_BUCKETS: &[f64] = &[0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0];

/// Seconds of jitter.
const JITTER_BUCKETS: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.07, 0.1, 0.2, 0.5];

/// Seconds to a participant and back.
const ROUND_TRIP_BUCKETS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.45, 0.6, 1.0, 2.0];

/// Bits per second of one participant.
const BITRATE_BUCKETS: &[f64] = &[
    30e3, 64e3, 125e3, 250e3, 500e3, 1e6, 2e6, 3e6, 5e6, 8e6, 12e6, 20e6, 40e6,
];

/// All metrics of the media plane.
pub(crate) struct Metrics {
    packets: IntCounterVec,
    bytes: IntCounterVec,
    drops: IntCounterVec,
    transport_drops: IntCounterVec,
    loss: IntCounterVec,
    key_frames: IntCounterVec,
    offers: IntCounterVec,
    redundancy: IntCounterVec,
    decisions: IntCounterVec,
    feedback: IntCounterVec,
    send_calls: IntCounter,
    lines: IntCounterVec,
    line_loss: HistogramVec,
    line_jitter: HistogramVec,
    line_bitrate: HistogramVec,
    line_round_trip: Histogram,
    line_estimate: Histogram,
    layer_bytes: IntCounterVec,
    freezes: IntCounter,
    paced: IntCounter,
    paced_seconds: Counter,
    /// From the receive call to the return of the send call, per batch that forwarded something.
    pub(crate) forwarding: Histogram,
    /// From an offer to the connection being up.
    pub(crate) join: Histogram,
    sessions: IntGaugeVec,
    connections: IntGaugeVec,
    socket_buffer: IntGaugeVec,
    tcp_connections: IntGaugeVec,
    tcp_closed: IntCounterVec,
}

impl Metrics {
    /// Registers all of them.
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            register_int_counter_vec_with_registry!(Opts::new(name, help), labels, registry)
        };
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            register_int_gauge_vec_with_registry!(Opts::new(name, help), labels, registry)
        };
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            register_histogram_with_registry!(opts, registry)
        };
        let directed = |name: &str, help: &str, buckets: &[f64]| {
            let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            register_histogram_vec_with_registry!(opts, &["direction"], registry)
        };
        Ok(Self {
            packets: counter(
                "hearken_sfu_packets_total",
                "Datagrams by direction (in, out) and kind.",
                &["direction", "kind"],
            )?,
            bytes: counter(
                "hearken_sfu_bytes_total",
                "UDP payload bytes by direction (in, out) and kind.",
                &["direction", "kind"],
            )?,
            drops: counter(
                "hearken_sfu_drops_total",
                "Packets that went no further, by reason.",
                &["reason"],
            )?,
            transport_drops: counter(
                "hearken_sfu_transport_drops_total",
                "Of the drops with reason transport: why the transport refused the datagram.",
                &["reason"],
            )?,
            loss: counter(
                "hearken_sfu_nacks_total",
                "Sequence numbers reported missing: received, answered, sent, given_up, recovered.",
                &["event"],
            )?,
            key_frames: counter(
                "hearken_sfu_plis_total",
                "Key frame requests: received from subscribers, sent to publishers after merging.",
                &["event"],
            )?,
            redundancy: counter(
                "hearken_sfu_redundancy_total",
                "Redundant audio: packets restored on the way up, copies sent, bytes of copies sent.",
                &["event"],
            )?,
            offers: counter("hearken_sfu_offers_total", "SDP offers by result.", &["result"])?,
            decisions: counter(
                "hearken_sfu_decisions_total",
                "Slot assignments, layer switches, congestion feedbacks sent, probes of lines, \
                 videos paused for bandwidth, videos begun anew since what waited for a line was given up, publishers told which layers to send, commands that came too late.",
                &["decision"],
            )?,
            feedback: counter(
                "hearken_sfu_feedback_refused_total",
                "Congestion feedback of subscribers: malformed messages, packets told of that were never sent.",
                &["reason"],
            )?,
            send_calls: register_int_counter_with_registry!(
                "hearken_sfu_send_calls_total",
                "System calls that sent datagrams.",
                registry
            )?,
            lines: counter(
                "hearken_sfu_line_readings_total",
                "Readings of participants' lines, one in two seconds each, by the quality told.",
                &["quality"],
            )?,
            line_loss: directed(
                "hearken_sfu_line_loss_ratio",
                "Share of packets lost before repair, per participant and reading; in: from them.",
                LOSS_BUCKETS,
            )?,
            line_jitter: directed(
                "hearken_sfu_line_jitter_seconds",
                "Interarrival jitter of sound, per participant and reading; in: from them.",
                JITTER_BUCKETS,
            )?,
            line_bitrate: directed(
                "hearken_sfu_line_bits_per_second",
                "Bitrate per participant and reading; in: from them. Who sends or gets nothing is left out.",
                BITRATE_BUCKETS,
            )?,
            line_round_trip: histogram(
                "hearken_sfu_line_round_trip_seconds",
                "To a participant and back, per reading.",
                ROUND_TRIP_BUCKETS,
            )?,
            line_estimate: histogram(
                "hearken_sfu_line_estimate_bits_per_second",
                "What the line to a participant carries, as estimated, per reading.",
                BITRATE_BUCKETS,
            )?,
            layer_bytes: counter(
                "hearken_sfu_layer_bytes_total",
                "Bytes of video forwarded, by the layer they were of (0 is the smallest).",
                &["layer"],
            )?,
            freezes: register_int_counter_with_registry!(
                "hearken_sfu_freezes_total",
                "Times that a picture stood still at a participant, as far as the server can tell.",
                registry
            )?,
            paced: register_int_counter_with_registry!(
                "hearken_sfu_paced_packets_total",
                "Packets of video that waited for a participant's line before they were sent.",
                registry
            )?,
            paced_seconds: register_counter_with_registry!(
                "hearken_sfu_paced_seconds_total",
                "How long they waited, in all.",
                registry
            )?,
            forwarding: histogram(
                "hearken_sfu_forwarding_seconds",
                "From the receive call to the return of the send call, per batch.",
                FORWARDING_BUCKETS,
            )?,
            join: histogram(
                "hearken_sfu_join_seconds",
                "From an offer to ICE and DTLS being up.",
                JOIN_BUCKETS,
            )?,
            sessions: gauge("hearken_sfu_sessions", "Open sessions by shard.", &["shard"])?,
            connections: gauge(
                "hearken_sfu_connections",
                "Participants with a transport by shard.",
                &["shard"],
            )?,
            socket_buffer: gauge(
                "hearken_sfu_socket_buffer_bytes",
                "Smallest socket buffer granted by the kernel, by shard and direction.",
                &["shard", "direction"],
            )?,
            tcp_connections: gauge(
                "hearken_sfu_tcp_connections",
                "Open TCP connections for media by shard.",
                &["shard"],
            )?,
            tcp_closed: counter(
                "hearken_sfu_tcp_closed_total",
                "TCP connections for media that have ended, by reason: ended (by the client), unproven (no authentic \
                 check in time), malformed, displaced (no room), departed (whose it was has left).",
                &["reason"],
            )?,
        })
    }

    /// The drop counter of the send path and of the queues, beside the core's reasons.
    pub(crate) fn count_drops(&self, reason: &str, count: u64) {
        if count > 0 {
            self.drops.with_label_values(&[reason]).inc_by(count);
        }
    }

    /// One participant's line over one interval.
    pub(crate) fn observe(&self, statistics: &Statistics) {
        self.lines.with_label_values(&[statistics.quality.name()]).inc();
        for (direction, flow) in [("in", &statistics.sending), ("out", &statistics.receiving)] {
            self.observe_flow(direction, flow);
        }
        if let Some(round_trip_ms) = statistics.round_trip_ms {
            self.line_round_trip.observe(f64::from(round_trip_ms) / 1000.0);
        }
        if let Some(bandwidth_bps) = statistics.bandwidth_bps {
            self.line_estimate.observe(f64::from(bandwidth_bps));
        }
    }

    fn observe_flow(&self, direction: &str, flow: &FlowStatistics) {
        if flow.bitrate_bps == 0 {
            return;
        }
        let labels = [direction];
        self.line_bitrate
            .with_label_values(&labels)
            .observe(f64::from(flow.bitrate_bps));
        self.line_loss
            .with_label_values(&labels)
            .observe(f64::from(flow.loss_permille) / 1000.0);
        self.line_jitter
            .with_label_values(&labels)
            .observe(f64::from(flow.jitter_ms) / 1000.0);
    }

    /// What came of sending.
    pub(crate) fn count_sends(&self, report: SendReport) {
        self.send_calls.inc_by(report.calls);
        self.count_drops("send_buffer_full", report.buffer_full);
        self.count_drops("send_refused", report.refused);
    }

    /// A TCP connection has ended.
    pub(crate) fn count_tcp_close(&self, reason: &str) {
        self.tcp_closed.with_label_values(&[reason]).inc();
    }

    /// How many TCP connections one shard has.
    pub(crate) fn set_tcp_connections(&self, shard: &str, connections: usize) {
        let value = i64::try_from(connections).unwrap_or(i64::MAX);
        self.tcp_connections.with_label_values(&[shard]).set(value);
    }

    /// The state of one shard.
    pub(crate) fn set_load(&self, shard: &str, sessions: usize, connections: usize) {
        let value = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.sessions.with_label_values(&[shard]).set(value(sessions));
        self.connections
            .with_label_values(&[shard])
            .set(value(connections));
    }

    /// What the kernel granted a shard.
    pub(crate) fn set_buffers(&self, shard: &str, sizes: BufferSizes) {
        for (direction, bytes) in [("receive", sizes.receive), ("send", sizes.send)] {
            self.socket_buffer
                .with_label_values(&[shard, direction])
                .set(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
    }

    /// Adds what a core counted between two readings.
    pub(crate) fn add(&self, before: &Counters, after: &Counters) {
        self.add_traffic("in", &before.received, &after.received);
        self.add_traffic("out", &before.sent, &after.sent);
        for ((reason, before), (_, after)) in before.drops.by_cause().zip(after.drops.by_cause()) {
            self.count_drops(reason, after - before);
        }
        self.add_transport_drops(before, after);
        let layers = before.forwarded_by_layer.iter().zip(&after.forwarded_by_layer);
        for (layer, (before, after)) in ["0", "1", "2"].into_iter().zip(layers) {
            self.layer_bytes
                .with_label_values(&[layer])
                .inc_by(after - before);
        }
        self.freezes.inc_by(after.freezes - before.freezes);
        self.paced.inc_by(after.paced_packets - before.paced_packets);
        let waited = after.paced_time.saturating_sub(before.paced_time);
        self.paced_seconds.inc_by(waited.as_secs_f64());
        let add = |family: &IntCounterVec, label: &str, before: u64, after: u64| {
            family.with_label_values(&[label]).inc_by(after - before);
        };
        let (b, a) = (before, after);
        add(&self.loss, "received", b.nacks_received, a.nacks_received);
        add(&self.loss, "answered", b.nacks_answered, a.nacks_answered);
        add(&self.loss, "sent", b.nacks_sent, a.nacks_sent);
        add(&self.loss, "given_up", b.nacks_given_up, a.nacks_given_up);
        add(&self.loss, "recovered", b.recovered, a.recovered);
        add(&self.key_frames, "received", b.plis_received, a.plis_received);
        add(&self.key_frames, "sent", b.plis_sent, a.plis_sent);
        add(&self.redundancy, "restored", b.restored, a.restored);
        let (copies_before, copies) = (b.copies_sent, a.copies_sent);
        add(
            &self.redundancy,
            "copies_sent",
            copies_before.packets,
            copies.packets,
        );
        add(
            &self.redundancy,
            "copy_bytes_sent",
            copies_before.bytes,
            copies.bytes,
        );
        add(&self.offers, "answered", b.offers_answered, a.offers_answered);
        add(&self.offers, "refused", b.offers_refused, a.offers_refused);
        add(
            &self.decisions,
            "slot_assignment",
            b.slot_assignments,
            a.slot_assignments,
        );
        add(&self.decisions, "layer_choice", b.layer_choices, a.layer_choices);
        add(
            &self.decisions,
            "layer_switch",
            b.layer_switches,
            a.layer_switches,
        );
        add(&self.decisions, "congestion_feedback", b.twcc_sent, a.twcc_sent);
        add(&self.decisions, "probe", b.probes, a.probes);
        add(&self.decisions, "pause", b.pauses, a.pauses);
        add(
            &self.decisions,
            "video_given_up",
            b.videos_given_up,
            a.videos_given_up,
        );
        add(&self.decisions, "publish", b.publish_requests, a.publish_requests);
        add(
            &self.feedback,
            "malformed",
            b.feedback_malformed,
            a.feedback_malformed,
        );
        add(&self.feedback, "strange", b.feedback_strange, a.feedback_strange);
        add(
            &self.decisions,
            "command_ignored",
            b.commands_ignored,
            a.commands_ignored,
        );
    }

    fn add_transport_drops(&self, before: &Counters, after: &Counters) {
        let reasons = before.transport_drops.iter().zip(after.transport_drops.iter());
        for ((reason, before), (_, after)) in reasons {
            if after > before {
                let labels = [reason.label()];
                self.transport_drops
                    .with_label_values(&labels)
                    .inc_by(after - before);
            }
        }
    }

    fn add_traffic(&self, direction: &str, before: &Traffic, after: &Traffic) {
        for ((kind, before), (_, after)) in before.by_kind().into_iter().zip(after.by_kind()) {
            let labels = [direction, kind];
            self.packets
                .with_label_values(&labels)
                .inc_by(after.packets - before.packets);
            self.bytes
                .with_label_values(&labels)
                .inc_by(after.bytes - before.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hearken_protocol::LineQuality;

    use super::*;

    const DOCUMENT: &str = include_str!("../../../docs/metrics.md");

    #[test]
    fn the_document_names_what_is_told_of_lines_and_nothing_else() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).unwrap();
        let flow = FlowStatistics {
            bitrate_bps: 1,
            ..FlowStatistics::default()
        };
        metrics.observe(&Statistics {
            quality: LineQuality::Good,
            trouble: None,
            round_trip_ms: Some(1),
            bandwidth_bps: Some(1),
            sending: flow,
            receiving: flow,
            streams: Vec::new(),
        });
        metrics.add(&Counters::default(), &Counters::default());
        let exported: BTreeSet<String> = registry
            .gather()
            .iter()
            .map(|family| family.name().to_owned())
            .filter(|name| {
                ["_line_", "_freezes_", "_layer_bytes_", "_paced_"]
                    .iter()
                    .any(|part| name.contains(part))
            })
            .collect();
        let named: BTreeSet<String> = DOCUMENT
            .split("\n| `")
            .skip(1)
            .filter_map(|row| row.split(['`', '{']).next())
            .map(str::to_owned)
            .collect();
        assert_eq!(exported, named);
    }
}
