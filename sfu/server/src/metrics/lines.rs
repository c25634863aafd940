//! The lines of participants, as each reading of them is told: `hearken_sfu_line_*`.

use hearken_protocol::{FlowStatistics, LineQuality, Statistics};
use prometheus::{Histogram, HistogramVec, IntCounterVec};

use super::registrar::Registrar;

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

/// See the module.
pub(super) struct LineMetrics {
    readings: IntCounterVec,
    loss: HistogramVec,
    jitter: HistogramVec,
    bitrate: HistogramVec,
    round_trip: Histogram,
    estimate: Histogram,
}

impl LineMetrics {
    pub(super) fn register(registrar: Registrar<'_>) -> prometheus::Result<Self> {
        let metrics = Self {
            readings: registrar.counter(
                "hearken_sfu_line_readings_total",
                "Readings of participants' lines, one in two seconds each, by the quality told.",
                &["quality"],
            )?,
            loss: registrar.directed(
                "hearken_sfu_line_loss_ratio",
                "Share of packets lost before repair, per participant and reading; in: from them.",
                LOSS_BUCKETS,
            )?,
            jitter: registrar.directed(
                "hearken_sfu_line_jitter_seconds",
                "Interarrival jitter of sound, per participant and reading; in: from them.",
                JITTER_BUCKETS,
            )?,
            bitrate: registrar.directed(
                "hearken_sfu_line_bits_per_second",
                "Bitrate per participant and reading; in: from them. Who sends or gets nothing is left out.",
                BITRATE_BUCKETS,
            )?,
            round_trip: registrar.histogram(
                "hearken_sfu_line_round_trip_seconds",
                "To a participant and back, per reading.",
                ROUND_TRIP_BUCKETS,
            )?,
            estimate: registrar.histogram(
                "hearken_sfu_line_estimate_bits_per_second",
                "What the line to a participant carries, as estimated, per reading.",
                BITRATE_BUCKETS,
            )?,
        };
        // As long as nobody's line was poor, the share of poor ones is 0, and not unknown.
        for quality in [LineQuality::Good, LineQuality::Fair, LineQuality::Poor] {
            metrics.readings.with_label_values(&[quality.name()]).inc_by(0);
        }
        Ok(metrics)
    }

    /// One participant's line over one interval.
    pub(super) fn observe(&self, statistics: &Statistics) {
        self.readings
            .with_label_values(&[statistics.quality.name()])
            .inc();
        for (direction, flow) in [("in", &statistics.sending), ("out", &statistics.receiving)] {
            self.observe_flow(direction, flow);
        }
        if let Some(round_trip_ms) = statistics.round_trip_ms {
            self.round_trip.observe(f64::from(round_trip_ms) / 1000.0);
        }
        if let Some(bandwidth_bps) = statistics.bandwidth_bps {
            self.estimate.observe(f64::from(bandwidth_bps));
        }
    }

    fn observe_flow(&self, direction: &str, flow: &FlowStatistics) {
        if flow.bitrate_bps == 0 {
            return;
        }
        let labels = [direction];
        self.bitrate
            .with_label_values(&labels)
            .observe(f64::from(flow.bitrate_bps));
        self.loss
            .with_label_values(&labels)
            .observe(f64::from(flow.loss_permille) / 1000.0);
        self.jitter
            .with_label_values(&labels)
            .observe(f64::from(flow.jitter_ms) / 1000.0);
    }
}
