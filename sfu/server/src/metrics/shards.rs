//! How loaded shards are, and how fast people get in.

use prometheus::{Histogram, IntCounter, IntCounterVec, IntGaugeVec};

use super::registrar::Registrar;
use crate::socket::BufferSizes;

/// Seconds from an offer to a connection.
const JOIN_BUCKETS: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// See the module.
pub(super) struct ShardMetrics {
    pub(super) join: Histogram,
    sessions: IntGaugeVec,
    connections: IntGaugeVec,
    socket_buffer: IntGaugeVec,
    segmentation: IntGaugeVec,
    tcp_connections: IntGaugeVec,
    pub(super) tcp_closed: IntCounterVec,
    pub(super) tcp_accept_failures: IntCounter,
}

impl ShardMetrics {
    pub(super) fn register(registrar: Registrar<'_>) -> prometheus::Result<Self> {
        Ok(Self {
            join: registrar.histogram(
                "hearken_sfu_join_seconds",
                "From an offer to ICE and DTLS being up.",
                JOIN_BUCKETS,
            )?,
            sessions: registrar.gauge("hearken_sfu_sessions", "Open sessions by shard.", &["shard"])?,
            connections: registrar.gauge(
                "hearken_sfu_connections",
                "Participants with a transport by shard.",
                &["shard"],
            )?,
            socket_buffer: registrar.gauge(
                "hearken_sfu_socket_buffer_bytes",
                "Smallest socket buffer granted by the kernel, by shard and direction.",
                &["shard", "direction"],
            )?,
            segmentation: registrar.gauge(
                "hearken_sfu_segmentation",
                "Whether one message to the kernel may carry several datagrams (UDP GSO), by shard: 1, or 0 once it \
                 has refused, from when on sending costs more.",
                &["shard"],
            )?,
            tcp_connections: registrar.gauge(
                "hearken_sfu_tcp_connections",
                "Open TCP connections for media by shard.",
                &["shard"],
            )?,
            tcp_closed: registrar.counter(
                "hearken_sfu_tcp_closed_total",
                "TCP connections for media that have ended, by reason: ended (by the client), unproven (no authentic \
                 check in time), malformed, displaced (no room), departed (whose it was has left).",
                &["reason"],
            )?,
            tcp_accept_failures: registrar.plain_counter(
                "hearken_sfu_tcp_accept_failures_total",
                "Times that no TCP connection for media could be taken though one waited: the limit of open files is \
                 reached.",
            )?,
        })
    }

    pub(super) fn set_tcp_connections(&self, shard: &str, connections: usize) {
        self.tcp_connections
            .with_label_values(&[shard])
            .set(value(connections));
    }

    pub(super) fn set_segmentation(&self, shard: &str, segments: bool) {
        self.segmentation
            .with_label_values(&[shard])
            .set(i64::from(segments));
    }

    pub(super) fn set_load(&self, shard: &str, sessions: usize, connections: usize) {
        self.sessions.with_label_values(&[shard]).set(value(sessions));
        self.connections
            .with_label_values(&[shard])
            .set(value(connections));
    }

    pub(super) fn set_buffers(&self, shard: &str, sizes: BufferSizes) {
        for (direction, bytes) in [("receive", sizes.receive), ("send", sizes.send)] {
            self.socket_buffer
                .with_label_values(&[shard, direction])
                .set(value(bytes));
        }
    }
}

fn value(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
