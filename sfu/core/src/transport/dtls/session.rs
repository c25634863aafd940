//! The seam's implementation on `rtc-dtls`.
//!
//! What it adds to the library: it reads the ClientHello first, to choose the SRTP profile; it keeps
//! malformed fragments and more than a handshake's worth of data away from it; it answers repeated flights,
//! which would otherwise stop the library's timer; and a panic in it, wherever it happens, ends this one association,
//! not the shard.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_shared::TransportProtocol;

use super::guarded::Guarded;
use super::identity::{fingerprint_of, from_library};
use super::records::{HelloAssembly, Records, best_srtp_profile, parse};
use super::{Dtls, DtlsClosed, DtlsOutput, Established, Identity, IdentityError};
use crate::transport::{DropReason, SrtpProfile};

/// Bytes that the library may come to keep of what a peer sends before the handshake is through; Chromium needs about
/// 5 KB without loss.
const HANDSHAKE_BYTES_MAX: usize = 128 * 1024;

/// The same of what a peer sends after it: repeats of its last flight, of some 1.5 KB, and alerts. The library looks
/// through all that it keeps for each record, so it is also what a record may cost. Beyond it only lone alerts get
/// through, for the end to be heard.
const LATER_BYTES_MAX: usize = 32 * 1024;

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
        endpoint: Guarded,
        later_bytes: usize,
    },
    Closed,
}

struct Handshaking {
    endpoint: Guarded,
    /// At most.
    kept_bytes: usize,
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
        let mut session = Self {
            identity,
            phase: Phase::Closed,
            outputs: VecDeque::new(),
        };
        let Some(mut handshaking) = Handshaking::new(None) else {
            session.close_with(DtlsClosed::Failed);
            return Ok(session);
        };
        // Fails only for an address without a port, and then the handshake times out.
        let _ = handshaking
            .endpoint
            .call(|endpoint| endpoint.connect(now, PEER, config, None));
        session.phase = Phase::Handshaking(handshaking);
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
        let Some(mut handshaking) = Handshaking::new(Some((&self.identity, profile))) else {
            self.close_with(DtlsClosed::Failed);
            return Ok(());
        };
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
        handshaking.kept_bytes += records.kept_bytes_max();
        if handshaking.kept_bytes > HANDSHAKE_BYTES_MAX {
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
            later_bytes,
        } = &mut self.phase
        else {
            return Ok(());
        };
        if records.fragments.is_empty() && !records.has_encrypted {
            return Err(DropReason::MalformedDtls);
        }
        let kept_bytes = later_bytes.saturating_add(records.kept_bytes_max());
        if kept_bytes <= LATER_BYTES_MAX {
            *later_bytes = kept_bytes;
        } else if !records.is_lone_alert() {
            return Err(DropReason::DtlsOverflow);
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
            Read::Failed | Read::Broken => self.close_with(DtlsClosed::Failed),
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
                    later_bytes: 0,
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
        take_transmits(endpoint, &mut self.outputs);
        if endpoint.is_broken() {
            self.close_with(DtlsClosed::Failed);
            return;
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
            take_transmits(endpoint, &mut self.outputs);
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
        let outcome = handshaking
            .endpoint
            .call(|endpoint| endpoint.handle_timeout(PEER, now));
        match outcome {
            Some(Ok(())) => self.collect(now),
            Some(Err(_)) | None => self.close_with(DtlsClosed::Failed),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Handshaking(handshaking) => handshaking.poll_timeout(),
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
                let _ = endpoint.call(|endpoint| endpoint.close(now));
                take_transmits(endpoint, &mut self.outputs);
            }
            Phase::AwaitingHello(_) | Phase::Closed => {}
        }
        self.phase = Phase::Closed;
    }
}

