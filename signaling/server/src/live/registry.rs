//! Which sessions are live, and how to reach them. A session is brought to life by the first who asks for it,
//! or when the server starts inside its time; its task takes itself off the list when it is done.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use hearken_protocol::{CaptionAbilities, MediaCommand, SessionId};
use hearken_signaling_core::Session;
use tokio::sync::{Mutex, watch};
use tokio::task::AbortHandle;
use tracing::Instrument;

use super::dispatch::CaptionOutlook;
use super::ledger::Ledger;
use super::mail::{Mail, Mailbox, Unsent};
use super::orders::Orders;
use super::session::{SessionTask, Workshop};
use crate::clock;
use crate::links::Links;
use crate::media::MediaPlane;
use crate::metrics::Metrics;
use crate::relay::Relay;
use crate::store::{Store, StoreError};

/// Sessions that may be live at once. Full: no other is started.
const LIVE_SESSIONS_MAX: usize = 1000;

/// Why there is no way to a session.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// There is none of that id.
    #[error("there is no such session")]
    NotFound,
    /// It is over.
    #[error("the session is over")]
    Ended,
    /// Too many are live.
    #[error("too many sessions are live")]
    Overloaded,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The live sessions and what they all work with.
pub(crate) struct LiveSessions {
    store: Arc<dyn Store>,
    media: Arc<dyn MediaPlane>,
    links: Arc<Links>,
    relay: Option<Arc<Relay>>,
    metrics: Arc<Metrics>,
    captions: watch::Receiver<CaptionOutlook>,
    stop: watch::Receiver<bool>,
    /// Guards the list; held for look-ups only, never over an await.
    live: RwLock<HashMap<SessionId, Entry>>,
    /// Held while a session is started, so that none is started twice.
    starting: Mutex<()>,
}

#[derive(Clone)]
struct Entry {
    mailbox: Mailbox,
    task: AbortHandle,
}

impl LiveSessions {
    /// No session is live yet.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        media: Arc<dyn MediaPlane>,
        links: Arc<Links>,
        relay: Option<Arc<Relay>>,
        metrics: Arc<Metrics>,
        captions: watch::Receiver<CaptionOutlook>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let (live, starting) = (RwLock::default(), Mutex::default());
        Self {
            store,
            media,
            links,
            relay,
            metrics,
            captions,
            stop,
            live,
            starting,
        }
    }

    /// The way to a session, which is brought to life if need be.
    pub(crate) async fn find_or_start(self: &Arc<Self>, id: SessionId) -> Result<Mailbox, StartError> {
        if let Some(mailbox) = self.find(id) {
            return Ok(mailbox);
        }
        let _starting = self.starting.lock().await;
        if let Some(mailbox) = self.find(id) {
            return Ok(mailbox);
        }
        let stored = self.store.session(id).await?.ok_or(StartError::NotFound)?;
        if stored.record.ended.is_some() {
            return Err(StartError::Ended);
        }
        if self.count() >= LIVE_SESSIONS_MAX {
            return Err(StartError::Overloaded);
        }
        let core = Session::restore(stored.record, self.media.epoch(), clock::now());
        Ok(self.start(core))
    }

    /// Leaves mail for a session, if it is live.
    pub(crate) fn post(&self, id: SessionId, mail: Mail) {
        let Some(mailbox) = self.find(id) else {
            if let Mail::Media(_) = mail {
                self.metrics.media_events_stray.inc();
            }
            return;
        };
        match mailbox.post(mail) {
            Ok(()) | Err(Unsent::Gone | Unsent::Skipped) => {}
            Err(Unsent::Overrun) => self.give_up(id),
        }
    }

    /// Leaves mail for every live session.
    pub(crate) fn post_to_all(&self, mail: impl Fn() -> Mail) {
        let ids: Vec<SessionId> = self
            .live
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .keys()
            .copied()
            .collect();
        for id in ids {
            self.post(id, mail());
        }
    }

    /// What the caption model can do, as far as it is known.
    pub(crate) fn caption_model(&self) -> Option<CaptionAbilities> {
        self.captions.borrow().model
    }

    /// How many are live.
    pub(crate) fn count(&self) -> usize {
        self.live.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn find(&self, id: SessionId) -> Option<Mailbox> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.get(&id).map(|entry| entry.mailbox.clone())
    }

    fn start(self: &Arc<Self>, core: Session) -> Mailbox {
        let id = core.id();
        let (mailbox, mail) = Mailbox::new();
        let workshop = Workshop {
            mail,
            captions: self.captions.clone(),
            stop: self.stop.clone(),
            links: Arc::clone(&self.links),
            relay: self.relay.clone(),
            metrics: Arc::clone(&self.metrics),
        };
        let ledger = Ledger::new(id, Arc::clone(&self.store), Arc::clone(&self.metrics));
        let orders = Orders::new(Arc::clone(&self.media), Arc::clone(&self.metrics));
        let task = SessionTask::new(core, ledger, orders, workshop);
        let membership = Membership {
            live: Arc::clone(self),
            id,
            mailbox: mailbox.clone(),
            finished: false,
        };

        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        let running = async move {
            let mut membership = membership;
            task.run().await;
            membership.finished = true;
        };
        let span = tracing::info_span!("session", session = %id);
        let task = tokio::spawn(running.instrument(span)).abort_handle();
        live.insert(
            id,
            Entry {
                mailbox: mailbox.clone(),
                task,
            },
        );
        self.metrics
            .sessions_live
            .set(i64::try_from(live.len()).unwrap_or(i64::MAX));
        mailbox
    }

    /// Ends the task of a session that could not keep up. Its browsers come back, and it is restored from the
    /// store; until then its media is closed, so that nobody is seen under another's name. It stays on the list
    /// until then: no other may open its media before this one has closed it.
    fn give_up(&self, id: SessionId) {
        tracing::error!(session = %id, "the session could not keep up and is started anew");
        self.metrics.sessions_overrun.inc();
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        let task = live.get(&id).map(|entry| entry.task.clone());
        drop(live); // the end of the task takes the list for writing
        if let Some(task) = task {
            task.abort();
        }
    }
}

/// Takes a session off the list when its task ends, however it ends.
struct Membership {
    live: Arc<LiveSessions>,
    id: SessionId,
    mailbox: Mailbox,
    finished: bool,
}

impl Drop for Membership {
    fn drop(&mut self) {
        if !self.finished {
            // The task was given up or failed: its media must not go on without it.
            let close = MediaCommand::CloseSession { session: self.id };
            if self.live.media.send(close).is_err() {
                self.live.metrics.media_orders_lost.inc();
            }
        }
        let mut live = self.live.live.write().unwrap_or_else(PoisonError::into_inner);
        if live
            .get(&self.id)
            .is_some_and(|entry| entry.mailbox.is(&self.mailbox))
        {
            live.remove(&self.id);
        }
        self.live
            .metrics
            .sessions_live
            .set(i64::try_from(live.len()).unwrap_or(i64::MAX));
    }
}
