//! What the metrics say about captions: `hearken_captions_*`. No ids, no text.

use std::collections::BTreeMap;

use hearken_captions_core::SPEAKERS_MAX;
use hearken_protocol::{CaptionEvent, CaptionStatus, ParticipantId, SessionId, Timestamp};
use prometheus::{
    Counter, Gauge, Histogram, IntCounter, IntCounterVec, IntGauge, Registry, register_counter_with_registry,
    register_gauge_with_registry, register_histogram_with_registry, register_int_counter_vec_with_registry,
    register_int_counter_with_registry, register_int_gauge_with_registry,
};

use crate::headroom::Headroom;
use crate::wire::Report;

/// Seconds; the targets are 1 for the first partial and 2 for finals.
const LATENCY_BUCKETS: [f64; 12] = [0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0, 60.0];

/// Why a packet was not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drop {
    /// There was no worker to hear it.
    NoWorker,
    /// The worker did not keep up.
    QueueFull,
    /// It was no Opus.
    Garbage,
    /// It came twice, or too late.
    Late,
    /// It never came.
    Lost,
    /// More spoke than can be followed.
    TooManySpeakers,
}

impl Drop {
    const ALL: [Self; 6] = [
        Self::NoWorker,
        Self::QueueFull,
        Self::Garbage,
        Self::Late,
        Self::Lost,
        Self::TooManySpeakers,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::NoWorker => "no_worker",
            Self::QueueFull => "queue_full",
            Self::Garbage => "garbage",
            Self::Late => "late",
            Self::Lost => "lost",
            Self::TooManySpeakers => "too_many_speakers",
        }
    }
}

/// Counts packets that were not heard.
pub(crate) struct DropCounter(IntCounterVec);

impl DropCounter {
    /// One more.
    pub fn count(&self, reason: Drop) {
        self.0.with_label_values(&[reason.label()]).inc();
    }
}

/// The metrics of one supervisor.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub up: IntGauge,
    pub restarts: IntCounter,
    first_partial: Histogram,
    finals: Histogram,
    backlog: Gauge,
    delay: Gauge,
    load: Gauge,
    headroom_speakers: Gauge,
    headroom: Headroom,
    speech: Counter,
    cpu: Counter,
    jobs: IntCounter,
    jobs_failed: IntCounter,
    rejected: IntCounter,
    undecoded: IntCounter,
    dropped: IntCounterVec,
    latest: Report,
    /// Until when each speaker's words have been shown.
    shown_until: BTreeMap<(SessionId, ParticipantId), Timestamp>,
}

