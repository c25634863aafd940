//! Puts the parts of signaling together and keeps them running.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hearken_protocol::{CaptionNews, MediaEvent};
use prometheus::Registry;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::clock;
use crate::http::{self, Api, Assets};
use crate::links::Links;
use crate::live::{CaptionOutlook, LiveSessions, StartError, pass_on_captions, pass_on_media};
use crate::media::MediaPlane;
use crate::metrics::Metrics;
use crate::operator::{OperatorGate, OperatorKey};
use crate::public_url::PublicUrl;
use crate::relay::Relay;
use crate::store::{Store, StoreError};
use crate::tokens::Tokens;
use crate::ws::WebSockets;

/// How often the store is swept of what is overdue.
const SWEEP_EVERY: Duration = Duration::from_secs(10 * 60);

/// What the server needs from outside.
pub struct Parts {
    /// Where browsers reach it.
    pub public_url: PublicUrl,
    /// Who may create sessions.
    pub operator_key: OperatorKey,
    /// How long the audit log and sessions that are over are kept.
    pub retention: Duration,
    /// Relays for media, if there are any.
    pub relay: Option<Relay>,
    /// What lasts.
    pub store: Arc<dyn Store>,
    /// Whoever carries media.
    pub media: Arc<dyn MediaPlane>,
    /// What the media plane has to say.
    pub media_events: mpsc::Receiver<MediaEvent>,
    /// What the caption worker has to say. Until it says otherwise captions are `Starting`.
    pub caption_news: mpsc::Receiver<CaptionNews>,
    /// The web client.
    pub assets: Arc<dyn Assets>,
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    /// The store cannot be read.
    #[error("the store cannot be read: {0}")]
    Store(#[from] StoreError),
    /// A metric's name is taken.
    #[error("the metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// The signaling server: sessions, their store, the API and the WebSockets. Whoever holds it serves its router.
pub struct SignalingServer {
    router: Router,
    sockets: Arc<WebSockets>,
    live: Arc<LiveSessions>,
    stop: watch::Sender<bool>,
    background: JoinSet<()>,
}

impl SignalingServer {
    /// Starts it, and brings the sessions back to life that an earlier process has left behind.
    ///
    /// # Errors
    ///
    /// If the store cannot be read or the metrics' names are taken.
    pub async fn start(parts: Parts, registry: &Registry) -> Result<Self, StartupError> {
        let metrics = Arc::new(Metrics::register(registry)?);
        let tokens = Tokens::new(&parts.store.token_key().await?);
        let links = Arc::new(Links::new(tokens, parts.public_url));
        let (stop, stopped) = watch::channel(false);
        let (captions_sender, captions) = watch::channel(CaptionOutlook::UNKNOWN);
        let live = Arc::new(LiveSessions::new(
            Arc::clone(&parts.store),
            Arc::clone(&parts.media),
            Arc::clone(&links),
            parts.relay.map(Arc::new),
            Arc::clone(&metrics),
            captions,
            stopped.clone(),
        ));
        let sockets = Arc::new(WebSockets::new(
            Arc::clone(&live),
            Arc::clone(&links),
            Arc::clone(&metrics),
            stopped,
        ));
        let api = Api {
            gate: OperatorGate::new(parts.operator_key),
            store: Arc::clone(&parts.store),
            media: parts.media,
            live: Arc::clone(&live),
            links,
            assets: parts.assets,
            last_check: Default::default(),
        };
        let router = http::router(Arc::new(api), Arc::clone(&sockets));

        restore(&live, parts.store.as_ref()).await?;
        let mut background = JoinSet::new();
        background.spawn(pass_on_media(Arc::clone(&live), parts.media_events));
        background.spawn(pass_on_captions(
            Arc::clone(&live),
            parts.caption_news,
            captions_sender,
        ));
        background.spawn(sweep(parts.store, parts.retention));
        Ok(Self {
            router,
            sockets,
            live,
            stop,
            background,
        })
    }

    /// What answers requests.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// How many sessions are live.
    pub fn live_sessions(&self) -> usize {
        self.live.count()
    }

    /// Tells every browser to come back later and waits, at most so long, until all are gone. Sessions go on
    /// when the server is started again.
    pub async fn stop(mut self, within: Duration) {
        self.stop.send_replace(true);
        if tokio::time::timeout(within, self.sockets.closed()).await.is_err() {
            tracing::warn!("some connections did not close in time");
        }
        self.background.shutdown().await;
    }
}

async fn restore(live: &Arc<LiveSessions>, store: &dyn Store) -> Result<(), StoreError> {
    let ids = store.unfinished(clock::now()).await?;
    if !ids.is_empty() {
        tracing::info!(sessions = ids.len(), "bringing sessions back");
    }
    for id in ids {
        match live.find_or_start(id).await {
            Ok(_) | Err(StartError::NotFound | StartError::Ended) => {}
            Err(StartError::Overloaded) => {
                tracing::warn!(session = %id, "too many sessions to bring back at once")
            }
            Err(StartError::Store(error)) => return Err(error),
        }
    }
    Ok(())
}

async fn sweep(store: Arc<dyn Store>, retention: Duration) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = store.sweep(clock::now(), retention).await {
            tracing::error!(%error, "the store could not be swept");
        }
    }
}
