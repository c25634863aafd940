//! One live session: what is known of it, and how inputs find their way.
//!
//! The rules stand in the files beside it, each an `impl Session` of its own: `entrance` and `departure` (who comes
//! and goes), `facilitation` (what facilitators do), `media` (microphones, cameras, offers), and what they share:
//! `view` (what is the case) and `outlet` (how anything leaves).

use std::collections::{BTreeMap, VecDeque};

use hearken_protocol::{
    Caption, CaptionNews, CaptionsState, ClientMessage, EndReason, MediaCommand, ParticipantId, Permission,
    ServerMessage, SessionId, Timestamp,
};

use crate::captions::Captions;
use crate::refusal::Refusal;
use crate::schedule::Schedule;
use crate::seat::{Inside, Line, Place, SEAT_HOLD, Seat};
use crate::text::Line as TypedLine;
use crate::transcript::Transcript;
use crate::{AuditAction, Change, ConnectionId, Input, Output, SessionRecord, SessionSettings, Standing};

/// One live session. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Session {
    pub(crate) settings: SessionSettings,
    pub(crate) media_epoch: u64,
    /// The latest time heard of: it never goes back here, whatever the clock does.
    pub(crate) now: Timestamp,
    pub(crate) schedule: Schedule,
    pub(crate) link_generation: u32,
    pub(crate) session_locked: bool,
    pub(crate) microphones_locked: bool,
    pub(crate) seats: BTreeMap<ParticipantId, Seat>,
    pub(crate) connections: BTreeMap<ConnectionId, ParticipantId>,
    pub(crate) captions: Captions,
    pub(crate) transcript: Transcript,
    /// Caption pages, and whose they are.
    pub(crate) viewers: BTreeMap<ConnectionId, ParticipantId>,
    pub(crate) ended: Option<EndReason>,
    /// Counts who came into the waiting room or the session.
    pub(crate) arrivals: u64,
    /// Counts the offers of everybody.
    pub(crate) negotiations: u32,
    /// When a hand was last raised: no two are at the same time, so that their order is certain.
    pub(crate) last_hand: Timestamp,
    pub(crate) outputs: VecDeque<Output>,
}

/// How many are where, for metrics and for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Inside, those included whose seat is held for them.
    pub inside: usize,
    /// Inside and connected.
    pub connected: usize,
    /// In the waiting room and connected, those included who wait for the start.
    pub waiting: usize,
}

impl Session {
    /// A session that was just created. The media plane's orders for it are among the outputs at once.
    ///
    /// `media_epoch` names the life of the media plane, `now` is the present time.
    pub fn new(settings: SessionSettings, media_epoch: u64, now: Timestamp) -> Self {
        let record = SessionRecord {
            settings,
            link_generation: 1,
            session_locked: false,
            microphones_locked: false,
            off_record: false,
            ended: None,
            seats: Vec::new(),
        };
        Self::restore(record, media_epoch, now)
    }

    /// A session that an earlier process has left behind. Whoever was inside has the seat held for
    /// [`SEAT_HOLD`] from now on. If its time is up, it ends at once.
    pub fn restore(record: SessionRecord, media_epoch: u64, now: Timestamp) -> Self {
        let settings = record.settings;
        let mut session = Self {
            schedule: Schedule::new(settings.starts_at, settings.ends_at, now),
            captions: Captions::new(settings.captions, record.off_record),
            transcript: Transcript::default(),
            viewers: BTreeMap::new(),
            settings,
            media_epoch,
            now,
            link_generation: record.link_generation,
            session_locked: record.session_locked,
            microphones_locked: record.microphones_locked,
            seats: BTreeMap::new(),
            connections: BTreeMap::new(),
            ended: record.ended,
            arrivals: 0,
            negotiations: 0,
            last_hand: now,
            outputs: VecDeque::new(),
        };
        if session.ended.is_some() {
            return session;
        }
        let captions = session.settings.captions;
        session.order(MediaCommand::OpenSession {
            session: session.id(),
            captions,
        });
        session.order_listening();
        for record in record.seats {
            session.arrivals += 1;
            let inside = Inside::new(Line::Held {
                until: now + SEAT_HOLD,
            });
            let seat = Seat {
                id: record.participant,
                role: record.role,
                name: record.name,
                rule: record.microphone,
                denials: record.denials,
                arrival: session.arrivals,
                standing: Some(record.standing),
                place: match record.standing {
                    Standing::Admitted => Place::Inside(inside),
                    Standing::Denied | Standing::Lapsed | Standing::Blocked => Place::Absent,
                },
            };
            if let Some(grants) = seat.grants() {
                session.order(MediaCommand::Admit {
                    session: session.id(),
                    participant: seat.id,
                    grants,
                });
            }
            session.seats.insert(seat.id, seat);
        }
        session.advance(now);
        session
    }

