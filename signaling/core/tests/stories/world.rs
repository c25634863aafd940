//! A session with people around it: a virtual clock, connections, a store and a media plane made of maps.
//!
//! People go by short names. What they hear is told in one line per message ([`World::hears`]), so that a story
//! reads as one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hearken_protocol::{
    CaptionEvent, CaptionNews, CaptionOrigin, ClientMessage, GroupSpeech, LineQuality, MediaCommand,
    MediaEvent, MediaGrants, Participant, ParticipantId, Role, Sensitive, ServerMessage, SessionId, Snapshot,
    Timestamp, TranscriptState,
};
use hearken_signaling_core::{
    AuditAction, AuditEntry, Change, Connect, ConnectionId, Input, Output, SeatClaim, Session, SessionRecord,
    SessionSettings, Standing, View,
};

pub const START: Timestamp = Timestamp(1_000_000_000_000);
pub const SESSION: SessionId = SessionId(7);

pub fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// An hour from [`START`], room for five, a waiting room, captions.
pub fn settings() -> SessionSettings {
    SessionSettings {
        session: SESSION,
        name: "Circle".into(),
        starts_at: START,
        ends_at: START + minutes(60),
        capacity: 5,
        waiting_room: true,
        captions: true,
        transcript: false,
        speech: GroupSpeech::default(),
    }
}

/// Somebody with a browser.
#[derive(Debug, Clone)]
pub struct Person {
    pub role: Role,
    pub link_generation: u32,
    pub seat: Option<ParticipantId>,
    pub connection: ConnectionId,
}

pub struct World {
    pub now: Timestamp,
    pub session: Session,
    /// What the store has: applied change by change.
    pub record: SessionRecord,
    pub audit: Vec<AuditEntry>,
    pub people: BTreeMap<&'static str, Person>,
    pub names: BTreeMap<ParticipantId, &'static str>,
    pub inboxes: BTreeMap<ConnectionId, Vec<ServerMessage>>,
    pub closed: BTreeSet<ConnectionId>,
    /// What the media plane lets through, of whoever it knows.
    pub grants: BTreeMap<ParticipantId, MediaGrants>,
    pub orders: Vec<MediaCommand>,
    pub outputs: usize,
    connections: u64,
    seats: u64,
}

impl World {
    /// With the usual settings, at the start.
    pub fn new() -> Self {
        Self::with(settings(), START)
    }

    pub fn with(settings: SessionSettings, now: Timestamp) -> Self {
        let record = SessionRecord {
            settings: settings.clone(),
            link_generation: 1,
            session_locked: false,
            microphones_locked: false,
            off_record: false,
            ended: None,
            seats: Vec::new(),
        };
        let mut world = Self {
            now,
            session: Session::new(settings, 1, now),
            record,
            audit: Vec::new(),
            people: BTreeMap::new(),
            names: BTreeMap::new(),
            inboxes: BTreeMap::new(),
            closed: BTreeSet::new(),
            grants: BTreeMap::new(),
            orders: Vec::new(),
            outputs: 0,
            connections: 0,
            seats: 0,
        };
        world.carry_out();
        world
    }

    /// With a facilitator named host inside, who has read everything so far.
    pub fn with_host() -> Self {
        let mut world = Self::new();
        world.arrives("host", Role::Facilitator);
        world.hears("host");
        world
    }

