//! One transport's media: a socket, a client transport, what it sends, what it sends back for what it got, and what
//! it noted of that.

use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use hearken_sfu_core::client::{ClientConfig, ClientTransport};
use hearken_sfu_core::transport::{
    IceCredentials, Identity, Incoming, SRTP_OVERHEAD_MAX, SealError, SrtpProfile,
};
use quinn_udp::{RecvMeta, Transmit, UdpSocketState};

use crate::answer::Answer;
use crate::offer::{Sections, Ssrcs};
use crate::receiving::{Formats, Received, Receiver};
use crate::rtp::{control_packets, word};
use crate::synthetic::{PacketKind, Publisher, Schedule, Sound, Stamp, VideoShape};
use crate::tally::Tally;

const RECEIVE_BATCH: usize = 8;
const RECEIVE_BUFFER_BYTES: usize = 64 * 1024;
const SOCKET_BUFFER_BYTES: usize = 4 << 20;
const SENDER_REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// One end of a transport before both SDPs are there.
pub struct Offering {
    socket: UdpSocket,
    identity: Arc<Identity>,
    number: u32,
    /// What its SDP says.
    pub sections: Sections,
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

/// What a participant sends, and to how many.
pub struct Publishing {
    /// When.
    pub schedule: Schedule,
    /// What of pictures.
    pub video: VideoShape,
    /// What of sound.
    pub sound: Sound,
    /// How many get each packet that is for anybody.
    pub subscribers: u64,
}

impl Offering {
    /// Binds a socket on loopback and makes the offer's parts. `number` is unique in the run.
    pub fn new(identity: Arc<Identity>, number: u32) -> Result<Self> {
        Self::bound_to(Ipv4Addr::LOCALHOST, identity, number)
    }

    /// The same for a server that does not listen on loopback but on another address of this machine.
    pub fn on_any_address(identity: Arc<Identity>, number: u32) -> Result<Self> {
        Self::bound_to(Ipv4Addr::UNSPECIFIED, identity, number)
    }

    fn bound_to(address: Ipv4Addr, identity: Arc<Identity>, number: u32) -> Result<Self> {
        let socket = UdpSocket::bind((address, 0))?;
        socket.set_nonblocking(true)?;
        let credentials = IceCredentials::from_seed(rand::random());
        Ok(Self {
            sections: Sections {
                ufrag: credentials.ufrag,
                password: credentials.password,
                fingerprint: identity.fingerprint(),
                ssrcs: Ssrcs::new(number),
                port: socket.local_addr()?.port(),
            },
            socket,
            identity,
            number,
            offered_at: Instant::now(),
        })
    }

    /// From now on it counts how long the first media take.
    pub fn start_clock(&mut self) {
        self.offered_at = Instant::now();
    }

