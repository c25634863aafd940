//! What the media plane exports: `hearken_sfu_*`. Label values come from enums, never from ids.

mod lines;
mod media;
mod registrar;
mod shards;
mod shell_drop;
mod traffic;

use std::time::Duration;

use hearken_protocol::Statistics;
use hearken_sfu_core::Counters;
use prometheus::Registry;

use self::lines::LineMetrics;
use self::media::MediaMetrics;
use self::registrar::Registrar;
use self::shards::ShardMetrics;
pub use self::shell_drop::ShellDropCause;
use self::traffic::TrafficMetrics;
use crate::sender::SendReport;
use crate::socket::BufferSizes;

/// All metrics of the media plane.
pub(crate) struct Metrics {
    traffic: TrafficMetrics,
    media: MediaMetrics,
    lines: LineMetrics,
    shards: ShardMetrics,
}

impl Metrics {
    /// Registers all of them.
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let registrar = Registrar(registry);
        Ok(Self {
            traffic: TrafficMetrics::register(registrar)?,
            media: MediaMetrics::register(registrar)?,
            lines: LineMetrics::register(registrar)?,
            shards: ShardMetrics::register(registrar)?,
        })
    }

    /// The drop counter of the sockets and queues, beside the core's causes.
    pub(crate) fn count_drops(&self, cause: ShellDropCause, count: u64) {
        self.traffic.count_drops(cause.label(), count);
    }

    /// What came of sending.
    pub(crate) fn count_sends(&self, report: SendReport) {
        self.traffic.count_sends(report);
    }

    /// From the receive call to the return of the send call, of a batch that forwarded something.
    pub(crate) fn observe_forwarding(&self, took: Duration) {
        self.traffic.forwarding.observe(took.as_secs_f64());
    }

    /// From an offer to the connection being up.
    pub(crate) fn observe_join(&self, took: Duration) {
        self.shards.join.observe(took.as_secs_f64());
    }

    /// One participant's line over one interval.
    pub(crate) fn observe(&self, statistics: &Statistics) {
        self.lines.observe(statistics);
    }

    /// A TCP connection has ended.
    pub(crate) fn count_tcp_close(&self, reason: &str) {
        self.shards.tcp_closed.with_label_values(&[reason]).inc();
    }

    /// A TCP connection could not be taken.
    pub(crate) fn count_accept_failure(&self) {
        self.shards.tcp_accept_failures.inc();
    }

    /// How many TCP connections one shard has.
    pub(crate) fn set_tcp_connections(&self, shard: &str, connections: usize) {
        self.shards.set_tcp_connections(shard, connections);
    }

    /// Whether one shard sends several datagrams in one message.
    pub(crate) fn set_segmentation(&self, shard: &str, segments: bool) {
        self.shards.set_segmentation(shard, segments);
    }

    /// The state of one shard.
    pub(crate) fn set_load(&self, shard: &str, sessions: usize, connections: usize) {
        self.shards.set_load(shard, sessions, connections);
    }

    /// What the kernel granted a shard.
    pub(crate) fn set_buffers(&self, shard: &str, sizes: BufferSizes) {
        self.shards.set_buffers(shard, sizes);
    }

    /// Adds what a core counted between two readings.
    pub(crate) fn add(&self, before: &Counters, after: &Counters) {
        self.traffic.add(before, after);
        self.media.add(before, after);
    }
}

#[cfg(test)]
mod tests {
    use hearken_docs_check::check_metrics;
    use hearken_protocol::{FlowStatistics, LineQuality};
    use hearken_sfu_core::transport::DropReason;

    use super::*;

    #[test]
    fn the_document_names_what_is_exported_and_nothing_else() {
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
        let mut counters = Counters::default();
        counters.transport_drops.add(DropReason::NoKeys);
        metrics.add(&Counters::default(), &counters);
        metrics.count_drops(ShellDropCause::SendRefused, 1);
        metrics.count_tcp_close("ended");
        metrics.set_load("0", 1, 1);
        metrics.set_tcp_connections("0", 1);
        metrics.set_segmentation("0", true);
        let (receive, send) = (1, 1);
        metrics.set_buffers("0", BufferSizes { receive, send });
        check_metrics(&registry, "hearken_sfu_");
    }

    #[test]
    fn refused_offers_are_counted_by_their_reason_and_padding_is_counted() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).unwrap();
        let counters = Counters {
            offers_malformed: 1,
            offers_full: 2,
            offers_outgrown: 3,
            padding_packets: 4,
            ..Counters::default()
        };
        metrics.add(&Counters::default(), &counters);
        let text = prometheus::TextEncoder::new()
            .encode_to_string(&registry.gather())
            .unwrap();
        for line in [
            r#"hearken_sfu_offers_total{result="answered"} 0"#,
            r#"hearken_sfu_offers_total{result="malformed"} 1"#,
            r#"hearken_sfu_offers_total{result="full"} 2"#,
            r#"hearken_sfu_offers_total{result="session_outgrown"} 3"#,
            "hearken_sfu_padding_packets_total 4",
        ] {
            assert!(text.lines().any(|told| told == line), "{line}");
        }
    }
}