    /// With host and these members inside, who have all read everything so far.
    pub fn with_group(members: &[&'static str]) -> Self {
        let mut world = Self::with_host();
        for member in members {
            world.arrives(member, Role::Member);
        }
        world.says("host", ClientMessage::AdmitAll);
        world.all_read();
        world
    }

    pub fn all_read(&mut self) {
        self.inboxes.clear();
    }

    /// A new person opens a link for a role.
    pub fn arrives(&mut self, who: &'static str, role: Role) {
        let link_generation = self.session.link_generation();
        self.people.insert(
            who,
            Person {
                role,
                link_generation,
                seat: None,
                connection: ConnectionId(0),
            },
        );
        self.connects(who);
    }

    /// Somebody connects, with the resume token of the seat they last had, if any.
    pub fn connects(&mut self, who: &'static str) {
        self.connects_as(who, who);
    }

    pub fn connects_as(&mut self, who: &'static str, name: &str) {
        self.connections += 1;
        self.seats += 1;
        let connection = ConnectionId(self.connections);
        let fresh = ParticipantId(self.seats);
        let person = self.people.get_mut(who).unwrap();
        person.connection = connection;
        let connect = Connect {
            connection,
            request: None,
            role: person.role,
            link_generation: person.link_generation,
            seat: SeatClaim {
                resume: person.seat,
                fresh,
            },
            name: name.into(),
            guidelines_accepted: true,
        };
        self.step(Input::Connect(connect));
    }

    /// The connection breaks.
    pub fn drops(&mut self, who: &str) {
        let connection = self.people[who].connection;
        self.step(Input::Disconnect { connection });
    }

    pub fn says(&mut self, who: &str, message: ClientMessage) {
        let connection = self.people[who].connection;
        self.says_over(connection, message);
    }

    pub fn says_over(&mut self, connection: ConnectionId, message: ClientMessage) {
        self.step(Input::Message {
            connection,
            request: None,
            message,
        });
    }

    /// A caption page of somebody's is opened; returns its connection.
    pub fn views(&mut self, who: &str) -> ConnectionId {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        let seat = self.seat(who);
        self.step(Input::View(View {
            connection,
            request: None,
            seat,
        }));
        connection
    }

    pub fn media(&mut self, event: MediaEvent) {
        self.step(Input::Media(event));
    }

    pub fn captions(&mut self, news: CaptionNews) {
        self.step(Input::Captions(news));
    }

    /// The worker says what somebody said, by a clock that goes as this world's.
    pub fn hears_speech(&mut self, event: CaptionEvent) {
        let sent_at = self.now;
        self.captions(CaptionNews::Event { event, sent_at });
    }

    /// Time goes by, and every deadline on the way is met.
    pub fn passes(&mut self, duration: Duration) {
        let until = self.now + duration;
        while let Some(deadline) = self.session.next_deadline().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
            self.step(Input::Time);
            assert!(
                self.session.next_deadline().is_none_or(|next| next > self.now),
                "a deadline was not dealt with"
            );
        }
        self.now = until;
    }

    /// The process dies, and another takes its place.
    pub fn restarts(&mut self) {
        self.orders.clear();
        self.grants.clear();
        self.inboxes.clear();
        self.session = Session::restore(self.record.clone(), 2, self.now);
        self.carry_out();
    }

    pub fn step(&mut self, input: Input) {
        self.session.handle(self.now, input);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.session.poll_output() {
            self.outputs += 1;
            match output {
                Output::Persist(change) => self.store(change),
                Output::Welcome { connection, welcome } => {
                    let who = self
                        .people
                        .iter_mut()
                        .find(|(_, person)| person.connection == connection);
                    let (name, person) = who.unwrap();
                    person.seat = Some(welcome.participant);
                    self.names.insert(welcome.participant, name);
                    self.deliver(connection, ServerMessage::Welcome(welcome));
                }
                Output::Admitted {
                    connection,
                    mut snapshot,
                    link_generation,
                } => {
                    snapshot.member_link = link_generation.map(|n| Sensitive(format!("link {n}")));
                    self.deliver(connection, ServerMessage::Admitted(snapshot));
                }
                Output::MemberLink {
                    connection,
                    generation,
                } => {
                    let url = Sensitive(format!("link {generation}"));
                    self.deliver(connection, ServerMessage::MemberLink { url });
                }
                Output::CaptionLink {
                    connection,
                    participant,
                } => {
                    let url = Sensitive(format!("captions of {}", self.who(participant)));
                    self.deliver(connection, ServerMessage::CaptionLink { url });
                }
                Output::Viewing { connection, viewing } => {
                    self.deliver(connection, ServerMessage::Viewing(viewing));
                }
                Output::Send { connection, message } => self.deliver(connection, message),
                Output::Close { connection } => {
                    assert!(self.closed.insert(connection), "{connection:?} was closed twice");
                }
                Output::Media(command) => self.order(command),
            }
        }
    }

    fn deliver(&mut self, connection: ConnectionId, message: ServerMessage) {
        assert!(
            !self.closed.contains(&connection),
            "{message:?} over a closed connection"
        );
        self.inboxes.entry(connection).or_default().push(message);
    }

