//! One participant's media: a socket, a client transport, what it sends and what it noted of what it got.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;
use hearken_sfu_core::client::{ClientConfig, ClientTransport};
use hearken_sfu_core::transport::{
    IceCredentials, Identity, Incoming, SRTP_OVERHEAD_MAX, SealError, SrtpProfile,
};
use quinn_udp::{RecvMeta, Transmit, UdpSocketState};

use crate::answer::Answer;
use crate::offer::{Sections, offer};
use crate::synthetic::{PacketKind, Publisher, Schedule, sent_at};

const RECEIVE_BATCH: usize = 8;
const RECEIVE_BUFFER_BYTES: usize = 64 * 1024;
const SOCKET_BUFFER_BYTES: usize = 4 << 20;

/// The window in which packets count, in nanoseconds of the run's own clock: by when they were *sent*, so that
/// both ends count the same packets.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// The first nanosecond that counts.
    pub from_ns: u64,
    /// The first that no longer counts.
    pub to_ns: u64,
}

impl Window {
    fn contains(&self, stamp_ns: u64) -> bool {
        (self.from_ns..self.to_ns).contains(&stamp_ns)
    }
}

/// What all participants of a run noted together.
pub struct Tally {
    /// The run's clock starts here.
    pub started: Instant,
    /// What counts.
    pub window: Window,
    /// Packets sent in the window, each times the number of its subscribers.
    pub expected: u64,
    /// Packets received that were sent in the window.
    pub received: u64,
    /// One-way latency in nanoseconds.
    pub latency: Histogram<u64>,
    /// From sending the offer to the first media, in microseconds.
    pub joins: Histogram<u64>,
}

impl Tally {
    /// Nothing noted yet.
    pub fn new(started: Instant, window: Window) -> Result<Self> {
        Ok(Self {
            started,
            window,
            expected: 0,
            received: 0,
            latency: Histogram::new_with_bounds(1_000, 60_000_000_000, 3)?,
            joins: Histogram::new_with_bounds(1, 600_000_000, 3)?,
        })
    }

