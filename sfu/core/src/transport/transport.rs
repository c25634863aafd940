//! The transport itself: sorts datagrams, lets `ice`, `dtls` and `srtp` work together, and says when the peer
//! is there and when it is gone.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::consent::CHALLENGE_SECRET_BYTES;
use super::dtls::{Dtls, DtlsClosed, DtlsOutput, DtlsSession, Established};
use super::ice::{IceLite, StunOutcome};
use super::srtp::{DtlsRole, SrtpSession};
use super::{DropReason, Fingerprint, IceCredentials, Identity, Pair, Protocol, SealError};
use crate::prefetch::prefetch;

/// After this long without an authentic packet over the pair in use the peer is gone: within 15 s, with a turn of the
/// core's clock. Browsers check every 2.5 s, so this outlasts four lost checks; longer keeps the frozen picture of
/// somebody who has left.
const SILENCE_MAX: Duration = Duration::from_secs(14);

/// ICE and DTLS have this long from the answer on, including the time the browser takes to apply it.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(30);

/// STUN and DTLS datagrams waiting to be sent. Full: further ones are lost, and asked for again.
const TRANSMITS_MAX: usize = 64;

/// What a transport needs to know from both SDPs.
pub struct TransportConfig {
    /// What our answer said.
    pub local: IceCredentials,
    /// What the offer said.
    pub remote: IceCredentials,
    /// What the offer said: the peer's certificate must have one of them. Empty: nobody can connect.
    pub remote_fingerprints: Vec<Fingerprint>,
    /// Our certificate.
    pub identity: Arc<Identity>,
    /// Fresh random bytes, which nobody else knows: what the checks are made with that ask whether the peer is there.
    pub challenge_secret: [u8; CHALLENGE_SECRET_BYTES],
}

/// What became of a datagram.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// An RTP packet: header and plain payload, without the tag. Authentic and not a replay.
    Rtp(&'a mut [u8]),
    /// A compound RTCP packet, plain. Authentic and not a replay, but its contents are the peer's word.
    Rtcp(&'a [u8]),
    /// It was for the transport itself; something may be there to transmit, an event to poll.
    Handled,
    /// It was for the transport itself, and showed that the peer is at the other end of this pair: nobody else knew
    /// what to answer.
    Answered,
    /// It was thrown away. There may be something to transmit all the same (a STUN error).
    Dropped(DropReason),
}

/// A datagram to send as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub destination: SocketAddr,
    /// Our address to send it from.
    pub local: SocketAddr,
    /// What carries it.
    pub protocol: Protocol,
    /// What.
    pub contents: Vec<u8>,
}

impl Transmit {
    /// The way it takes.
    pub fn pair(&self) -> Pair {
        Pair {
            remote: self.destination,
            local: self.local,
            protocol: self.protocol,
        }
    }
}

/// News about the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportEvent {
    /// Packets can flow both ways. Comes again when the peer is back after a silence.
    Connected,
    /// Packets can't flow any more.
    Disconnected(DisconnectReason),
}

/// Why packets can't flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DisconnectReason {
    /// ICE and DTLS were not through in 30 s. The peer may still come.
    NeverConnected,
    /// Nothing authentic over the pair in use for 14 s, or no answer to a check of ours for 30 s. The peer may come
    /// back, also by an ICE restart.
    Silence,
    /// The peer closed DTLS. Final.
    ClosedByPeer,
    /// The DTLS handshake failed, or had no SRTP profile that we have. Final.
    HandshakeFailed,
    /// The peer's certificate is not the one its offer named. Final.
    WrongFingerprint,
}

/// One peer's transport. See the module.
pub struct Transport {
    identity: Arc<Identity>,
    remote_fingerprints: Vec<Fingerprint>,
    ice: IceLite,
    dtls: Box<dyn Dtls>,
    /// Over which pair DTLS last came: its answers go back there until one is selected.
    dtls_pair: Option<Pair>,
    srtp: Option<SrtpSession>,
    presence: Presence,
    last_authentic: Instant,
    transmits: VecDeque<Transmit>,
    events: VecDeque<TransportEvent>,
}

/// Whether the peer is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Awaited {
        until: Instant,
    },
    Connected,
    /// Not heard of any more, or not in time; may come.
    Silent,
    Closed,
}

