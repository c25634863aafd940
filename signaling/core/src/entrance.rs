//! Who comes in, who waits, who goes: seats and the way to them.
//!
//! ```text
//!             ┌─ before the start ─► Waiting(NotStarted) ──┐ start
//!  Connect ───┼─ waiting room ─────► Waiting(Knocking) ◄───┤
//!             │                        │ admit    deny │   │ no waiting room
//!             └─ enters freely ──────► Inside ◄────┐   └──►│ Absent: Denied, then Blocked
//!                                      │           └───────┘
//!                     remove: Blocked ◄┼► two minutes away: Lapsed
//!                                      └► leave: forgotten
//! ```

use hearken_protocol::{
    MediaCommand, MediaGrants, ParticipantId, Permission, Role, ServerMessage, WaitingReason, Welcome,
};

use crate::refusal::Refusal;
use crate::seat::{Inside, Line, Place, Seat, Waiting};
use crate::{
    ABSENT_SEATS_MAX, AuditAction, Change, Connect, ConnectionId, MicrophoneRule, Name, Output, Session,
    Standing, View, WAITING_MAX, permissions, role_has,
};

/// The denial that blocks a seat.
const DENIALS_MAX: u32 = 2;

/// Coming in.
impl Session {
    pub(crate) fn connect(&mut self, connect: Connect) {
        let (connection, request) = (connect.connection, connect.request);
        if self.connections.contains_key(&connection) {
            return self.refuse(connection, request, Refusal::SecondHello);
        }
        if let Err(refusal) = self.sit_down(&connect) {
            self.turn_away(connection, request, refusal);
        }
    }

    pub(crate) fn open_caption_page(&mut self, view: View) {
        let (connection, request) = (view.connection, view.request);
        if self.connections.contains_key(&connection) || self.viewers.contains_key(&connection) {
            return self.refuse(connection, request, Refusal::SecondHello);
        }
        if let Err(refusal) = self.view_captions(connection, view.seat) {
            self.turn_away(connection, request, refusal);
        }
    }

    pub(crate) fn turn_away(&mut self, connection: ConnectionId, request: Option<u32>, refusal: Refusal) {
        self.refuse(connection, request, refusal);
        self.emit(Output::Close { connection });
    }

    fn sit_down(&mut self, connect: &Connect) -> Result<(), Refusal> {
        if !connect.guidelines_accepted {
            return Err(Refusal::GuidelinesNotAccepted);
        }
        let claimed = connect.seat.resume.and_then(|id| self.seat(id));
        if claimed.is_some_and(|seat| seat.standing == Some(Standing::Blocked)) {
            return Err(Refusal::Blocked);
        }
        match (connect.seat.resume, claimed) {
            (Some(id), Some(seat)) if seat.role == connect.role => match seat.line() {
                Some(line) => {
                    self.resume(id, line, connect.connection);
                    Ok(())
                }
                None => self.newcomer(id, connect),
            },
            // A seat that nobody remembers: after a restart, somebody who waited.
            (Some(id), None) => self.newcomer(id, connect),
            (None, _) | (Some(_), Some(_)) if self.seat(connect.seat.fresh).is_some() => {
                Err(Refusal::SeatTaken)
            }
            (None, _) | (Some(_), Some(_)) => self.newcomer(connect.seat.fresh, connect),
        }
    }

    /// Somebody whose seat is still theirs is back, perhaps before the other connection was missed.
    fn resume(&mut self, id: ParticipantId, line: Line, connection: ConnectionId) {
        let earlier = line.connection();
        if let Some(connection) = earlier {
            // As whenever a connection is lost: the page that comes may know nothing of the line.
            self.stop_typing(id);
            self.emit(Output::Send {
                connection,
                message: ServerMessage::TakenOver,
            });
        }
        self.hang_up(earlier);
        self.connections.insert(connection, id);
        // Whether it is the same page over another network or another tab cannot be told from here: everything else
        // stays as it was, and the page says where its own switches differ. A screen whose place somebody took
        // meanwhile is off since then.
        let changed = self.change(id, |seat| seat.set_line(Line::Connected(connection)));
        self.welcome(id);
        match self.seat(id).map(|seat| &seat.place) {
            Some(Place::Inside(inside)) => {
                let standing = inside.negotiation.standing();
                self.show_around(id);
                for message in standing {
                    self.tell(id, message);
                }
                if let Some(participant) = changed {
                    self.tell_others(id, &ServerMessage::Participant(participant));
                }
            }
            Some(Place::Waiting(_)) => self.settle(id),
            Some(Place::Absent) | None => {}
        }
    }

