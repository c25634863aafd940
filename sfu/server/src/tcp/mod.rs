//! Media by TCP for those whose network lets no UDP through: frames (RFC 4571) in connections that clients open
//! (RFC 6544, `passive`), on the same port number as UDP.
//!
//! In: connections and their bytes, frames of an outbox. Out: packets for the core. Nothing here waits; what a
//! connection does not take in time is dropped, pictures first. A connection belongs to nobody until an authentic
//! connectivity check has come over it.

mod connection;
mod queue;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use hearken_sfu_core::transport::{Pair, Protocol};
use hearken_sfu_core::{Core, Outbox};
use socket2::{Domain, Protocol as SocketProtocol, Socket, Type};
use tracing::warn;

use self::connection::{CloseReason, Connection};
use self::queue::{Dropped, Frame};
use crate::metrics::{Metrics, ShellDropCause};
use crate::poller::{Interest, Poller, Ready};
use crate::shard::OUTBOX_BYTES_AT_ONCE;

/// Connections of one shard. Full: the one that has waited longest for its proof gives way; if all are proven, new
/// ones are refused.
const CONNECTIONS_MAX: usize = 2_048;

/// Of these, such that have not shown whose they are. Full: the oldest gives way, since an honest client proves
/// itself within a round trip.
const UNPROVEN_MAX: usize = 256;

/// Connections taken in one turn; more wait in the kernel.
const ACCEPTS_PER_TURN: usize = 16;

/// Connections that the kernel keeps until they are taken.
const BACKLOG: i32 = 256;

/// What one read brings at most. It is forwarded to everybody before anybody looks at how much waits to be sent, so more
/// would overfill the outbox in a large group; fewer: more system calls.
const READ_BYTES: usize = 4 * 1024;

/// Reads from one connection before the others have their turn. What is left is ready again at the next one.
const READS_PER_TURN: usize = 16;

/// Tokens of listeners; those of connections are their places with a count above.
const LISTENER_TOKEN: u64 = 1 << 63;

/// A bound socket that takes connections.
#[derive(Debug)]
pub(crate) struct MediaListener(TcpListener);

impl MediaListener {
    /// Binds to that address. An IPv6 socket takes IPv6 only, so that both can share a port.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let kind = Type::STREAM;
        let socket = Socket::new(Domain::for_address(address), kind, Some(SocketProtocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // Connections of a server that has just ended do not keep the next one from its port.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(Self(socket.into()))
    }
}

/// All TCP of one shard.
pub(crate) struct TcpMedia {
    poller: Poller,
    listeners: Vec<MediaListener>,
    /// Of these, those that could give no connection, by place: they are not asked again before the next sweep.
    resting: Vec<usize>,
    /// It stands in the log that there was such a one.
    has_warned: bool,
    /// A connection keeps its place; free places are used again.
    places: Vec<Place>,
    by_pair: HashMap<Pair, usize>,
    unproven: usize,
    ready: Vec<Ready>,
    /// Those with something new to write.
    touched: Vec<usize>,
    /// Streams that lost pictures here, for the core to ask for a key frame.
    unsent: Vec<(Pair, u32)>,
    buffer: Vec<u8>,
}

#[derive(Default)]
struct Place {
    connection: Option<Connection>,
    /// Counts its users, so that what was ready before does not count for the next.
    uses: u32,
}

impl TcpMedia {
    /// Takes connections from these.
    pub(crate) fn new(listeners: Vec<MediaListener>) -> io::Result<Self> {
        let poller = Poller::new()?;
        for (index, listener) in (0..).zip(&listeners) {
            poller.add(&listener.0, LISTENER_TOKEN | index)?;
        }
        Ok(Self {
            poller,
            listeners,
            resting: Vec::new(),
            has_warned: false,
            places: Vec::new(),
            by_pair: HashMap::new(),
            unproven: 0,
            ready: Vec::new(),
            touched: Vec::new(),
            unsent: Vec::new(),
            buffer: vec![0; READ_BYTES],
        })
    }

    /// Connections that are open.
    pub(crate) fn connections(&self) -> usize {
        self.places
            .iter()
            .filter(|place| place.connection.is_some())
            .count()
    }