impl Transport {
    /// Waits for the peer from now on.
    pub fn new(config: TransportConfig, now: Instant) -> Self {
        let TransportConfig {
            local,
            remote,
            remote_fingerprints,
            identity,
            challenge_secret,
        } = config;
        Self {
            ice: IceLite::new(identity.crypto(), local, remote, &challenge_secret, now),
            dtls: Box::new(DtlsSession::server(identity.clone())),
            identity,
            remote_fingerprints,
            dtls_pair: None,
            srtp: None,
            presence: Presence::Awaited {
                until: now + CONNECT_TIME_MAX,
            },
            last_authentic: now,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes the credentials of an ICE restart (RFC 8445 §9). Media goes on over the old pair, and the old
    /// credentials stay good, until the peer nominates a pair with the new ones. DTLS goes on.
    pub fn restart_ice(&mut self, local: IceCredentials, remote: IceCredentials, now: Instant) {
        self.ice.restart(self.identity.crypto(), local, remote);
        if self.presence == Presence::Silent {
            self.presence = Presence::Awaited {
                until: now + CONNECT_TIME_MAX,
            };
        }
    }

    /// Whether checks with this user name of ours are answered: the newest one, and during a change the one before.
    pub fn accepts(&self, ufrag: &str) -> bool {
        self.ice.accepts(ufrag)
    }

    /// Takes a datagram that came over `pair`. Opens RTP and RTCP in place.
    pub fn handle_datagram<'a>(&mut self, now: Instant, pair: Pair, datagram: &'a mut [u8]) -> Incoming<'a> {
        if self.presence == Presence::Closed {
            return Incoming::Dropped(DropReason::Closed);
        }
        match datagram.first() {
            Some(128..=191) => self.handle_srtp(now, pair, datagram),
            Some(0..=3) => self.handle_stun(now, pair, datagram),
            Some(20..=63) => self.handle_dtls(now, pair, datagram),
            _ => Incoming::Dropped(DropReason::UnknownProtocol),
        }
    }

    /// Nothing can come or go over this pair any more: its TCP connection has ended.
    pub fn forget_pair(&mut self, pair: Pair, now: Instant) {
        self.ice.forget(now, pair);
        self.dtls_pair = self.dtls_pair.filter(|used| *used != pair);
    }

