//! The seam's implementation on `rtc-dtls`.
//!
//! What it adds to the library: it reads the ClientHello first, to choose the SRTP profile; it keeps
//! malformed fragments and more than a handshake's worth of data away from it; it answers repeated flights,
//! which would otherwise stop the library's timer; and a panic in it ends this one association, not the
//! shard.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_shared::TransportProtocol;

use super::identity::{fingerprint_of, from_library};
use super::records::{HelloAssembly, Records, best_srtp_profile, parse};
use super::{Dtls, DtlsClosed, DtlsOutput, Established, Identity, IdentityError};
use crate::transport::{DropReason, SrtpProfile};

/// Bytes that a peer may send before the handshake is through; Chromium needs about 4 KB without loss.
const HANDSHAKE_BYTES_MAX: usize = 128 * 1024;

/// Plaintext handshake bytes that a peer may send after it: repeats of its last flight.
const REPEATED_FLIGHT_BYTES_MAX: usize = 32 * 1024;

/// A repeated flight is answered at most this often; the library gives up after seven.
const REPEAT_INTERVAL: Duration = Duration::from_millis(300);

/// Fragments remembered to tell a repeat; with more, a repeat counts as new.
const FRAGMENTS_MAX: usize = 64;

/// The library tells peers apart by address; here there is one, and it may move.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 1);

const EXPORTER_LABEL: &str = "EXTRACTOR-dtls_srtp";

/// One association in either role.
pub(crate) struct DtlsSession {
    identity: Arc<Identity>,
    phase: Phase,
    outputs: VecDeque<DtlsOutput>,
}

enum Phase {
    /// Server: the first ClientHello is not whole yet.
    AwaitingHello(HelloAssembly),
    Handshaking(Handshaking),
    Established {
        endpoint: Box<Endpoint>,
        repeated_bytes: usize,
    },
    Closed,
}

struct Handshaking {
    endpoint: Box<Endpoint>,
    received_bytes: usize,
    /// Server: the ClientHello with the cookie, until it is whole.
    second_hello: Option<HelloAssembly>,
    /// Places of the fragments that have come.
    fragments: Vec<(u16, u32, u32)>,
    last_sent: Option<Instant>,
}

impl DtlsSession {
    /// Waits for a client.
    pub(crate) fn server(identity: Arc<Identity>) -> Self {
        let phase = Phase::AwaitingHello(HelloAssembly::new(0));
        Self {
            identity,
            phase,
            outputs: VecDeque::new(),
        }
    }

    /// Starts a handshake, offering these profiles in this order.
    pub(crate) fn client(
        identity: Arc<Identity>,
        profiles: &[SrtpProfile],
        now: Instant,
    ) -> Result<Self, IdentityError> {
        let config = identity.client_config(profiles)?;
        let mut handshaking = Handshaking::new(None);
        // Fails only for an address without a port, and then the handshake times out.
        let _ = handshaking.endpoint.connect(now, PEER, config, None);
        let mut session = Self {
            identity,
            phase: Phase::Handshaking(handshaking),
            outputs: VecDeque::new(),
        };
        session.collect(now);
        Ok(session)
    }

    fn handle_hello(&mut self, now: Instant, records: &Records<'_>) -> Result<(), DropReason> {
        let Phase::AwaitingHello(assembly) = &mut self.phase else {
            return Ok(());
        };
        if !assembly.wants(records) {
            return Err(DropReason::MalformedDtls);
        }
        let Some(hello) = assembly.push(records) else {
            return Ok(());
        };
        let profile = best_srtp_profile(hello);
        let datagram = assembly.datagram(records);
        let Some(profile) = profile else {
            self.close_with(DtlsClosed::Failed);
            return Err(DropReason::MalformedDtls);
        };
        let mut handshaking = Handshaking::new(Some((&self.identity, profile)));
        handshaking.second_hello = Some(HelloAssembly::new(1));
        self.phase = Phase::Handshaking(handshaking);
        self.handle_handshake(now, &datagram, records)
    }

