//! Who goes, for a while or for good, and what is remembered of them.

use hearken_protocol::{MediaCommand, ParticipantId, Permission, ServerMessage};

use crate::refusal::Refusal;
use crate::seat::{Line, Place, SEAT_HOLD, Seat};
use crate::{ABSENT_SEATS_MAX, AuditAction, Change, ConnectionId, Session, Standing};

impl Session {
    /// A connection is gone; the seat is held for a while.
    pub(crate) fn disconnect(&mut self, connection: ConnectionId) {
        self.viewers.remove(&connection);
        let Some(id) = self.connections.remove(&connection) else {
            return;
        };
        self.stop_typing(id);
        let until = self.now + SEAT_HOLD;
        let knocked = self.seat(id).is_some_and(|seat| seat.knock().is_some());
        self.update(id, |seat| seat.set_line(Line::Held { until }));
        if knocked {
            self.tell_doorkeepers(&ServerMessage::KnockEnded { participant: id });
        }
    }

    /// Somebody stayed away for too long.
    pub(crate) fn lapse(&mut self, id: ParticipantId) {
        match self.seat(id).map(|seat| &seat.place) {
            Some(Place::Inside(_)) => {
                self.depart(id, Some(Standing::Lapsed));
                self.audit(None, AuditAction::Lapsed, Some(id));
            }
            Some(Place::Waiting(_)) => self.stop_waiting(id),
            Some(Place::Absent) | None => {}
        }
    }

    /// Somebody gives up the seat.
    pub(crate) fn leave(&mut self, id: ParticipantId) {
        let Some(seat) = self.seat(id) else { return };
        let connection = seat.connection();
        let (knocked, inside, denials) = (seat.knock().is_some(), seat.inside().is_some(), seat.denials);
        self.hang_up(connection);
        if inside {
            // How often somebody was denied outlasts their leaving; nothing else does.
            let standing = (denials > 0).then_some(Standing::Denied);
            self.depart(id, standing);
            self.audit(Some(id), AuditAction::Left, None);
        } else {
            self.stop_waiting(id);
        }
        if knocked {
            self.tell_doorkeepers(&ServerMessage::KnockEnded { participant: id });
        }
    }

    pub(crate) fn remove(&mut self, actor: ParticipantId, target: ParticipantId) -> Result<(), Refusal> {
        self.require(actor, Permission::RemoveParticipants)?;
        if actor == target {
            return Err(Refusal::RemoveOneself);
        }
        let connection = self.require_inside(target)?.connection();
        self.tell(target, ServerMessage::Removed);
        self.hang_up(connection);
        self.depart(target, Some(Standing::Blocked));
        self.audit(Some(actor), AuditAction::Removed, Some(target));
        Ok(())
    }

    /// Takes somebody out of the session, whose connection is closed already. Their name stays for late captions.
    fn depart(&mut self, id: ParticipantId, standing: Option<Standing>) {
        let Some(seat) = self.seats.get_mut(&id) else {
            return;
        };
        let name = std::mem::take(&mut seat.name);
        seat.place = Place::Absent;
        seat.standing = standing;
        let record = seat.record();
        self.captions.remember_name(id, name);
        self.transcript.left(id);
        self.stop_typing(id);
        self.close_viewers(id);
        match record {
            Some(record) => self.persist(Change::Seat(record)),
            None => {
                self.seats.remove(&id);
                self.persist(Change::SeatForgotten(id));
            }
        }
        self.order(MediaCommand::Leave {
            session: self.id(),
            participant: id,
        });
        for inside in self.seats.values_mut().filter_map(Seat::inside_mut) {
            inside.negotiation.left(id);
        }
        self.tell_inside(&ServerMessage::ParticipantLeft { participant: id });
        self.forget_absent();
    }

    /// Takes somebody out of the waiting room, whose connection is closed already.
    pub(crate) fn stop_waiting(&mut self, id: ParticipantId) {
        let Some(seat) = self.seats.get_mut(&id) else {
            return;
        };
        seat.place = Place::Absent;
        seat.name = Default::default();
        if seat.standing.is_none() {
            self.seats.remove(&id);
        }
        self.forget_absent();
    }

    /// Keeps the number of seats bounded on which nobody sits.
    fn forget_absent(&mut self) {
        let absent = self.seats.values().filter(|seat| seat.is_absent());
        if absent.clone().count() <= ABSENT_SEATS_MAX {
            return;
        }
        let order = |seat: &&Seat| (seat.standing == Some(Standing::Denied), seat.arrival);
        let blocked = |seat: &&Seat| seat.standing == Some(Standing::Blocked);
        if let Some(id) = absent
            .filter(|seat| !blocked(seat))
            .min_by_key(order)
            .map(|seat| seat.id)
        {
            self.seats.remove(&id);
            self.persist(Change::SeatForgotten(id));
        }
    }
}
