//! Keeps a captioning child running beside the server, and goes on without one.
//!
//! Packets are taken from their queue whatever happens: what cannot be handed on is dropped and counted. A
//! child that dies, hangs or talks nonsense is replaced, at once the first time and ever later when it keeps
//! failing.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hearken_protocol::{CaptionNews, CaptionsState, SessionId, SpeechPacket, Timestamp};
use prometheus::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use crate::child::{
    EPOCH_VARIABLE, EXIT_MODEL, EXIT_PROCESSOR, MODEL_VARIABLE, SOCKET_VARIABLE, THREADS_VARIABLE,
};
use crate::metrics::{Drop as PacketDrop, Metrics};
use crate::restarts::{Ended, Restarts};
use crate::wire::{self, FromWorker, ToWorker, WireError};

/// Messages on their way to the child: some twenty seconds of one speaker. Full: packets are dropped.
const TO_WORKER_MAX: usize = 1_024;
/// News on their way to the server. Full: the child waits.
const NEWS_MAX: usize = 1_024;
/// Ended sessions that the child is to be told of. Full: it finds out when no packets come.
const COMMANDS_MAX: usize = 256;
/// The child is nicer than the server: media goes first.
const NICENESS: libc::c_int = 5;
/// A child that says nothing for so long hangs; it reports every second, and loads its model in a few.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Sound that waits so long makes captions late, which the groups are told...
const LATE_FROM: Duration = Duration::from_secs(5);
/// ...until it waits no longer than that.
const LATE_UNTIL: Duration = Duration::from_secs(2);
/// How long a child may take to end when asked to.
const GOODBYE: Duration = Duration::from_secs(1);

/// What to run, and how to go about failures.
#[derive(Debug, Clone)]
pub struct SupervisorConfig {
    /// The program. By default this very one, even when its file was replaced since.
    pub program: PathBuf,
    /// Its arguments, by default `captions`.
    pub arguments: Vec<OsString>,
    /// The model's file.
    pub model: PathBuf,
    /// How many jobs the child does at once; by default all cores but one, at most four.
    pub threads: Option<usize>,
    /// When to start it again.
    pub restarts: Restarts,
}

impl SupervisorConfig {
    /// This program's own `captions` command with a model.
    pub fn new(model: PathBuf) -> Self {
        Self {
            program: PathBuf::from("/proc/self/exe"),
            arguments: vec!["captions".into()],
            model,
            threads: None,
            restarts: Restarts::default(),
        }
    }
}

/// A running supervisor. Dropping it ends the child.
#[derive(Debug)]
pub struct Supervisor {
    commands: mpsc::Sender<SessionId>,
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
        let (commands, commands_in) = mpsc::channel(COMMANDS_MAX);
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
            commands: commands_in,
            news,
            child: Arc::clone(&child),
            state: None,
            epoch: 0,
        };
        thread::Builder::new().name("captions".into()).spawn(move || {
            runtime.block_on(keeper.keep());
            let _ = stopped.send(());
        })?;
        Ok((
            Self {
                commands,
                stopped: stopped_out,
                child,
            },
            news_out,
        ))
    }

    /// A session is over: nothing more is to be said about it.
    pub fn forget_session(&self, session: SessionId) {
        let _ = self.commands.try_send(session);
    }

    /// The process id of the present child, if there is one.
    pub fn child_id(&self) -> Option<u32> {
        Some(self.child.load(Ordering::Relaxed)).filter(|id| *id != 0)
    }

    /// Ends the child, and returns when it has ended.
    pub async fn shutdown(self) {
        drop(self.commands);
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
    commands: mpsc::Receiver<SessionId>,
    news: mpsc::Sender<CaptionNews>,
    child: Arc<AtomicU32>,
    state: Option<CaptionsState>,
    epoch: u64,
}