    fn handle_handshake(
        &mut self,
        now: Instant,
        datagram: &[u8],
        records: &Records<'_>,
    ) -> Result<(), DropReason> {
        let Phase::Handshaking(handshaking) = &mut self.phase else {
            return Ok(());
        };
        handshaking.received_bytes += datagram.len();
        if handshaking.received_bytes > HANDSHAKE_BYTES_MAX {
            return Err(DropReason::DtlsOverflow);
        }
        if handshaking.is_repeat(records) {
            handshaking.answer_repeat(now);
            self.collect(now);
            return Ok(());
        }
        handshaking.remember(records);
        let whole_hello = match &mut handshaking.second_hello {
            Some(assembly) if assembly.wants(records) => {
                if assembly.push(records).is_none() {
                    return Ok(());
                }
                let whole = assembly.datagram(records);
                handshaking.second_hello = None;
                Some(whole)
            }
            _ => None,
        };
        let read = read(
            &mut handshaking.endpoint,
            now,
            whole_hello.as_deref().unwrap_or(datagram),
        );
        self.after_read(&read);
        self.collect(now);
        Ok(())
    }

    fn handle_established(
        &mut self,
        now: Instant,
        datagram: &[u8],
        records: &Records<'_>,
    ) -> Result<(), DropReason> {
        let Phase::Established {
            endpoint,
            repeated_bytes,
        } = &mut self.phase
        else {
            return Ok(());
        };
        if !records.fragments.is_empty() {
            *repeated_bytes += datagram.len();
            if *repeated_bytes > REPEATED_FLIGHT_BYTES_MAX {
                return Err(DropReason::DtlsOverflow);
            }
        } else if !records.has_encrypted {
            return Err(DropReason::MalformedDtls);
        }
        let read = read(endpoint, now, datagram);
        self.after_read(&read);
        self.collect(now);
        Ok(())
    }

    fn after_read(&mut self, read: &Read) {
        match read {
            Read::Nothing => {}
            Read::Established => self.establish(),
            Read::Closed => {
                let closed = if self.is_established() {
                    DtlsClosed::ByPeer
                } else {
                    DtlsClosed::Failed
                };
                self.close_with(closed);
            }
            // Whoever is through can only be disturbed by an authentic alert.
            Read::Failed if self.is_established() => {}
            Read::Failed => self.close_with(DtlsClosed::Failed),
        }
    }

    fn is_established(&self) -> bool {
        matches!(self.phase, Phase::Established { .. })
    }

    fn establish(&mut self) {
        let Phase::Handshaking(handshaking) = std::mem::replace(&mut self.phase, Phase::Closed) else {
            return;
        };
        let endpoint = handshaking.endpoint;
        match keys(&self.identity, &endpoint) {
            Some(established) => {
                self.phase = Phase::Established {
                    endpoint,
                    repeated_bytes: 0,
                };
                self.outputs.push_back(DtlsOutput::Established(established));
            }
            None => self.close_with(DtlsClosed::Failed),
        }
    }

    /// Moves what the library wants to send to the outputs.
    fn collect(&mut self, now: Instant) {
        let endpoint = match &mut self.phase {
            Phase::Handshaking(handshaking) => &mut handshaking.endpoint,
            Phase::Established { endpoint, .. } => endpoint,
            Phase::AwaitingHello(_) | Phase::Closed => return,
        };
        let before = self.outputs.len();
        while let Some(transmit) = endpoint.poll_transmit() {
            self.outputs
                .push_back(DtlsOutput::Datagram(transmit.message.to_vec()));
        }
        if let Phase::Handshaking(handshaking) = &mut self.phase
            && self.outputs.len() > before
        {
            handshaking.last_sent = Some(now);
        }
    }

    fn close_with(&mut self, closed: DtlsClosed) {
        if let Phase::Handshaking(Handshaking { endpoint, .. }) | Phase::Established { endpoint, .. } =
            &mut self.phase
        {
            while let Some(transmit) = endpoint.poll_transmit() {
                self.outputs
                    .push_back(DtlsOutput::Datagram(transmit.message.to_vec()));
            }
        }
        self.phase = Phase::Closed;
        self.outputs.push_back(DtlsOutput::Closed(closed));
    }
}

