//! One participant's media: a socket, a client transport, what it sends and what it noted of what it got.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use hearken_sfu_core::client::{ClientConfig, ClientTransport};
use hearken_sfu_core::transport::{
    Fingerprint, IceCredentials, Identity, Incoming, SRTP_OVERHEAD_MAX, SrtpProfile,
};
use quinn_udp::{RecvMeta, Transmit, UdpSocketState};

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
            fingerprint: format!("sha-256 {}", hexadecimal(identity.fingerprint())),
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
        let line = |prefix: &str| answer.lines().find_map(|line| line.strip_prefix(prefix));
        let remote = IceCredentials {
            ufrag: line("a=ice-ufrag:")
                .context("an answer without ice-ufrag")?
                .to_owned(),
            password: line("a=ice-pwd:")
                .context("an answer without ice-pwd")?
                .to_owned(),
        };
        let fingerprint = line("a=fingerprint:").context("an answer without fingerprint")?;
        let candidate = answer
            .lines()
            .filter_map(|line| line.strip_prefix("a=candidate:"))
            .map(|candidate| candidate.split(' ').collect::<Vec<_>>())
            .find(|fields| fields.get(4) == Some(&"127.0.0.1"))
            .context("an answer without a candidate on loopback")?;
        let port: u16 = candidate.get(5).context("a candidate without a port")?.parse()?;
        let local_address = self.socket.local_addr()?;
        let remote_address = SocketAddr::from(([127, 0, 0, 1], port));
        let state = UdpSocketState::new((&self.socket).into())?;
        let _ = state.set_recv_buffer_size((&self.socket).into(), SOCKET_BUFFER_BYTES);
        let _ = state.set_send_buffer_size((&self.socket).into(), SOCKET_BUFFER_BYTES);
        let config = ClientConfig {
            local: self.local,
            remote,
            local_address,
            remote_address,
            remote_fingerprint: Fingerprint::parse(fingerprint).context("a fingerprint of another kind")?,
            identity: self.identity,
            profiles: vec![SrtpProfile::AeadAes128Gcm],
        };
        Ok(Peer {
            transport: ClientTransport::new(config, Instant::now()),
            publisher: Publisher::new(self.sections.audio_ssrc, self.sections.video_ssrc),
            socket: self.socket,
            state,
            remote_address,
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
        let mut segment = 0;
        let Self {
            transport,
            publisher,
            sealed,
            ..
        } = self;
        let mut failed = None;
        let emit = |packet: &[u8], header: usize, index: u64| {
            let at = sealed.len();
            sealed.extend_from_slice(packet);
            sealed.resize(at + packet.len() + SRTP_OVERHEAD_MAX, 0);
            match transport.seal_rtp(&mut sealed[at..], header, packet.len(), index) {
                Ok(len) => {
                    sealed.truncate(at + len);
                    segment = len;
                    tally.expected += counts;
                }
                Err(error) => failed = Some(error),
            }
        };
        match kind {
            PacketKind::Audio => publisher.audio(stamp, emit),
            PacketKind::Video => publisher.frame(stamp, emit),
        }
        if let Some(error) = failed {
            return Err(error.into());
        }
        self.transmit(segment)
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

fn hexadecimal(fingerprint: Fingerprint) -> String {
    let bytes: Vec<String> = fingerprint.0.iter().map(|byte| format!("{byte:02X}")).collect();
    bytes.join(":")
}