    /// With the other side's SDP, a participant that can send and receive.
    pub fn answered(self, sdp: &str, publishing: Option<Publishing>) -> Result<Peer> {
        let answer = Answer::parse(sdp)?;
        let local_address = self.socket.local_addr()?;
        let state = UdpSocketState::new((&self.socket).into())?;
        without_time_stamps(&self.socket);
        let _ = state.set_recv_buffer_size((&self.socket).into(), SOCKET_BUFFER_BYTES);
        let _ = state.set_send_buffer_size((&self.socket).into(), SOCKET_BUFFER_BYTES);
        let Sections {
            ufrag,
            password,
            ssrcs,
            ..
        } = self.sections;
        let config = ClientConfig {
            local: IceCredentials { ufrag, password },
            remote: answer.ice,
            local_address,
            remote_address: answer.address,
            remote_fingerprint: answer.fingerprint,
            identity: self.identity,
            profiles: vec![SrtpProfile::AeadAes128Gcm],
        };
        let now = Instant::now();
        let (video, sound) = publishing
            .as_ref()
            .map_or((VideoShape::default(), Sound::Speech), |publishing| {
                (publishing.video, publishing.sound)
            });
        let mut peer = Peer {
            transport: ClientTransport::new(config, now),
            publisher: Publisher::new(ssrcs, video, sound),
            receiver: Receiver::new(ssrcs.video, Formats::parse(sdp), self.number, now),
            socket: self.socket,
            state,
            remote_address: answer.address,
            publishing,
            next_sender_report: now,
            offered_at: self.offered_at,
            first: FirstMedia::default(),
            victim: None,
            sealed: Vec::new(),
            control: Vec::new(),
        };
        // The first check waits to be sent; the next one is due only after a while.
        peer.drain_transport()?;
        Ok(peer)
    }
}

/// How long after the offer the first packets came.
#[derive(Debug, Clone, Copy, Default)]
pub struct FirstMedia {
    /// Of any kind.
    pub any: Option<Duration>,
    /// Of a picture, which begins with a key frame.
    pub video: Option<Duration>,
}

/// A participant in the middle of a call.
pub struct Peer {
    socket: UdpSocket,
    state: UdpSocketState,
    transport: ClientTransport,
    publisher: Publisher,
    receiver: Receiver,
    remote_address: SocketAddr,
    publishing: Option<Publishing>,
    next_sender_report: Instant,
    offered_at: Instant,
    first: FirstMedia,
    /// Where what [`Receiver::attack`] says goes, of one who means harm.
    victim: Option<SocketAddr>,
    sealed: Vec<u8>,
    /// RTCP as it is sealed.
    control: Vec<u8>,
}

impl Peer {
    /// From now on it sends what [`Receiver::attack`] says, to the server or to somebody instead, and what it gets does
    /// not count.
    pub fn begin_attack(&mut self, instead: Option<SocketAddr>) {
        self.victim = Some(instead.unwrap_or(self.remote_address));
    }

