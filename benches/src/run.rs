//! One run: rooms full of participants who all see and hear each other, for a while.

use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hearken_sfu_core::transport::Identity;

use crate::janus_room::{JanusClient, subscriber_answer};
use crate::offer::{offer, publisher_offer};
use crate::peer::{Offering, Peer, Publishing, ReceiveBuffers};
use crate::synthetic::{Sound, VideoShape};
use crate::tally::{Tally, Window};
use crate::{ApiClient, JanusProcess, Schedule, Server, ServerKind, ServerProcess, Signaling};

/// Packets sent at the end of the window have this long to arrive.
const DRAIN: Duration = Duration::from_millis(500);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT_SLICE: Duration = Duration::from_millis(100);
/// Receiving pairs that a browser offers at most.
const PAIRS_MAX: usize = 25;

/// Who meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Sessions at once.
    pub rooms: usize,
    /// Participants in each.
    pub people: usize,
    /// Of these, who send; the others only receive.
    pub publishers: usize,
}

/// What those who send send, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Their pictures.
    pub video: VideoShape,
    /// So many of each room speak, the others' microphones hear noise. `None`: all speak.
    pub speakers: Option<usize>,
    /// Whether the last person of each room means harm.
    pub harm: Harm,
    /// Media flows this long before it counts: joins, first key frames, caches, finding out what lines carry.
    pub warm_up: Duration,
    /// And so long it counts.
    pub window: Duration,
}

/// What the last person of each room sends from the warm-up on, besides media. What the others get counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// What anybody sends, and what it gets counts as well.
    None,
    /// What [`Self::Strikes`] sends, but to a socket that nobody reads: what making it costs the generator, and what
    /// somebody costs the others who never tells of anything.
    Misses,
    /// See `receiving::Receiver::attack`.
    Strikes,
}

impl Shape {
    /// How many others' receiving counts, of what this person of a room sends.
    fn counting_subscribers(self, load: Load, person: usize) -> u64 {
        let last = self.people - 1;
        (last - usize::from(load.harm != Harm::None && person != last)) as u64
    }
}

impl Default for Load {
    fn default() -> Self {
        Self {
            video: VideoShape::default(),
            speakers: None,
            harm: Harm::None,
            warm_up: Duration::from_secs(3),
            window: Duration::from_secs(10),
        }
    }
}

/// What a run showed.
#[derive(Debug, Clone)]
pub struct Report {
    /// Packets forwarded in the window.
    pub forwarded: u64,
    /// Packets that should have been.
    pub expected: u64,
    /// Packets of sound that came though their senders are none of the loudest of a large group.
    pub unwanted: u64,
    /// The window.
    pub window: Duration,
    /// CPU time of the server's process in the window.
    pub cpu: Duration,
    /// Memory of the server's process that came with the participants, in bytes for each.
    pub memory_bytes_per_participant: u64,
    /// One-way latency at the 50th, 95th and 99th percentile.
    pub latency: [Duration; 3],
}

impl Report {
    /// CPU seconds for a million forwarded packets.
    pub fn cpu_per_million(&self) -> f64 {
        self.cpu.as_secs_f64() / self.forwarded.max(1) as f64 * 1e6
    }

    /// The share of packets that did not arrive, from 0 to 1.
    pub fn loss(&self) -> f64 {
        1.0 - self.forwarded as f64 / self.expected.max(1) as f64
    }
}

/// Everybody's signaling connection, kept open by a thread of its own, which sleeps nearly always.
pub(crate) struct Lines {
    runtime: tokio::runtime::Runtime,
    open: Vec<Line>,
}

enum Line {
    Hearken(Signaling),
    Janus(JanusClient),
}

