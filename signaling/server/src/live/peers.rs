//! Everybody connected to one session: the ways to them, and how many are inside or wait, for the metrics.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hearken_protocol::{Role, ServerMessage};
use hearken_signaling_core::ConnectionId;
use tokio::time::Instant;

use super::outbox::Outbox;
use crate::metrics::{CloseCause, JoinStep, Metrics};

/// The connections of one session.
pub(super) struct Peers {
    all: HashMap<ConnectionId, Peer>,
    /// Connections that did not take what was sent; the core has still to be told.
    lost: Vec<ConnectionId>,
    empty_since: Instant,
    metrics: Arc<Metrics>,
}

/// A connection, as its session sees it.
struct Peer {
    outbox: Outbox,
    hello_at: Instant,
    /// `None` until it was welcomed.
    presence: Option<(Role, Presence)>,
    /// A caption page: it has no seat of its own.
    is_viewing: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Waiting,
    Admitted,
}

impl Peers {
    /// Nobody is connected yet.
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            all: HashMap::new(),
            lost: Vec::new(),
            empty_since: Instant::now(),
            metrics,
        }
    }

    /// A connection said `hello`.
    pub(super) fn arrive(&mut self, connection: ConnectionId, outbox: Outbox) {
        let peer = Peer {
            outbox,
            hello_at: Instant::now(),
            presence: None,
            is_viewing: false,
        };
        self.all.insert(connection, peer);
    }

    /// It got a seat.
    pub(super) fn welcomed(&mut self, connection: ConnectionId, role: Role) {
        if let Some(peer) = self.all.get_mut(&connection) {
            peer.presence = Some((role, Presence::Waiting));
            self.metrics.participant(role, false, 1);
            self.metrics.joined(JoinStep::Welcome, peer.hello_at.elapsed());
        }
    }

    /// It is a caption page, and open.
    pub(super) fn viewing(&mut self, connection: ConnectionId) {
        if let Some(peer) = self.all.get_mut(&connection) {
            peer.is_viewing = true;
        }
    }

    /// Its seat is inside.
    pub(super) fn admitted(&mut self, connection: ConnectionId) {
        let presence = self
            .all
            .get_mut(&connection)
            .and_then(|peer| peer.presence.as_mut());
        if let Some((role, presence)) = presence
            && *presence == Presence::Waiting
        {
            *presence = Presence::Admitted;
            self.metrics.participant(*role, false, -1);
            self.metrics.participant(*role, true, 1);
        }
    }

    /// The connections whose seats are inside.
    pub(super) fn inside(&self) -> Vec<ConnectionId> {
        let is_inside = |peer: &Peer| matches!(peer.presence, Some((_, Presence::Admitted)));
        let inside = self.all.iter().filter(|(_, peer)| is_inside(peer));
        inside.map(|(connection, _)| *connection).collect()
    }

    /// Closes it if it was not welcomed: it has been told why.
    pub(super) fn close_if_unwelcome(&mut self, connection: ConnectionId) {
        if self
            .all
            .get(&connection)
            .is_some_and(|peer| peer.presence.is_none() && !peer.is_viewing)
        {
            self.close(connection, CloseCause::Hello);
        }
    }

    /// Sends a message; to a connection that is gone, nothing.
    pub(super) fn send(&mut self, connection: ConnectionId, message: &ServerMessage) {
        let Some(peer) = self.all.get(&connection) else {
            return;
        };
        self.metrics.sent(message);
        if peer.outbox.send(message).is_err() {
            self.forget(connection); // dropping its outbox closes it
            self.lost.push(connection);
        }
    }

    /// Closes a connection after what was sent over it.
    pub(super) fn close(&mut self, connection: ConnectionId, cause: CloseCause) {
        if let Some(peer) = self.forget(connection) {
            peer.outbox.close(cause);
        }
    }

    /// Closes all connections.
    pub(super) fn close_all(&mut self, cause: CloseCause) {
        let connections: Vec<ConnectionId> = self.all.keys().copied().collect();
        for connection in connections {
            self.close(connection, cause);
        }
    }

    /// A connection is gone.
    pub(super) fn gone(&mut self, connection: ConnectionId) {
        self.forget(connection);
    }

    /// A connection that was given up and that the core does not know of yet.
    pub(super) fn next_lost(&mut self) -> Option<ConnectionId> {
        self.lost.pop()
    }

    /// How long nobody has been connected; zero while somebody is.
    pub(super) fn empty_for(&self) -> Duration {
        if self.all.is_empty() {
            self.empty_since.elapsed()
        } else {
            Duration::ZERO
        }
    }

    fn forget(&mut self, connection: ConnectionId) -> Option<Peer> {
        let peer = self.all.remove(&connection)?;
        self.uncount(&peer);
        if self.all.is_empty() {
            self.empty_since = Instant::now();
        }
        Some(peer)
    }

    fn uncount(&self, peer: &Peer) {
        if let Some((role, presence)) = peer.presence {
            self.metrics.participant(role, presence == Presence::Admitted, -1);
        }
    }
}

impl Drop for Peers {
    /// However the session ends, nobody of it is counted any more.
    fn drop(&mut self) {
        for peer in self.all.values() {
            self.uncount(peer);
        }
    }
}
