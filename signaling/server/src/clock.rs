//! The one place where the signaling server reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};

use hearken_protocol::Timestamp;

/// The present moment, UTC. A clock set before 1970 reads as 1970.
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
