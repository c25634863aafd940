//! The server's log: to stderr, filtered by `RUST_LOG`. No names, no addresses, no tokens, nothing that was said.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterExt, FilterFn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry;
use tracing_subscriber::util::SubscriberInitExt;

/// What our own targets begin with.
const OURS: &str = "hearken";

/// Starts it for the whole process.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    log_to(filter, io::stderr).init();
}

fn log_to<W>(filter: EnvFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = filter.and(FilterFn::new(keeps_secrets));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    registry().with(lines.with_filter(filter))
}

/// Whether those who wrote this line knew what must not be in it. Libraries show whole messages at the level of
/// traces, whatever is in them.
fn keeps_secrets(line: &Metadata<'_>) -> bool {
    *line.level() < LevelFilter::TRACE || line.target().starts_with(OURS)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn traces_of_libraries_are_never_written_whatever_is_asked_for() {
        let written = Written::default();
        let writer = written.clone();
        let filter = EnvFilter::new("trace,tungstenite=trace,tungstenite::protocol=trace");
        tracing::subscriber::with_default(log_to(filter, move || writer.clone()), || {
            tracing::trace!(target: "tungstenite::protocol", "received a confession");
            tracing::debug!(target: "tungstenite::protocol", "received 10 bytes");
            tracing::trace!(target: "hearken_sfu_core", "ours");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("confession"), "{text}");
        assert!(
            text.contains("received 10 bytes") && text.contains("ours"),
            "{text}"
        );
    }
}
