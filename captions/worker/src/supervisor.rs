//! Keeps a captioning child running beside the server, and goes on without one.
//!
//! Packets are taken from their queue whatever happens: what cannot be handed on is dropped and counted. A
//! child that dies, hangs or talks nonsense is replaced, at once the first time and ever later when it keeps
//! failing. Another model makes another child, as soon as nobody speaks; if that model fails, the one before it
//! comes back.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use hearken_protocol::{CaptionNews, GroupSpeech, SessionId, SpeechPacket};
use prometheus::Registry;
use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::keeper::{Keeper, Speech};
use crate::metrics::Metrics;
use crate::outbox::Speeches;
use crate::restarts::Restarts;

/// News on their way to the server. Full: the child waits.
const NEWS_MAX: usize = 1_024;
/// Orders that wait; they are taken at once. Full: of an ended session the child finds out when no packets come,
/// a new model is offered again, and a session is taken for English.
const ORDERS_MAX: usize = 2_048;

/// What to run, and how to go about failures.
#[derive(Debug, Clone)]
pub struct SupervisorConfig {
    /// The program. By default this very one, even when its file was replaced since.
    pub program: PathBuf,
    /// Its arguments, by default `captions`.
    pub arguments: Vec<OsString>,
    /// The model's file; without one captions are unavailable until there is.
    pub model: Option<PathBuf>,
    /// How many jobs the child does at once; by default one for each core, at most four.
    pub threads: Option<usize>,
    /// When to start it again.
    pub restarts: Restarts,
    /// By which packets are stamped: read when the server started, as the media plane's.
    pub clock: Clock,
}

impl SupervisorConfig {
    /// This program's own `captions` command with a model, if there is one.
    pub fn new(model: impl Into<Option<PathBuf>>) -> Self {
        Self {
            program: PathBuf::from("/proc/self/exe"),
            arguments: vec!["captions".into()],
            model: model.into(),
            threads: None,
            restarts: Restarts::default(),
            clock: Clock::of_day(),
        }
    }
}

/// What a supervisor is told.
#[derive(Debug)]
pub(crate) enum Order {
    Forget(SessionId),
    Listen(SessionId, GroupSpeech),
    UseModel(PathBuf),
}

/// Gives a supervisor other models, as long as it runs.
#[derive(Debug, Clone)]
pub struct ModelChanger(mpsc::WeakSender<Order>);

impl ModelChanger {
    /// Captions are made with this model as soon as nobody speaks, or in twenty seconds. The file was checked.
    /// Gives whether the order was taken.
    pub fn use_model(&self, model: PathBuf) -> bool {
        let orders = self.0.upgrade();
        orders.is_some_and(|orders| orders.try_send(Order::UseModel(model)).is_ok())
    }

    /// Whether there is a supervisor to change the model of.
    pub fn is_needed(&self) -> bool {
        self.0.strong_count() > 0
    }
}

/// A running supervisor. Dropping it ends the child.
#[derive(Debug)]
pub struct Supervisor {
    orders: mpsc::Sender<Order>,
    stopped: oneshot::Receiver<()>,
    child: Arc<AtomicU32>,
}

impl Supervisor {
    /// Starts it on a thread of its own (the child dies with the thread that made it), and with it the first
    /// child. `speech` is taken from whatever happens; news come until the supervisor is dropped.
    ///
    /// # Errors
    /// When the metrics are registered already, or no thread or runtime can be had.
    pub fn start(
        config: SupervisorConfig,
        registry: &Registry,
        speech: mpsc::Receiver<SpeechPacket>,
    ) -> io::Result<(Self, mpsc::Receiver<CaptionNews>)> {
        let metrics = Metrics::register(registry).map_err(io::Error::other)?;
        let (news, news_out) = mpsc::channel(NEWS_MAX);
        let (orders, orders_in) = mpsc::channel(ORDERS_MAX);
        let (stopped, stopped_out) = oneshot::channel();
        let child = Arc::new(AtomicU32::new(0));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut keeper = Keeper {
            config,
            metrics,
            speech: Speech {
                packets: speech,
                is_closed: false,
            },
            orders: orders_in,
            news,
            child: Arc::clone(&child),
            state: None,
            epoch: 0,
            model_before: None,
            speeches: Speeches::default(),
        };
        thread::Builder::new().name("captions".into()).spawn(move || {
            runtime.block_on(keeper.keep());
            let _ = stopped.send(());
        })?;
        Ok((
            Self {
                orders,
                stopped: stopped_out,
                child,
            },
            news_out,
        ))
    }

    /// A session is over: nothing more is to be said about it.
    pub fn forget_session(&self, session: SessionId) {
        let _ = self.orders.try_send(Order::Forget(session));
    }

    /// How the group of a session speaks: holds for this child and those after it, until the session is over.
    pub fn listen(&self, session: SessionId, speech: GroupSpeech) {
        let _ = self.orders.try_send(Order::Listen(session, speech));
    }

    /// To give it other models with.
    pub fn model_changer(&self) -> ModelChanger {
        ModelChanger(self.orders.downgrade())
    }

    /// The process id of the present child, if there is one.
    pub fn child_id(&self) -> Option<u32> {
        Some(self.child.load(Ordering::Relaxed)).filter(|id| *id != 0)
    }

    /// Ends the child, and returns when it has ended.
    pub async fn shutdown(self) {
        drop(self.orders);
        let _ = self.stopped.await;
    }
}
