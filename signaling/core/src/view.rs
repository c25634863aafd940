//! What is the case in a session, and what each may know of it.

use hearken_protocol::{ParticipantId, Permission, SessionInfo, Snapshot};

use crate::refusal::Refusal;
use crate::seat::Seat;
use crate::{MicrophoneRule, Session};

impl Session {
    pub(crate) fn seat(&self, id: ParticipantId) -> Option<&Seat> {
        self.seats.get(&id)
    }

    pub(crate) fn insiders(&self) -> impl Iterator<Item = &Seat> + Clone {
        self.seats.values().filter(|seat| seat.inside().is_some())
    }

    pub(crate) fn is_full(&self) -> bool {
        self.insiders().count() >= usize::try_from(self.settings.capacity).unwrap_or(usize::MAX)
    }

    /// Whether somebody may do something; not by being asked, but by their seat.
    pub(crate) fn require(&self, actor: ParticipantId, permission: Permission) -> Result<(), Refusal> {
        let permitted = self.seat(actor).is_some_and(|seat| seat.may(permission));
        if permitted {
            Ok(())
        } else {
            Err(Refusal::Permission(permission))
        }
    }

    /// Somebody inside, named in a message.
    pub(crate) fn require_inside(&self, target: ParticipantId) -> Result<&Seat, Refusal> {
        self.seat(target)
            .filter(|seat| seat.inside().is_some())
            .ok_or(Refusal::NoSuchPerson)
    }

    /// What holds for the microphone of somebody who comes in; a lock may have come or gone meanwhile.
    pub(crate) fn rule_for_newcomer(&self, seat: &Seat) -> MicrophoneRule {
        if self.microphones_locked && !seat.may(Permission::SpeakAlways) {
            return MicrophoneRule::Locked;
        }
        match seat.rule {
            MicrophoneRule::Locked => MicrophoneRule::Muted,
            rule @ (MicrophoneRule::Free | MicrophoneRule::Muted) => rule,
        }
    }

    pub(crate) fn info(&self) -> SessionInfo {
        SessionInfo {
            session_id: self.id(),
            name: self.settings.name.clone(),
            starts_at: self.settings.starts_at,
            ends_at: self.settings.ends_at,
            capacity: self.settings.capacity,
            waiting_room: self.settings.waiting_room,
            locked: self.session_locked,
            microphones_locked: self.microphones_locked,
            captions: self.captions.state(),
            off_record: self.captions.off_record(),
            transcript: self.transcript_state(),
            language: self.settings.speech.language_of_people(),
        }
    }

    /// Everything that whoever sits on this seat may know.
    pub(crate) fn snapshot(&self, viewer: &Seat) -> Snapshot {
        let mut seats: Vec<&Seat> = self.seats.values().collect();
        seats.sort_by_key(|seat| seat.arrival);
        let sees_knocks = viewer.may(Permission::ManageWaitingRoom);
        Snapshot {
            participants: seats.iter().filter_map(|seat| seat.participant()).collect(),
            knocks: seats
                .iter()
                .filter(|_| sees_knocks)
                .filter_map(|seat| seat.knock())
                .collect(),
            member_link: None,
            vocabulary: viewer
                .may(Permission::ManageSession)
                .then(|| self.settings.speech.vocabulary.clone()),
            ice_servers: Vec::new(),
            captions: self.captions.history(),
            transcript_agreed: self.transcript.answer(viewer.id),
            typed_lines: self.captions.typed_ends(viewer.id),
        }
    }

    /// The names that are taken, that of one seat apart.
    pub(crate) fn names_taken(&self, except: ParticipantId) -> impl Iterator<Item = &str> {
        let present = move |seat: &&Seat| seat.id != except && seat.line().is_some();
        self.seats.values().filter(present).map(|seat| seat.name.as_str())
    }
}