/// Ends when dropped.
pub(crate) struct Keeper {
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Lines {
    fn new() -> Result<Self> {
        Ok(Self {
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            open: Vec::new(),
        })
    }

    pub(crate) fn keep(self) -> Keeper {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            self.runtime.block_on(async {
                for line in self.open {
                    match line {
                        Line::Hearken(line) => tokio::spawn(line.idle()),
                        Line::Janus(line) => tokio::spawn(line.idle()),
                    };
                }
                let _ = stopped.await;
            });
        });
        Keeper {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Runs one shape against a server of its own.
pub fn run(kind: &ServerKind, shape: Shape, load: Load) -> Result<Report> {
    let server = kind.start()?;
    let before = server.cost()?;
    let started = Instant::now();
    let mut tally = Tally::new(started, Window::NEVER)?;
    let (mut peers, lines) = join(&server, (shape, load), &mut tally)?;
    let _keeper = lines.keep();
    // Never read: what comes once its buffer is full is dropped.
    let nowhere = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    if load.harm != Harm::None {
        let instead = (load.harm == Harm::Misses).then_some(nowhere.local_addr()?);
        for room in peers.chunks_mut(shape.people) {
            room.last_mut()
                .expect("nobody is in no room")
                .begin_attack(instead);
        }
    }

    let from = Instant::now() + load.warm_up;
    let to = from + load.window;
    tally.window = Window {
        from_ns: tally.stamp(from),
        to_ns: tally.stamp(to),
    };
    pump(&mut peers, &mut tally, from)?;
    let at_start = server.cost()?;
    pump(&mut peers, &mut tally, to)?;
    let at_end = server.cost()?;
    pump(&mut peers, &mut tally, to + DRAIN)?;

    let participants = (shape.rooms * shape.people) as u64;
    Ok(Report {
        forwarded: tally.received,
        expected: tally.expected,
        unwanted: tally.unwanted,
        window: load.window,
        cpu: at_end.cpu - at_start.cpu,
        memory_bytes_per_participant: at_end.memory_bytes.saturating_sub(before.memory_bytes) / participants,
        latency: [0.5, 0.95, 0.99].map(|quantile| tally.latency(quantile)),
    })
}

fn join(server: &Server, (shape, load): (Shape, Load), tally: &mut Tally) -> Result<(Vec<Peer>, Lines)> {
    let mut lines = Lines::new()?;
    let mut peers = Vec::new();
    let identity = Arc::new(Identity::generate()?);
    for room in 0..shape.rooms {
        let Lines { runtime, open } = &mut lines;
        match server {
            Server::Hearken(server) => {
                let joined = join_room(server, shape.people, (shape, load), &identity, room, tally);
                let (joined, _) = runtime.block_on(joined)?;
                for (line, peer) in joined {
                    open.push(Line::Hearken(line));
                    peers.push(peer);
                }
            }
            Server::Janus(server) => {
                let joined = join_janus_room(server, (shape, load), &identity, room, tally);
                let (clients, joined) = runtime.block_on(joined)?;
                open.extend(clients.into_iter().map(Line::Janus));
                peers.extend(joined);
            }
        }
    }
    Ok((peers, lines))
}

fn publishing((shape, load): (Shape, Load), person: usize, number: u32) -> Option<Publishing> {
    let speaks = load.speakers.is_none_or(|speakers| person < speakers);
    (person < shape.publishers).then(|| Publishing {
        schedule: Schedule::new(Instant::now(), number, load.video),
        video: load.video,
        sound: if speaks {
            Sound::Speech
        } else {
            // PROTOCOL.md: in a group larger than a receiver's pairs only the loudest are heard.
            Sound::Noise {
                is_heard: shape.people - 1 <= PAIRS_MAX,
            }
        },
        subscribers: shape.counting_subscribers(load, person),
    })
}

/// Everybody joins a session of that capacity, one after the other; media flows from the first on.
pub(crate) async fn join_room(
    server: &ServerProcess,
    capacity: usize,
    (shape, load): (Shape, Load),
    identity: &Arc<Identity>,
    room: usize,
    tally: &mut Tally,
) -> Result<(Vec<(Signaling, Peer)>, crate::Links)> {
    let links = ApiClient::new(server).create_session(capacity)?;
    let mut joined: Vec<(Signaling, Peer)> = Vec::new();
    let mut buffers = ReceiveBuffers::default();
    for person in 0..shape.people {
        let number = u32::try_from(room * shape.people + person)?;
        let mut line = Signaling::join(&server.address, &links, &format!("Load {number}")).await?;
        let publishing = publishing((shape, load), person, number);
        if publishing.is_some() {
            line.publish().await?;
        }
        let offering = Offering::new(Arc::clone(identity), number)?;
        let pairs = (capacity - 1).clamp(1, PAIRS_MAX);
        let answer = line.negotiate(offer(&offering.sections, pairs)).await?;
        joined.push((line, offering.answered(&answer, publishing)?));
        // The others go on sending while the next one joins.
        for (_, peer) in &mut joined {
            peer.handle_deadline(Instant::now(), tally)?;
            peer.receive(&mut buffers, tally)?;
        }
    }
    let senders: Vec<_> = joined
        .iter()
        .take(shape.publishers)
        .map(|(line, _)| line.participant)
        .collect();
    for (line, _) in &mut joined {
        line.view_all(&senders).await?;
    }
    Ok((joined, links))
}

/// Everybody publishes, then everybody subscribes to everybody else.
async fn join_janus_room(
    server: &JanusProcess,
    (shape, load): (Shape, Load),
    identity: &Arc<Identity>,
    room: usize,
    tally: &mut Tally,
) -> Result<(Vec<JanusClient>, Vec<Peer>)> {
    let room_number = 1 + room;
    let mut clients: Vec<(JanusClient, Option<u64>)> = Vec::new();
    let mut peers: Vec<Peer> = Vec::new();
    for person in 0..shape.people {
        let number = u32::try_from(room * shape.people + person)?;
        let mut client = JanusClient::connect(server).await?;
        let handle = client.attach().await?;
        if person == 0 {
            client.create_room(handle, room_number, shape.people).await?;
        }
        let Some(publishing) = publishing((shape, load), person, number) else {
            clients.push((client, None));
            continue;
        };
        let feed = client.join(handle, room_number).await?;
        let offering = Offering::on_any_address(Arc::clone(identity), number)?;
        let answer = client
            .publish(handle, publisher_offer(&offering.sections))
            .await?;
        peers.push(offering.answered(&answer, Some(publishing))?);
        clients.push((client, Some(feed)));
        serve_once(&mut peers, tally)?;
    }
    // Nobody can subscribe to somebody who is not there yet.
    connect(&mut peers, tally)?;
    let feeds: Vec<u64> = clients.iter().filter_map(|(_, feed)| *feed).collect();
    for (person, (client, own)) in clients.iter_mut().enumerate() {
        let others: Vec<u64> = feeds.iter().copied().filter(|feed| Some(*feed) != *own).collect();
        if others.is_empty() {
            continue;
        }
        let handle = client.attach().await?;
        let sdp = client.subscribe(handle, room_number, &others).await?;
        // It sends nothing but feedback, under a number of its own.
        let number = u32::try_from((shape.rooms + room) * shape.people + person)?;
        let offering = Offering::on_any_address(Arc::clone(identity), number)?;
        let answer = subscriber_answer(&sdp, &offering.sections);
        client.start(handle, room_number, answer).await?;
        peers.push(offering.answered(&sdp, None)?);
        serve_once(&mut peers, tally)?;
    }
    Ok((clients.into_iter().map(|(client, _)| client).collect(), peers))
}

/// Serves everybody until all are connected, and a moment longer, for the server to take note of it.
fn connect(peers: &mut [Peer], tally: &mut Tally) -> Result<()> {
    let started = Instant::now();
    while !peers.iter().all(Peer::is_connected) {
        ensure!(started.elapsed() < CONNECT_TIMEOUT, "not everybody was connected");
        pump(peers, tally, Instant::now() + CONNECT_SLICE)?;
    }
    pump(peers, tally, Instant::now() + CONNECT_SLICE)
}

fn serve_once(peers: &mut [Peer], tally: &mut Tally) -> Result<()> {
    let mut buffers = ReceiveBuffers::default();
    for peer in peers {
        peer.handle_deadline(Instant::now(), tally)?;
        peer.receive(&mut buffers, tally)?;
    }
    Ok(())
}

/// Sends and receives for all of them until then.
pub(crate) fn pump(peers: &mut [Peer], tally: &mut Tally, until: Instant) -> Result<()> {
    let mut buffers = ReceiveBuffers::default();
    let mut polled: Vec<libc::pollfd> = peers
        .iter()
        .map(|peer| libc::pollfd {
            fd: peer.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        })
        .collect();
    loop {
        let now = Instant::now();
        if now >= until {
            return Ok(());
        }
        for peer in peers.iter_mut() {
            if peer.deadline().is_some_and(|deadline| deadline <= now) {
                peer.handle_deadline(now, tally)?;
            }
        }
        let next = peers
            .iter()
            .filter_map(Peer::deadline)
            .min()
            .unwrap_or(until)
            .min(until);
        let timeout = next.saturating_duration_since(Instant::now());
        let timespec = libc::timespec {
            tv_sec: i64::try_from(timeout.as_secs())?,
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        let count = libc::nfds_t::try_from(polled.len())?;
        // SAFETY: `polled` and `timespec` live until the call returns; no signal mask is given.
        let ready = unsafe { libc::ppoll(polled.as_mut_ptr(), count, &raw const timespec, std::ptr::null()) };
        if ready > 0 {
            for (peer, one) in peers.iter_mut().zip(&polled) {
                if one.revents != 0 {
                    peer.receive(&mut buffers, tally)?;
                }
            }
        }
    }
}
