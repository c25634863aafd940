//! One run: rooms full of participants who all see and hear each other, for a while.

use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use hearken_sfu_core::transport::Identity;

use crate::peer::{Offering, Peer, ReceiveBuffers, Tally, Window};
use crate::{ApiClient, CaptionModel, Schedule, ServerProcess, Signaling};

/// Media flows this long before it counts: joins, first key frames, caches.
const WARM_UP: Duration = Duration::from_secs(3);
/// Packets sent at the end of the window have this long to arrive.
const DRAIN: Duration = Duration::from_millis(500);

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

/// What a run showed.
pub struct Report {
    /// Packets forwarded in the window.
    pub forwarded: u64,
    /// Packets that should have been.
    pub expected: u64,
    /// The window.
    pub window: Duration,
    /// CPU time of the server's process in the window.
    pub cpu: Duration,
    /// Memory of the server's process that came with the participants, in bytes for each.
    pub memory_bytes_per_participant: u64,
    /// One-way latency at the 50th, 95th and 99th percentile.
    pub latency: [Duration; 3],
    /// From offer to first media, median.
    pub join: Duration,
}

/// Runs one shape against a server of its own.
pub fn run(binary: &Path, shape: Shape, window: Duration, shards: usize) -> Result<Report> {
    let server = ServerProcess::start(binary, shards, CaptionModel::None)?;
    let before = server.cost()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let started = Instant::now();
    let mut peers = Vec::new();
    let mut tally = Tally::new(
        started,
        Window {
            from_ns: u64::MAX,
            to_ns: u64::MAX,
        },
    )?;
    let mut signaling = Vec::new();
    runtime.block_on(async {
        let identity = Arc::new(Identity::generate()?);
        for room in 0..shape.rooms {
            let joined = join_room(&server, shape, &identity, room, &mut tally).await?;
            for (line, peer) in joined {
                signaling.push(line);
                peers.push(peer);
            }
        }
        anyhow::Ok(())
    })?;
    // The WebSockets are kept alive by a thread of their own, which sleeps nearly always.
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let keeper = std::thread::spawn(move || {
        runtime.block_on(async {
            for line in signaling {
                tokio::spawn(line.idle());
            }
            let _ = stopped.await;
        });
    });

    let from = Instant::now() + WARM_UP;
    let to = from + window;
    let ns = |at: Instant| u64::try_from(at.duration_since(started).as_nanos());
    tally.window = Window {
        from_ns: ns(from)?,
        to_ns: ns(to)?,
    };
    pump(&mut peers, &mut tally, from)?;
    let at_start = server.cost()?;
    pump(&mut peers, &mut tally, to)?;
    let at_end = server.cost()?;
    pump(&mut peers, &mut tally, to + DRAIN)?;
    let _ = stop.send(());
    let _ = keeper.join();

    let participants = (shape.rooms * shape.people) as u64;
    let percentile = |quantile| Duration::from_nanos(tally.latency.value_at_quantile(quantile));
    Ok(Report {
        forwarded: tally.received,
        expected: tally.expected,
        window,
        cpu: at_end.cpu - at_start.cpu,
        memory_bytes_per_participant: at_end.memory_bytes.saturating_sub(before.memory_bytes) / participants,
        latency: [percentile(0.5), percentile(0.95), percentile(0.99)],
        join: Duration::from_micros(tally.joins.value_at_quantile(0.5)),
    })
}

/// Everybody joins, one after the other; media flows from the first on.
async fn join_room(
    server: &ServerProcess,
    shape: Shape,
    identity: &Arc<Identity>,
    room: usize,
    tally: &mut Tally,
) -> Result<Vec<(Signaling, Peer)>> {
    let links = ApiClient::new(server).create_session(shape.people)?;
    let mut joined: Vec<(Signaling, Peer)> = Vec::new();
    let mut buffers = ReceiveBuffers::default();
    for person in 0..shape.people {
        let number = u32::try_from(room * shape.people + person)?;
        let mut line = Signaling::join(&server.address, &links, &format!("Load {number}")).await?;
        let publishes = person < shape.publishers;
        if publishes {
            line.publish().await?;
        }
        let offering = Offering::new(Arc::clone(identity), number, shape.people)?;
        let answer = line.negotiate(offering.sdp()).await?;
        let schedule = publishes.then(|| Schedule::new(Instant::now(), number));
        let subscribers = (shape.people - 1) as u64;
        joined.push((line, offering.answered(&answer, schedule, subscribers)?));
        // The others go on sending while the next one joins.
        let now = Instant::now();
        for (_, peer) in &mut joined {
            peer.handle_deadline(now, tally)?;
            peer.receive(&mut buffers, tally)?;
        }
    }
    let everybody: Vec<_> = joined.iter().map(|(line, _)| line.participant).collect();
    for (line, _) in &mut joined {
        line.view_all(&everybody).await?;
    }
    Ok(joined)
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
