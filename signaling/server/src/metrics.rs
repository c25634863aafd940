//! What operators can see of signaling. Label values come from enums, never from ids or names.

use std::time::Duration;

use hearken_protocol::{ClientMessage, ErrorCode, Role, ServerMessage};
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    register_histogram_vec_with_registry, register_histogram_with_registry,
    register_int_counter_vec_with_registry, register_int_counter_with_registry,
    register_int_gauge_vec_with_registry, register_int_gauge_with_registry,
};

/// Buckets for what a person waits for, in seconds.
const WAIT_BUCKETS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Buckets for writes to the store, in seconds.
const WRITE_BUCKETS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

/// A step on the way into a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinStep {
    /// From `hello` to `welcome`.
    Welcome,
    /// From an offer to its answer.
    Answer,
    /// From an offer until media can flow.
    Connected,
}

impl JoinStep {
    fn label(self) -> &'static str {
        match self {
            Self::Welcome => "welcome",
            Self::Answer => "answer",
            Self::Connected => "connected",
        }
    }
}

/// Why a connection was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCause {
    /// The browser closed it or went away.
    Client,
    /// The session closed it: denied, removed, taken over, ended, left.
    Session,
    /// It did not say `hello` in time or could not be let in.
    Hello,
    /// Nothing was heard from it any more.
    Silent,
    /// It did not take what was sent to it.
    Slow,
    /// It sent too large a message.
    TooLarge,
    /// It sent too many messages.
    Misbehaved,
    /// The server stops.
    Shutdown,
}

impl CloseCause {
    fn label(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Session => "session",
            Self::Hello => "hello",
            Self::Silent => "silent",
            Self::Slow => "slow",
            Self::TooLarge => "too_large",
            Self::Misbehaved => "misbehaved",
            Self::Shutdown => "shutdown",
        }
    }
}

/// The counters of signaling, shared by all its parts.
pub struct Metrics {
    /// Sessions that are live in this process.
    pub sessions_live: IntGauge,
    /// Open WebSocket connections.
    pub connections: IntGauge,
    /// Media events that found no live session.
    pub media_events_stray: IntCounter,
    /// Orders that the media plane did not take.
    pub media_orders_lost: IntCounter,
    /// Sessions restarted because they could not keep up.
    pub sessions_overrun: IntCounter,
    participants: IntGaugeVec,
    closed: IntCounterVec,
    messages: IntCounterVec,
    errors: IntCounterVec,
    join: HistogramVec,
    store_writes: Histogram,
    store_failures: IntCounter,
}

