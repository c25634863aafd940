//! One shard's media plane: sessions and the packets between their participants.
//!
//! In: commands, datagrams and the passing of time. Out: datagrams, events for signaling, speech for the
//! captions. Drain all three after each batch of input, events first, so that a slot's new owner is known
//! before their packets are on the way. It must never wait, read a clock or touch a socket.

mod claims;
mod load;
mod offers;
mod ways;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearken_protocol::{
    MediaCommand, MediaEvent, OfferRefusal, ParticipantId, SessionId, SpeechPacket, VideoCodec,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use self::claims::Claims;
use self::load::Load;
pub use self::load::PACKETS_PER_SECOND_MAX;
use crate::media::participant::{Connection, Encryption};
use crate::media::session::{Aftermath, Now, Session, Shared};
use crate::media::time::ServerClock;
use crate::transport::{Candidate, Identity, Pair};
use crate::{Counters, Outbox};

/// Sessions of one core, twice as many as signaling lets live. Full: further ones are not opened, and offers in them
/// refused.
const SESSIONS_MAX: usize = 2000;
/// One turn of the clock. Shorter: requests for lost packets go out sooner, at more CPU time per connection.
const TICK: Duration = Duration::from_millis(20);
/// What a core is built with.
#[derive(Debug)]
pub struct CoreConfig {
    /// The DTLS certificate, whose fingerprint answers name.
    pub identity: Arc<Identity>,
    /// The addresses that answers name, best first.
    pub candidates: Vec<Candidate>,
    /// Seeds every random value the core makes: must be fresh from the operating system in production.
    pub seed: [u8; 32],
    /// The time now; all later times are measured from here.
    pub started: Instant,
    /// The time since the Unix epoch at `started`.
    pub unix_time: Duration,
    /// What publishers are to encode videos with while everybody else can decode it; otherwise VP8.
    pub video_codec: VideoCodec,
}

/// Where a connection is: its session's place and its participant's. Valid while the connection lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    session: usize,
    participant: usize,
}

/// One shard's media plane.
pub struct Core {
    identity: Arc<Identity>,
    candidates: Vec<Candidate>,
    sessions: Vec<Option<Session>>,
    by_session: HashMap<SessionId, usize>,
    /// By the way to the peer: media and DTLS.
    by_pair: HashMap<Pair, Place>,
    /// Who else checks over somebody's way to the peer: it becomes theirs by an answer to a check of ours.
    claims: Claims,
    /// By our part of the ICE user name: connectivity checks.
    by_ufrag: HashMap<String, Place>,
    connections: usize,
    load: Load,
    next_tick: Option<Instant>,
    dead: Vec<usize>,
    shared: Shared,
}

impl Core {
    /// An empty media plane.
    pub fn new(config: CoreConfig) -> Self {
        let CoreConfig {
            identity,
            candidates,
            seed,
            started,
            unix_time,
            video_codec,
        } = config;
        Self {
            identity,
            candidates,
            sessions: Vec::new(),
            by_session: HashMap::new(),
            by_pair: HashMap::new(),
            claims: Claims::default(),
            by_ufrag: HashMap::new(),
            connections: 0,
            load: Load::new(started),
            next_tick: None,
            dead: Vec::new(),
            shared: Shared {
                clock: ServerClock::new(started, unix_time),
                random: StdRng::from_seed(seed),
                outbox: Outbox::default(),
                video_codec,
                events: VecDeque::new(),
                speech: Default::default(),
                counters: Counters::default(),
                next_stream: 0,
                rtcp: Vec::new(),
                sealed: Vec::new(),
                wake: None,
            },
        }
    }