    /// Does what is due by now.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.dtls.handle_timeout(now);
        self.drain_dtls(now);
        self.send_checks(now);
        match self.presence {
            Presence::Awaited { until } if now >= until => {
                self.presence = Presence::Silent;
                self.events
                    .push_back(TransportEvent::Disconnected(DisconnectReason::NeverConnected));
            }
            Presence::Connected if now >= self.connected_until() => self.lose(now),
            Presence::Awaited { .. } | Presence::Connected | Presence::Silent | Presence::Closed => {}
        }
    }

    /// When [`Self::handle_timeout`] wants to be called; `None` for never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let presence = match self.presence {
            Presence::Awaited { until } => Some(until),
            Presence::Connected => Some(self.connected_until()),
            Presence::Silent | Presence::Closed => None,
        };
        let check = self.next_check().map(|(next, _)| next);
        [self.dtls.poll_timeout(), presence, check]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next STUN or DTLS datagram to send. To be drained after every call that takes `now`.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next piece of news. To be drained after every call that takes `now`.
    pub fn poll_event(&mut self) -> Option<TransportEvent> {
        self.events.pop_front()
    }

    /// The pair to send media over, whether or not the peer is still heard on it.
    pub fn selected(&self) -> Option<Pair> {
        self.ice.selected()
    }

    /// Whether packets can be sealed and the peer is there to take them.
    pub fn is_connected(&self) -> bool {
        self.presence == Presence::Connected
    }

    /// Asks the processor for what sealing reads.
    pub(crate) fn prefetch(&self) {
        prefetch(&self.presence);
        self.ice.prefetch();
        prefetch(&self.srtp);
    }

    /// The same for the key; what [`Self::prefetch`] asks for says where that is.
    pub(crate) fn prefetch_key(&self) {
        if let Some(srtp) = &self.srtp {
            srtp.prefetch_key();
        }
    }

    /// Seals an RTP packet in place. `packet[..header_bytes]` is the header with its extensions,
    /// `packet[header_bytes..len]` the plain payload, and behind it are at least
    /// [`super::SRTP_OVERHEAD_MAX`] bytes of room. Returns the length to send.
    ///
    /// `index` is roll-over counter and sequence number (ROC·2¹⁶ + seq), which the caller counts for each
    /// outgoing SSRC, starting below 2¹⁵ or so that the receiver guesses a roll-over of 0. **Never seal two
    /// different packets with one SSRC and index**: with GCM that gives the authentication key away.
    ///
    /// # Errors
    ///
    /// See [`SealError`]; the packet must then not be sent.
    pub fn seal_rtp(
        &mut self,
        packet: &mut [u8],
        header_bytes: usize,
        len: usize,
        index: u64,
    ) -> Result<usize, SealError> {
        self.srtp
            .as_mut()
            .ok_or(SealError::NoKeys)?
            .seal_rtp(packet, header_bytes, len, index)
    }

    /// Appends the sealed form of a compound RTCP packet to `out`.
    ///
    /// # Errors
    ///
    /// See [`SealError`]; `out` is then of no use.
    pub fn seal_rtcp(&mut self, compound: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        self.srtp
            .as_mut()
            .ok_or(SealError::NoKeys)?
            .seal_rtcp(compound, out)
    }

    /// Ends it: tells the peer (poll the transmits once more), forgets the keys and drops whatever comes.
    pub fn close(&mut self, now: Instant) {
        if self.presence == Presence::Closed {
            return;
        }
        self.dtls.close(now);
        self.drain_dtls(now);
        self.presence = Presence::Closed;
        self.srtp = None;
    }

    fn handle_srtp<'a>(&mut self, now: Instant, pair: Pair, datagram: &'a mut [u8]) -> Incoming<'a> {
        if !self.ice.receive(now, pair, datagram.len()) {
            return Incoming::Dropped(DropReason::UnknownAddress);
        }
        let Some(srtp) = &mut self.srtp else {
            return Incoming::Dropped(DropReason::NoKeys);
        };
        // RFC 5761 §4: packet types 64 to 95 in place of the payload type mean RTCP.
        let is_rtcp = datagram.get(1).is_some_and(|byte| (192..=223).contains(byte));
        let opened = if is_rtcp {
            srtp.open_rtcp(datagram).map(|compound| Incoming::Rtcp(compound))
        } else {
            srtp.open_rtp(datagram).map(Incoming::Rtp)
        };
        match opened {
            Ok(incoming) => {
                self.note_authentic(now, pair);
                incoming
            }
            Err(reason) => Incoming::Dropped(reason),
        }
    }

    fn handle_stun(&mut self, now: Instant, pair: Pair, datagram: &[u8]) -> Incoming<'static> {
        match self.ice.handle_stun(now, pair, datagram) {
            StunOutcome::Authentic(reply) => {
                self.ice.receive(now, pair, datagram.len());
                // Our check goes first, so that its answer is here before the handshake begins.
                if let Some(check) = self.ice.check(now, pair) {
                    self.transmit_check(now, pair, check);
                }
                self.transmit_check(now, pair, reply);
                self.note_authentic(now, pair);
                Incoming::Handled
            }
            StunOutcome::Answered => {
                self.note_authentic(now, pair);
                Incoming::Answered
            }
            StunOutcome::Refused(reason, reply) => {
                // Shorter than what it refuses, and sent once: to whom does not matter.
                if let Some(reply) = reply {
                    self.push(pair, reply);
                }
                Incoming::Dropped(reason)
            }
            StunOutcome::Ignored => Incoming::Handled,
        }
    }

    fn handle_dtls(&mut self, now: Instant, pair: Pair, datagram: &[u8]) -> Incoming<'static> {
        if !self.ice.receive(now, pair, datagram.len()) {
            return Incoming::Dropped(DropReason::UnknownAddress);
        }
        self.dtls_pair = Some(pair);
        let outcome = self.dtls.handle_datagram(now, datagram);
        self.drain_dtls(now);
        match outcome {
            Ok(()) => Incoming::Handled,
            Err(reason) => Incoming::Dropped(reason),
        }
    }

    fn drain_dtls(&mut self, now: Instant) {
        while let Some(output) = self.dtls.poll_output() {
            match output {
                DtlsOutput::Datagram(contents) => {
                    if let Some(pair) = self.ice.selected().or(self.dtls_pair) {
                        self.transmit(now, pair, contents);
                    }
                }
                DtlsOutput::Established(established) => self.establish(now, &established),
                DtlsOutput::Closed(DtlsClosed::ByPeer) => self.end(DisconnectReason::ClosedByPeer),
                DtlsOutput::Closed(DtlsClosed::Failed) => self.end(DisconnectReason::HandshakeFailed),
            }
        }
    }

    fn establish(&mut self, now: Instant, established: &Established) {
        if !self.remote_fingerprints.contains(&established.peer) {
            self.dtls.close(now);
            self.end(DisconnectReason::WrongFingerprint);
            return;
        }
        let Established {
            profile,
            keying_material,
            ..
        } = established;
        self.srtp = SrtpSession::new(
            self.identity.crypto(),
            *profile,
            DtlsRole::Server,
            keying_material,
        );
        if self.srtp.is_none() {
            self.end(DisconnectReason::HandshakeFailed);
            return;
        }
        self.last_authentic = now;
        self.become_connected(now);
    }

    /// An authentic packet of any protocol came.
    fn note_authentic(&mut self, now: Instant, pair: Pair) {
        self.ice.note_authentic(now, pair);
        self.last_authentic = now;
        self.become_connected(now);
    }

    /// When a check of ours is due, and over which pair. Who has fallen silent is asked on until their consent ends: it is
    /// not for them alone to show that they are there, or there again.
    fn next_check(&self) -> Option<(Instant, Pair)> {
        match self.presence {
            Presence::Awaited { .. } | Presence::Connected => self.ice.next_check(),
            Presence::Silent => self.ice.next_check_in_silence(),
            Presence::Closed => None,
        }
    }

    /// Sends the checks of ours that are due although none came.
    fn send_checks(&mut self, now: Instant) {
        while let Some((_, pair)) = self.next_check().filter(|(next, _)| *next <= now) {
            if let Some(check) = self.ice.check(now, pair) {
                self.transmit_check(now, pair, check);
            }
        }
    }

    /// Until when media may go out, if nothing more comes in.
    fn connected_until(&self) -> Instant {
        let selected = self.ice.selected_until(SILENCE_MAX);
        selected.unwrap_or(self.last_authentic + SILENCE_MAX)
    }

    fn become_connected(&mut self, now: Instant) {
        let awaited = matches!(self.presence, Presence::Awaited { .. } | Presence::Silent);
        let selected = self.ice.selected_until(SILENCE_MAX);
        if awaited && self.srtp.is_some() && selected.is_some_and(|until| now < until) {
            self.presence = Presence::Connected;
            self.events.push_back(TransportEvent::Connected);
        }
    }

    /// The pair in use is no good any more.
    fn lose(&mut self, now: Instant) {
        if self.ice.fall_back(now) {
            return;
        }
        self.presence = Presence::Silent;
        self.events
            .push_back(TransportEvent::Disconnected(DisconnectReason::Silence));
    }

    fn end(&mut self, reason: DisconnectReason) {
        if self.presence == Presence::Closed {
            return;
        }
        self.presence = Presence::Closed;
        self.srtp = None;
        self.events.push_back(TransportEvent::Disconnected(reason));
    }

    fn transmit(&mut self, now: Instant, pair: Pair, contents: Vec<u8>) {
        if self.ice.may_send(now, pair, contents.len()) {
            self.push(pair, contents);
        }
    }

    fn transmit_check(&mut self, now: Instant, pair: Pair, contents: Vec<u8>) {
        if self.ice.may_check(now, pair, contents.len()) {
            self.push(pair, contents);
        }
    }

    fn push(&mut self, pair: Pair, contents: Vec<u8>) {
        if self.transmits.len() < TRANSMITS_MAX {
            self.transmits.push_back(Transmit {
                destination: pair.remote,
                local: pair.local,
                protocol: pair.protocol,
                contents,
            });
        }
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport")
            .field("presence", &self.presence)
            .finish_non_exhaustive()
    }
}
