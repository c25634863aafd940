//! What a browser says, as one text message: read, or not to be read.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{ClientMessage, ErrorCode};

/// What a browser says: a message and, if the sender wants to match an error to it, a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Request {
    /// Echoed in an error about this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub request: Option<u32>,
    /// The message, its fields beside `request`.
    #[serde(flatten)]
    pub message: ClientMessage,
}

/// A text that is no [`Request`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a message of this protocol: {code:?}")]
pub struct RequestError {
    /// The number of the message, where it could be read.
    pub request: Option<u32>,
    /// `UnknownMessage` or `Malformed`.
    pub code: ErrorCode,
}

impl Request {
    /// Reads a WebSocket text message. The caller bounds its size.
    ///
    /// # Errors
    /// [`ErrorCode::Malformed`] if it is not JSON or lacks a field, [`ErrorCode::UnknownMessage`] if its `type`
    /// is not one of [`ClientMessage::TYPES`]: a newer client may say more than this server knows.
    pub fn parse(text: &str) -> Result<Self, RequestError> {
        /// What can be read of a message whose rest cannot.
        #[derive(Deserialize)]
        struct Head {
            #[serde(default)]
            request: Option<u32>,
            r#type: String,
        }
        let malformed = RequestError {
            request: None,
            code: ErrorCode::Malformed,
        };
        let head: Head = serde_json::from_str(text).map_err(|_| malformed)?;
        let code = match ClientMessage::TYPES.contains(&head.r#type.as_str()) {
            true => ErrorCode::Malformed,
            false => ErrorCode::UnknownMessage,
        };
        serde_json::from_str(text).map_err(|_| RequestError {
            request: head.request,
            code,
        })
    }

    /// The number of a message of which nothing else is read, if it has one. The caller bounds its size.
    pub fn number_of(text: &str) -> Option<u32> {
        #[derive(Deserialize)]
        struct Number {
            request: Option<u32>,
        }
        serde_json::from_str::<Number>(text).ok()?.request
    }
}