    /// Carries out an order of signaling. One about a session or participant that is not here does nothing.
    pub fn handle_command(&mut self, now: Instant, command: MediaCommand) {
        let now = self.now(now);
        let session = command.session();
        if let MediaCommand::OpenSession { captions, .. } = command {
            self.open(session, captions);
            return;
        }
        let Some(&place) = self.by_session.get(&session) else {
            self.without_session(command);
            return;
        };
        match command {
            MediaCommand::OpenSession { .. } | MediaCommand::Listen { .. } => {}
            MediaCommand::CloseSession { .. } => self.close(place, now),
            MediaCommand::Admit {
                participant, grants, ..
            } => {
                if let Some(session) = &mut self.sessions[place] {
                    session.admit(participant, grants, now, &mut self.shared);
                }
            }
            MediaCommand::SetGrants {
                participant, grants, ..
            } => {
                self.with(place, participant, |session, at, shared| {
                    session.set_grants(at, grants, now, shared)
                });
            }
            MediaCommand::SetView {
                participant,
                items,
                mode,
                ..
            } => {
                self.with(place, participant, |session, at, shared| {
                    session.set_view(at, items, mode, now, shared)
                });
            }
            MediaCommand::Offer {
                participant,
                negotiation,
                sdp,
                end_to_end_encrypted,
                ..
            } => {
                let encryption = Encryption::of(end_to_end_encrypted);
                self.offer(place, participant, negotiation, &sdp, encryption, now);
            }
            MediaCommand::Leave { participant, .. } => self.leave(place, participant, now),
        }
    }

