//! The media plane as the rest of the program sees it: orders in, news and speech out.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime};

use hearken_protocol::{MediaCommand, MediaEvent, SessionId, SpeechPacket, VideoCodec};
use hearken_sfu_core::transport::{Identity, IdentityError};
use hearken_sfu_core::{Core, CoreConfig};
use prometheus::Registry;
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use crate::announced::Announced;
use crate::listening::{Bound, bind_shard, candidates, report_buffers};
use crate::metrics::Metrics;
use crate::priority::{SHARD_NICENESS, set_niceness};
use crate::shard::{Shard, ShardState, Sleep};
use crate::socket::MediaSocket;
use crate::tcp::TcpMedia;
use crate::wake::Waker;

/// Orders that may wait for a shard. Full: the order is refused, and signaling says so to whoever gave it.
const ORDERS_MAX: usize = 4096;

/// Events that may wait for signaling; behind it each shard keeps a backlog of its own.
const EVENTS_MAX: usize = 4096;

/// Speech packets that may wait for the captions: 5 s of 25 speakers. Full: packets are dropped and counted.
const SPEECH_MAX: usize = 6250;

/// What a participant gets at least, in packets per second, who may be about to get much more: one voice. Makes
/// sessions spread that have just begun.
const PACKETS_PER_SECOND_EXPECTED: u64 = 50;

/// Where media comes in.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// Addresses to bind to; `0.0.0.0` and `::` stand for all of their family.
    pub bind: Vec<IpAddr>,
    /// Addresses that browsers are told, best first.
    pub announced: Vec<Announced>,
    /// Shard i takes this port + i; 0 takes any.
    pub port: u16,
    /// How many threads; at least 1.
    pub shards: usize,
    /// What publishers are to encode videos with while everybody can decode it; otherwise VP8.
    pub video_codec: VideoCodec,
    /// From so many packets sent per second on, a shard lets nobody else in. See [`crate::PACKETS_PER_SECOND_MAX`].
    pub packets_per_second_max: u64,
}

