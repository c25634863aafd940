//! What comes and goes: packets, bytes, and what went no further.

use hearken_sfu_core::{Counters, Traffic};
use prometheus::{Histogram, IntCounter, IntCounterVec};

use super::registrar::Registrar;
use super::shell_drop::ShellDropCause;
use crate::sender::SendReport;

/// Seconds from a batch's receipt to its being sent: 10 µs to 100 ms.
const FORWARDING_BUCKETS: &[f64] = &[
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1,
];

/// See the module.
pub(super) struct TrafficMetrics {
    packets: IntCounterVec,
    bytes: IntCounterVec,
    drops: IntCounterVec,
    transport_drops: IntCounterVec,
    send_calls: IntCounter,
    pub(super) forwarding: Histogram,
}

impl TrafficMetrics {
    pub(super) fn register(registrar: Registrar<'_>) -> prometheus::Result<Self> {
        let metrics = Self {
            packets: registrar.counter(
                "hearken_sfu_packets_total",
                "Datagrams by direction (in, out) and kind.",
                &["direction", "kind"],
            )?,
            bytes: registrar.counter(
                "hearken_sfu_bytes_total",
                "UDP payload bytes by direction (in, out) and kind.",
                &["direction", "kind"],
            )?,
            drops: registrar.counter(
                "hearken_sfu_drops_total",
                "Packets that went no further, by reason.",
                &["reason"],
            )?,
            transport_drops: registrar.counter(
                "hearken_sfu_transport_drops_total",
                "Of the drops with reason transport: why the transport refused the datagram.",
                &["reason"],
            )?,
            send_calls: registrar.plain_counter(
                "hearken_sfu_send_calls_total",
                "System calls that sent datagrams.",
            )?,
            forwarding: registrar.histogram(
                "hearken_sfu_forwarding_seconds",
                "From the receive call to the return of the send call, per batch.",
                FORWARDING_BUCKETS,
            )?,
        };
        metrics.begin_at_zero();
        Ok(metrics)
    }

    /// What was never counted has no rate in Prometheus, and what is divided by it or adds it up no result.
    fn begin_at_zero(&self) {
        let nothing = Counters::default();
        let core = nothing.drops.by_cause().map(|(reason, _)| reason);
        let shell = ShellDropCause::ALL.map(ShellDropCause::label);
        for reason in core.chain(shell) {
            self.drops.with_label_values(&[reason]).inc_by(0);
        }
        for (reason, _) in nothing.transport_drops.iter() {
            self.transport_drops
                .with_label_values(&[reason.label()])
                .inc_by(0);
        }
        self.add(&nothing, &nothing);
    }

    pub(super) fn count_drops(&self, reason: &str, count: u64) {
        if count > 0 {
            self.drops.with_label_values(&[reason]).inc_by(count);
        }
    }

    pub(super) fn count_sends(&self, report: SendReport) {
        self.send_calls.inc_by(report.calls);
        self.count_drops(ShellDropCause::SendBufferFull.label(), report.buffer_full);
        self.count_drops(ShellDropCause::SendRefused.label(), report.refused);
    }

    /// Adds what a core counted between two readings.
    pub(super) fn add(&self, before: &Counters, after: &Counters) {
        self.add_volume("in", &before.received, &after.received);
        self.add_volume("out", &before.sent, &after.sent);
        for ((reason, before), (_, after)) in before.drops.by_cause().zip(after.drops.by_cause()) {
            self.count_drops(reason, after - before);
        }
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

    fn add_volume(&self, direction: &str, before: &Traffic, after: &Traffic) {
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
    use prometheus::{Registry, TextEncoder};

    use crate::metrics::Metrics;

    #[test]
    fn what_never_happened_is_told_as_zero() {
        let registry = Registry::new();
        let _metrics = Metrics::register(&registry).unwrap();
        let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        for line in [
            r#"hearken_sfu_drops_total{reason="pacing"} 0"#,
            r#"hearken_sfu_drops_total{reason="tcp_full"} 0"#,
            r#"hearken_sfu_transport_drops_total{reason="no_keys"} 0"#,
            r#"hearken_sfu_packets_total{direction="out",kind="video"} 0"#,
            r#"hearken_sfu_line_readings_total{quality="poor"} 0"#,
        ] {
            assert!(text.lines().any(|told| told == line), "{line}");
        }
    }
}
