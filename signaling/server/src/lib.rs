//! Signaling: the HTTP API, the WebSocket, one task per live session, tokens, the store, metrics.
//!
//! ```text
//!  browser ─ WebSocket ─ ws ───► live ──► core (decides)
//!  operator ── HTTP ─── http ──►  │ │ └──► store
//!                                 │ └────► media plane      (seam: MediaPlane)
//!  media events, caption news ───►┘
//! ```
//!
//! Nothing in here decides who may do what: that is `hearken-signaling-core`. Nothing in here knows RTP, and
//! nothing logs a name, a token, an address or what was said.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod clock;
mod http;
mod links;
mod live;
mod media;
mod metrics;
mod operator;
mod public_url;
mod relay;
mod server;
mod store;
mod tokens;
mod ws;

pub use http::{
    Asset, Assets, CAPACITY_DEFAULT, CAPACITY_MAX, SESSION_DURATION_MAX, SESSION_NAME_CHARACTERS_MAX,
};
pub use media::{MediaPlane, MediaPlaneError};
pub use operator::{OPERATOR_KEY_BYTES_MIN, OperatorKey, WeakKey};
pub use public_url::{PublicUrl, PublicUrlError};
pub use relay::{Relay, RelayError, RelaySecret, RelaySecretError, RelayUrl, RelayUrlError};
pub use server::{Parts, SignalingServer, StartupError};
pub use store::{OpenError, SqliteStore, Store, StoreError, StoredSession};
pub use tokens::{TOKEN_KEY_BYTES, TokenError, TokenKey};
