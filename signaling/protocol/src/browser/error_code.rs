//! What an error is about.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What an error is about. Stable: clients and programs go by it, on the WebSocket and in the HTTP API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Not JSON, or not a message of this protocol.
    Malformed,
    /// The `type` is not known to this server.
    UnknownMessage,
    /// Larger than allowed.
    TooLarge,
    /// More messages than a person sends.
    TooManyMessages,
    /// No version in common.
    UnsupportedVersion,
    /// The first message was not `hello`, or a second `hello` came.
    OutOfOrder,
    /// The link or the key is not valid (forged, expired, replaced by a newer one).
    Unauthorized,
    /// One may not do that.
    Forbidden,
    /// There is no such session or person.
    NotFound,
    /// The session is over.
    Ended,
    /// The session is locked.
    SessionLocked,
    /// The session is full.
    SessionFull,
    /// The seat was blocked.
    Blocked,
    /// A facilitator has locked microphones.
    MicrophonesLocked,
    /// Somebody else shares a screen.
    ScreenTaken,
    /// Somebody else changed it just before.
    ChangedMeanwhile,
    /// The name is empty, too long or not writable.
    InvalidName,
    /// The guidelines were not accepted.
    GuidelinesNotAccepted,
    /// A field's value is out of range; the message says which.
    InvalidValue,
    /// The SDP offer could not be understood.
    InvalidOffer,
    /// The server can carry no more.
    Overloaded,
    /// The server can carry no more of this session: one hears and sees nobody.
    SessionOutgrown,
    /// Something that must last could not be written; nothing was changed.
    StoreUnavailable,
    /// The server is at fault.
    Internal,
}
