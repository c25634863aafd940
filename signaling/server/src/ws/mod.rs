//! `GET /api/v1/ws`: who may open a WebSocket, and what becomes of it.

mod connection;
mod hello;
mod rate;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use hearken_protocol::{ErrorCode, SDP_MESSAGE_BYTES_MAX};
use hearken_signaling_core::ConnectionId;
use tokio::sync::{Semaphore, watch};

use self::connection::Connection;
use crate::http::ApiError;
use crate::links::Links;
use crate::live::LiveSessions;
use crate::metrics::Metrics;

/// WebSockets that may be open at once. Full: 503.
const CONNECTIONS_MAX: usize = 10_000;

/// Largest message that is read at all, in bytes: room above the protocol's limits, so that whoever exceeds
/// them is told. Beyond it the connection is cut with the rest of the message unread, and the browser may not
/// get to see the error.
const READ_BYTES_MAX: usize = 2 * SDP_MESSAGE_BYTES_MAX;

/// Read from a connection at once, in bytes. Every open WebSocket keeps a buffer of this size; messages but offers
/// are shorter.
const READ_AT_ONCE_BYTES: usize = 4 << 10;

/// What WebSockets work with.
pub(crate) struct WebSockets {
    live: Arc<LiveSessions>,
    links: Arc<Links>,
    metrics: Arc<Metrics>,
    stop: watch::Receiver<bool>,
    places: Arc<Semaphore>,
    numbers: AtomicU64,
}

impl WebSockets {
    /// None is open yet.
    pub(crate) fn new(
        live: Arc<LiveSessions>,
        links: Arc<Links>,
        metrics: Arc<Metrics>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        Self {
            live,
            links,
            metrics,
            stop,
            places,
            numbers: AtomicU64::new(1),
        }
    }

    /// Waits until all connections are closed.
    pub(crate) async fn closed(&self) {
        let all = u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX);
        let _ = self.places.acquire_many(all).await;
    }
}

/// Opens a WebSocket.
///
/// # Errors
///
/// If it is none, if the page that opens it is not ours, or if there are too many.
pub(crate) async fn open(
    State(sockets): State<Arc<WebSockets>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let upgrade = upgrade.map_err(|_| {
        ApiError::new(
            ErrorCode::Malformed,
            "This address speaks WebSocket, version 13, only.",
        )
    })?;
    if !is_from_here(&headers, &sockets.links) {
        return Err(ApiError::new(
            ErrorCode::Forbidden,
            "Pages of other sites may not connect.",
        ));
    }
    let place = Arc::clone(&sockets.places)
        .try_acquire_owned()
        .map_err(|_| ApiError::new(ErrorCode::Overloaded, "The server can carry no more connections."))?;
    let id = ConnectionId(sockets.numbers.fetch_add(1, Ordering::Relaxed));
    let upgrade = upgrade
        .read_buffer_size(READ_AT_ONCE_BYTES)
        .max_message_size(READ_BYTES_MAX)
        .max_frame_size(READ_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| async move {
        sockets.metrics.connections.inc();
        let cause = Connection::new(id, socket, Arc::clone(&sockets)).run().await;
        sockets.metrics.connections.dec();
        sockets.metrics.closed(cause);
        drop(place);
    }))
}

/// Browsers name the page that opens a WebSocket; programs, which do not, hold no cookies that could be abused.
fn is_from_here(headers: &HeaderMap, links: &Links) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    origin
        .to_str()
        .is_ok_and(|origin| links.public_url().allows(origin, host))
}
