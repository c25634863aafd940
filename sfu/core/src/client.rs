//! The other end of a [`crate::transport::Transport`]: a controlling ICE agent with one pair, a DTLS client
//! and SRTP. **For tests and the load generator**; a browser does this in production. Without a socket or a
//! clock too.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc_crypto::{HmacAlgorithm, Mac};

use crate::transport::dtls::{Dtls, DtlsClosed, DtlsOutput, DtlsSession};
use crate::transport::srtp::{DtlsRole, SrtpSession};
use crate::transport::stun::{self, Builder, Message, attribute};
use crate::transport::{
    DisconnectReason, DropReason, Fingerprint, IceCredentials, Identity, IdentityError, Incoming, Protocol,
    SealError, SrtpProfile, Transmit, TransportEvent,
};

/// Between checks that have not been answered yet.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// Between checks that keep the other side's consent.
const CONSENT_INTERVAL: Duration = Duration::from_secs(2);

/// The highest there is: a server that thinks that it controls gives way (RFC 8445 §7.3.1.1).
const TIE_BREAKER: [u8; 8] = [0xff; 8];

/// PRIORITY of the checks unless the config says otherwise: a peer-reflexive candidate (RFC 8445 §5.1.2).
pub const DEFAULT_PRIORITY: u32 = 1_853_824_767;

/// What a client needs to know from both SDPs, and how it behaves.
pub struct ClientConfig {
    /// What the offer said.
    pub local: IceCredentials,
    /// What the answer said.
    pub remote: IceCredentials,
    /// Our address, as far as it is known: every transmit leaves from it.
    pub local_address: SocketAddr,
    /// The candidate of the answer to use.
    pub remote_address: SocketAddr,
    /// What the answer said; any other certificate is refused.
    pub remote_fingerprint: Fingerprint,
    /// Our certificate; its fingerprint belongs into the offer.
    pub identity: Arc<Identity>,
    /// SRTP profiles to offer, in this order.
    pub profiles: Vec<SrtpProfile>,
}

/// A client's transport.
pub struct ClientTransport {
    local: IceCredentials,
    remote: IceCredentials,
    key: Box<dyn Mac>,
    local_address: SocketAddr,
    remote_address: SocketAddr,
    remote_fingerprint: Fingerprint,
    identity: Arc<Identity>,
    profiles: Vec<SrtpProfile>,
    priority: u32,
    checks: u64,
    next_check: Option<Instant>,
    answered: bool,
    dtls: Option<DtlsSession>,
    srtp: Option<SrtpSession>,
    profile: Option<SrtpProfile>,
    mapped: Option<SocketAddr>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<TransportEvent>,
}

impl ClientTransport {
    /// Starts checking at once.
    pub fn new(config: ClientConfig, now: Instant) -> Self {
        let ClientConfig {
            local,
            remote,
            local_address,
            remote_address,
            remote_fingerprint,
            identity,
            profiles,
        } = config;
        let mut this = Self {
            key: mac(&identity, &remote),
            local,
            remote,
            local_address,
            remote_address,
            remote_fingerprint,
            identity,
            profiles,
            priority: DEFAULT_PRIORITY,
            checks: 0,
            next_check: Some(now),
            answered: false,
            dtls: None,
            srtp: None,
            profile: None,
            mapped: None,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        };
        this.handle_timeout(now);
        this
    }

    /// Checks with new credentials from now on; media goes on meanwhile.
    pub fn restart_ice(&mut self, local: IceCredentials, remote: IceCredentials, now: Instant) {
        self.key = mac(&self.identity, &remote);
        (self.local, self.remote) = (local, remote);
        (self.answered, self.next_check) = (false, Some(now));
        self.handle_timeout(now);
    }

    /// Sends from another address from now on, as after a change of network.
    pub fn move_to(&mut self, local_address: SocketAddr, priority: u32, now: Instant) {
        (self.local_address, self.priority) = (local_address, priority);
        (self.answered, self.next_check) = (false, Some(now));
        self.handle_timeout(now);
    }