impl Keeper {
    async fn keep(&mut self) {
        let mut failures = 0;
        self.tell(CaptionsState::Starting).await;
        loop {
            let ended = self.live().await;
            self.child.store(0, Ordering::Relaxed);
            self.metrics.up.set(0);
            match ended {
                Ended::Stopped => return,
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
            if self.wait(wait).await == Ended::Stopped {
                return;
            }
            self.metrics.restarts.inc();
        }
    }

    /// Says a new state; the same one is not said twice.
    async fn tell(&mut self, state: CaptionsState) {
        if self.state.replace(state) != Some(state) {
            let _ = self.news.send(CaptionNews::State(state)).await;
        }
    }

    /// Waits, dropping packets.
    async fn wait(&mut self, length: Duration) -> Ended {
        let until = Instant::now() + length;
        loop {
            tokio::select! {
                () = sleep_until(until) => return Ended::Failed { ran: Duration::ZERO },
                _ = self.speech.next() => self.metrics.dropped(PacketDrop::NoWorker, 1),
                command = self.commands.recv() => if command.is_none() { return Ended::Stopped },
            }
        }
    }

    /// One child, from its start to its end.
    async fn live(&mut self) -> Ended {
        let started = Instant::now();
        self.epoch = (self.epoch + 1).max(now().0);
        let (mut child, socket) = match self.spawn() {
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

    fn spawn(&self) -> io::Result<(Child, UnixStream)> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = Command::new(&self.config.program);
        command
            .arg0("hearken")
            .args(&self.config.arguments)
            .env(SOCKET_VARIABLE, theirs.as_raw_fd().to_string())
            .env(MODEL_VARIABLE, &self.config.model)
            .env(EPOCH_VARIABLE, self.epoch.to_string())
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
            commands,
            news,
            state,
            ..
        } = self;
        let dropped = metrics.drop_counter();
        let write = write_messages(writing, messages);
        let read = read_news(reading, metrics, news, state);
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
                command = commands.recv() => match command {
                    Some(session) => { let _ = outbox.try_send(ToWorker::ForgetSession(session)); }
                    None => {
                        let _ = outbox.try_send(ToWorker::Shutdown);
                        return Attended::Stopped;
                    }
                },
            }
        }
    }
}

enum Attended {
    Stopped,
    Exited(ExitStatus),
    Broken(WireError),
}

async fn write_messages(mut socket: OwnedWriteHalf, mut messages: mpsc::Receiver<ToWorker>) -> WireError {
    while let Some(message) = messages.recv().await {
        let written = match wire::encode(&message) {
            Ok(bytes) => socket.write_all(&bytes).await,
            // No packet is so long; if one is, it is left out.
            Err(_) => Ok(()),
        };
        if let Err(error) = written {
            return WireError::Io(error);
        }
    }
    WireError::Closed
}

/// Reads until the child falls silent or talks nonsense.
async fn read_news(
    socket: OwnedReadHalf,
    metrics: &mut Metrics,
    news: &mpsc::Sender<CaptionNews>,
    state: &mut Option<CaptionsState>,
) -> WireError {
    let mut socket = BufReader::new(socket);
    loop {
        let message = match timeout(SILENCE_MAX, read_message(&mut socket)).await {
            Ok(Ok(message)) => message,
            Ok(Err(error)) => return error,
            Err(_) => return WireError::Io(io::ErrorKind::TimedOut.into()),
        };
        match message {
            FromWorker::Hello { .. } => {}
            FromWorker::Ready => {
                metrics.up.set(1);
                *state = Some(CaptionsState::On);
                let _ = news.send(CaptionNews::State(CaptionsState::On)).await;
            }
            FromWorker::Caption(event) => {
                metrics.event(&event, now());
                let _ = news.send(CaptionNews::Event(event)).await;
            }
            FromWorker::Report(report) => {
                metrics.report(&report);
                let new = punctuality(*state, Duration::from_millis(report.backlog_milliseconds));
                if new != *state {
                    *state = new;
                    if let Some(new) = new {
                        let _ = news.send(CaptionNews::State(new)).await;
                    }
                }
            }
        }
    }
}

/// Whether captions come in time, with some patience before saying that they do again.
fn punctuality(state: Option<CaptionsState>, backlog: Duration) -> Option<CaptionsState> {
    match state {
        Some(CaptionsState::On) if backlog > LATE_FROM => Some(CaptionsState::Late),
        Some(CaptionsState::Late) if backlog < LATE_UNTIL => Some(CaptionsState::On),
        _ => state,
    }
}

async fn read_message(socket: &mut BufReader<OwnedReadHalf>) -> Result<FromWorker, WireError> {
    let length = socket.read_u32_le().await.map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => WireError::Closed,
        _ => WireError::Io(error),
    })?;
    let mut bytes = vec![0; wire::checked_length(length as usize)?];
    socket.read_exact(&mut bytes).await.map_err(WireError::Io)?;
    wire::decode(&bytes)
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

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_told_when_captions_come_late_and_when_they_are_in_time_again() {
        use CaptionsState::{Late, On, Starting};
        let after = |state, seconds| punctuality(Some(state), Duration::from_secs(seconds));
        assert_eq!(after(On, 4), Some(On));
        assert_eq!(after(On, 6), Some(Late));
        assert_eq!(after(Late, 4), Some(Late));
        assert_eq!(after(Late, 1), Some(On));
        assert_eq!(after(Starting, 9), Some(Starting));
    }
}
