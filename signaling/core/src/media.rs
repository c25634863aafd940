//! Between a person and the media plane: switches, offers, what is looked at, and what comes back.
//!
//! Only those inside get here; the media plane never hears of anybody else.

use std::collections::BTreeSet;

use hearken_protocol::{
    ErrorCode, LineQuality, MediaCommand, MediaEvent, OfferRefusal, ParticipantId, Permission, Sensitive,
    ServerMessage, Speaker, StreamStatistics, ViewItem, ViewMode,
};

use crate::refusal::Refusal;
use crate::seat::{PendingOffer, Seat};
use crate::{ConnectionId, MicrophoneRule, Output, Session};

/// One's own microphone, camera and screen.
impl Session {
    pub(crate) fn set_microphone(&mut self, actor: ParticipantId, on: bool) -> Result<(), Refusal> {
        let locked = self.require_inside(actor)?.rule == MicrophoneRule::Locked;
        if locked && on {
            return Err(Refusal::MicrophonesLocked);
        }
        self.update(actor, |seat| {
            if on {
                seat.rule = MicrophoneRule::Free;
            }
            if let Some(inside) = seat.inside_mut() {
                inside.microphone_on = on;
            }
        });
        Ok(())
    }

    pub(crate) fn set_camera(&mut self, actor: ParticipantId, on: bool) {
        self.update(actor, |seat| {
            if let Some(inside) = seat.inside_mut() {
                inside.camera = on;
            }
        });
    }

    pub(crate) fn set_screen(&mut self, actor: ParticipantId, on: bool) -> Result<(), Refusal> {
        if on {
            self.require(actor, Permission::ShareScreen)?;
            if self.is_screen_taken(actor) {
                return Err(Refusal::ScreenTaken);
            }
            self.replace_unseen_screens(actor);
        }
        self.update(actor, |seat| {
            if let Some(inside) = seat.inside_mut() {
                inside.screen = on;
            }
        });
        Ok(())
    }
}

impl Session {
    /// Whether somebody else's screen keeps this one's from being shared: newcomers replace nobody, and who shares
    /// already goes on.
    fn is_screen_taken(&self, actor: ParticipantId) -> bool {
        let may_add = self.require(actor, Permission::ManageMedia).is_ok();
        !may_add && !self.seat(actor).is_some_and(shares_screen) && self.insiders().any(shares_screen)
    }

    /// Members' screens that were on and went out of sight with their lines do not come back with them, once another
    /// has begun in their place.
    fn replace_unseen_screens(&mut self, actor: ParticipantId) {
        if self.seat(actor).is_some_and(shares_screen) {
            return;
        }
        let is_unseen =
            |seat: &Seat| seat.inside().is_some_and(|inside| inside.screen) && !shares_screen(seat);
        let may_add = |id: &ParticipantId| self.require(*id, Permission::ManageMedia).is_ok();
        let unseen: Vec<_> = self
            .seats
            .iter()
            .filter(|(id, seat)| is_unseen(seat) && !may_add(id))
            .map(|(id, _)| *id)
            .collect();
        for id in unseen {
            self.update(id, |seat| {
                if let Some(inside) = seat.inside_mut() {
                    inside.screen = false;
                }
            });
        }
    }
}

/// Whether somebody's screen may be seen: they are there, or their media still is while their seat is held.
fn shares_screen(seat: &Seat) -> bool {
    seat.inside().is_some_and(|inside| {
        let is_there = inside.line.connection().is_some() || inside.quality != LineQuality::Lost;
        inside.screen && is_there
    })
}

/// To the media plane.
impl Session {
    pub(crate) fn offer(
        &mut self,
        actor: ParticipantId,
        connection: ConnectionId,
        request: Option<u32>,
        negotiation: u32,
        sdp: Sensitive<String>,
        end_to_end_encrypted: bool,
    ) {
        let Some(inside) = self.seats.get_mut(&actor).and_then(Seat::inside_mut) else {
            return;
        };
        self.negotiations = self.negotiations.wrapping_add(1);
        let number = self.negotiations;
        let fingerprint = sdp
            .lines()
            .find(|line| line.starts_with("a=fingerprint:"))
            .map(Sensitive::from);
        inside.negotiation.offered(PendingOffer {
            number,
            negotiation,
            connection,
            request,
            fingerprint,
        });
        self.order(MediaCommand::Offer {
            session: self.id(),
            participant: actor,
            negotiation: number,
            sdp,
            end_to_end_encrypted,
        });
    }

    pub(crate) fn view(
        &mut self,
        actor: ParticipantId,
        items: Vec<ViewItem>,
        mode: ViewMode,
    ) -> Result<(), Refusal> {
        // Everybody has one camera and one screen.
        let items_max = usize::try_from(self.settings.capacity)
            .unwrap_or(usize::MAX)
            .saturating_mul(2);
        let videos: BTreeSet<_> = items.iter().map(|item| (item.participant, item.source)).collect();
        let is_sound = |item: &ViewItem| item.source.is_audio();
        if items.len() > items_max || videos.len() != items.len() || items.iter().any(is_sound) {
            return Err(Refusal::View);
        }
        self.order(MediaCommand::SetView {
            session: self.id(),
            participant: actor,
            items,
            mode,
        });
        Ok(())
    }
}

