//! The web client: its pages and files. Where they come from is for others to say.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
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
    /// The file of this path, like `index.html` or `assets/index-3f2a.js`. It may have itself compressed beside it,
    /// as `.br` and `.gz`.
    fn get(&self, path: &str) -> Option<Asset>;
}

/// The page that everything happens in.
const INDEX: &str = "index.html";

/// How a file may be compressed, best first: the coding's name (RFC 9110, section 8.4.1) and the end of the name.
const CODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Files below this folder have a hash of their content in their name.
const HASHED: &str = "assets/";

/// `GET /`, `GET /s/{session_id}` and `GET /c/{session_id}`
pub(super) async fn index(State(api): State<Arc<Api>>, headers: HeaderMap) -> Result<Response, ApiError> {
    file(&api, INDEX, &headers)
}

/// `GET /{path}`
pub(super) async fn asset(
    State(api): State<Arc<Api>>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    file(&api, &path, &headers)
}

fn file(api: &Api, path: &str, request: &HeaderMap) -> Result<Response, ApiError> {
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
        (header::VARY, HeaderValue::from_name(header::ACCEPT_ENCODING)),
    ];
    let compressed = CODINGS.into_iter().find_map(|(coding, end)| {
        let bytes = accepts(request, coding).then(|| api.assets.get(&format!("{path}{end}")))?;
        Some((coding, bytes?.bytes))
    });
    Ok(match compressed {
        Some((coding, bytes)) => {
            let coding: [(HeaderName, HeaderValue); 1] =
                [(header::CONTENT_ENCODING, HeaderValue::from_static(coding))];
            (headers, coding, bytes.into_owned()).into_response()
        }
        None => (headers, asset.bytes.into_owned()).into_response(),
    })
}

/// Whether a browser takes this coding. One that it weighs with 0 it doesn't; other weights don't matter here.
fn accepts(request: &HeaderMap, coding: &str) -> bool {
    let values = request.get_all(header::ACCEPT_ENCODING).into_iter();
    let offers = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    offers.into_iter().any(|offer| {
        let (name, weight) = offer.split_once(';').unwrap_or((offer, ""));
        let is_refused = weight
            .trim()
            .strip_prefix("q=")
            .is_some_and(|weight| weight.trim().parse().is_ok_and(|weight: f32| weight == 0.0));
        name.trim().eq_ignore_ascii_case(coding) && !is_refused
    })
}