impl Metrics {
    /// Makes the counters and registers them.
    ///
    /// # Errors
    ///
    /// If one of the names is taken in the registry.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name, help| register_int_counter_with_registry!(opts(name, help), registry);
        let gauge = |name, help| register_int_gauge_with_registry!(opts(name, help), registry);
        let counters = |name, help, labels: &[&str]| {
            register_int_counter_vec_with_registry!(opts(name, help), labels, registry)
        };
        let metrics = Self {
            sessions_live: gauge("sessions_live", "Sessions that are live in this process.")?,
            connections: gauge("connections", "Open WebSocket connections.")?,
            media_events_stray: counter(
                "media_events_stray_total",
                "Media events that found no live session.",
            )?,
            media_orders_lost: counter(
                "media_orders_lost_total",
                "Orders that the media plane did not take.",
            )?,
            sessions_overrun: counter(
                "sessions_overrun_total",
                "Sessions restarted because they could not keep up.",
            )?,
            participants: register_int_gauge_vec_with_registry!(
                opts(
                    "participants",
                    "People with a connection, by role and whether they are inside or wait.",
                ),
                &["role", "state"],
                registry
            )?,
            closed: counters(
                "connections_closed_total",
                "Closed connections, by cause.",
                &["cause"],
            )?,
            messages: counters(
                "messages_total",
                "WebSocket messages, by direction and type.",
                &["direction", "type"],
            )?,
            errors: counters("errors_total", "Requests refused, by code.", &["code"])?,
            join: register_histogram_vec_with_registry!(
                histogram(
                    "join_seconds",
                    "How long each step into a call took.",
                    WAIT_BUCKETS,
                ),
                &["step"],
                registry
            )?,
            store_writes: register_histogram_with_registry!(
                histogram(
                    "store_write_seconds",
                    "How long a transaction took until it was on disk.",
                    WRITE_BUCKETS,
                ),
                registry
            )?,
            store_failures: counter("store_failures_total", "Transactions that failed.")?,
        };
        for step in [JoinStep::Welcome, JoinStep::Answer, JoinStep::Connected] {
            metrics.join.with_label_values(&[step.label()]);
        }
        Ok(metrics)
    }

    /// Somebody came in or began to wait (`1`), or is gone or waits no longer (`-1`).
    pub fn participant(&self, role: Role, admitted: bool, change: i64) {
        let role = match role {
            Role::Facilitator => "facilitator",
            Role::Member => "member",
            Role::Captioner => "captioner",
        };
        let state = if admitted { "admitted" } else { "waiting" };
        self.participants.with_label_values(&[role, state]).add(change);
    }

    /// A connection was closed.
    pub fn closed(&self, cause: CloseCause) {
        self.closed.with_label_values(&[cause.label()]).inc();
    }

    /// A message came in.
    pub fn received(&self, message: &ClientMessage) {
        self.messages
            .with_label_values(&["in", client_label(message)])
            .inc();
    }

    /// A message goes out; errors are counted by their code too.
    pub fn sent(&self, message: &ServerMessage) {
        self.messages
            .with_label_values(&["out", server_label(message)])
            .inc();
        if let ServerMessage::Error { code, .. } = message {
            self.refused(*code);
        }
    }

    /// A request was refused.
    pub fn refused(&self, code: ErrorCode) {
        self.errors.with_label_values(&[&error_label(code)]).inc();
    }

    /// A step into a call was taken.
    pub fn joined(&self, step: JoinStep, took: Duration) {
        self.join
            .with_label_values(&[step.label()])
            .observe(took.as_secs_f64());
    }

    /// A transaction was written, or could not be.
    pub fn wrote<T, E>(&self, outcome: &Result<T, E>, took: Duration) {
        match outcome {
            Ok(_) => self.store_writes.observe(took.as_secs_f64()),
            Err(_) => self.store_failures.inc(),
        }
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("hearken").subsystem("signaling")
}

fn histogram(name: &str, help: &str, buckets: &[f64]) -> HistogramOpts {
    HistogramOpts::from(opts(name, help)).buckets(buckets.to_vec())
}

/// The code as it stands on the wire: one text per variant.
fn error_label(code: ErrorCode) -> String {
    match serde_json::to_value(code) {
        Ok(serde_json::Value::String(text)) => text,
        _ => "unknown".to_owned(),
    }
}

fn client_label(message: &ClientMessage) -> &'static str {
    match message {
        ClientMessage::Hello(_) => "hello",
        ClientMessage::Ping => "ping",
        ClientMessage::Offer { .. } => "offer",
        ClientMessage::View { .. } => "view",
        ClientMessage::SetMicrophone { .. } => "set_microphone",
        ClientMessage::SetCamera { .. } => "set_camera",
        ClientMessage::SetScreen { .. } => "set_screen",
        ClientMessage::Type { .. } => "type",
        ClientMessage::Correct { .. } => "correct",
        ClientMessage::SetOffRecord { .. } => "set_off_record",
        ClientMessage::SetVocabulary { .. } => "set_vocabulary",
        ClientMessage::AgreeToTranscript { .. } => "agree_to_transcript",
        ClientMessage::GetCaptionLink => "get_caption_link",
        ClientMessage::RaiseHand => "raise_hand",
        ClientMessage::LowerHand { .. } => "lower_hand",
        ClientMessage::Admit { .. } => "admit",
        ClientMessage::AdmitAll => "admit_all",
        ClientMessage::Deny { .. } => "deny",
        ClientMessage::Mute { .. } => "mute",
        ClientMessage::MuteEveryone => "mute_everyone",
        ClientMessage::LockMicrophones { .. } => "lock_microphones",
        ClientMessage::AskToUnmute { .. } => "ask_to_unmute",
        ClientMessage::StopCamera { .. } => "stop_camera",
        ClientMessage::Remove { .. } => "remove",
        ClientMessage::LockSession { .. } => "lock_session",
        ClientMessage::RenewLink => "renew_link",
        ClientMessage::EndSession => "end_session",
        ClientMessage::Leave => "leave",
    }
}