    fn store(&mut self, change: Change) {
        match change {
            Change::Seat(seat) => {
                match self
                    .record
                    .seats
                    .iter_mut()
                    .find(|known| known.participant == seat.participant)
                {
                    Some(known) => *known = seat,
                    None => self.record.seats.push(seat),
                }
            }
            Change::SeatForgotten(id) => self.record.seats.retain(|seat| seat.participant != id),
            Change::SessionLocked(locked) => self.record.session_locked = locked,
            Change::MicrophonesLocked(locked) => self.record.microphones_locked = locked,
            Change::OffRecord(on) => self.record.off_record = on,
            Change::Vocabulary(terms) => self.record.settings.speech.vocabulary = terms,
            Change::LinkGeneration(generation) => self.record.link_generation = generation,
            Change::Ended(reason) => {
                self.record.ended = Some(reason);
                self.record.seats.clear();
            }
            Change::Audit(entry) => self.audit.push(entry),
        }
    }

    fn order(&mut self, command: MediaCommand) {
        assert_eq!(command.session(), SESSION);
        match &command {
            MediaCommand::Admit {
                participant, grants, ..
            } => {
                assert!(
                    self.grants.insert(*participant, *grants).is_none(),
                    "admitted twice"
                );
            }
            MediaCommand::SetGrants {
                participant, grants, ..
            } => {
                assert!(
                    self.grants.insert(*participant, *grants).is_some(),
                    "grants for a stranger"
                );
            }
            MediaCommand::Leave { participant, .. } => {
                assert!(self.grants.remove(participant).is_some(), "a stranger leaves");
            }
            MediaCommand::Offer { participant, .. } | MediaCommand::SetView { participant, .. } => {
                assert!(
                    self.grants.contains_key(participant),
                    "media of somebody not admitted"
                );
            }
            MediaCommand::CloseSession { .. } => self.grants.clear(),
            MediaCommand::OpenSession { .. } | MediaCommand::Listen { .. } => {}
        }
        self.orders.push(command);
    }
}

/// What there is to see.
impl World {
    pub fn seat(&self, who: &str) -> ParticipantId {
        self.people[who].seat.unwrap()
    }

    pub fn is_closed(&self, who: &str) -> bool {
        self.closed.contains(&self.people[who].connection)
    }

    /// What somebody has heard since they were last asked, a line for each message.
    pub fn hears(&mut self, who: &str) -> Vec<String> {
        let messages = self.messages(who);
        messages.iter().map(|message| self.line(message)).collect()
    }

    /// The same over a connection that the person may have lost meanwhile.
    pub fn hears_over(&mut self, connection: ConnectionId) -> Vec<String> {
        let messages = self.inboxes.remove(&connection).unwrap_or_default();
        messages.iter().map(|message| self.line(message)).collect()
    }

    pub fn messages(&mut self, who: &str) -> Vec<ServerMessage> {
        self.inboxes
            .remove(&self.people[who].connection)
            .unwrap_or_default()
    }

    /// The latest of what somebody knows of everybody inside: their snapshot, taken by reconnecting.
    pub fn snapshot(&mut self, who: &'static str) -> Snapshot {
        self.drops(who);
        self.connects(who);
        let mut snapshots = self
            .messages(who)
            .into_iter()
            .filter_map(|message| match message {
                ServerMessage::Admitted(snapshot) => Some(snapshot),
                _ => None,
            });
        snapshots.next_back().unwrap()
    }

    pub fn grants_of(&self, who: &str) -> Option<MediaGrants> {
        self.grants.get(&self.seat(who)).copied()
    }

    pub fn is_heard(&self, who: &str) -> bool {
        self.grants_of(who).is_some_and(|grants| grants.microphone)
    }

    pub fn standing(&self, who: &str) -> Option<Standing> {
        let seat = self.seat(who);
        self.record
            .seats
            .iter()
            .find(|record| record.participant == seat)
            .map(|record| record.standing)
    }

    pub fn actions(&self) -> Vec<AuditAction> {
        self.audit.iter().map(|entry| entry.action).collect()
    }