    fn newcomer(&mut self, id: ParticipantId, connect: &Connect) -> Result<(), Refusal> {
        let known = self.seat(id);
        let standing = known.and_then(|seat| seat.standing);
        let (rule, denials) = known.map_or((MicrophoneRule::Free, 0), |seat| (seat.rule, seat.denials));
        let free = role_has(connect.role, Permission::EnterFreely);
        let was_inside = standing == Some(Standing::Lapsed);
        // There is one captioner's link, for one person: renewing the members' does not concern it.
        let by_member_link = connect.role == Role::Member;
        if by_member_link && !was_inside && connect.link_generation != self.link_generation {
            return Err(Refusal::LinkReplaced);
        }
        // The lock keeps out who is new; and who keeps the key must never be locked out.
        if self.session_locked && !free && !was_inside {
            return Err(Refusal::SessionLocked);
        }
        let name = Name::parse(&connect.name)?;
        let absent = self.seats.values().filter(|seat| seat.is_absent()).count();
        if known.is_none() && absent >= ABSENT_SEATS_MAX {
            return Err(Refusal::TooManySeats);
        }
        let walks_in = free || (self.schedule.started() && !self.settings.waiting_room);
        if walks_in && self.is_full() {
            return Err(Refusal::SessionFull);
        }
        if !walks_in {
            self.make_room_to_wait()?;
        }
        self.arrivals += 1;
        let seat = Seat {
            id,
            role: connect.role,
            name: name.unique(self.names_taken(id)),
            rule,
            denials,
            arrival: self.arrivals,
            standing,
            place: Place::Waiting(Waiting {
                line: Line::Connected(connect.connection),
                since: self.now,
                reason: WaitingReason::NotStarted,
            }),
        };
        self.seats.insert(id, seat);
        self.connections.insert(connect.connection, id);
        self.welcome(id);
        if walks_in {
            self.let_in(id, None);
        } else {
            self.settle(id);
        }
        Ok(())
    }

    fn make_room_to_wait(&mut self) -> Result<(), Refusal> {
        let waiting = || {
            self.seats
                .values()
                .filter_map(|seat| Some((seat.waiting()?.line, seat.id)))
        };
        if waiting().count() < WAITING_MAX {
            return Ok(());
        }
        let longest_away = waiting()
            .filter_map(|(line, id)| Some((line.held_until()?, id)))
            .min();
        let (_, id) = longest_away.ok_or(Refusal::WaitingRoomFull)?;
        self.stop_waiting(id);
        Ok(())
    }

    fn welcome(&mut self, id: ParticipantId) {
        let Some(seat) = self.seat(id) else { return };
        let Some(connection) = seat.connection() else {
            return;
        };
        let welcome = Welcome {
            version: hearken_protocol::PROTOCOL_VERSION,
            participant: id,
            name: seat.name.clone(),
            role: seat.role,
            permissions: permissions(seat.role).to_vec(),
            resume: Default::default(),
            server_time: self.now,
            media_epoch: self.media_epoch,
            session: self.info(),
        };
        self.emit(Output::Welcome { connection, welcome });
    }

    /// Decides about somebody connected who waits: wait on, knock, or come in.
    fn settle(&mut self, id: ParticipantId) {
        if !self.schedule.started() {
            return self.tell(
                id,
                ServerMessage::Waiting {
                    reason: WaitingReason::NotStarted,
                },
            );
        }
        if !self.settings.waiting_room && !self.session_locked && !self.is_full() {
            return self.let_in(id, None);
        }
        if let Some(Place::Waiting(waiting)) = self.seats.get_mut(&id).map(|seat| &mut seat.place) {
            waiting.reason = WaitingReason::Knocking;
        }
        self.tell(
            id,
            ServerMessage::Waiting {
                reason: WaitingReason::Knocking,
            },
        );
        if let Some(knock) = self.seat(id).and_then(Seat::knock) {
            self.tell_doorkeepers(&ServerMessage::Knock(knock));
        }
    }

    /// The session starts: whoever waited for it knocks, or comes in where nobody has to knock.
    pub(crate) fn start(&mut self) {
        for id in self.waiting_in_order(|waiting| waiting.reason == WaitingReason::NotStarted) {
            if self.seat(id).and_then(Seat::connection).is_some() {
                self.settle(id);
            }
        }
    }

