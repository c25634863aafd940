//! One TCP connection of a client: frames in and out, and whether it has shown whose it is.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use hearken_sfu_core::Core;
use hearken_sfu_core::transport::{Deframer, Pair, Protocol};
use socket2::SockRef;

use super::queue::{Dropped, Frame, SendQueue};

/// A connection over which no authentic connectivity check has come for this long is closed. Browsers check within
/// a round trip.
const PROOF_TIME_MAX: Duration = Duration::from_secs(10);

/// Frames until then: a browser's checks with as many repetitions as fit into the time.
const UNPROVEN_FRAMES_MAX: u32 = 64;

/// What is written and not confirmed for this long ends the connection, as silence ends a UDP peer.
const UNCONFIRMED_TIME_MAX: Duration = Duration::from_secs(15);

/// What the kernel may hold that is not on its way, beside what it has last been given: with that 0.2 s on a line of
/// 300 kbit/s. More would be sound that stands behind pictures; less wakes us more often on a fast line.
const UNSENT_BYTES_MAX: u32 = 4 * 1024;

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CloseReason {
    /// The other side closed it, or it broke.
    Ended,
    /// It did not show in time, or at all, whose it is.
    Unproven,
    /// What came were no frames of ours.
    Malformed,
    /// Another one needed its place.
    Displaced,
    /// Whose it was has left.
    Departed,
}

impl CloseReason {
    /// The value of a metric's label.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Unproven => "unproven",
            Self::Malformed => "malformed",
            Self::Displaced => "displaced",
            Self::Departed => "departed",
        }
    }
}

/// Whether an authentic connectivity check has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    Awaited { until: Instant, frames_left: u32 },
    Given,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    pub(super) pair: Pair,
    pub(super) accepted: Instant,
    /// Whether room to write is waited for.
    pub(super) is_blocked: bool,
    proof: Proof,
    deframer: Deframer,
    queue: SendQueue,
}

impl Connection {
    /// Takes over what was accepted.
    pub(super) fn new(stream: TcpStream, now: Instant) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let socket = SockRef::from(&stream);
        socket.set_tcp_user_timeout(Some(UNCONFIRMED_TIME_MAX))?;
        socket.set_tcp_notsent_lowat(UNSENT_BYTES_MAX)?;
        let pair = Pair {
            remote: stream.peer_addr()?,
            local: stream.local_addr()?,
            protocol: Protocol::Tcp,
        };
        Ok(Self {
            stream,
            pair,
            accepted: now,
            is_blocked: false,
            proof: Proof::Awaited {
                until: now + PROOF_TIME_MAX,
                frames_left: UNPROVEN_FRAMES_MAX,
            },
            deframer: Deframer::default(),
            queue: SendQueue::default(),
        })
    }

    /// Whether somebody has shown that it is theirs.
    pub(super) fn is_proven(&self) -> bool {
        self.proof == Proof::Given
    }

    /// Whether it is to be closed, as far as time and the core tell.
    pub(super) fn outlived(&self, core: &Core, now: Instant) -> Option<CloseReason> {
        match self.proof {
            Proof::Awaited { until, .. } => (now >= until).then_some(CloseReason::Unproven),
            Proof::Given => (!core.knows(self.pair)).then_some(CloseReason::Departed),
        }
    }

    /// Hands over what has come, as far as it fits into the buffer. True when there may be more.
    pub(super) fn receive(
        &mut self,
        core: &mut Core,
        buffer: &mut [u8],
        now: Instant,
    ) -> Result<bool, CloseReason> {
        let count = match self.stream.read(buffer) {
            Ok(0) => return Err(CloseReason::Ended),
            Ok(count) => count,
            Err(error) if is_transient(&error) => return Ok(false),
            Err(_) => return Err(CloseReason::Ended),
        };
        let (pair, proof) = (self.pair, &mut self.proof);
        let mut outcome = Ok(());
        let framed = self.deframer.push(&mut buffer[..count], |frame| {
            if outcome.is_ok() {
                outcome = take(core, pair, proof, frame, now);
            }
        });
        outcome?;
        framed.map_err(|_| CloseReason::Malformed)?;
        Ok(count == buffer.len())
    }

    /// Lets a frame wait for [`Self::flush`].
    pub(super) fn push(&mut self, frame: &Frame<'_>, now: Instant, dropped: &mut Dropped) {
        self.queue.push(frame, now, dropped);
    }

    /// Writes as much as the kernel takes. True when something is left.
    pub(super) fn flush(&mut self, now: Instant, dropped: &mut Dropped) -> Result<bool, CloseReason> {
        let mut stream = &self.stream;
        let flushed = self.queue.flush(now, |bytes| stream.write(bytes), dropped);
        flushed.map_err(|_| CloseReason::Ended)
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// Hands one frame to the core. Until the connection is proven, only connectivity checks are let through, and not
/// many of them.
fn take(
    core: &mut Core,
    pair: Pair,
    proof: &mut Proof,
    frame: &mut [u8],
    now: Instant,
) -> Result<(), CloseReason> {
    match proof {
        Proof::Given => core.handle_packet(now, pair, frame),
        Proof::Awaited { frames_left, .. } => {
            // RFC 7983: connectivity checks begin with 0 to 3.
            if frame.first().is_none_or(|first| *first > 3) {
                return Err(CloseReason::Malformed);
            }
            let Some(left) = frames_left.checked_sub(1) else {
                return Err(CloseReason::Unproven);
            };
            *frames_left = left;
            core.handle_packet(now, pair, frame);
            if core.knows(pair) {
                *proof = Proof::Given;
            }
        }
    }
    Ok(())
}

impl AsRawFd for Connection {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}