    /// Takes a datagram from the server. Opens RTP and RTCP in place.
    pub fn handle_datagram<'a>(&mut self, now: Instant, datagram: &'a mut [u8]) -> Incoming<'a> {
        match datagram.first() {
            Some(0..=3) => self.handle_stun(now, datagram),
            Some(20..=63) => {
                let Some(dtls) = &mut self.dtls else {
                    return Incoming::Dropped(DropReason::NoKeys);
                };
                let outcome = dtls.handle_datagram(now, datagram);
                self.drain_dtls(now);
                outcome.map_or_else(Incoming::Dropped, |()| Incoming::Handled)
            }
            Some(128..=191) => {
                let Some(srtp) = &mut self.srtp else {
                    return Incoming::Dropped(DropReason::NoKeys);
                };
                let is_rtcp = datagram.get(1).is_some_and(|byte| (192..=223).contains(byte));
                let opened = if is_rtcp {
                    srtp.open_rtcp(datagram).map(|compound| Incoming::Rtcp(compound))
                } else {
                    srtp.open_rtp(datagram).map(Incoming::Rtp)
                };
                opened.unwrap_or_else(Incoming::Dropped)
            }
            _ => Incoming::Dropped(DropReason::UnknownProtocol),
        }
    }

    /// Does what is due by now.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.next_check.is_some_and(|next| now >= next) {
            self.check();
            self.next_check = Some(
                now + if self.answered {
                    CONSENT_INTERVAL
                } else {
                    CHECK_INTERVAL
                },
            );
        }
        if let Some(dtls) = &mut self.dtls {
            dtls.handle_timeout(now);
            self.drain_dtls(now);
        }
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let dtls = self.dtls.as_ref().and_then(|dtls| dtls.poll_timeout());
        [self.next_check, dtls].into_iter().flatten().min()
    }

    /// The next STUN or DTLS datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next piece of news.
    pub fn poll_event(&mut self) -> Option<TransportEvent> {
        self.events.pop_front()
    }

    /// Whether packets can be sealed.
    pub fn is_connected(&self) -> bool {
        self.srtp.is_some()
    }

    /// The profile that the server chose, once connected.
    pub fn profile(&self) -> Option<SrtpProfile> {
        self.profile
    }

    /// Our address as the server sees it, after the first answered check.
    pub fn mapped_address(&self) -> Option<SocketAddr> {
        self.mapped
    }

    /// Where to send sealed packets.
    pub fn remote_address(&self) -> SocketAddr {
        self.remote_address
    }

    /// As [`crate::transport::Transport::seal_rtp`].
    ///
    /// # Errors
    ///
    /// See [`SealError`].
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

    /// As [`crate::transport::Transport::seal_rtcp`].
    ///
    /// # Errors
    ///
    /// See [`SealError`].
    pub fn seal_rtcp(&mut self, compound: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        self.srtp
            .as_mut()
            .ok_or(SealError::NoKeys)?
            .seal_rtcp(compound, out)
    }

    /// Says good-bye over DTLS and checks no more.
    pub fn close(&mut self, now: Instant) {
        self.next_check = None;
        if let Some(dtls) = &mut self.dtls {
            dtls.close(now);
            self.drain_dtls(now);
        }
        self.srtp = None;
    }

    fn check(&mut self) {
        self.checks += 1;
        let request = Builder::new(stun::BINDING_REQUEST, self.transaction())
            .attribute(
                attribute::USERNAME,
                format!("{}:{}", self.remote.ufrag, self.local.ufrag).as_bytes(),
            )
            .attribute(attribute::PRIORITY, &self.priority.to_be_bytes())
            .attribute(attribute::ICE_CONTROLLING, &TIE_BREAKER)
            .attribute(attribute::USE_CANDIDATE, &[])
            .finish(&mut *self.key);
        self.transmit(request);
    }

    fn transaction(&self) -> [u8; 12] {
        let mut transaction = *b"hk..........";
        transaction[4..].copy_from_slice(&self.checks.to_be_bytes());
        transaction
    }

    fn handle_stun(&mut self, now: Instant, datagram: &[u8]) -> Incoming<'static> {
        let Some(message) = Message::parse(datagram) else {
            return Incoming::Dropped(DropReason::MalformedStun);
        };
        if message.kind == stun::BINDING_REQUEST {
            return self.answer_check(&message);
        }
        if message.kind != stun::BINDING_SUCCESS || message.transaction != self.transaction() {
            return Incoming::Dropped(DropReason::UnexpectedStun);
        }
        if !message.is_authentic(&mut *self.key) {
            return Incoming::Dropped(DropReason::UnauthenticStun);
        }
        self.mapped = message.mapped_address();
        if !self.answered {
            (self.answered, self.next_check) = (true, Some(now + CONSENT_INTERVAL));
        }
        if self.dtls.is_none() {
            match DtlsSession::client(self.identity.clone(), &self.profiles, now) {
                Ok(dtls) => self.dtls = Some(dtls),
                Err(IdentityError { .. }) => self.end(DisconnectReason::HandshakeFailed),
            }
            self.drain_dtls(now);
        }
        Incoming::Handled
    }

    /// Answers a check of a server that is a full ICE agent (RFC 8445 §7.3).
    fn answer_check(&mut self, request: &Message<'_>) -> Incoming<'static> {
        let mut key = mac(&self.identity, &self.local);
        if !request.is_authentic(&mut *key) {
            return Incoming::Dropped(DropReason::UnauthenticStun);
        }
        let reply = Builder::new(stun::BINDING_SUCCESS, request.transaction)
            .mapped_address(self.remote_address)
            .finish(&mut *key);
        self.transmit(reply);
        Incoming::Handled
    }

    fn drain_dtls(&mut self, now: Instant) {
        while let Some(output) = self.dtls.as_mut().and_then(|dtls| dtls.poll_output()) {
            match output {
                DtlsOutput::Datagram(contents) => self.transmit(contents),
                DtlsOutput::Closed(DtlsClosed::ByPeer) => self.end(DisconnectReason::ClosedByPeer),
                DtlsOutput::Closed(DtlsClosed::Failed) => self.end(DisconnectReason::HandshakeFailed),
                DtlsOutput::Established(established) if established.peer == self.remote_fingerprint => {
                    let material = &established.keying_material;
                    let crypto = self.identity.crypto();
                    self.srtp = SrtpSession::new(crypto, established.profile, DtlsRole::Client, material);
                    self.profile = Some(established.profile);
                    self.events.push_back(TransportEvent::Connected);
                }
                DtlsOutput::Established(_) => {
                    if let Some(dtls) = &mut self.dtls {
                        dtls.close(now);
                    }
                    self.end(DisconnectReason::WrongFingerprint);
                }
            }
        }
    }

    fn end(&mut self, reason: DisconnectReason) {
        self.srtp = None;
        self.next_check = None;
        self.events.push_back(TransportEvent::Disconnected(reason));
    }

    fn transmit(&mut self, contents: Vec<u8>) {
        let (destination, local) = (self.remote_address, self.local_address);
        self.transmits.push_back(Transmit {
            destination,
            local,
            // As far as it knows: whoever carries it may put it into frames.
            protocol: Protocol::Udp,
            contents,
        });
    }
}

fn mac(identity: &Identity, remote: &IceCredentials) -> Box<dyn Mac> {
    let key = identity
        .crypto()
        .new_hmac(HmacAlgorithm::Sha1, remote.password.as_bytes());
    key.expect("HMAC-SHA1 takes a key of any length")
}
