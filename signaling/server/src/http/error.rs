//! What goes wrong over HTTP: a stable `code`, a `message` for people, and the right status.

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hearken_protocol::ErrorCode;
use serde::Serialize;

use crate::store::StoreError;

/// A request that was refused.
#[derive(Debug)]
pub struct ApiError {
    code: ApiCode,
    message: Cow<'static, str>,
}

/// The protocol's codes, and two that only HTTP has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum ApiCode {
    Shared(ErrorCode),
    Http(HttpCode),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum HttpCode {
    MethodNotAllowed,
    UnsupportedMediaType,
}

#[derive(Serialize)]
struct Body<'a> {
    code: ApiCode,
    message: &'a str,
}

impl ApiError {
    /// An error with one of the protocol's codes.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: ApiCode::Shared(code),
            message: message.into(),
        }
    }

    /// A method that the resource does not have.
    pub fn method_not_allowed() -> Self {
        Self {
            code: ApiCode::Http(HttpCode::MethodNotAllowed),
            message: "This method is not possible here; the `Allow` header lists those that are.".into(),
        }
    }

    /// A body that is not JSON.
    pub fn unsupported_media_type() -> Self {
        Self {
            code: ApiCode::Http(HttpCode::UnsupportedMediaType),
            message: "The body must be JSON, sent with `Content-Type: application/json`.".into(),
        }
    }

    fn status(&self) -> StatusCode {
        match self.code {
            ApiCode::Http(HttpCode::MethodNotAllowed) => StatusCode::METHOD_NOT_ALLOWED,
            ApiCode::Http(HttpCode::UnsupportedMediaType) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ApiCode::Shared(code) => match code {
                ErrorCode::Malformed
                | ErrorCode::UnknownMessage
                | ErrorCode::UnsupportedVersion
                | ErrorCode::OutOfOrder
                | ErrorCode::InvalidName
                | ErrorCode::GuidelinesNotAccepted
                | ErrorCode::InvalidValue
                | ErrorCode::InvalidOffer => StatusCode::BAD_REQUEST,
                ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                ErrorCode::TooManyMessages => StatusCode::TOO_MANY_REQUESTS,
                ErrorCode::Unauthorized => StatusCode::UNAUTHORIZED,
                ErrorCode::Forbidden | ErrorCode::Blocked | ErrorCode::MicrophonesLocked => {
                    StatusCode::FORBIDDEN
                }
                ErrorCode::NotFound => StatusCode::NOT_FOUND,
                ErrorCode::Ended => StatusCode::GONE,
                ErrorCode::SessionLocked
                | ErrorCode::SessionFull
                | ErrorCode::ScreenTaken
                | ErrorCode::ChangedMeanwhile => StatusCode::CONFLICT,
                ErrorCode::Overloaded | ErrorCode::SessionOutgrown | ErrorCode::StoreUnavailable => {
                    StatusCode::SERVICE_UNAVAILABLE
                }
                ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            },
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let body = Body {
            code: self.code,
            message: &self.message,
        };
        let mut response = (status, Json(body)).into_response();
        match status {
            StatusCode::UNAUTHORIZED => {
                let challenge = HeaderValue::from_static("Bearer realm=\"Hearken\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
            }
            _ => {}
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        Self::new(
            ErrorCode::StoreUnavailable,
            "The server cannot reach its store; nothing was changed.",
        )
    }
}
