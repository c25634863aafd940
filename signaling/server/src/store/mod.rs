//! What must outlive the process: the token key, groups, sessions with their seats and locks, the audit log.
//!
//! Presence, hands, chat and captions never come here. An answer of `Ok` to a change means that it is on disk.

mod sqlite;
mod words;

use std::time::Duration;

use hearken_protocol::{GroupId, SessionId, Timestamp};
use hearken_signaling_core::{Change, SessionRecord, SessionSettings};

use crate::tokens::TokenKey;

pub use sqlite::{OpenError, SqliteStore};

/// Something could not be read or written. Says what, never whose.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// No answer in time.
    #[error("the database did not answer in time")]
    TimedOut,
    /// Something that was read makes no sense.
    #[error("the database holds an unreadable {0}")]
    Unreadable(&'static str),
}

/// A session as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// The group it is a meeting of.
    pub group: GroupId,
    /// Everything that makes it live again.
    pub record: SessionRecord,
}

/// Keeps what must last. SQLite now; another one behind the same trait when there are several machines.
#[async_trait::async_trait]
pub trait Store: Send + Sync {
    /// The key that signs tokens; made at the first call.
    async fn token_key(&self) -> Result<TokenKey, StoreError>;

    /// Makes a group with one session.
    async fn create_session(
        &self,
        group: GroupId,
        settings: &SessionSettings,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// A session, whether it is over or not.
    async fn session(&self, session: SessionId) -> Result<Option<StoredSession>, StoreError>;

    /// The sessions to bring to life when the server starts: not over, and either begun or with seats taken.
    async fn unfinished(&self, now: Timestamp) -> Result<Vec<SessionId>, StoreError>;

    /// Writes all changes or none.
    async fn apply(&self, session: SessionId, changes: &[Change]) -> Result<(), StoreError>;

    /// Ends what nobody was there to end, and deletes what is older than `retention`: audit entries, and
    /// sessions that are over with their groups.
    async fn sweep(&self, now: Timestamp, retention: Duration) -> Result<(), StoreError>;

    /// Whether it can be written at this moment.
    async fn check(&self) -> Result<(), StoreError>;
}