    /// Does what is due. To be called at [`poll_timeout`](Self::poll_timeout) or later.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.now(now);
        if self.shared.wake.is_some_and(|wake| wake <= now.instant) {
            self.shared.wake = None;
            for session in self.sessions.iter_mut().flatten() {
                session.wake(now, &mut self.shared);
            }
        }
        if self.next_tick.is_none_or(|tick| now.instant < tick) {
            return;
        }
        self.next_tick = (self.connections > 0).then(|| now.instant + TICK);
        self.load.update(self.shared.counters.sent.packets(), now.instant);
        let mut dead = std::mem::take(&mut self.dead);
        for place in 0..self.sessions.len() {
            let Some(session) = &mut self.sessions[place] else {
                continue;
            };
            dead.clear();
            session.tick(now, &mut self.shared, &mut dead);
            for participant in &dead {
                self.disconnect(
                    Place {
                        session: place,
                        participant: *participant,
                    },
                    now,
                );
            }
        }
        self.dead = dead;
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` when nobody is connected.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match (self.next_tick, self.shared.wake) {
            (Some(tick), Some(wake)) => Some(tick.min(wake)),
            (tick, wake) => tick.or(wake),
        }
    }

    /// Datagrams to send; the shell sends them and calls [`Outbox::clear`].
    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.shared.outbox
    }

    /// The next event for signaling.
    pub fn poll_event(&mut self) -> Option<MediaEvent> {
        self.shared.events.pop_front()
    }

    /// The next packet of an admitted, unmuted microphone in a session with captions.
    pub fn poll_speech(&mut self) -> Option<SpeechPacket> {
        self.shared.speech.pop()
    }

    /// What was done so far.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// What a participant's line is thought to carry, in bit/s; `None` when they are not connected or nothing
    /// shows a limit.
    pub fn estimate(&mut self, session: SessionId, participant: ParticipantId) -> Option<u64> {
        let place = *self.by_session.get(&session)?;
        let session = self.sessions[place].as_mut()?;
        let at = session.find(participant)?;
        let estimate = session.connection(at)?.downlink.estimate();
        estimate.map(|rate| rate.0)
    }

    /// Whether media of this participant can come and go at present.
    pub fn is_connected(&self, session: SessionId, participant: ParticipantId) -> bool {
        let place = self.by_session.get(&session);
        let session = place.and_then(|place| self.sessions[*place].as_ref());
        session.is_some_and(|session| session.is_connected(participant))
    }

    /// Sessions that are open.
    pub fn sessions(&self) -> usize {
        self.by_session.len()
    }

    /// Packets sent per second, measured over the last one.
    pub fn packets_per_second(&self) -> u64 {
        self.load.per_second()
    }

    /// Refuses new connections from so many packets per second on; [`PACKETS_PER_SECOND_MAX`] unless it is set.
    pub fn set_packets_per_second_max(&mut self, packets_per_second: u64) {
        self.load.set_max(packets_per_second);
    }

    /// Participants with a transport.
    pub fn connections(&self) -> usize {
        self.connections
    }

    fn now(&self, instant: Instant) -> Now {
        Now {
            instant,
            time: self.shared.clock.media_time(instant),
        }
    }

    fn open(&mut self, id: SessionId, captions: bool) {
        if let Some(&place) = self.by_session.get(&id) {
            if let Some(session) = &mut self.sessions[place] {
                session.set_captions(captions);
            }
            return;
        }
        if self.by_session.len() >= SESSIONS_MAX {
            self.shared.counters.commands_ignored += 1;
            return;
        }
        let session = Some(Session::new(id, captions));
        let place = match self.sessions.iter().position(Option::is_none) {
            Some(free) => {
                self.sessions[free] = session;
                free
            }
            None => {
                self.sessions.push(session);
                self.sessions.len() - 1
            }
        };
        self.by_session.insert(id, place);
    }

    /// A command about a session that is not here: an offer in one that found no room is told so.
    fn without_session(&mut self, command: MediaCommand) {
        match command {
            MediaCommand::Offer {
                session,
                participant,
                negotiation,
                ..
            } if self.by_session.len() >= SESSIONS_MAX => {
                self.refuse(session, participant, negotiation, OfferRefusal::Full);
            }
            _ => self.shared.counters.commands_ignored += 1,
        }
    }

    fn close(&mut self, place: usize, now: Now) {
        let participants = self.sessions[place].as_ref().map_or(0, Session::places);
        for participant in 0..participants {
            self.disconnect(
                Place {
                    session: place,
                    participant,
                },
                now,
            );
        }
        if let Some(session) = self.sessions[place].take() {
            self.by_session.remove(&session.id);
            // Nothing of it may come after its end.
            self.shared.events.retain(|event| event.session() != session.id);
            self.shared.speech.retain(|packet| packet.session != session.id);
        }
    }

    fn leave(&mut self, place: usize, participant: ParticipantId, now: Now) {
        let Some(session) = &mut self.sessions[place] else {
            return;
        };
        let Some(at) = session.find(participant) else {
            self.shared.counters.commands_ignored += 1;
            return;
        };
        if let Some(connection) = session.leave(at, now, &mut self.shared) {
            self.forget(
                &connection,
                Place {
                    session: place,
                    participant: at,
                },
            );
        }
        let id = session_id(&self.sessions[place]);
        self.shared
            .speech
            .retain(|packet| (Some(packet.session), packet.participant) != (id, participant));
    }

    fn with(
        &mut self,
        place: usize,
        participant: ParticipantId,
        act: impl FnOnce(&mut Session, usize, &mut Shared),
    ) {
        let Some(session) = &mut self.sessions[place] else {
            return;
        };
        match session.find(participant) {
            Some(at) => act(session, at, &mut self.shared),
            None => self.shared.counters.commands_ignored += 1,
        }
    }

    fn drain(&mut self, place: Place, now: Now) {
        let Some(session) = &mut self.sessions[place.session] else {
            return;
        };
        if session.drain_transport(place.participant, now, &mut self.shared) == Aftermath::ConnectionDead {
            self.disconnect(place, now);
        }
    }

    fn disconnect(&mut self, place: Place, now: Now) {
        let Some(session) = &mut self.sessions[place.session] else {
            return;
        };
        if let Some(connection) = session.disconnect(place.participant, now, &mut self.shared) {
            self.forget(&connection, place);
        }
    }

    /// Takes a connection out of the tables.
    fn forget(&mut self, connection: &Connection, place: Place) {
        self.connections -= 1;
        for ufrag in &connection.ufrags {
            self.by_ufrag.remove(ufrag);
        }
        self.claims.forget(place);
        for pair in &connection.pairs {
            // The address may have become another peer's since.
            if self.by_pair.get(pair) == Some(&place) {
                self.by_pair.remove(pair);
            }
        }
    }
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core")
            .field("sessions", &self.by_session.len())
            .finish_non_exhaustive()
    }
}

fn session_id(session: &Option<Session>) -> Option<SessionId> {
    session.as_ref().map(|session| session.id)
}
