//! For whoever watches the server: is it alive, and can it take people in?

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Api;

/// How long an answer of the store holds: asking it costs a write lock.
const KEEP: Duration = Duration::from_secs(1);

/// How long the store may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// When the store was asked last, and whether it answered. Held while it is asked: one question at a time.
pub(super) type LastCheck = Mutex<Option<(Instant, bool)>>;

/// `GET /healthz`: the program runs.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the store answers and the media plane is up.
pub(super) async fn ready(State(api): State<Arc<Api>>) -> (StatusCode, &'static str) {
    if !api.media.is_ready() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the media plane is down\n");
    }
    if !store_answers(&api).await {
        return (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n");
    }
    (StatusCode::OK, "ready\n")
}

async fn store_answers(api: &Api) -> bool {
    let mut last = api.last_check.lock().await;
    if let Some((at, answered)) = *last
        && at.elapsed() < KEEP
    {
        return answered;
    }
    let answered = matches!(
        tokio::time::timeout(PATIENCE, api.store.check()).await,
        Ok(Ok(()))
    );
    *last = Some((Instant::now(), answered));
    answered
}