    /// Takes connections, hands what came over them to the core, and writes where there is room again.
    pub(crate) fn turn(&mut self, core: &mut Core, now: Instant, metrics: &Metrics) {
        let mut ready = std::mem::take(&mut self.ready);
        self.poller.look(&mut ready);
        for event in &ready {
            // The outbox has to be sent first; what is not read now is ready again at the next turn.
            if core.outbox().waiting_bytes() >= OUTBOX_BYTES_AT_ONCE {
                break;
            }
            if event.token & LISTENER_TOKEN != 0 {
                self.accept((event.token & !LISTENER_TOKEN) as usize, core, now, metrics);
                continue;
            }
            let at = (event.token & u64::from(u32::MAX)) as usize;
            if self
                .places
                .get(at)
                .is_none_or(|place| token(at, place.uses) != event.token)
            {
                continue;
            }
            if event.readable {
                self.receive(at, core, now, metrics);
            }
            if event.writable {
                self.flush(at, core, now, metrics);
            }
        }
        self.ready = ready;
        self.report_unsent(core, now);
    }

    /// Sends the frames of an outbox, as far as they are taken.
    pub(crate) fn send(&mut self, core: &mut Core, now: Instant, metrics: &Metrics) {
        let mut touched = std::mem::take(&mut self.touched);
        let mut dropped = Dropped::default();
        self.queue_all(core.outbox(), now, &mut touched, &mut dropped);
        count(metrics, &dropped);
        touched.sort_unstable();
        touched.dedup();
        for at in touched.drain(..) {
            self.flush(at, core, now, metrics);
        }
        self.touched = touched;
        self.report_unsent(core, now);
    }

    fn report_unsent(&mut self, core: &mut Core, now: Instant) {
        for (pair, ssrc) in self.unsent.drain(..) {
            core.handle_unsent(now, pair, ssrc);
        }
    }

    /// Closes those that have not proven themselves in time, and those whose owner has left; asks listeners again that
    /// could give no connection.
    pub(crate) fn sweep(&mut self, core: &mut Core, now: Instant, metrics: &Metrics) {
        let Self {
            poller, listeners, ..
        } = self;
        // One that cannot be added either rests on.
        self.resting.retain(|at| {
            poller
                .add(&listeners[*at].0, LISTENER_TOKEN | *at as u64)
                .is_err()
        });
        for at in 0..self.places.len() {
            let connection = self.places[at].connection.as_ref();
            if let Some(reason) = connection.and_then(|connection| connection.outlived(core, now)) {
                self.close(at, reason, core, now, metrics);
            }
        }
    }

    fn queue_all(&mut self, outbox: &Outbox, now: Instant, touched: &mut Vec<usize>, dropped: &mut Dropped) {
        let frames = outbox.datagrams().iter();
        for datagram in frames.filter(|datagram| datagram.protocol == Protocol::Tcp) {
            let pair = Pair {
                remote: datagram.destination,
                local: datagram.local,
                protocol: datagram.protocol,
            };
            let Some(&at) = self.by_pair.get(&pair) else {
                continue;
            };
            if let Some(connection) = &mut self.places[at].connection {
                let frame = Frame {
                    bytes: outbox.bytes(datagram),
                    content: datagram.content,
                    waited: Duration::from_millis(datagram.waited_ms.into()),
                };
                connection.push(&frame, now, dropped);
                let streams = dropped.streams.drain(..);
                self.unsent.extend(streams.map(|stream| (pair, stream)));
                if !connection.is_blocked && touched.last() != Some(&at) {
                    touched.push(at);
                }
            }
        }
    }

    fn accept(&mut self, at: usize, core: &mut Core, now: Instant, metrics: &Metrics) {
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(listener) = self.listeners.get(at) else {
                return;
            };
            match listener.0.accept() {
                Ok((stream, _)) => {
                    if let Ok(connection) = Connection::new(stream, now) {
                        self.insert(connection, core, now, metrics);
                    }
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock => return,
                    _ => return self.rest(at, &error, metrics),
                },
            }
        }
    }

    /// There are no descriptors left, or no memory, and there will be none at once. The client waits, but the listener
    /// is ready all the time: it is not to keep the shard awake.
    fn rest(&mut self, at: usize, error: &io::Error, metrics: &Metrics) {
        metrics.count_accept_failure();
        if self.poller.remove(&self.listeners[at].0).is_ok() {
            self.resting.push(at);
        }
        if !self.has_warned {
            warn!(%error, "a connection for media cannot be taken: is the limit of open files reached?");
            self.has_warned = true;
        }
    }

