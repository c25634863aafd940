//! What a session owes the store: its changes, written in order, before anything that rests on them is said.
//!
//! If the store fails, what opens something (an admission, an unlocking, a new seat) does not happen. What
//! closes something (muting, removing, locking, ending) happens all the same; it stays owed, goes first in the
//! next transaction, and is tried again every second.

use std::sync::Arc;
use std::time::Duration;

use hearken_protocol::SessionId;
use hearken_signaling_core::Change;
use tokio::time::Instant;

use crate::metrics::Metrics;
use crate::store::{Store, StoreError};

/// How long a transaction may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait before what is owed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Changes that may be owed. Full: later ones are in force but will not be saved, and the log says so.
const OWED_MAX: usize = 1000;

/// The transaction failed or took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotSaved;

/// One session's debts.
pub(super) struct Ledger {
    session: SessionId,
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    owed: Vec<Change>,
    retry_at: Option<Instant>,
}

impl Ledger {
    /// Nothing is owed yet.
    pub(super) fn new(session: SessionId, store: Arc<dyn Store>, metrics: Arc<Metrics>) -> Self {
        Self {
            session,
            store,
            metrics,
            owed: Vec::new(),
            retry_at: None,
        }
    }

    /// Whether nothing is owed.
    pub(super) fn is_settled(&self) -> bool {
        self.owed.is_empty()
    }

    /// When to call [`Self::settle`], if anything is owed.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Writes these changes after what is owed, all or nothing. What was owed before stays owed if it fails.
    pub(super) async fn write(&mut self, changes: &[Change]) -> Result<(), NotSaved> {
        if self.owed.is_empty() {
            return self.transact(changes).await;
        }
        let all: Vec<Change> = self.owed.iter().chain(changes).cloned().collect();
        self.transact(&all).await?;
        self.clear();
        Ok(())
    }

    /// Remembers changes that are in force but could not be written.
    pub(super) fn owe(&mut self, changes: Vec<Change>) {
        let room = OWED_MAX.saturating_sub(self.owed.len());
        if changes.len() > room {
            tracing::error!(
                lost = changes.len() - room,
                "too many unsaved changes: these will not outlive a restart"
            );
        }
        self.owed.extend(changes.into_iter().take(room));
        self.retry_at = Some(Instant::now() + RETRY);
    }

    /// Tries to write what is owed.
    pub(super) async fn settle(&mut self) {
        if self.owed.is_empty() {
            return self.clear();
        }
        let owed = std::mem::take(&mut self.owed);
        let outcome = self.transact(&owed).await;
        match outcome {
            Ok(()) => {
                tracing::info!("what was in force but unsaved is saved now");
                self.clear();
            }
            Err(NotSaved) => {
                self.owed = owed;
                self.retry_at = Some(Instant::now() + RETRY);
            }
        }
    }

    fn clear(&mut self) {
        self.owed.clear();
        self.retry_at = None;
    }

    async fn transact(&self, changes: &[Change]) -> Result<(), NotSaved> {
        let began = Instant::now();
        let outcome = match tokio::time::timeout(PATIENCE, self.store.apply(self.session, changes)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(StoreError::TimedOut),
        };
        self.metrics.wrote(&outcome, began.elapsed());
        outcome.map_err(|error| {
            tracing::error!(%error, "a change could not be saved");
            NotSaved
        })
    }
}