impl Metrics {
    /// Registers them.
    ///
    /// # Errors
    /// When they are registered there already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let count = |name, help| register_int_counter_with_registry!(name, help, registry);
        let sum = |name, help| register_counter_with_registry!(name, help, registry);
        let gauge = |name, help| register_gauge_with_registry!(name, help, registry);
        let latency =
            |name, help| register_histogram_with_registry!(name, help, LATENCY_BUCKETS.to_vec(), registry);
        let metrics = Self {
            up: register_int_gauge_with_registry!(
                "hearken_captions_up",
                "Whether captions come at present.",
                registry
            )?,
            restarts: count(
                "hearken_captions_restarts_total",
                "Starts of the worker after the first.",
            )?,
            first_partial: latency(
                "hearken_captions_first_partial_seconds",
                "From the first voice of a caption to its first text.",
            )?,
            finals: latency(
                "hearken_captions_final_seconds",
                "From the end of a caption's speech to its final text.",
            )?,
            backlog: gauge(
                "hearken_captions_backlog_seconds",
                "How long the oldest sound waits to be decoded.",
            )?,
            delay: gauge(
                "hearken_captions_delay_seconds",
                "How long ago the oldest voice was heard that is due to be decoded, or is being decoded.",
            )?,
            load: gauge(
                "hearken_captions_load_ratio",
                "Share of the threads' time in use over half a minute.",
            )?,
            headroom_speakers: gauge(
                "hearken_captions_headroom_speakers",
                "How many more could speak at once before captions come late.",
            )?,
            headroom: Headroom::default(),
            speech: sum("hearken_captions_speech_seconds_total", "Voice heard.")?,
            cpu: sum(
                "hearken_captions_cpu_seconds_total",
                "Processor time of the worker.",
            )?,
            jobs: count(
                "hearken_captions_jobs_total",
                "Windows of sound handed to the model.",
            )?,
            jobs_failed: count(
                "hearken_captions_jobs_failed_total",
                "Windows that the model failed at.",
            )?,
            rejected: count(
                "hearken_captions_rejected_total",
                "Texts of the model taken for noise.",
            )?,
            undecoded: count(
                "hearken_captions_undecoded_total",
                "Captions final before their last decoding, for want of time.",
            )?,
            dropped: register_int_counter_vec_with_registry!(
                "hearken_captions_dropped_packets_total",
                "Speech packets that were not heard.",
                &["reason"],
                registry
            )?,
            latest: Report::default(),
            shown_until: BTreeMap::new(),
        };
        for reason in Drop::ALL {
            metrics.dropped.with_label_values(&[reason.label()]);
        }
        Ok(metrics)
    }

    /// Packets that were not heard.
    pub fn dropped(&self, reason: Drop, packets: u64) {
        self.dropped.with_label_values(&[reason.label()]).inc_by(packets);
    }

    /// To count them with while the rest is in other hands.
    pub fn drop_counter(&self) -> DropCounter {
        DropCounter(self.dropped.clone())
    }

    /// A caption event came in.
    pub fn event(&mut self, event: &CaptionEvent, now: Timestamp) {
        if self.shown_until.len() >= SPEAKERS_MAX {
            self.shown_until.clear();
        }
        let shown = self
            .shown_until
            .entry((event.session, event.participant))
            .or_insert(Timestamp(0));
        // A caption that goes on where another was full is no first text: its words were shown before.
        if event.revision == 1 && event.started_at > *shown {
            self.first_partial
                .observe(now.saturating_since(event.started_at).as_secs_f64());
        }
        *shown = event.ended_at.max(*shown);
        if event.status == CaptionStatus::Final && !event.stable.is_empty() {
            self.finals
                .observe(now.saturating_since(event.ended_at).as_secs_f64());
        }
    }

    /// A new worker counts from zero.
    pub fn worker_started(&mut self) {
        self.latest = Report::default();
        self.headroom = Headroom::default();
        self.backlog.set(0.0);
        self.delay.set(0.0);
        self.headroom_speakers.set(0.0);
    }

    /// A report came in: its counters count from the worker's start. Gives whether anybody spoke since the last.
    pub fn report(&mut self, report: &Report) -> bool {
        let latest = std::mem::replace(&mut self.latest, *report);
        let more = |of: fn(&Report) -> u64| of(report).saturating_sub(of(&latest));
        self.backlog.set(report.backlog_milliseconds as f64 / 1_000.0);
        self.delay.set(report.delay_milliseconds as f64 / 1_000.0);
        let room = self.headroom.update(report);
        self.load.set(room.load);
        self.headroom_speakers.set(room.speakers);
        self.speech
            .inc_by(more(|report| report.speech_milliseconds) as f64 / 1_000.0);
        self.cpu
            .inc_by(more(|report| report.cpu_milliseconds) as f64 / 1_000.0);
        self.jobs.inc_by(more(|report| report.jobs));
        self.jobs_failed.inc_by(more(|report| report.jobs_failed));
        self.rejected.inc_by(more(|report| report.hypotheses_rejected));
        self.undecoded.inc_by(more(|report| report.finals_undecoded));
        self.dropped(Drop::Garbage, more(|report| report.packets_garbage));
        self.dropped(Drop::Late, more(|report| report.packets_late));
        self.dropped(Drop::Lost, more(|report| report.packets_lost));
        self.dropped(Drop::TooManySpeakers, more(|report| report.packets_refused));
        more(|report| report.speech_milliseconds) > 0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn counters_go_on_counting_over_restarts() {
        let registry = Registry::new();
        let mut metrics = Metrics::register(&registry).unwrap();
        let report = |jobs| Report {
            jobs,
            speech_milliseconds: 500,
            ..Report::default()
        };
        metrics.report(&report(3));
        metrics.report(&report(5));
        metrics.worker_started();
        metrics.report(&report(2));
        assert_eq!(metrics.jobs.get(), 7);
        assert_eq!(metrics.speech.get(), 1.0);
    }

    #[test]
    fn a_machine_that_is_full_says_so_before_captions_are_late() {
        let registry = Registry::new();
        let mut metrics = Metrics::register(&registry).unwrap();
        metrics.worker_started();
        for second in 0..=10 {
            metrics.report(&Report {
                threads: 1,
                busy_milliseconds: 850 * second,
                speech_milliseconds: 2_000 * second,
                ..Report::default()
            });
        }
        assert_eq!(metrics.backlog.get(), 0.0);
        assert!((metrics.load.get() - 0.85).abs() < 1e-9);
        assert!(metrics.headroom_speakers.get() < 1.0, "nobody else fits");
    }

    fn exported() -> BTreeSet<String> {
        let registry = Registry::new();
        let _metrics = Metrics::register(&registry).unwrap();
        let families = registry.gather();
        families.iter().map(|family| family.name().to_owned()).collect()
    }

    #[test]
    fn alerts_look_at_metrics_that_there_are() {
        let rules = include_str!("../../../deploy/prometheus/captions.rules.yml");
        let named: BTreeSet<String> = rules
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| word.starts_with("hearken_"))
            .map(str::to_owned)
            .collect();
        assert!(named.len() >= 3 && named.is_subset(&exported()), "{named:?}");
    }

    #[test]
    fn the_document_names_all_metrics_and_nothing_else() {
        let document = include_str!("../../../docs/captions.md");
        let named: BTreeSet<String> = document
            .split("\n| `")
            .skip(1)
            .filter_map(|row| row.split(['`', '{']).next())
            .map(str::to_owned)
            .collect();
        assert_eq!(exported(), named);
    }
}