fn server_label(message: &ServerMessage) -> &'static str {
    match message {
        ServerMessage::Welcome(_) => "welcome",
        ServerMessage::Waiting { .. } => "waiting",
        ServerMessage::Admitted(_) => "admitted",
        ServerMessage::Denied { .. } => "denied",
        ServerMessage::Participant(_) => "participant",
        ServerMessage::ParticipantLeft { .. } => "participant_left",
        ServerMessage::Knock(_) => "knock",
        ServerMessage::KnockEnded { .. } => "knock_ended",
        ServerMessage::Session(_) => "session",
        ServerMessage::Muted { .. } => "muted",
        ServerMessage::UnmuteRequested => "unmute_requested",
        ServerMessage::CameraStopped => "camera_stopped",
        ServerMessage::Answer { .. } => "answer",
        ServerMessage::Slot(_) => "slot",
        ServerMessage::Speakers { .. } => "speakers",
        ServerMessage::Publish(_) => "publish",
        ServerMessage::VideoPaused { .. } => "video_paused",
        ServerMessage::Statistics(_) => "statistics",
        ServerMessage::MediaLost => "media_lost",
        ServerMessage::IceServers { .. } => "ice_servers",
        ServerMessage::Caption(_) => "caption",
        ServerMessage::Captions { .. } => "captions",
        ServerMessage::EndingSoon { .. } => "ending_soon",
        ServerMessage::MemberLink { .. } => "member_link",
        ServerMessage::Vocabulary { .. } => "vocabulary",
        ServerMessage::CaptionLink { .. } => "caption_link",
        ServerMessage::Viewing(_) => "viewing",
        ServerMessage::Transcript { .. } => "transcript",
        ServerMessage::TakenOver => "taken_over",
        ServerMessage::Removed => "removed",
        ServerMessage::Ended { .. } => "ended",
        ServerMessage::Error { .. } => "error",
        ServerMessage::Pong => "pong",
    }
}

#[cfg(test)]
mod tests {
    use hearken_docs_check::check_metrics;
    use prometheus::TextEncoder;

    use super::*;

    #[test]
    fn the_document_names_what_is_exported_and_nothing_else() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).unwrap();
        metrics.participant(Role::Member, true, 1);
        metrics.closed(CloseCause::Client);
        metrics.received(&ClientMessage::Leave);
        metrics.refused(ErrorCode::SessionFull);
        check_metrics(&registry, "hearken_signaling_");
    }

    #[test]
    fn counters_carry_our_prefix_and_labels_of_the_protocol() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).unwrap();
        metrics.sent(&ServerMessage::Error {
            request: None,
            code: ErrorCode::SessionFull,
            message: String::new(),
        });
        metrics.participant(Role::Member, true, 1);
        metrics.joined(JoinStep::Answer, Duration::from_millis(20));
        let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        for line in [
            r#"hearken_signaling_errors_total{code="session_full"} 1"#,
            r#"hearken_signaling_messages_total{direction="out",type="error"} 1"#,
            r#"hearken_signaling_participants{role="member",state="admitted"} 1"#,
            r#"hearken_signaling_join_seconds_count{step="answer"} 1"#,
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        assert!(Metrics::register(&registry).is_err());
    }
}