/// From the media plane.
impl Session {
    pub(crate) fn media_event(&mut self, event: MediaEvent) {
        if event.session() != self.id() {
            return;
        }
        match event {
            MediaEvent::Answer {
                participant,
                negotiation,
                sdp,
                ..
            } => {
                self.answer(participant, negotiation, sdp);
            }
            MediaEvent::OfferRefused {
                participant,
                negotiation,
                refusal,
                ..
            } => {
                self.offer_refused(participant, negotiation, refusal);
            }
            MediaEvent::Slot {
                participant, slot, ..
            } => {
                let Some(inside) = self.seats.get_mut(&participant).and_then(Seat::inside_mut) else {
                    return;
                };
                inside.negotiation.assigned(&slot);
                self.tell(participant, ServerMessage::Slot(slot));
            }
            MediaEvent::Speakers { speakers, .. } => {
                let is_inside = |speaker: &Speaker| self.require_inside(speaker.participant).is_ok();
                let speakers = speakers.into_iter().filter(is_inside).collect();
                self.tell_inside(&ServerMessage::Speakers { speakers });
            }
            MediaEvent::Publish {
                participant, publish, ..
            } => {
                let Some(inside) = self.seats.get_mut(&participant).and_then(Seat::inside_mut) else {
                    return;
                };
                inside.negotiation.asked_for(publish);
                self.tell(participant, ServerMessage::Publish(publish));
            }
            MediaEvent::VideoPaused {
                participant,
                publisher,
                source,
                paused,
                ..
            } => {
                let Some(inside) = self.seats.get_mut(&participant).and_then(Seat::inside_mut) else {
                    return;
                };
                inside.negotiation.paused(publisher, source, paused);
                let message = ServerMessage::VideoPaused {
                    participant: publisher,
                    source,
                    paused,
                };
                self.tell(participant, message);
            }
            MediaEvent::Statistics {
                participant,
                mut statistics,
                ..
            } => {
                if self.require_inside(participant).is_ok() {
                    // Everybody's sound, stream by stream, would be as much again as the videos.
                    let is_told = |stream: &StreamStatistics| {
                        stream.participant == participant || !stream.source.is_audio()
                    };
                    statistics.streams.retain(is_told);
                    self.set_quality(participant, statistics.quality);
                    self.tell(participant, ServerMessage::Statistics(statistics));
                }
            }
            // A seat depends on the WebSocket, not on the transport: the client restarts ICE by a new offer.
            MediaEvent::Connected { participant, .. } => self.set_quality(participant, LineQuality::Good),
            MediaEvent::Disconnected { participant, .. } => {
                if self.require_inside(participant).is_ok() {
                    self.set_quality(participant, LineQuality::Lost);
                    self.tell(participant, ServerMessage::MediaLost);
                }
            }
            MediaEvent::Sending { .. } => {}
        }
    }

    /// Tells everybody inside how well somebody's line carries the call, when that has changed.
    fn set_quality(&mut self, participant: ParticipantId, quality: LineQuality) {
        let inside = self.seats.get(&participant).and_then(Seat::inside);
        if inside.is_some_and(|inside| inside.quality != quality) {
            self.update(participant, |seat| {
                if let Some(inside) = seat.inside_mut() {
                    inside.quality = quality;
                }
            });
        }
    }

    fn answer(&mut self, participant: ParticipantId, number: u32, sdp: Sensitive<String>) {
        let Some(inside) = self.seats.get_mut(&participant).and_then(Seat::inside_mut) else {
            return;
        };
        let Some(offer) = inside.negotiation.answered(number) else {
            return;
        };
        // The page that offered may be gone; the one in its place offers for itself.
        if self.connections.contains_key(&offer.connection) {
            let message = ServerMessage::Answer {
                negotiation: offer.negotiation,
                sdp,
            };
            self.emit(Output::Send {
                connection: offer.connection,
                message,
            });
        }
    }

    fn offer_refused(&mut self, participant: ParticipantId, number: u32, refusal: OfferRefusal) {
        let Some(inside) = self.seats.get_mut(&participant).and_then(Seat::inside_mut) else {
            return;
        };
        let Some(offer) = inside.negotiation.refused(number) else {
            return;
        };
        let (connection, request) = (offer.connection, offer.request);
        if !self.connections.contains_key(&connection) {
            return;
        }
        match refusal {
            OfferRefusal::Full => self.refuse(connection, request, Refusal::MediaFull),
            OfferRefusal::SessionOutgrown => self.refuse(connection, request, Refusal::SessionOutgrown),
            OfferRefusal::Malformed(detail) => {
                let message = format!("the offer could not be understood: {detail}");
                let message = ServerMessage::Error {
                    request,
                    code: ErrorCode::InvalidOffer,
                    message,
                };
                self.emit(Output::Send { connection, message });
            }
        }
    }
}