    /// When something is to be done at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        let media = self
            .publishing
            .as_ref()
            .map(|publishing| publishing.schedule.next());
        let connected = [media, Some(self.receiver.deadline())]
            .into_iter()
            .flatten()
            .min();
        let connected = connected.filter(|_| self.transport.is_connected());
        [connected, self.transport.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether ICE and DTLS are up.
    pub fn is_connected(&self) -> bool {
        self.transport.is_connected()
    }

    /// How long its first packets took.
    pub fn first_media(&self) -> FirstMedia {
        self.first
    }

    /// Sends what is due.
    pub fn handle_deadline(&mut self, now: Instant, tally: &mut Tally) -> Result<()> {
        if self.transport.poll_timeout().is_some_and(|at| at <= now) {
            self.transport.handle_timeout(now);
        }
        self.drain_transport()?;
        if !self.transport.is_connected() {
            // Nothing is made up for later.
            if let Some(publishing) = &mut self.publishing {
                publishing.schedule.skip_to(now);
            }
            return Ok(());
        }
        while let Some(kind) = self
            .publishing
            .as_mut()
            .and_then(|publishing| publishing.schedule.take(now))
        {
            self.send_media(kind, tally)?;
        }
        if self.receiver.deadline() <= now {
            self.send_control(now);
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
        let Self {
            receiver,
            transport,
            control,
            socket,
            remote_address,
            ..
        } = self;
        receiver.new_requests(|compound| send_sealed(transport, socket, *remote_address, control, compound));
        self.drain_transport()
    }

    fn handle_datagram(&mut self, now: Instant, datagram: &mut [u8], tally: &mut Tally) {
        match self.transport.handle_datagram(now, datagram) {
            Incoming::Rtp(packet) => {
                let kind = self.receiver.media(packet, now);
                let waited = Some(now.duration_since(self.offered_at));
                match kind {
                    Received::Audio => self.first.any = self.first.any.or(waited),
                    Received::Video => {
                        self.first.any = self.first.any.or(waited);
                        self.first.video = self.first.video.or(waited);
                    }
                    // Padding probes and retransmissions do not count.
                    Received::Other => return,
                }
                // Media end with their stamp.
                if let Some(stamp) = Stamp::read(packet).filter(|_| self.victim.is_none()) {
                    tally.received(stamp, now);
                }
            }
            Incoming::Rtcp(compound) => {
                self.receiver.control(compound, now);
                self.obey(compound);
            }
            Incoming::Handled | Incoming::Answered | Incoming::Dropped(_) => {}
        }
    }

    /// Sends what the other side asks for: key frames (RFC 4585 §6.3.1, RFC 5104 §4.3.1) and lost packets.
    fn obey(&mut self, compound: &[u8]) {
        let mut segment = Ok(0);
        self.sealed.clear();
        for (kind, packet) in control_packets(compound) {
            let format = packet[0] & 0x1f;
            match (kind, format) {
                (206, 1 | 4) => self.publisher.want_key_frame(),
                (205, 1) => {
                    let ssrc = word(packet, 8).unwrap_or(0);
                    for lost in packet.get(12..).unwrap_or_default().chunks_exact(4) {
                        let (first, others) = (
                            u16::from_be_bytes([lost[0], lost[1]]),
                            u16::from_be_bytes([lost[2], lost[3]]),
                        );
                        let followers = (0..16).filter(|bit| others >> bit & 1 != 0).map(|bit| bit + 1);
                        for ahead in std::iter::once(0).chain(followers) {
                            let Self {
                                transport,
                                publisher,
                                sealed,
                                ..
                            } = self;
                            publisher.repair(ssrc, first.wrapping_add(ahead), |packet, header, index| {
                                segment = seal(transport, sealed, packet, header, index);
                            });
                        }
                    }
                }
                _ => {}
            }
        }
        if let Ok(segment @ 1..) = segment {
            // What gets lost here is asked for again.
            let _ = self.transmit(segment);
        }
    }

    /// Reports and feedback that are due.
    fn send_control(&mut self, now: Instant) {
        let Self {
            transport,
            receiver,
            publisher,
            control,
            socket,
            remote_address,
            victim,
            ..
        } = self;
        let mut send =
            |to: SocketAddr, compound: &[u8]| send_sealed(transport, socket, to, control, compound);
        match *victim {
            Some(victim) => receiver.attack(now, |compound| send(victim, compound)),
            None => receiver.turn(now, |compound| send(*remote_address, compound)),
        }
        if now >= self.next_sender_report {
            self.next_sender_report = now + SENDER_REPORT_INTERVAL;
            let unix_time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            publisher.reports(unix_time.unwrap_or_default(), |compound| {
                send(*remote_address, compound)
            });
        }
    }

    fn send_media(&mut self, kind: PacketKind, tally: &mut Tally) -> Result<()> {
        let subscribers = self
            .publishing
            .as_ref()
            .filter(|publishing| {
                kind == PacketKind::Video || publishing.sound != Sound::Noise { is_heard: false }
            })
            .map_or(0, |publishing| publishing.subscribers);
        let stamp = tally.stamp(Instant::now());
        self.sealed.clear();
        let mut outcome = Ok(0);
        let Self {
            transport,
            publisher,
            sealed,
            ..
        } = self;
        let emit = |packet: &[u8], header: usize, index: u64| {
            tally.sent(stamp, subscribers);
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

/// The kernel would note when each packet of the whole machine came, and whoever sends over loopback would pay for that.
fn without_time_stamps(socket: &UdpSocket) {
    let off: libc::c_int = 0;
    let len = libc::socklen_t::try_from(size_of::<libc::c_int>()).expect("a small number");
    // SAFETY: `off` lives until the call returns, and `len` is its size; the descriptor is open.
    let _ = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPNS,
            (&raw const off).cast(),
            len,
        )
    };
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

/// Seals a compound and sends it; one that gets lost is not missed, the next one says more.
fn send_sealed(
    transport: &mut ClientTransport,
    socket: &UdpSocket,
    destination: SocketAddr,
    sealed: &mut Vec<u8>,
    compound: &[u8],
) {
    sealed.clear();
    if transport.seal_rtcp(compound, sealed).is_ok() {
        let _ = socket.send_to(sealed, destination);
    }
}
