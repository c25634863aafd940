//! The few ways in which anything leaves a session: to the store, to the media plane, to browsers.

use hearken_protocol::{MediaCommand, Participant, ParticipantId, Permission, ServerMessage};

use crate::refusal::Refusal;
use crate::seat::Seat;
use crate::{AuditAction, AuditEntry, Change, ConnectionId, Output, Session};

impl Session {
    pub(crate) fn emit(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(crate) fn persist(&mut self, change: Change) {
        self.emit(Output::Persist(change));
    }

    pub(crate) fn order(&mut self, command: MediaCommand) {
        self.emit(Output::Media(command));
    }

    pub(crate) fn audit(
        &mut self,
        actor: Option<ParticipantId>,
        action: AuditAction,
        target: Option<ParticipantId>,
    ) {
        self.persist(Change::Audit(AuditEntry {
            at: self.now,
            actor,
            action,
            target,
        }));
    }

    pub(crate) fn refuse(&mut self, connection: ConnectionId, request: Option<u32>, refusal: Refusal) {
        let message = ServerMessage::Error {
            request,
            code: refusal.code(),
            message: refusal.to_string(),
        };
        self.emit(Output::Send { connection, message });
    }

    /// To somebody, if connected.
    pub(crate) fn tell(&mut self, id: ParticipantId, message: ServerMessage) {
        if let Some(connection) = self.seat(id).and_then(Seat::connection) {
            self.emit(Output::Send { connection, message });
        }
    }

    /// To everybody inside.
    pub(crate) fn tell_inside(&mut self, message: &ServerMessage) {
        self.tell_those(|seat| seat.inside().is_some(), message);
    }

    /// To everybody inside but one.
    pub(crate) fn tell_others(&mut self, but: ParticipantId, message: &ServerMessage) {
        self.tell_those(|seat| seat.id != but && seat.inside().is_some(), message);
    }

    /// To everybody inside, and to those who wait.
    pub(crate) fn tell_everybody(&mut self, message: &ServerMessage) {
        self.tell_those(|_| true, message);
    }

    /// To those inside who look after the waiting room.
    pub(crate) fn tell_doorkeepers(&mut self, message: &ServerMessage) {
        self.tell_those(
            |seat| seat.inside().is_some() && seat.may(Permission::ManageWaitingRoom),
            message,
        );
    }

    pub(crate) fn tell_those(&mut self, whom: impl Fn(&Seat) -> bool, message: &ServerMessage) {
        let connections: Vec<ConnectionId> = self
            .seats
            .values()
            .filter(|seat| whom(seat))
            .filter_map(Seat::connection)
            .collect();
        for connection in connections {
            self.emit(Output::Send {
                connection,
                message: message.clone(),
            });
        }
    }

    pub(crate) fn tell_session_info(&mut self) {
        let info = self.info();
        let message = ServerMessage::Session(info);
        self.tell_everybody(&message);
        self.tell_viewers(&message);
    }

    /// Closes somebody's connection, if there is one.
    pub(crate) fn hang_up(&mut self, connection: Option<ConnectionId>) {
        if let Some(connection) = connection {
            self.connections.remove(&connection);
            self.emit(Output::Close { connection });
        }
    }

    /// Changes a seat. What follows for the store, the media plane and those inside leaves by itself.
    pub(crate) fn update(&mut self, id: ParticipantId, change: impl FnOnce(&mut Seat)) {
        if let Some(participant) = self.change(id, change) {
            self.tell_inside(&ServerMessage::Participant(participant));
        }
    }

    /// Changes a seat. What follows for the store and the media plane leaves by itself; what is to be told to
    /// those inside is returned.
    pub(crate) fn change(
        &mut self,
        id: ParticipantId,
        change: impl FnOnce(&mut Seat),
    ) -> Option<Participant> {
        let seat = self.seats.get_mut(&id)?;
        let before = (seat.record(), seat.grants(), seat.participant());
        change(seat);
        let after = (seat.record(), seat.grants(), seat.participant());
        if let Some(record) = after.0.filter(|record| before.0.as_ref() != Some(record)) {
            self.persist(Change::Seat(record));
        }
        if let Some(grants) = after.1.filter(|grants| before.1 != Some(*grants)) {
            self.order(MediaCommand::SetGrants {
                session: self.id(),
                participant: id,
                grants,
            });
        }
        after
            .2
            .filter(|participant| before.2.as_ref() != Some(participant))
    }
}