    fn insert(&mut self, connection: Connection, core: &mut Core, now: Instant, metrics: &Metrics) {
        // The client used its port again before its old connection was read to the end.
        if let Some(&old) = self.by_pair.get(&connection.pair) {
            self.close(old, CloseReason::Ended, core, now, metrics);
        }
        let is_full = self.by_pair.len() >= CONNECTIONS_MAX;
        if is_full || self.unproven >= UNPROVEN_MAX {
            let waiting = self.places.iter().enumerate().filter_map(|(at, place)| {
                let connection = place.connection.as_ref()?;
                (!connection.is_proven()).then_some((connection.accepted, at))
            });
            match waiting.min() {
                Some((_, oldest)) => self.close(oldest, CloseReason::Displaced, core, now, metrics),
                None => {
                    metrics.count_tcp_close(CloseReason::Displaced.label());
                    return;
                }
            }
        }
        let free = self.places.iter().position(|place| place.connection.is_none());
        let at = free.unwrap_or_else(|| {
            self.places.push(Place::default());
            self.places.len() - 1
        });
        let place = &mut self.places[at];
        place.uses = place.uses.wrapping_add(1) & (u32::MAX >> 1);
        if self.poller.add(&connection, token(at, place.uses)).is_ok() {
            self.by_pair.insert(connection.pair, at);
            self.unproven += 1;
            place.connection = Some(connection);
        }
    }

    fn receive(&mut self, at: usize, core: &mut Core, now: Instant, metrics: &Metrics) {
        let Some(connection) = &mut self.places[at].connection else {
            return;
        };
        let was_proven = connection.is_proven();
        let mut outcome = Ok(true);
        for _ in 0..READS_PER_TURN {
            outcome = connection.receive(core, &mut self.buffer, now);
            if outcome != Ok(true) || core.outbox().waiting_bytes() >= OUTBOX_BYTES_AT_ONCE {
                break;
            }
        }
        if !was_proven && connection.is_proven() {
            self.unproven -= 1;
        }
        if let Err(reason) = outcome {
            self.close(at, reason, core, now, metrics);
        }
    }

    fn flush(&mut self, at: usize, core: &mut Core, now: Instant, metrics: &Metrics) {
        let Place { connection, uses } = &mut self.places[at];
        let Some(connection) = connection else {
            return;
        };
        let mut dropped = Dropped::default();
        let mut outcome = connection.flush(now, &mut dropped);
        count(metrics, &dropped);
        let (pair, streams) = (connection.pair, dropped.streams.drain(..));
        self.unsent.extend(streams.map(|stream| (pair, stream)));
        if let Ok(is_blocked) = outcome
            && is_blocked != connection.is_blocked
        {
            let interest = if is_blocked {
                Interest::ReadAndWrite
            } else {
                Interest::Read
            };
            connection.is_blocked = is_blocked;
            if self
                .poller
                .change(connection, token(at, *uses), interest)
                .is_err()
            {
                outcome = Err(CloseReason::Ended);
            }
        }
        if let Err(reason) = outcome {
            self.close(at, reason, core, now, metrics);
        }
    }

    fn close(&mut self, at: usize, reason: CloseReason, core: &mut Core, now: Instant, metrics: &Metrics) {
        let Some(connection) = self.places[at].connection.take() else {
            return;
        };
        metrics.count_tcp_close(reason.label());
        self.by_pair.remove(&connection.pair);
        if !connection.is_proven() {
            self.unproven -= 1;
        }
        core.handle_closed(now, connection.pair);
    }
}

/// To be polled for reading: then [`TcpMedia::turn`] has something to do.
impl AsRawFd for TcpMedia {
    fn as_raw_fd(&self) -> RawFd {
        self.poller.as_raw_fd()
    }
}

fn count(metrics: &Metrics, dropped: &Dropped) {
    metrics.count_drops(ShellDropCause::TcpFull, dropped.full);
    metrics.count_drops(ShellDropCause::TcpLateVideo, dropped.late_video);
    metrics.count_drops(ShellDropCause::TcpLateSound, dropped.late_sound);
    metrics.count_drops(ShellDropCause::TcpLateControl, dropped.late_control);
}

fn token(at: usize, uses: u32) -> u64 {
    u64::from(uses) << 32 | at as u64
}