    /// Lets somebody in who waits: on their own, or by `admitted_by`.
    fn let_in(&mut self, id: ParticipantId, admitted_by: Option<ParticipantId>) {
        let Some(seat) = self.seat(id) else { return };
        let Some(line) = seat.line() else { return };
        let knocked = seat.knock().is_some();
        let rule = self.rule_for_newcomer(seat);
        self.arrivals += 1;
        let arrival = self.arrivals;
        let Some(seat) = self.seats.get_mut(&id) else {
            return;
        };
        seat.place = Place::Inside(Inside::new(line));
        seat.standing = Some(Standing::Admitted);
        (seat.rule, seat.arrival) = (rule, arrival);
        let (record, participant) = (seat.record(), seat.participant());
        if let Some(record) = record {
            self.persist(Change::Seat(record));
        }
        match admitted_by {
            Some(_) => self.audit(admitted_by, AuditAction::Admitted, Some(id)),
            None => self.audit(Some(id), AuditAction::Entered, None),
        }
        let grants = MediaGrants::default();
        self.order(MediaCommand::Admit {
            session: self.id(),
            participant: id,
            grants,
        });
        self.show_around(id);
        if knocked {
            self.tell_doorkeepers(&ServerMessage::KnockEnded { participant: id });
        }
        if let Some(participant) = participant {
            self.tell_others(id, &ServerMessage::Participant(participant));
        }
    }

    /// Tells somebody inside everything there is to know.
    fn show_around(&mut self, id: ParticipantId) {
        let Some(seat) = self.seat(id) else { return };
        let Some(connection) = seat.connection() else {
            return;
        };
        let snapshot = self.snapshot(seat);
        let link_generation = seat
            .may(Permission::ManageSession)
            .then_some(self.link_generation);
        self.emit(Output::Admitted {
            connection,
            snapshot,
            link_generation,
        });
    }

    fn waiting_in_order(&self, which: impl Fn(&Waiting) -> bool) -> Vec<ParticipantId> {
        let waits = |seat: &&Seat| seat.waiting().is_some_and(&which);
        let mut seats: Vec<&Seat> = self.seats.values().filter(waits).collect();
        seats.sort_by_key(|seat| seat.arrival);
        seats.into_iter().map(|seat| seat.id).collect()
    }
}

/// At the door: what facilitators decide about those who knock.
impl Session {
    pub(crate) fn admit(&mut self, actor: ParticipantId, target: ParticipantId) -> Result<(), Refusal> {
        self.require(actor, Permission::ManageWaitingRoom)?;
        self.require_knocking(target)?;
        if self.is_full() {
            return Err(Refusal::SessionFull);
        }
        self.let_in(target, Some(actor));
        Ok(())
    }

    /// Lets in as many as there is room for, in the order they came; says how many were left out.
    pub(crate) fn admit_all(&mut self, actor: ParticipantId) -> Result<(), Refusal> {
        self.require(actor, Permission::ManageWaitingRoom)?;
        let mut left_out = 0;
        for id in self.waiting_in_order(|_| true) {
            if self.require_knocking(id).is_err() {
                continue;
            }
            if self.is_full() {
                left_out += 1;
            } else {
                self.let_in(id, Some(actor));
            }
        }
        if left_out == 0 {
            Ok(())
        } else {
            Err(Refusal::FullFor(left_out))
        }
    }

    pub(crate) fn deny(&mut self, actor: ParticipantId, target: ParticipantId) -> Result<(), Refusal> {
        self.require(actor, Permission::ManageWaitingRoom)?;
        let connection = self.require_knocking(target)?.connection();
        let mut blocked = false;
        self.update(target, |seat| {
            seat.denials += 1;
            blocked = seat.denials >= DENIALS_MAX;
            seat.standing = Some(if blocked {
                Standing::Blocked
            } else {
                Standing::Denied
            });
        });
        let action = if blocked {
            AuditAction::DeniedForGood
        } else {
            AuditAction::Denied
        };
        self.audit(Some(actor), action, Some(target));
        self.tell(target, ServerMessage::Denied { blocked });
        self.hang_up(connection);
        self.stop_waiting(target);
        self.tell_doorkeepers(&ServerMessage::KnockEnded { participant: target });
        Ok(())
    }

    fn require_knocking(&self, target: ParticipantId) -> Result<&Seat, Refusal> {
        self.seat(target)
            .filter(|seat| seat.knock().is_some())
            .ok_or(Refusal::NoSuchPerson)
    }
}
