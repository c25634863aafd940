//! Everything that is reached by a plain HTTP request: the operator's API, the web client, health.

mod create;
mod error;
mod headers;
mod health;
mod pages;
mod sessions;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use hearken_protocol::ErrorCode;

use crate::links::Links;
use crate::live::LiveSessions;
use crate::media::MediaPlane;
use crate::operator::OperatorGate;
use crate::store::Store;
use crate::ws::{self, WebSockets};

pub use create::{CAPACITY_DEFAULT, CAPACITY_MAX, SESSION_DURATION_MAX, SESSION_NAME_CHARACTERS_MAX};
pub(crate) use error::ApiError;
pub use pages::{Asset, Assets};

/// Largest request body, in bytes. Larger: 413.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// What HTTP requests are answered from.
pub(crate) struct Api {
    pub(crate) gate: OperatorGate,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) media: Arc<dyn MediaPlane>,
    pub(crate) live: Arc<LiveSessions>,
    pub(crate) links: Arc<Links>,
    pub(crate) assets: Arc<dyn Assets>,
    pub(crate) last_check: health::LastCheck,
}

/// All there is to ask for.
pub(crate) fn router(api: Arc<Api>, sockets: Arc<WebSockets>) -> Router {
    let public_url = api.links.public_url().clone();
    let routes = Router::new()
        .route("/api/v1/sessions", post(sessions::create))
        .route("/api/v1/sessions/{id}", get(sessions::show).delete(sessions::end))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/", get(pages::index))
        .route("/s/{session_id}", get(pages::index))
        .route("/c/{session_id}", get(pages::index))
        .route("/{*path}", get(pages::asset))
        .route("/api/{*path}", axum::routing::any(nothing_here))
        .with_state(api)
        .route("/api/v1/ws", get(ws::open).with_state(sockets))
        .fallback(nothing_here)
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
    headers::secured(routes, &public_url)
}

async fn nothing_here() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "There is nothing here.")
}