    /// Takes in what happened. Time that has passed unnoticed takes effect first.
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        self.advance(now);
        if self.ended.is_some() {
            let newcomer = match input {
                Input::Connect(connect) => Some((connect.connection, connect.request)),
                Input::View(view) => Some((view.connection, view.request)),
                _ => None,
            };
            if let Some((connection, request)) = newcomer {
                self.turn_away(connection, request, Refusal::Ended);
            }
            return;
        }
        match input {
            Input::Connect(connect) => self.connect(connect),
            Input::View(view) => self.open_caption_page(view),
            Input::Disconnect { connection } => self.disconnect(connection),
            Input::Message {
                connection,
                request,
                message,
            } => self.message(connection, request, message),
            Input::Media(event) => self.media_event(event),
            Input::Captions(news) => self.caption_news(news),
            Input::Time => {}
            Input::EndByOperator => self.end(None, EndReason::Operator),
        }
        if self.ended.is_none() && self.review_transcript() {
            self.tell_session_info();
        }
    }

    /// The next thing to do, if there is any. To be called until it yields `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Time`] is due next; `None` once the session is over.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let holds = self.seats.values().filter_map(|seat| seat.line()?.held_until());
        self.ended
            .is_none()
            .then(|| holds.fold(self.schedule.next_deadline(), Timestamp::min))
    }

    /// Whether it has ended: nothing will happen any more, and it can be dropped.
    pub fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// Why it has ended, if it has.
    pub fn ended(&self) -> Option<EndReason> {
        self.ended
    }

    /// Its id.
    pub fn id(&self) -> SessionId {
        self.settings.session
    }

    /// What it was created with.
    pub fn settings(&self) -> &SessionSettings {
        &self.settings
    }

    /// The one making of the member link that lets anybody in.
    pub fn link_generation(&self) -> u32 {
        self.link_generation
    }

    /// How many are where.
    pub fn counts(&self) -> Counts {
        let inside = self.insiders();
        Counts {
            inside: inside.clone().count(),
            connected: inside.filter(|seat| seat.connection().is_some()).count(),
            waiting: self
                .seats
                .values()
                .filter(|s| s.waiting().is_some() && s.connection().is_some())
                .count(),
        }
    }

    /// Whether the server writes along.
    pub fn captions(&self) -> CaptionsState {
        self.captions.state()
    }

    fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        if self.ended.is_some() {
            return;
        }
        if self.schedule.is_over(self.now) {
            return self.end(None, EndReason::Time);
        }
        let lapsed = |seat: &&Seat| {
            seat.line()
                .and_then(Line::held_until)
                .is_some_and(|t| t <= self.now)
        };
        let lapsed: Vec<ParticipantId> = self.seats.values().filter(lapsed).map(|seat| seat.id).collect();
        for id in lapsed {
            self.lapse(id);
        }
        if self.schedule.starts_now(self.now) {
            self.start();
        }
        if let Some(minutes) = self.schedule.warning(self.now) {
            self.tell_inside(&ServerMessage::EndingSoon { minutes });
        }
    }

    fn message(&mut self, connection: ConnectionId, request: Option<u32>, message: ClientMessage) {
        let Some(&actor) = self.connections.get(&connection) else {
            if self.viewers.contains_key(&connection) && message == ClientMessage::Ping {
                let message = ServerMessage::Pong;
                self.emit(Output::Send { connection, message });
            }
            return;
        };
        if let Err(refusal) = self.obey(actor, connection, request, message) {
            self.refuse(connection, request, refusal);
        }
    }

    fn obey(
        &mut self,
        actor: ParticipantId,
        connection: ConnectionId,
        request: Option<u32>,
        message: ClientMessage,
    ) -> Result<(), Refusal> {
        use ClientMessage as M;
        match message {
            M::Hello(_) => return Err(Refusal::SecondHello),
            M::Ping => {
                self.emit(Output::Send {
                    connection,
                    message: ServerMessage::Pong,
                });
                return Ok(());
            }
            M::Leave => {
                self.leave(actor);
                return Ok(());
            }
            _ if self.seat(actor).is_none_or(|seat| seat.inside().is_none()) => return Err(Refusal::Waiting),
            M::Offer {
                negotiation,
                sdp,
                end_to_end_encrypted,
            } => {
                self.offer(actor, connection, request, negotiation, sdp, end_to_end_encrypted);
            }
            M::View { items, mode } => return self.view(actor, items, mode),
            M::SetMicrophone { on } => return self.set_microphone(actor, on),
            M::SetCamera { on } => self.set_camera(actor, on),
            M::SetScreen { on } => return self.set_screen(actor, on),
            M::Type {
                line,
                text,
                done,
                speaker,
                off_record,
            } => {
                let line = TypedLine {
                    line,
                    text,
                    done,
                    speaker,
                    off_record,
                };
                return self.type_line(actor, line);
            }
            M::Correct { id, text, over } => return self.correct(actor, id, &text, over),
            M::SetOffRecord { on } => return self.set_off_record(actor, on),
            M::SetVocabulary { terms } => return self.set_vocabulary(actor, &terms),
            M::AgreeToTranscript { agree } => return self.agree_to_transcript(actor, agree),
            M::GetCaptionLink => self.caption_link(actor, connection),
            M::RaiseHand => self.raise_hand(actor),
            M::LowerHand { participant } => return self.lower_hand(actor, participant),
            M::Admit { participant } => return self.admit(actor, participant),
            M::AdmitAll => return self.admit_all(actor),
            M::Deny { participant } => return self.deny(actor, participant),
            M::Mute { participant } => return self.mute(actor, participant),
            M::MuteEveryone => return self.mute_everyone(actor),
            M::LockMicrophones { locked } => return self.lock_microphones(actor, locked),
            M::AskToUnmute { participant } => return self.ask_to_unmute(actor, participant),
            M::StopCamera { participant } => return self.stop_camera(actor, participant),
            M::Remove { participant } => return self.remove(actor, participant),
            M::LockSession { locked } => return self.lock_session(actor, locked),
            M::RenewLink => return self.renew_link(actor),
            M::EndSession => {
                self.require(actor, Permission::ManageSession)?;
                self.end(Some(actor), EndReason::Facilitator);
            }
        }
        Ok(())
    }

    fn caption_news(&mut self, news: CaptionNews) {
        match news {
            CaptionNews::State(state) => {
                let closed = self.captions.set_state(state);
                self.captions_changed(closed);
            }
            CaptionNews::Model(model) => {
                let suits = model.suit(&self.settings.speech).is_ok();
                let closed = self.captions.set_model_suits(suits);
                self.captions_changed(closed);
            }
            CaptionNews::Event { event, sent_at } => {
                if event.session != self.id() {
                    return;
                }
                let present = self.insiders().find(|seat| seat.id == event.participant);
                let name = match present {
                    Some(seat) => Some(seat.name.clone()),
                    None => self.captions.past_name(event.participant),
                };
                let Some(name) = name else { return };
                let now = self.now;
                for caption in self.captions.hear(event, sent_at, name, now) {
                    self.caption(caption);
                }
            }
        }
    }

    /// Tells of a new state of the captions, and of those that it closed; of none if nothing has changed.
    fn captions_changed(&mut self, closed: Option<Vec<Caption>>) {
        let Some(closed) = closed else { return };
        for caption in closed {
            self.caption(caption);
        }
        let state = ServerMessage::Captions {
            state: self.captions.state(),
        };
        self.tell_everybody(&state);
        self.tell_viewers(&state);
    }

    /// Says how the group speaks to those who write along, if anybody does.
    pub(crate) fn order_listening(&mut self) {
        if self.settings.captions {
            self.order(MediaCommand::Listen {
                session: self.id(),
                speech: self.settings.speech.clone(),
            });
        }
    }

    /// Ends the session, for good and for everybody.
    pub(crate) fn end(&mut self, actor: Option<ParticipantId>, reason: EndReason) {
        self.persist(Change::Ended(reason));
        self.audit(actor, AuditAction::Ended, None);
        self.order(MediaCommand::CloseSession { session: self.id() });
        self.hand_out_transcript();
        let connections = std::mem::take(&mut self.connections).into_keys();
        let viewers = std::mem::take(&mut self.viewers).into_keys();
        for connection in connections.chain(viewers) {
            self.emit(Output::Send {
                connection,
                message: ServerMessage::Ended { reason },
            });
            self.emit(Output::Close { connection });
        }
        self.seats.clear();
        self.captions.clear();
        self.ended = Some(reason);
    }
}