impl Handshaking {
    /// `None` if the library panics.
    fn new(server: Option<(&Identity, SrtpProfile)>) -> Option<Self> {
        let endpoint = Guarded::new(|| {
            let config = server.map(|(identity, profile)| identity.server_config(profile));
            let local = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
            Endpoint::new(local, TransportProtocol::UDP, config)
        })?;
        Some(Self {
            endpoint,
            kept_bytes: 0,
            second_hello: None,
            fragments: Vec::new(),
            last_sent: None,
        })
    }

    /// At once if the library has panicked, for the end to be told.
    fn poll_timeout(&self) -> Option<Instant> {
        let timer = self.endpoint.ask(|endpoint| endpoint.poll_timeout(&PEER));
        timer.unwrap_or(self.last_sent)
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
        if due {
            // When it gives up, so does `handle_timeout` later.
            let _ = self.endpoint.call(|endpoint| {
                let timer = endpoint.poll_timeout(&PEER)?;
                endpoint.handle_timeout(PEER, timer.max(now)).ok()
            });
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
    /// The library has panicked.
    Broken,
}

fn read(endpoint: &mut Guarded, now: Instant, datagram: &[u8]) -> Read {
    let outcome = endpoint.call(|endpoint| endpoint.read(now, PEER, None, BytesMut::from(datagram)));
    match outcome {
        Some(Ok(events)) => events.iter().fold(Read::Nothing, |read, event| match event {
            EndpointEvent::HandshakeComplete => Read::Established,
            EndpointEvent::PeerClosed => Read::Closed,
            _ => read,
        }),
        Some(Err(rtc_shared::error::Error::ErrAlertFatalOrClose)) => Read::Closed,
        // Records that are merely broken were sorted out before, and the library passes over forged ones.
        Some(Err(_)) => Read::Failed,
        None => Read::Broken,
    }
}

/// Moves what the library wants to send to the outputs.
fn take_transmits(endpoint: &mut Guarded, outputs: &mut VecDeque<DtlsOutput>) {
    while let Some(transmit) = endpoint.call(Endpoint::poll_transmit).flatten() {
        outputs.push_back(DtlsOutput::Datagram(transmit.message.to_vec()));
    }
}

fn keys(identity: &Identity, endpoint: &Guarded) -> Option<Established> {
    endpoint.ask(|endpoint| keys_of(identity, endpoint)).flatten()
}

fn keys_of(identity: &Identity, endpoint: &Endpoint) -> Option<Established> {
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

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]

    use super::*;

    struct World {
        now: Instant,
        server: DtlsSession,
        client: DtlsSession,
        outcome: Vec<&'static str>,
    }

    impl World {
        fn new() -> Self {
            let now = Instant::now();
            let identity = || Arc::new(Identity::generate().unwrap());
            Self {
                now,
                server: DtlsSession::server(identity()),
                client: DtlsSession::client(identity(), &[SrtpProfile::AeadAes128Gcm], now).unwrap(),
                outcome: Vec::new(),
            }
        }

        /// One flight to the server and its answer.
        fn exchange(&mut self) {
            while let Some(output) = self.client.poll_output() {
                if let DtlsOutput::Datagram(datagram) = output {
                    let _ = self.server.handle_datagram(self.now, &datagram);
                }
            }
            self.collect();
        }

        fn collect(&mut self) {
            while let Some(output) = self.server.poll_output() {
                match output {
                    DtlsOutput::Datagram(datagram) => {
                        let _ = self.client.handle_datagram(self.now, &datagram);
                    }
                    DtlsOutput::Established(_) => self.outcome.push("established"),
                    DtlsOutput::Closed(DtlsClosed::Failed) => self.outcome.push("failed"),
                    DtlsOutput::Closed(DtlsClosed::ByPeer) => self.outcome.push("closed"),
                }
            }
        }

        fn panic_next(&self) {
            match &self.server.phase {
                Phase::Handshaking(Handshaking { endpoint, .. }) | Phase::Established { endpoint, .. } => {
                    endpoint.panic_next();
                }
                Phase::AwaitingHello(_) | Phase::Closed => panic!("there is no library to panic"),
            }
        }
    }

    /// Handshake records with nothing but the headers of empty messages that nobody waits for.
    fn empty_fragments(epoch: u8, number: u32, bytes: usize) -> Vec<u8> {
        let mut datagram = vec![22, 0xfe, 0xfd, 0, epoch, 0, 0];
        datagram.extend_from_slice(&(1_000 + number).to_be_bytes());
        datagram.extend_from_slice(&(bytes as u16).to_be_bytes());
        let fragment = [1, 0, 0, 0, 0xea, 0x60, 0, 0, 0, 0, 0, 0];
        datagram.extend(fragment.iter().cycle().take(bytes));
        datagram
    }

    #[test]
    fn handshake_records_after_the_handshake_are_bounded_and_the_end_is_heard_nonetheless() {
        let mut world = World::new();
        for _ in 0..4 {
            world.exchange();
        }
        // Encrypted, so that nobody can see what they are: 12 bytes each that the library would keep.
        let taken = (0..1_000)
            .take_while(|number| {
                let datagram = empty_fragments(1, *number, 1_200);
                world.server.handle_datagram(world.now, &datagram).is_ok()
            })
            .count();
        assert!((1..=8).contains(&taken), "{taken}");
        for number in 0..1_000 {
            let refused = world
                .server
                .handle_datagram(world.now, &empty_fragments(1, number, 1_200));
            assert_eq!(refused, Err(DropReason::DtlsOverflow));
        }
        world.client.close(world.now);
        world.exchange();
        assert_eq!(world.outcome, ["established", "closed"]);
    }

    #[test]
    fn fragments_with_nothing_in_them_count_by_what_is_kept_of_them() {
        for epoch in [0, 1] {
            let mut world = World::new();
            world.exchange();
            assert!(matches!(world.server.phase, Phase::Handshaking(_)));
            let fragments = 20;
            let taken = (0..1_000)
                .take_while(|number| {
                    let datagram = empty_fragments(epoch, *number, fragments * 12);
                    world.server.handle_datagram(world.now, &datagram).is_ok()
                })
                .count();
            let kept_bytes = taken * fragments * 64;
            assert!(
                (64 << 10..=128 << 10).contains(&kept_bytes),
                "epoch {epoch}: {kept_bytes}"
            );
        }
    }

    #[test]
    fn a_panic_of_the_library_anywhere_ends_this_association_and_nothing_else() {
        type Act = fn(&mut World);
        let acts: [(&str, usize, Act); 8] = [
            ("read", 2, |world| world.exchange()),
            ("read", 3, |world| world.exchange()),
            ("read when it is through", 5, |world| {
                world.client.close(world.now);
                world.exchange();
            }),
            ("timer", 2, |world| world.server.handle_timeout(world.now)),
            ("asked for the timer", 2, |world| {
                world.server.poll_timeout();
                world.now += Duration::from_secs(2);
                world.server.handle_timeout(world.now);
            }),
            ("repeat", 2, |world| {
                world.now += REPEAT_INTERVAL;
                if let Phase::Handshaking(handshaking) = &mut world.server.phase {
                    handshaking.answer_repeat(world.now);
                }
                world.server.collect(world.now);
            }),
            ("collect", 2, |world| world.server.collect(world.now)),
            ("close", 2, |world| {
                world.server.close(world.now);
                world.outcome.push("failed");
            }),
        ];
        for (name, exchanges, act) in acts {
            let mut world = World::new();
            for _ in 1..exchanges {
                world.exchange();
            }
            world.panic_next();
            act(&mut world);
            world.collect();
            assert_eq!(
                world.outcome.last(),
                Some(&"failed"),
                "{name}: {:?}",
                world.outcome
            );
            assert!(matches!(world.server.phase, Phase::Closed), "{name}");
            assert_eq!(world.server.poll_timeout(), None, "{name}");
        }
        let mut world = World::new();
        for _ in 0..4 {
            world.exchange();
        }
        assert_eq!(world.outcome, ["established"], "without a panic it gets through");
    }
}
