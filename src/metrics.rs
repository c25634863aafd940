//! What Prometheus reads, on a listener of its own: it is for operators, not for browsers.

use std::net::TcpListener;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{Registry, TEXT_FORMAT, TextEncoder};

/// Serves `/metrics` until the task is dropped.
///
/// # Errors
///
/// If the listener fails.
pub async fn serve(listener: TcpListener, registry: Registry) -> std::io::Result<()> {
    let router = Router::new().route("/metrics", get(move || async move { gather(&registry) }));
    let listener = tokio::net::TcpListener::from_std(listener)?;
    axum::serve(listener, router).await
}

fn gather(registry: &Registry) -> Response {
    match TextEncoder::new().encode_to_string(&registry.gather()) {
        Ok(text) => ([(header::CONTENT_TYPE, TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}
