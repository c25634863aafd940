//! The life of captioning children, one after the other: each is fed and heard until it ends, dies, hangs or talks
//! nonsense; then comes the next, at once the first time and ever later when they keep failing.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hearken_protocol::{CaptionNews, CaptionsState, SpeechPacket};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::link::{Punctuality, Reader, write_messages};
use crate::metrics::{Drop as PacketDrop, Metrics};
use crate::outbox::{Outbox, Speeches};
use crate::process::{is_hopeless, part_with};
use crate::restarts::Ended;
use crate::supervisor::{Order, SupervisorConfig};
use crate::wire::WireError;

/// A new model waits so long at most for a second in which nobody speaks.
const QUIET_WITHIN: Duration = Duration::from_secs(20);
/// How often it looks for one, and whether a child that was behind has room again.
const QUIET_LOOK: Duration = Duration::from_millis(200);

/// The packets; when nobody is left to send any, nothing comes of them any more.
pub(crate) struct Speech {
    pub(crate) packets: mpsc::Receiver<SpeechPacket>,
    pub(crate) is_closed: bool,
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

/// What keeps children running, one after the other.
pub(crate) struct Keeper {
    pub(crate) config: SupervisorConfig,
    pub(crate) metrics: Metrics,
    pub(crate) speech: Speech,
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) news: mpsc::Sender<CaptionNews>,
    pub(crate) child: Arc<AtomicU32>,
    pub(crate) state: Option<CaptionsState>,
    pub(crate) epoch: u64,
    /// What was used before the present model, until that one has proved itself.
    pub(crate) model_before: Option<PathBuf>,
    pub(crate) speeches: Speeches,
}

impl Keeper {
    /// Until the supervisor is gone.
    pub(crate) async fn keep(&mut self) {
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
        let (mut child, socket) = match self.config.spawn(model, self.epoch) {
            Ok(spawned) => spawned,
            Err(error) => {
                tracing::error!(%error, "the captions worker cannot be started");
                return Ended::Failed { ran: Duration::ZERO };
            }
        };
        self.child.store(child.id().unwrap_or(0), Ordering::Relaxed);
        self.metrics.worker_started();
        let (reading, writing) = socket.into_split();
        let ended = self.attend(&mut child, reading, writing).await;
        match ended {
            Attended::Stopped => {
                part_with(&mut child).await;
                Ended::Stopped
            }
            Attended::Replaced(new) => {
                part_with(&mut child).await;
                self.model_before = self.config.model.replace(new);
                Ended::Replaced
            }
            Attended::Exited(status) if is_hopeless(status) => Ended::Hopeless,
            Attended::Exited(_) => Ended::Failed {
                ran: started.elapsed(),
            },
            Attended::Broken(error) => {
                let status = part_with(&mut child).await;
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

    /// Passes packets and news on until something ends.
    async fn attend(
        &mut self,
        child: &mut Child,
        reading: OwnedReadHalf,
        writing: OwnedWriteHalf,
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
        let (mut outbox, messages) = Outbox::new(speeches);
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
        tokio::pin!(write, read);
        loop {
            tokio::select! {
                status = child.wait() => return match status {
                    Ok(status) => Attended::Exited(status),
                    Err(error) => Attended::Broken(WireError::Io(error)),
                },
                error = &mut read => return Attended::Broken(error),
                error = &mut write => return Attended::Broken(error),
                packet = speech.next() => if !outbox.speech(packet) {
                    dropped.count(PacketDrop::QueueFull);
                },
                order = orders.recv() => match order {
                    Some(Order::Forget(session)) => outbox.forget(session),
                    Some(Order::Listen(session, speech)) => outbox.listen(session, speech),
                    Some(Order::UseModel(model)) => new_model = Some((model, Instant::now() + QUIET_WITHIN)),
                    None => {
                        outbox.shut_down();
                        return Attended::Stopped;
                    }
                },
                now = looks.tick(), if new_model.is_some() || outbox.is_behind() => {
                    outbox.catch_up();
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