impl Dtls for DtlsSession {
    fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) -> Result<(), DropReason> {
        let records = parse(datagram).ok_or(DropReason::MalformedDtls)?;
        match self.phase {
            Phase::AwaitingHello(_) => self.handle_hello(now, &records),
            Phase::Handshaking(_) => self.handle_handshake(now, datagram, &records),
            Phase::Established { .. } => self.handle_established(now, datagram, &records),
            Phase::Closed => Err(DropReason::Closed),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        let Phase::Handshaking(handshaking) = &mut self.phase else {
            return;
        };
        let endpoint = &mut handshaking.endpoint;
        let outcome = catch_unwind(AssertUnwindSafe(|| endpoint.handle_timeout(PEER, now)));
        match outcome {
            Ok(Ok(())) => self.collect(now),
            Ok(Err(_)) | Err(_) => self.close_with(DtlsClosed::Failed),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Handshaking(handshaking) => handshaking.endpoint.poll_timeout(&PEER),
            Phase::AwaitingHello(_) | Phase::Established { .. } | Phase::Closed => None,
        }
    }

    fn poll_output(&mut self) -> Option<DtlsOutput> {
        self.outputs.pop_front()
    }

    fn close(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::Handshaking(Handshaking { endpoint, .. }) | Phase::Established { endpoint, .. } => {
                // Only ever fails to tell the peer, which then finds out by itself.
                let _ = endpoint.close(now);
            }
            Phase::AwaitingHello(_) | Phase::Closed => {}
        }
        self.collect(now);
        self.phase = Phase::Closed;
    }
}

impl Handshaking {
    fn new(server: Option<(&Identity, SrtpProfile)>) -> Self {
        let config = server.map(|(identity, profile)| identity.server_config(profile));
        let local = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let endpoint = Box::new(Endpoint::new(local, TransportProtocol::UDP, config));
        Self {
            endpoint,
            received_bytes: 0,
            second_hello: None,
            fragments: Vec::new(),
            last_sent: None,
        }
    }

    /// Whether the peer sends a flight again that has come whole. The very first message is fed again
    /// nonetheless: it is answered anew and starts no timer.
    fn is_repeat(&self, records: &Records<'_>) -> bool {
        let past_first = self.fragments.iter().any(|(message, _, _)| *message > 0);
        past_first
            && !records.has_encrypted
            && records
                .fragments
                .iter()
                .all(|fragment| self.fragments.contains(&fragment.place()))
    }

    fn remember(&mut self, records: &Records<'_>) {
        for fragment in &records.fragments {
            if self.fragments.len() < FRAGMENTS_MAX && !self.fragments.contains(&fragment.place()) {
                self.fragments.push(fragment.place());
            }
        }
    }

    /// Our flight was lost: sends it again by letting the library's timer ring early.
    fn answer_repeat(&mut self, now: Instant) {
        let due = self
            .last_sent
            .is_none_or(|sent| now.saturating_duration_since(sent) >= REPEAT_INTERVAL);
        if let (true, Some(timer)) = (due, self.endpoint.poll_timeout(&PEER)) {
            // When it gives up, so does `handle_timeout` later.
            let _ = self.endpoint.handle_timeout(PEER, timer.max(now));
        }
    }
}

/// What a datagram changed.
enum Read {
    Nothing,
    Established,
    /// By an alert of either side.
    Closed,
    /// Without one.
    Failed,
}

fn read(endpoint: &mut Endpoint, now: Instant, datagram: &[u8]) -> Read {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        endpoint.read(now, PEER, None, BytesMut::from(datagram))
    }));
    match outcome {
        Ok(Ok(events)) => events.iter().fold(Read::Nothing, |read, event| match event {
            EndpointEvent::HandshakeComplete => Read::Established,
            EndpointEvent::PeerClosed => Read::Closed,
            _ => read,
        }),
        Ok(Err(rtc_shared::error::Error::ErrAlertFatalOrClose)) => Read::Closed,
        // Records that are merely broken were sorted out before, and the library passes over forged ones.
        Ok(Err(_)) => Read::Failed,
        // What state a panic leaves behind nobody knows.
        Err(_) => Read::Closed,
    }
}

fn keys(identity: &Identity, endpoint: &Endpoint) -> Option<Established> {
    let state = endpoint.get_connection_state(PEER)?;
    let profile = from_library(state.srtp_protection_profile())?;
    let peer = fingerprint_of(identity.crypto(), state.peer_certificates.first()?).ok()?;
    let keying_material = state
        .export_keying_material(EXPORTER_LABEL, &[], profile.keying_material_bytes())
        .ok()?;
    Some(Established {
        profile,
        keying_material,
        peer,
    })
}
