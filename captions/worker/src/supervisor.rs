//! Keeps a captioning child running beside the server, and goes on without one.
//!
//! Packets are taken from their queue whatever happens: what cannot be handed on is dropped and counted. A
//! child that dies, hangs or talks nonsense is replaced, at once the first time and ever later when it keeps
//! failing. Another model makes another child, as soon as nobody speaks; if that model fails, the one before it
//! comes back.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use hearken_protocol::{CaptionNews, CaptionsState, GroupSpeech, SessionId, SpeechPacket};
use prometheus::Registry;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use crate::child::{
    CLOCK_VARIABLE, EPOCH_VARIABLE, EXIT_MODEL, EXIT_PROCESSOR, MODEL_VARIABLE, SOCKET_VARIABLE,
    THREADS_VARIABLE,
};
use crate::clock::Clock;
use crate::link::{Punctuality, Reader, write_messages};
use crate::metrics::{Drop as PacketDrop, Metrics};
use crate::restarts::{Ended, Restarts};
use crate::wire::{ToWorker, WireError};

/// Messages on their way to the child: some twenty seconds of one speaker. Full: packets are dropped.
const TO_WORKER_MAX: usize = 1_024;
/// News on their way to the server. Full: the child waits.
const NEWS_MAX: usize = 1_024;
/// Orders that wait; they are taken at once. Full: of an ended session the child finds out when no packets come,
/// a new model is offered again, and a session is taken for English.
const ORDERS_MAX: usize = 2_048;
/// Sessions whose speech is known. Full: one more is taken for English without a vocabulary.
const SPEECHES_MAX: usize = 1_000;
/// A new model waits so long at most for a second in which nobody speaks.
const QUIET_WITHIN: Duration = Duration::from_secs(20);
/// How often it looks for one.
const QUIET_LOOK: Duration = Duration::from_millis(200);
/// The child is nicer than the server: media goes first.
const NICENESS: libc::c_int = 5;
/// How long a child may take to end when asked to.
const GOODBYE: Duration = Duration::from_secs(1);

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
enum Order {
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

/// The packets; when nobody is left to send any, nothing comes of them any more.
struct Speech {
    packets: mpsc::Receiver<SpeechPacket>,
    is_closed: bool,
}

impl Speech {
    async fn next(&mut self) -> SpeechPacket {
        if !self.is_closed {
            if let Some(packet) = self.packets.recv().await {
                return packet;
            }
            self.is_closed = true;
        }
        std::future::pending().await
    }
}

struct Keeper {
    config: SupervisorConfig,
    metrics: Metrics,
    speech: Speech,
    orders: mpsc::Receiver<Order>,
    news: mpsc::Sender<CaptionNews>,
    child: Arc<AtomicU32>,
    state: Option<CaptionsState>,
    epoch: u64,
    /// What was used before the present model, until that one has proved itself.
    model_before: Option<PathBuf>,
    speeches: Speeches,
}

/// How groups speak that speak otherwise than most. Every child is told.
#[derive(Debug, Default)]
struct Speeches(BTreeMap<SessionId, GroupSpeech>);

impl Speeches {
    fn learn(&mut self, session: SessionId, speech: GroupSpeech) {
        if self.0.len() < SPEECHES_MAX || self.0.contains_key(&session) {
            self.0.insert(session, speech);
        }
    }

    fn forget(&mut self, session: SessionId) {
        self.0.remove(&session);
    }

    /// What a new child is told first.
    fn messages(&self) -> impl Iterator<Item = ToWorker> {
        self.0
            .iter()
            .map(|(session, speech)| ToWorker::Listen(*session, speech.clone()))
    }
}

impl Keeper {
    async fn keep(&mut self) {
        let mut failures = 0;
        loop {
            let Some(model) = self.config.model.clone() else {
                self.tell(CaptionsState::Unavailable).await;
                match self.wait(Duration::MAX).await {
                    Waited::Stopped => return,
                    Waited::Out | Waited::NewModel => continue,
                }
            };
            self.tell(CaptionsState::Starting).await;
            let ended = self.live(&model).await;
            self.child.store(0, Ordering::Relaxed);
            self.metrics.up.set(0);
            match ended {
                Ended::Stopped => return,
                Ended::Replaced => {
                    tracing::info!("captions go on with another model");
                    failures = 0;
                    continue;
                }
                Ended::Hopeless | Ended::Failed { .. } if self.go_back() => {
                    tracing::error!(
                        "the new caption model cannot be used; captions go on with the one before"
                    );
                    continue;
                }
                Ended::Failed { ran } if ran >= self.config.restarts.well_after => failures = 1,
                Ended::Failed { .. } | Ended::Hopeless => failures += 1,
            }
            if ended == Ended::Hopeless || failures >= self.config.restarts.give_up_after {
                self.tell(CaptionsState::Unavailable).await;
            } else {
                self.tell(CaptionsState::Starting).await;
            }
            let wait = self.config.restarts.wait(failures, &ended);
            tracing::warn!(failures, ?wait, "the captions worker ended; starting it again");
            match self.wait(wait).await {
                Waited::Stopped => return,
                Waited::Out => self.metrics.restarts.inc(),
                Waited::NewModel => failures = 0,
            }
        }
    }

