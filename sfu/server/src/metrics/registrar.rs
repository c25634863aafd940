//! Registers metrics: how each kind is made, said once.

use prometheus::{
    Counter, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
    register_counter_with_registry, register_histogram_vec_with_registry, register_histogram_with_registry,
    register_int_counter_vec_with_registry, register_int_counter_with_registry,
    register_int_gauge_vec_with_registry,
};

/// Each method takes a metric's name and what it says, and fails if there is one of that name already.
#[derive(Debug, Clone, Copy)]
pub(super) struct Registrar<'a>(pub(super) &'a Registry);

impl Registrar<'_> {
    /// Counts, by labels.
    pub(super) fn counter(
        self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> prometheus::Result<IntCounterVec> {
        register_int_counter_vec_with_registry!(Opts::new(name, help), labels, self.0)
    }

    /// Counts, without labels.
    pub(super) fn plain_counter(self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        register_int_counter_with_registry!(name, help, self.0)
    }

    /// Adds up seconds.
    pub(super) fn seconds(self, name: &str, help: &str) -> prometheus::Result<Counter> {
        register_counter_with_registry!(name, help, self.0)
    }

    /// What there is at present, by labels.
    pub(super) fn gauge(self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        register_int_gauge_vec_with_registry!(Opts::new(name, help), labels, self.0)
    }

    /// Counts by size.
    pub(super) fn histogram(self, name: &str, help: &str, buckets: &[f64]) -> prometheus::Result<Histogram> {
        let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        register_histogram_with_registry!(opts, self.0)
    }

    /// The same by direction: `in`, `out`.
    pub(super) fn directed(
        self,
        name: &str,
        help: &str,
        buckets: &[f64],
    ) -> prometheus::Result<HistogramVec> {
        let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        register_histogram_vec_with_registry!(opts, &["direction"], self.0)
    }
}
