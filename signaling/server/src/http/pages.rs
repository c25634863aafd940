//! The web client: its pages and files. Where they come from is for others to say.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use hearken_protocol::ErrorCode;

use super::Api;
use super::error::ApiError;

/// One file of the web client.
pub struct Asset {
    /// What is in it.
    pub bytes: std::borrow::Cow<'static, [u8]>,
    /// Its media type, like `text/html`.
    pub content_type: String,
}

/// Where the files of the web client come from.
pub trait Assets: Send + Sync {
    /// The file of this path, like `index.html` or `assets/index-3f2a.js`.
    fn get(&self, path: &str) -> Option<Asset>;
}

/// The page that everything happens in.
const INDEX: &str = "index.html";

/// Files below this folder have a hash of their content in their name.
const HASHED: &str = "assets/";

/// `GET /`, `GET /s/{session_id}` and `GET /c/{session_id}`
pub(super) async fn index(State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    file(&api, INDEX)
}

/// `GET /{path}`
pub(super) async fn asset(
    State(api): State<Arc<Api>>,
    Path(path): Path<String>,
) -> Result<Response, ApiError> {
    file(&api, &path)
}

fn file(api: &Api, path: &str) -> Result<Response, ApiError> {
    let asset = api
        .assets
        .get(path)
        .ok_or_else(|| ApiError::new(ErrorCode::NotFound, "There is nothing here."))?;
    let content_type = HeaderValue::try_from(asset.content_type)
        .unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"));
    let keep = match path {
        _ if path.starts_with(HASHED) => "public, max-age=31536000, immutable",
        INDEX => "no-store",
        _ => "no-cache",
    };
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, HeaderValue::from_static(keep)),
    ];
    Ok((headers, asset.bytes.into_owned()).into_response())
}