/// Why the media plane cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The addresses or the number of shards make no sense.
    #[error("{0}")]
    Config(&'static str),
    /// An address cannot be bound.
    #[error("media cannot listen on {protocol} {address}: {source}")]
    Bind {
        /// UDP or TCP.
        protocol: &'static str,
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The operating system refused something else.
    #[error("the media plane cannot start: {0}")]
    System(#[from] io::Error),
    /// No DTLS certificate can be made.
    #[error("the media plane cannot make its certificate: {0}")]
    Identity(#[from] IdentityError),
    /// The metrics are registered already.
    #[error("the media plane's metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// Why an order was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The shard has too many orders to carry out.
    #[error("the media plane is overloaded")]
    Overloaded,
    /// The media plane has ended.
    #[error(transparent)]
    Stopped(#[from] MediaPlaneStopped),
}

/// The media plane has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the media plane has stopped")]
pub struct MediaPlaneStopped;

/// What comes out of the media plane.
#[derive(Debug)]
pub struct Outputs {
    /// News for signaling.
    pub events: mpsc::Receiver<MediaEvent>,
    /// Speech for the captions.
    pub speech: mpsc::Receiver<SpeechPacket>,
}

/// The running media plane. Dropping it ends its threads.
#[derive(Debug)]
pub struct MediaServer {
    shards: Vec<ShardHandle>,
    /// Guards where each open session lives. Held for a look-up only; no packet ever waits for it.
    placement: Mutex<HashMap<SessionId, usize>>,
    stopped: AtomicBool,
    /// Whether a shard's thread has ended that nobody has told to.
    failed: watch::Receiver<bool>,
    epoch: u64,
}

#[derive(Debug)]
struct ShardHandle {
    orders: SyncSender<MediaCommand>,
    waker: Waker,
    state: Arc<ShardState>,
    /// Sessions placed here, so that several opened at once spread before anybody is connected.
    sessions: AtomicUsize,
    ports: Vec<SocketAddr>,
    /// Guards the thread until it is joined.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl MediaServer {
    /// Binds all sockets and starts the shards.
    ///
    /// # Errors
    ///
    /// If an address cannot be bound, or the configuration makes no sense.
    pub fn start(config: &MediaConfig, registry: &Registry) -> Result<(Self, Outputs), StartError> {
        if config.bind.is_empty() || config.announced.is_empty() {
            return Err(StartError::Config(
                "media needs an address to listen on and one to announce",
            ));
        }
        if config.shards == 0 {
            return Err(StartError::Config("media needs at least one shard"));
        }
        let metrics = Arc::new(Metrics::register(registry)?);
        let (events, events_out) = mpsc::channel(EVENTS_MAX);
        let (speech, speech_out) = mpsc::channel(SPEECH_MAX);
        let unix_time = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let identity = Arc::new(Identity::generate()?);
        let (failure, failed) = watch::channel(false);
        let mut shards = Vec::with_capacity(config.shards);
        for index in 0..config.shards {
            let Bound { sockets, listeners } = bind_shard(config, index)?;
            let name = index.to_string();
            report_buffers(&metrics, &name, &sockets)?;
            let ports: Vec<SocketAddr> = sockets.iter().map(MediaSocket::bound).collect();
            let mut core = Core::new(CoreConfig {
                identity: Arc::clone(&identity),
                candidates: candidates(&config.announced, index, &ports)?,
                seed: random_seed()?,
                started: Instant::now(),
                unix_time,
                video_codec: config.video_codec,
            });
            core.set_packets_per_second_max(config.packets_per_second_max);
            let (orders, orders_in) = sync_channel(ORDERS_MAX);
            let state = Arc::new(ShardState::default());
            let waker = Waker::new()?;
            let tcp = TcpMedia::new(listeners)?;
            let sleep = Sleep::new(&waker, &tcp, &sockets)?;
            let shard = Shard {
                name: name.clone(),
                core,
                sockets,
                tcp,
                waker: waker.clone(),
                sleep,
                state: Arc::clone(&state),
                orders: orders_in,
                events: events.clone(),
                speech: speech.clone(),
                metrics: Arc::clone(&metrics),
            };
            let notice = FailureNotice {
                failed: failure.clone(),
                state: Arc::clone(&state),
            };
            let thread = std::thread::Builder::new()
                .name(format!("shard-{name}"))
                .spawn(move || {
                    let _notice = notice;
                    ask_for_priority(&shard.name);
                    shard.run();
                })?;
            shards.push(ShardHandle {
                orders,
                waker,
                state,
                sessions: AtomicUsize::new(0),
                ports,
                thread: Mutex::new(Some(thread)),
            });
        }
        let server = Self {
            shards,
            placement: Mutex::new(HashMap::new()),
            stopped: AtomicBool::new(false),
            failed,
            epoch: u64::try_from(unix_time.as_millis()).unwrap_or(u64::MAX),
        };
        let outputs = Outputs {
            events: events_out,
            speech: speech_out,
        };
        Ok((server, outputs))
    }

    /// Gives an order to the shard that has the session. Does not block.
    ///
    /// # Errors
    ///
    /// If the shard is too far behind, or the media plane has stopped. An order about a session that is not open
    /// does nothing and is no error.
    pub fn send(&self, command: MediaCommand) -> Result<(), SendError> {
        if self.stopped.load(Ordering::Acquire) {
            return Err(MediaPlaneStopped.into());
        }
        let Some(index) = self.place(&command) else {
            return Ok(());
        };
        let shard = &self.shards[index];
        let closed = matches!(command, MediaCommand::CloseSession { .. }).then(|| command.session());
        let sent = shard.orders.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => SendError::Overloaded,
            TrySendError::Disconnected(_) => MediaPlaneStopped.into(),
        });
        if let (Ok(()), Some(session)) = (sent, closed) {
            self.forget(session);
        }
        shard.waker.wake();
        sent
    }

    /// A session was closed: only now, so that a refused order finds it when it is given again.
    fn forget(&self, session: SessionId) {
        let mut placement = self
            .placement
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(index) = placement.remove(&session) {
            self.shards[index].sessions.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Changes with each start: browsers that know another one build a new peer connection.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Where it listens, by shard.
    pub fn addresses(&self) -> impl Iterator<Item = &[SocketAddr]> {
        self.shards.iter().map(|shard| shard.ports.as_slice())
    }

    /// Whether all shards run.
    pub fn is_running(&self) -> bool {
        !self.stopped.load(Ordering::Acquire)
            && !*self.failed.borrow()
            && self.shards.iter().all(|shard| {
                let thread = shard
                    .thread
                    .lock()
                    .unwrap_or_else(|poisoned| poisoned.into_inner());
                thread.as_ref().is_some_and(|thread| !thread.is_finished())
            })
    }

    /// Waits until a shard has ended by a fault of ours. Its sessions are dead then, and its core can't be trusted to
    /// be begun anew beside browsers that know the old one: the process is to end, so that whoever keeps it running
    /// starts it again, and all calls come back.
    pub async fn failed(&self) {
        let mut failed = self.failed.clone();
        if failed.wait_for(|failed| *failed).await.is_err() {
            // All shards have ended as they were told.
            std::future::pending().await
        }
    }

    /// Closes all sessions, ends all shards and waits for them.
    pub fn shutdown(&self) {
        let sessions: Vec<SessionId> = {
            let placement = self
                .placement
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            placement.keys().copied().collect()
        };
        for session in sessions {
            // A shard too far behind to take this leaves its browsers to notice the silence.
            let _ = self.send(MediaCommand::CloseSession { session });
        }
        self.stopped.store(true, Ordering::Release);
        for shard in &self.shards {
            shard.state.stop.store(true, Ordering::Release);
            shard.waker.wake();
        }
        for shard in &self.shards {
            let thread = shard
                .thread
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner())
                .take();
            if let Some(thread) = thread
                && thread.join().is_err()
            {
                tracing::error!("a media shard ended by a panic");
            }
        }
    }

    /// The shard an order goes to; opening pins the session to the one with the least to do.
    fn place(&self, command: &MediaCommand) -> Option<usize> {
        let session = command.session();
        let mut placement = self
            .placement
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        match command {
            MediaCommand::OpenSession { .. } => Some(*placement.entry(session).or_insert_with(|| {
                let load = |shard: &ShardHandle| {
                    let sent = shard.state.packets_per_second.load(Ordering::Relaxed);
                    let connections = shard.state.connections.load(Ordering::Relaxed) as u64;
                    let expected = sent.max(connections * PACKETS_PER_SECOND_EXPECTED);
                    (expected, shard.sessions.load(Ordering::Relaxed))
                };
                let least = (0..self.shards.len())
                    .min_by_key(|index| load(&self.shards[*index]))
                    .expect("there is at least one shard");
                self.shards[least].sessions.fetch_add(1, Ordering::Relaxed);
                least
            })),
            _ => placement.get(&session).copied(),
        }
    }
}

/// Gives notice when a shard's thread ends, be it by a panic, and nobody has told it to.
struct FailureNotice {
    failed: watch::Sender<bool>,
    state: Arc<ShardState>,
}

impl Drop for FailureNotice {
    fn drop(&mut self) {
        if !self.state.stop.load(Ordering::Acquire) {
            self.failed.send_replace(true);
        }
    }
}

impl Drop for MediaServer {
    fn drop(&mut self) {
        self.shutdown();
    }
}

/// Has the calling shard preferred to what else runs on the machine, where the system lets it.
fn ask_for_priority(shard: &str) {
    match set_niceness(SHARD_NICENESS) {
        Ok(()) => info!(
            shard,
            niceness = SHARD_NICENESS,
            "media is preferred on this machine"
        ),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            info!(
                shard,
                "media has the priority of any program: RLIMIT_NICE would allow more"
            );
        }
        Err(error) => warn!(shard, %error, "media has the priority of any program"),
    }
}

fn random_seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    // SAFETY: the pointer and length are those of `seed`.
    let got = unsafe { libc::getrandom(seed.as_mut_ptr().cast(), seed.len(), 0) };
    if usize::try_from(got) == Ok(seed.len()) {
        Ok(seed)
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use hearken_sfu_core::PACKETS_PER_SECOND_MAX;

    use super::*;

    fn loopback(port: u16, shards: usize) -> MediaConfig {
        let ip: IpAddr = "127.0.0.1".parse().unwrap();
        MediaConfig {
            bind: vec![ip],
            announced: vec![ip.into()],
            port,
            shards,
            video_codec: VideoCodec::Vp8,
            packets_per_second_max: PACKETS_PER_SECOND_MAX,
        }
    }

    #[test]
    fn a_port_in_use_is_named() {
        let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let error = MediaServer::start(&loopback(address.port(), 1), &Registry::new()).unwrap_err();
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }

    #[test]
    fn shards_end_when_they_are_told() {
        let (server, _outputs) = MediaServer::start(&loopback(0, 2), &Registry::new()).unwrap();
        assert!(server.is_running());
        assert_eq!(server.addresses().count(), 2);
        server.shutdown();
        assert!(!server.is_running());
        let order = MediaCommand::CloseSession {
            session: SessionId(1),
        };
        assert_eq!(server.send(order), Err(SendError::Stopped(MediaPlaneStopped)));
    }

    #[tokio::test]
    async fn a_shard_that_ends_by_a_panic_is_noticed_and_one_that_was_told_to_end_is_not() {
        let (server, _outputs) = MediaServer::start(&loopback(0, 2), &Registry::new()).unwrap();
        server.shards[1].state.panics.store(true, Ordering::Release);
        server.shards[1].waker.wake();
        server.failed().await;
        assert!(!server.is_running());

        let (server, _outputs) = MediaServer::start(&loopback(0, 1), &Registry::new()).unwrap();
        server.shutdown();
        let alarm = std::pin::pin!(server.failed());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(alarm.poll(&mut context).is_pending());
    }

    #[test]
    fn a_session_goes_to_the_shard_with_the_least_to_do_not_the_fewest_sessions() {
        let (server, _outputs) = MediaServer::start(&loopback(0, 2), &Registry::new()).unwrap();
        // From now on no shard says itself what it has to do.
        server.shutdown();
        let say = |shard: usize, packets_per_second, connections| {
            let state = &server.shards[shard].state;
            state
                .packets_per_second
                .store(packets_per_second, Ordering::Relaxed);
            state.connections.store(connections, Ordering::Relaxed);
        };
        let open = |id| {
            server.place(&MediaCommand::OpenSession {
                session: SessionId(id),
                captions: false,
            })
        };
        say(0, 10_000, 20);
        say(1, 9_000, 20);
        assert_eq!([open(1), open(2), open(3)], [Some(1); 3], "by packets");
        // Somebody who is there and sent nothing yet may be about to get a lot.
        say(1, 9_000, 10_000 / PACKETS_PER_SECOND_EXPECTED as usize + 1);
        assert_eq!([open(4), open(5)], [Some(0); 2], "by connections");
    }

    #[test]
    fn sessions_spread_over_shards_and_stay_where_they_are() {
        let (server, _outputs) = MediaServer::start(&loopback(0, 2), &Registry::new()).unwrap();
        let open = |id| MediaCommand::OpenSession {
            session: SessionId(id),
            captions: false,
        };
        let first = server.place(&open(1)).unwrap();
        let second = server.place(&open(2)).unwrap();
        assert_ne!(first, second);
        assert_eq!(server.place(&open(1)), Some(first));
        let leave = |id| MediaCommand::Leave {
            session: SessionId(id),
            participant: hearken_protocol::ParticipantId(1),
        };
        assert_eq!(server.place(&leave(2)), Some(second));
        assert_eq!(server.place(&leave(3)), None);
    }
}
