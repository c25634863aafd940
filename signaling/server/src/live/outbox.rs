//! The way from a session to one browser: a bounded queue that never makes the session wait.

use axum::extract::ws::Utf8Bytes;
use hearken_protocol::ServerMessage;
use tokio::sync::mpsc;

use crate::metrics::CloseCause;

/// Messages on their way to one browser. Full: the connection is given up; the browser comes back and gets a
/// snapshot, which is shorter than what it missed.
pub(crate) const OUTBOX_MESSAGES_MAX: usize = 1024;

/// What a connection has to do.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// Sends this text.
    Message(Utf8Bytes),
    /// Says goodbye; nothing follows.
    Close(CloseCause),
}

/// The sending end, held by the session.
#[derive(Debug, Clone)]
pub(crate) struct Outbox(mpsc::Sender<Outgoing>);

/// The queue is full, or the connection is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Undeliverable;

impl Outbox {
    /// A queue and its receiving end, for the connection.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Outgoing>) {
        let (sender, receiver) = mpsc::channel(OUTBOX_MESSAGES_MAX);
        (Self(sender), receiver)
    }

    /// Queues a message.
    pub(crate) fn send(&self, message: &ServerMessage) -> Result<(), Undeliverable> {
        self.push(Outgoing::Message(encode(message)))
    }

    /// Queues the goodbye. If it finds no room, dropping the outbox closes the connection as well.
    pub(crate) fn close(&self, cause: CloseCause) {
        let _ = self.push(Outgoing::Close(cause));
    }

    fn push(&self, outgoing: Outgoing) -> Result<(), Undeliverable> {
        self.0.try_send(outgoing).map_err(|_| Undeliverable)
    }
}

/// A message as it goes over the wire.
pub(crate) fn encode(message: &ServerMessage) -> Utf8Bytes {
    serde_json::to_string(message)
        .expect("messages have string keys and finite numbers")
        .into()
}