    fn stamp(&self, now: Instant) -> u64 {
        u64::try_from(now.duration_since(self.started).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// What a participant offers, before the answer is there.
pub struct Offering {
    socket: UdpSocket,
    identity: Arc<Identity>,
    local: IceCredentials,
    sections: Sections,
    offered_at: Instant,
}

/// Memory for receiving, shared by all participants of a thread.
pub struct ReceiveBuffers {
    bytes: Vec<u8>,
    meta: [RecvMeta; RECEIVE_BATCH],
}

impl Default for ReceiveBuffers {
    fn default() -> Self {
        Self {
            bytes: vec![0; RECEIVE_BATCH * RECEIVE_BUFFER_BYTES],
            meta: [RecvMeta::default(); RECEIVE_BATCH],
        }
    }
}

impl Offering {
    /// Binds a socket on loopback and makes the offer's parts. `number` is unique in the run.
    pub fn new(identity: Arc<Identity>, number: u32, pairs: usize) -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        let local = IceCredentials::from_seed(rand::random());
        let sections = Sections {
            ufrag: local.ufrag.clone(),
            password: local.password.clone(),
            fingerprint: identity.fingerprint(),
            audio_ssrc: 0x1000_0000 + number,
            video_ssrc: 0x2000_0000 + number,
            pairs,
        };
        Ok(Self {
            socket,
            identity,
            local,
            sections,
            offered_at: Instant::now(),
        })
    }

    /// The SDP.
    pub fn sdp(&self) -> String {
        offer(&self.sections)
    }

    /// With the answer, a participant that can send and receive. It publishes if there is a schedule.
    pub fn answered(self, answer: &str, schedule: Option<Schedule>, subscribers: u64) -> Result<Peer> {
        let answer = Answer::parse(answer)?;
        let local_address = self.socket.local_addr()?;
        let state = UdpSocketState::new((&self.socket).into())?;
        let _ = state.set_recv_buffer_size((&self.socket).into(), SOCKET_BUFFER_BYTES);
        let _ = state.set_send_buffer_size((&self.socket).into(), SOCKET_BUFFER_BYTES);
        let config = ClientConfig {
            local: self.local,
            remote: answer.ice,
            local_address,
            remote_address: answer.address,
            remote_fingerprint: answer.fingerprint,
            identity: self.identity,
            profiles: vec![SrtpProfile::AeadAes128Gcm],
        };
        Ok(Peer {
            transport: ClientTransport::new(config, Instant::now()),
            publisher: Publisher::new(self.sections.audio_ssrc, self.sections.video_ssrc),
            socket: self.socket,
            state,
            remote_address: answer.address,
            schedule,
            subscribers,
            offered_at: self.offered_at,
            heard: false,
            sealed: Vec::new(),
        })
    }
}

/// A participant in the middle of a call.
pub struct Peer {
    socket: UdpSocket,
    state: UdpSocketState,
    transport: ClientTransport,
    publisher: Publisher,
    remote_address: SocketAddr,
    schedule: Option<Schedule>,
    subscribers: u64,
    offered_at: Instant,
    heard: bool,
    sealed: Vec<u8>,
}

impl Peer {
    /// When something is to be done at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        let media = self
            .schedule
            .as_ref()
            .filter(|_| self.transport.is_connected())
            .map(Schedule::next);
        [media, self.transport.poll_timeout()].into_iter().flatten().min()
    }

    /// Sends what is due.
    pub fn handle_deadline(&mut self, now: Instant, tally: &mut Tally) -> Result<()> {
        if self.transport.poll_timeout().is_some_and(|at| at <= now) {
            self.transport.handle_timeout(now);
        }
        self.drain_transport()?;
        if !self.transport.is_connected() {
            return Ok(());
        }
        while let Some(kind) = self.schedule.as_mut().and_then(|schedule| schedule.take(now)) {
            self.send_media(kind, tally)?;
        }
        Ok(())
    }

    /// Receives what is there.
    pub fn receive(&mut self, buffers: &mut ReceiveBuffers, tally: &mut Tally) -> Result<()> {
        loop {
            let mut chunks = buffers.bytes.chunks_exact_mut(RECEIVE_BUFFER_BYTES);
            let mut slices: [IoSliceMut<'_>; RECEIVE_BATCH] =
                std::array::from_fn(|_| IoSliceMut::new(chunks.next().expect("one chunk per slice")));
            let socket = (&self.socket).into();
            let received = match self.state.recv(socket, &mut slices, &mut buffers.meta) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            };
            let now = Instant::now();
            let used = buffers.bytes.chunks_exact_mut(RECEIVE_BUFFER_BYTES);
            for (meta, chunk) in buffers.meta.iter().zip(used).take(received) {
                for datagram in chunk[..meta.len].chunks_mut(meta.stride.max(1)) {
                    self.handle_datagram(now, datagram, tally);
                }
            }
        }
        self.drain_transport()
    }

    fn handle_datagram(&mut self, now: Instant, datagram: &mut [u8], tally: &mut Tally) {
        match self.transport.handle_datagram(now, datagram) {
            Incoming::Rtp(packet) => {
                if !self.heard {
                    self.heard = true;
                    let waited = now.duration_since(self.offered_at);
                    tally.joins.saturating_record(microseconds(waited));
                }
                // Media ends with its stamp; padding probes and retransmissions do not count.
                let is_media = matches!(
                    packet.get(1).map(|byte| byte & 0x7f),
                    Some(crate::offer::OPUS | crate::offer::VP8)
                );
                let Some(stamp) = sent_at(packet).filter(|stamp| is_media && tally.window.contains(*stamp))
                else {
                    return;
                };
                tally.received += 1;
                tally
                    .latency
                    .saturating_record(tally.stamp(now).saturating_sub(stamp));
            }
            Incoming::Rtcp(compound) => {
                if asks_for_key_frame(compound) {
                    self.publisher.want_key_frame();
                }
            }
            Incoming::Handled | Incoming::Dropped(_) => {}
        }
    }

    fn send_media(&mut self, kind: PacketKind, tally: &mut Tally) -> Result<()> {
        let stamp = tally.stamp(Instant::now());
        let counts = if tally.window.contains(stamp) {
            self.subscribers
        } else {
            0
        };
        self.sealed.clear();
        let mut outcome = Ok(0);
        let Self {
            transport,
            publisher,
            sealed,
            ..
        } = self;
        let emit = |packet: &[u8], header: usize, index: u64| {
            tally.expected += counts;
            if outcome.is_ok() {
                outcome = seal(transport, sealed, packet, header, index);
            }
        };
        match kind {
            PacketKind::Audio => publisher.audio(stamp, emit),
            PacketKind::Video => publisher.frame(stamp, emit),
        }
        self.transmit(outcome?)
    }

    /// Sends 20 ms of real sound, as loud as `level` says: 0 is the loudest, 127 silence, in −dBov (RFC 6464).
    pub fn send_speech(&mut self, payload: &[u8], level: u8) -> Result<()> {
        self.sealed.clear();
        let mut outcome = Ok(0);
        let Self {
            transport,
            publisher,
            sealed,
            ..
        } = self;
        publisher.speech(payload, level, |packet, header, index| {
            outcome = seal(transport, sealed, packet, header, index);
        });
        self.transmit(outcome?)
    }

    /// Whether ICE and DTLS are up.
    pub fn is_connected(&self) -> bool {
        self.transport.is_connected()
    }

    fn transmit(&self, segment: usize) -> Result<()> {
        let transmit = Transmit {
            destination: self.remote_address,
            ecn: None,
            contents: &self.sealed,
            segment_size: Some(segment),
            src_ip: None,
        };
        Ok(self.state.try_send((&self.socket).into(), &transmit)?)
    }

    fn drain_transport(&mut self) -> Result<()> {
        while let Some(transmit) = self.transport.poll_transmit() {
            self.socket.send_to(&transmit.contents, transmit.destination)?;
        }
        while self.transport.poll_event().is_some() {}
        Ok(())
    }
}

impl AsRawFd for Peer {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// Seals a packet onto the end of `sealed` and returns its length there.
fn seal(
    transport: &mut ClientTransport,
    sealed: &mut Vec<u8>,
    packet: &[u8],
    header: usize,
    index: u64,
) -> Result<usize, SealError> {
    let at = sealed.len();
    sealed.extend_from_slice(packet);
    sealed.resize(at + packet.len() + SRTP_OVERHEAD_MAX, 0);
    let len = transport.seal_rtp(&mut sealed[at..], header, packet.len(), index)?;
    sealed.truncate(at + len);
    Ok(len)
}

/// Whether a compound holds a PLI or a FIR (RFC 4585 §6.3.1, RFC 5104 §4.3.1).
fn asks_for_key_frame(mut compound: &[u8]) -> bool {
    while let [first, kind, high, low, ..] = *compound {
        if kind == 206 && matches!(first & 0x1f, 1 | 4) {
            return true;
        }
        let len = 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        let Some(rest) = compound.get(len..) else { break };
        compound = rest;
    }
    false
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
