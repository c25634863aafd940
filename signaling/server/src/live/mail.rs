//! What the rest of the server can say to a live session.

use hearken_protocol::{CaptionNews, CaptionStatus, ClientMessage, MediaEvent};
use hearken_signaling_core::{Connect, ConnectionId, View};
use tokio::sync::{mpsc, oneshot};

use super::outbox::Outbox;

/// Messages on their way to one session. Every browser waits for room, so its own sending slows down. News of
/// media and captions cannot wait: if those that must not be missed find no room, the session has stood still
/// for so long that it is started anew from the store.
pub(crate) const MAILBOX_MAX: usize = 8192;

/// Something for a session to deal with.
#[derive(Debug)]
pub(crate) enum Mail {
    /// A caption page said a valid `hello`.
    View {
        /// Whose.
        view: View,
        /// The way back.
        outbox: Outbox,
    },
    /// Somebody said a valid `hello`.
    Connect {
        /// Who and how.
        connect: Connect,
        /// The way back.
        outbox: Outbox,
    },
    /// A browser said something.
    Message {
        /// Over which connection.
        connection: ConnectionId,
        /// Its number, if it had one.
        request: Option<u32>,
        /// What it said.
        message: ClientMessage,
    },
    /// A connection is gone.
    Disconnect {
        /// Which.
        connection: ConnectionId,
    },
    /// News from the media plane.
    Media(MediaEvent),
    /// News from the caption worker.
    Captions(CaptionNews),
    /// The operator ends the session.
    EndByOperator {
        /// Told when it is over.
        done: oneshot::Sender<Saved>,
    },
}

/// Whether what was done is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saved {
    /// It is.
    Yes,
    /// It is in force, but would be undone by a restart.
    NotYet,
}

/// The session has ended, or its mailbox is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsent {
    /// It is gone; another may be started in its place.
    Gone,
    /// There was no room, and the mail was worth missing.
    Skipped,
    /// There was no room for what must not be missed.
    Overrun,
}

/// The way to a session.
#[derive(Debug, Clone)]
pub(crate) struct Mailbox(mpsc::Sender<Mail>);

impl Mailbox {
    /// A mailbox and its receiving end, for the session.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Mail>) {
        let (sender, receiver) = mpsc::channel(MAILBOX_MAX);
        (Self(sender), receiver)
    }

    /// Hands mail over, waiting for room.
    pub(crate) async fn send(&self, mail: Mail) -> Result<(), Unsent> {
        self.0.send(mail).await.map_err(|_| Unsent::Gone)
    }

    /// Hands mail over without waiting.
    pub(crate) fn post(&self, mail: Mail) -> Result<(), Unsent> {
        use mpsc::error::TrySendError;
        match self.0.try_send(mail) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(Unsent::Gone),
            Err(TrySendError::Full(mail)) if is_passing(&mail) => Err(Unsent::Skipped),
            Err(TrySendError::Full(_)) => Err(Unsent::Overrun),
        }
    }

    /// Whether both lead to the same session task.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.same_channel(&other.0)
    }
}

/// Whether the next of its kind makes up for it.
fn is_passing(mail: &Mail) -> bool {
    match mail {
        Mail::Media(MediaEvent::Speakers { .. } | MediaEvent::Statistics { .. }) => true,
        Mail::Captions(CaptionNews::Event { event, .. }) => event.status == CaptionStatus::Partial,
        _ => false,
    }
}
