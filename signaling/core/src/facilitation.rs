//! What facilitators do with microphones, cameras, hands and the session itself.
//!
//! Nobody is ever unmuted by force: a facilitator can take a microphone away, give back the right to it, and ask.

use hearken_protocol::{ParticipantId, Permission, ServerMessage};

use crate::refusal::Refusal;
use crate::seat::Seat;
use crate::{AuditAction, Change, MicrophoneRule, Output, Session};

/// Microphones and cameras of others.
impl Session {
    pub(crate) fn mute(&mut self, actor: ParticipantId, target: ParticipantId) -> Result<(), Refusal> {
        self.require(actor, Permission::ManageMedia)?;
        self.require_inside(target)?;
        self.silence(target);
        self.audit(Some(actor), AuditAction::Muted, Some(target));
        Ok(())
    }

    pub(crate) fn mute_everyone(&mut self, actor: ParticipantId) -> Result<(), Refusal> {
        self.require(actor, Permission::ManageMedia)?;
        for target in self.those_without_speak_always() {
            if self
                .require_inside(target)
                .is_ok_and(|seat| seat.rule == MicrophoneRule::Free)
            {
                self.silence(target);
            }
        }
        self.audit(Some(actor), AuditAction::EveryoneMuted, None);
        Ok(())
    }

    /// Mutes somebody inside, and tells them; under a lock it takes back what was granted.
    fn silence(&mut self, target: ParticipantId) {
        let exempt = self
            .seat(target)
            .is_some_and(|seat| seat.may(Permission::SpeakAlways));
        let rule = match self.microphones_locked && !exempt {
            true => MicrophoneRule::Locked,
            false => MicrophoneRule::Muted,
        };
        self.restrict(target, rule);
    }

    fn restrict(&mut self, target: ParticipantId, rule: MicrophoneRule) {
        self.update(target, |seat| {
            seat.rule = rule;
            if let Some(inside) = seat.inside_mut() {
                inside.microphone_on = false;
            }
        });
        let inside = self.seat(target).is_some_and(|seat| seat.inside().is_some());
        if inside {
            self.tell(
                target,
                ServerMessage::Muted {
                    may_unmute: rule != MicrophoneRule::Locked,
                },
            );
        }
    }

    pub(crate) fn lock_microphones(&mut self, actor: ParticipantId, locked: bool) -> Result<(), Refusal> {
        self.require(actor, Permission::ManageMedia)?;
        if self.microphones_locked == locked {
            return Ok(());
        }
        self.microphones_locked = locked;
        self.persist(Change::MicrophonesLocked(locked));
        for target in self.those_without_speak_always() {
            if locked {
                self.restrict(target, MicrophoneRule::Locked);
            } else {
                self.update(target, |seat| {
                    if seat.rule == MicrophoneRule::Locked {
                        seat.rule = MicrophoneRule::Muted;
                    }
                });
            }
        }
        let action = if locked {
            AuditAction::MicrophonesLocked
        } else {
            AuditAction::MicrophonesUnlocked
        };
        self.audit(Some(actor), action, None);
        self.tell_session_info();
        Ok(())
    }

    /// Under a lock this is the exception: the person may unmute from now on.
    pub(crate) fn ask_to_unmute(
        &mut self,
        actor: ParticipantId,
        target: ParticipantId,
    ) -> Result<(), Refusal> {
        self.require(actor, Permission::ManageMedia)?;
        self.require_inside(target)?;
        self.update(target, |seat| {
            if seat.rule == MicrophoneRule::Locked {
                seat.rule = MicrophoneRule::Muted;
            }
        });
        self.audit(Some(actor), AuditAction::UnmuteRequested, Some(target));
        self.tell(target, ServerMessage::UnmuteRequested);
        Ok(())
    }

    pub(crate) fn stop_camera(&mut self, actor: ParticipantId, target: ParticipantId) -> Result<(), Refusal> {
        self.require(actor, Permission::ManageMedia)?;
        self.require_inside(target)?;
        self.update(target, |seat| {
            if let Some(inside) = seat.inside_mut() {
                inside.camera = false;
            }
        });
        self.audit(Some(actor), AuditAction::CameraStopped, Some(target));
        self.tell(target, ServerMessage::CameraStopped);
        Ok(())
    }

    /// Everybody with a seat whom a lock concerns, those included who are away at present.
    fn those_without_speak_always(&self) -> Vec<ParticipantId> {
        let concerned = |seat: &&Seat| !seat.may(Permission::SpeakAlways) && seat.waiting().is_none();
        self.seats
            .values()
            .filter(concerned)
            .map(|seat| seat.id)
            .collect()
    }
}

/// Hands.
impl Session {
    pub(crate) fn raise_hand(&mut self, actor: ParticipantId) {
        if self
            .seat(actor)
            .and_then(Seat::inside)
            .is_none_or(|inside| inside.hand_raised_at.is_some())
        {
            return;
        }
        let next = self.last_hand + std::time::Duration::from_millis(1);
        self.last_hand = self.now.max(next);
        let raised_at = self.last_hand;
        self.update(actor, |seat| {
            if let Some(inside) = seat.inside_mut() {
                inside.hand_raised_at = Some(raised_at);
            }
        });
    }

    pub(crate) fn lower_hand(
        &mut self,
        actor: ParticipantId,
        whose: Option<ParticipantId>,
    ) -> Result<(), Refusal> {
        let target = whose.unwrap_or(actor);
        if target != actor {
            self.require(actor, Permission::ManageHands)?;
        }
        self.require_inside(target)?;
        self.update(target, |seat| {
            if let Some(inside) = seat.inside_mut() {
                inside.hand_raised_at = None;
            }
        });
        Ok(())
    }
}

/// The session itself.
impl Session {
    pub(crate) fn lock_session(&mut self, actor: ParticipantId, locked: bool) -> Result<(), Refusal> {
        self.require(actor, Permission::ManageSession)?;
        if self.session_locked == locked {
            return Ok(());
        }
        self.session_locked = locked;
        self.persist(Change::SessionLocked(locked));
        let action = if locked {
            AuditAction::SessionLocked
        } else {
            AuditAction::SessionUnlocked
        };
        self.audit(Some(actor), action, None);
        self.tell_session_info();
        Ok(())
    }

    pub(crate) fn renew_link(&mut self, actor: ParticipantId) -> Result<(), Refusal> {
        self.require(actor, Permission::ManageSession)?;
        self.link_generation = self.link_generation.saturating_add(1);
        let generation = self.link_generation;
        self.persist(Change::LinkGeneration(generation));
        self.audit(Some(actor), AuditAction::LinkRenewed, None);
        let keepers = |seat: &&Seat| seat.inside().is_some() && seat.may(Permission::ManageSession);
        let connections: Vec<_> = self
            .seats
            .values()
            .filter(keepers)
            .filter_map(Seat::connection)
            .collect();
        for connection in connections {
            self.emit(Output::MemberLink {
                connection,
                generation,
            });
        }
        Ok(())
    }
}