    fn who(&self, id: ParticipantId) -> &'static str {
        self.names.get(&id).copied().unwrap_or("nobody")
    }

    fn line(&self, message: &ServerMessage) -> String {
        match message {
            ServerMessage::Welcome(welcome) => format!("welcome {}", *welcome.name),
            ServerMessage::Waiting { reason } => format!("waiting {reason:?}"),
            ServerMessage::Admitted(snapshot) => {
                let inside: Vec<String> = snapshot.participants.iter().map(person).collect();
                let knocks: Vec<&str> = snapshot.knocks.iter().map(|knock| knock.name.as_str()).collect();
                format!(
                    "admitted to {}; knocking: {}",
                    inside.join(", "),
                    knocks.join(", ")
                )
            }
            ServerMessage::Denied { blocked } => format!("denied, blocked {blocked}"),
            ServerMessage::Participant(participant) => person(participant),
            ServerMessage::ParticipantLeft { participant } => format!("{} left", self.who(*participant)),
            ServerMessage::Knock(knock) => format!("{} knocks, denied {}", *knock.name, knock.denied),
            ServerMessage::KnockEnded { participant } => format!("{} knocks no more", self.who(*participant)),
            ServerMessage::Session(info) => {
                let off = if info.off_record { ", off the record" } else { "" };
                let transcript = match info.transcript {
                    TranscriptState::None => "",
                    TranscriptState::Paused => ", transcript paused",
                    TranscriptState::Running => ", transcript runs",
                };
                format!(
                    "session locked {}, microphones locked {}{off}{transcript}",
                    info.locked, info.microphones_locked
                )
            }
            ServerMessage::Muted { may_unmute } => format!("muted, may unmute {may_unmute}"),
            ServerMessage::UnmuteRequested => "asked to unmute".to_owned(),
            ServerMessage::CameraStopped => "camera stopped".to_owned(),
            ServerMessage::Answer { negotiation, sdp } => format!("answer {negotiation}: {}", **sdp),
            ServerMessage::Slot(slot) => {
                let whose = slot
                    .content
                    .map_or("nobody", |content| self.who(content.participant));
                format!("slot {} is {whose}", slot.mid)
            }
            ServerMessage::Speakers { speakers } => {
                let who: Vec<&str> = speakers
                    .iter()
                    .map(|speaker| self.who(speaker.participant))
                    .collect();
                format!("speaking: {}", who.join(", "))
            }
            ServerMessage::Statistics(statistics) => format!("own line {:?}", statistics.quality),
            ServerMessage::Caption(caption) => {
                let origin = match caption.origin {
                    CaptionOrigin::Speech => "",
                    CaptionOrigin::Typed => " (typed)",
                    CaptionOrigin::Captioner => " (captioner)",
                };
                let corrected = if caption.corrected { " (corrected)" } else { "" };
                let off = if caption.off_record {
                    " (off the record)"
                } else {
                    ""
                };
                format!(
                    "{} {:?} {}: {}|{}{origin}{corrected}{off}",
                    *caption.name, caption.status, caption.revision, *caption.stable, *caption.tentative
                )
            }
            ServerMessage::Captions { state } => format!("captions {state:?}"),
            ServerMessage::EndingSoon { minutes } => format!("ending in {minutes}"),
            ServerMessage::MemberLink { url } => (**url).clone(),
            ServerMessage::Vocabulary { terms } => format!("vocabulary {}", terms.join(", ")),
            ServerMessage::CaptionLink { url } => (**url).clone(),
            ServerMessage::Viewing(viewing) => {
                let lines: Vec<&str> = viewing.captions.iter().map(|line| line.stable.as_str()).collect();
                format!("viewing: {}", lines.join(" / "))
            }
            ServerMessage::Transcript { vtt } => format!("transcript {}", **vtt),
            ServerMessage::TakenOver => "taken over".to_owned(),
            ServerMessage::Removed => "removed".to_owned(),
            ServerMessage::Ended { reason } => format!("ended: {reason:?}"),
            ServerMessage::Error { code, .. } => format!("error {code:?}"),
            ServerMessage::Publish(publish) => {
                format!(
                    "publish {:?} {:?} {:?}",
                    publish.source, publish.codec, publish.layers
                )
            }
            ServerMessage::VideoPaused {
                participant,
                source,
                paused,
            } => {
                let what = if *paused { "paused" } else { "back" };
                format!("{source:?} of {} is {what}", self.who(*participant))
            }
            ServerMessage::MediaLost => "media_lost".to_owned(),
            ServerMessage::IceServers { .. } => "ice_servers".to_owned(),
            ServerMessage::Pong => "pong".to_owned(),
        }
    }
}

fn person(participant: &Participant) -> String {
    let mut line = format!("{} {:?}", *participant.name, participant.microphone);
    let marks = [
        (participant.camera, " camera"),
        (participant.screen, " screen"),
        (participant.hand_raised_at.is_some(), " hand"),
        (!participant.connected, " away"),
    ];
    for (_, mark) in marks.into_iter().filter(|(is, _)| *is) {
        line.push_str(mark);
    }
    if participant.line != LineQuality::Good {
        line.push_str(&format!(" {:?}", participant.line));
    }
    line
}