    /// Takes the model from before the present one again, if there was one.
    fn go_back(&mut self) -> bool {
        let before = self.model_before.take();
        let is_there = before.is_some();
        self.config.model = before.or(self.config.model.take());
        is_there
    }

    /// Says a new state; the same one is not said twice.
    async fn tell(&mut self, state: CaptionsState) {
        if self.state.replace(state) != Some(state) {
            let _ = self.news.send(CaptionNews::State(state)).await;
        }
    }

    /// Waits, dropping packets, until there is another model.
    async fn wait(&mut self, length: Duration) -> Waited {
        let until = Instant::now().checked_add(length);
        let out = async {
            match until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(out);
        loop {
            tokio::select! {
                () = &mut out => return Waited::Out,
                _ = self.speech.next() => self.metrics.dropped(PacketDrop::NoWorker, 1),
                order = self.orders.recv() => match order {
                    None => return Waited::Stopped,
                    Some(Order::Forget(session)) => self.speeches.forget(session),
                    Some(Order::Listen(session, speech)) => self.speeches.learn(session, speech),
                    Some(Order::UseModel(model)) => {
                        self.config.model = Some(model);
                        self.model_before = None;
                        return Waited::NewModel;
                    }
                },
            }
        }
    }

    /// One child, from its start to its end.
    async fn live(&mut self, model: &Path) -> Ended {
        let started = Instant::now();
        self.epoch = (self.epoch + 1).max(self.config.clock.now().0);
        let (mut child, socket) = match self.spawn(model) {
            Ok(spawned) => spawned,
            Err(error) => {
                tracing::error!(%error, "the captions worker cannot be started");
                return Ended::Failed { ran: Duration::ZERO };
            }
        };
        self.child.store(child.id().unwrap_or(0), Ordering::Relaxed);
        self.metrics.worker_started();
        let (reading, writing) = socket.into_split();
        let (outbox, messages) = mpsc::channel(TO_WORKER_MAX);
        let ended = self.attend(&mut child, reading, writing, outbox, messages).await;
        match ended {
            Attended::Stopped => {
                self.part_with(&mut child).await;
                Ended::Stopped
            }
            Attended::Replaced(new) => {
                self.part_with(&mut child).await;
                self.model_before = self.config.model.replace(new);
                Ended::Replaced
            }
            Attended::Exited(status) if is_hopeless(status) => Ended::Hopeless,
            Attended::Exited(_) => Ended::Failed {
                ran: started.elapsed(),
            },
            Attended::Broken(error) => {
                let status = self.part_with(&mut child).await;
                tracing::warn!(%error, "lost the captions worker");
                if status.is_some_and(is_hopeless) {
                    Ended::Hopeless
                } else {
                    Ended::Failed {
                        ran: started.elapsed(),
                    }
                }
            }
        }
    }

    /// The socket is closed: the child ends by itself, or is killed.
    async fn part_with(&mut self, child: &mut Child) -> Option<ExitStatus> {
        if let Ok(Ok(status)) = timeout(GOODBYE, child.wait()).await {
            return Some(status);
        }
        let _ = child.kill().await;
        None
    }

    fn spawn(&self, model: &Path) -> io::Result<(Child, UnixStream)> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = Command::new(&self.config.program);
        command
            .arg0("hearken")
            .args(&self.config.arguments)
            .env(SOCKET_VARIABLE, theirs.as_raw_fd().to_string())
            .env(MODEL_VARIABLE, model)
            .env(EPOCH_VARIABLE, self.epoch.to_string())
            .env(CLOCK_VARIABLE, self.config.clock.offset().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // Ctrl-C in a terminal is for the server, which ends its child in order.
            .process_group(0)
            .kill_on_drop(true);
        match self.config.threads {
            Some(threads) => command.env(THREADS_VARIABLE, threads.to_string()),
            None => command.env_remove(THREADS_VARIABLE),
        };
        let (descriptor, parent) = (theirs.as_raw_fd(), std::process::id());
        // SAFETY: between fork and exec only system calls are made, on values copied before.
        unsafe {
            command.pre_exec(move || prepare_child(descriptor, parent));
        }
        let child = command.spawn()?;
        Ok((child, UnixStream::from_std(ours)?))
    }

    /// Passes packets and news on until something ends.
    async fn attend(
        &mut self,
        child: &mut Child,
        reading: OwnedReadHalf,
        writing: OwnedWriteHalf,
        outbox: mpsc::Sender<ToWorker>,
        messages: mpsc::Receiver<ToWorker>,
    ) -> Attended {
        let Self {
            metrics,
            speech,
            orders,
            news,
            state,
            model_before,
            speeches,
            config,
            ..
        } = self;
        // There is room: nothing else waits yet.
        speeches
            .messages()
            .for_each(|message| drop(outbox.try_send(message)));
        let dropped = metrics.drop_counter();
        let is_quiet = Cell::new(false);
        let write = write_messages(writing, messages);
        let reader = Reader {
            metrics,
            news,
            state,
            is_quiet: &is_quiet,
            clock: config.clock,
            model_before,
            punctuality: Punctuality::default(),
        };
        let read = reader.read(reading);
        let mut looks = tokio::time::interval(QUIET_LOOK);
        let mut new_model: Option<(PathBuf, Instant)> = None;
        // A child that reads slowly does not know yet how some group speaks.
        let mut is_behind = false;
        tokio::pin!(write, read);
        loop {
            tokio::select! {
                status = child.wait() => return match status {
                    Ok(status) => Attended::Exited(status),
                    Err(error) => Attended::Broken(WireError::Io(error)),
                },
                error = &mut read => return Attended::Broken(error),
                error = &mut write => return Attended::Broken(error),
                packet = speech.next() => if outbox.try_send(ToWorker::Speech(packet)).is_err() {
                    dropped.count(PacketDrop::QueueFull);
                },
                order = orders.recv() => match order {
                    Some(Order::Forget(session)) => {
                        speeches.forget(session);
                        let _ = outbox.try_send(ToWorker::ForgetSession(session));
                    }
                    Some(Order::Listen(session, speech)) => {
                        is_behind |= outbox.try_send(ToWorker::Listen(session, speech.clone())).is_err();
                        speeches.learn(session, speech);
                    }
                    Some(Order::UseModel(model)) => new_model = Some((model, Instant::now() + QUIET_WITHIN)),
                    None => {
                        let _ = outbox.try_send(ToWorker::Shutdown);
                        return Attended::Stopped;
                    }
                },
                now = looks.tick(), if new_model.is_some() || is_behind => {
                    if is_behind && outbox.capacity() > speeches.messages().count() {
                        speeches.messages().for_each(|message| drop(outbox.try_send(message)));
                        is_behind = false;
                    }
                    let ripe = new_model.take_if(|(_, latest)| is_quiet.get() || now >= *latest);
                    if let Some((model, _)) = ripe {
                        return Attended::Replaced(model);
                    }
                }
            }
        }
    }
}

/// How waiting ended.
enum Waited {
    Stopped,
    /// The time is over.
    Out,
    NewModel,
}

enum Attended {
    Stopped,
    /// By another model.
    Replaced(PathBuf),
    Exited(ExitStatus),
    Broken(WireError),
}

/// In the child, before the program starts: it inherits one socket, is nicer, and dies with its parent.
fn prepare_child(descriptor: libc::c_int, parent: u32) -> io::Result<()> {
    // SAFETY: plain system calls without pointers.
    unsafe {
        if libc::fcntl(descriptor, libc::F_SETFD, 0) == -1 {
            return Err(io::Error::last_os_error());
        }
        libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS);
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        // The parent may have died before that.
        if libc::getppid() as u32 != parent {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
    }
    Ok(())
}

fn is_hopeless(status: ExitStatus) -> bool {
    let hopeless = [i32::from(EXIT_MODEL), i32::from(EXIT_PROCESSOR)];
    status.code().is_some_and(|code| hopeless.contains(&code))
}
