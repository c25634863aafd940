//! The real store, with a switch that makes it fail.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hearken_protocol::{GroupId, SessionId, Timestamp};
use hearken_signaling_core::{Change, SessionSettings};
use hearken_signaling_server::{SqliteStore, Store, StoreError, StoredSession, TokenKey};

pub struct FlakyStore {
    inner: SqliteStore,
    pub broken: AtomicBool,
}

impl FlakyStore {
    pub fn new(inner: SqliteStore) -> Self {
        Self {
            inner,
            broken: AtomicBool::new(false),
        }
    }

    pub fn fail(&self) {
        self.broken.store(true, Ordering::SeqCst);
    }

    pub fn recover(&self) {
        self.broken.store(false, Ordering::SeqCst);
    }

    pub async fn close(&self) {
        self.inner.close().await;
    }

    fn works(&self) -> Result<(), StoreError> {
        if self.broken.load(Ordering::SeqCst) {
            Err(StoreError::TimedOut)
        } else {
            Ok(())
        }
    }
}

#[async_trait::async_trait]
impl Store for FlakyStore {
    async fn token_key(&self) -> Result<TokenKey, StoreError> {
        self.inner.token_key().await
    }

    async fn create_session(
        &self,
        group: GroupId,
        settings: &SessionSettings,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.works()?;
        self.inner.create_session(group, settings, now).await
    }

    async fn session(&self, session: SessionId) -> Result<Option<StoredSession>, StoreError> {
        self.works()?;
        self.inner.session(session).await
    }

    async fn unfinished(&self, now: Timestamp) -> Result<Vec<SessionId>, StoreError> {
        self.inner.unfinished(now).await
    }

    async fn apply(&self, session: SessionId, changes: &[Change]) -> Result<(), StoreError> {
        self.works()?;
        self.inner.apply(session, changes).await
    }

    async fn sweep(&self, now: Timestamp, retention: Duration) -> Result<(), StoreError> {
        self.works()?;
        self.inner.sweep(now, retention).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.works()?;
        self.inner.check().await
    }
}
