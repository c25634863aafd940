//! Whether documents say what is the case, for tests of what they speak of.
//!
//! `docs/metrics.md`: in, a registry in which every family has something; a test fails unless the tables have these
//! metrics with these labels, and no others.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::collections::{BTreeMap, BTreeSet};

use prometheus::Registry;

const METRICS: &str = include_str!("../../metrics.md");

/// Names, each with its labels.
type Families = BTreeMap<String, BTreeSet<String>>;

/// Compares all that a registry exports with the rows of `docs/metrics.md` whose names begin with `prefix`.
///
/// # Panics
///
/// If one has what the other has not.
#[track_caller]
pub fn check_metrics(registry: &Registry, prefix: &str) {
    let documented = documented(METRICS, prefix);
    assert!(!documented.is_empty(), "no metrics are documented as {prefix}*");
    assert_eq!(exported(registry), documented, "exported, and in docs/metrics.md");
}

/// A family in which nothing has been counted yet is not among them.
fn exported(registry: &Registry) -> Families {
    let families = registry.gather();
    let labelled = families.iter().map(|family| {
        let labels = family.get_metric()[0].get_label().iter();
        let labels = labels.map(|label| label.name().to_owned()).collect();
        (family.name().to_owned(), labels)
    });
    labelled.collect()
}

/// The rows of the tables: `name{label,label}`.
fn documented(document: &str, prefix: &str) -> Families {
    let rows = document.split("\n| `").skip(1);
    let metrics = rows.filter_map(|row| row.split('`').next());
    let ours = metrics.filter(|metric| metric.starts_with(prefix));
    ours.map(|metric| {
        let (name, labels) = metric.split_once('{').unwrap_or((metric, ""));
        let labels = labels.trim_end_matches('}').split(',').map(str::trim);
        let labels = labels.filter(|label| !label.is_empty()).map(str::to_owned);
        (name.to_owned(), labels.collect())
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use prometheus::{IntCounter, IntCounterVec, Opts};

    use super::*;

    const DOCUMENT: &str = "What `a_lone_metric` says stands in\n\n| metric | kind |\n|---|---|\n\
        | `a_packets_total{layer, kind}` | counter |\n| `b_others_total` | counter |\n| `a_bytes_total` | counter |\n";

    fn registry() -> Registry {
        let registry = Registry::new();
        let packets = Opts::new("a_packets_total", "packets");
        let packets = IntCounterVec::new(packets, &["kind", "layer"]).unwrap();
        packets.with_label_values(&["sound", "0"]).inc();
        registry.register(Box::new(packets)).unwrap();
        let bytes = IntCounter::new("a_bytes_total", "bytes").unwrap();
        registry.register(Box::new(bytes)).unwrap();
        registry
    }

    #[test]
    fn rows_of_tables_are_names_with_their_labels_in_any_order() {
        assert_eq!(exported(&registry()), documented(DOCUMENT, "a_"));
        assert_eq!(documented(DOCUMENT, "b_").len(), 1);
    }

    #[test]
    #[should_panic(expected = "exported, and in docs/metrics.md")]
    fn what_is_exported_and_not_documented_fails() {
        check_metrics(&registry(), "hearken_");
    }

    #[test]
    #[should_panic(expected = "no metrics are documented")]
    fn a_prefix_that_is_nobodys_fails() {
        check_metrics(&Registry::new(), "nobodys_");
    }
}
