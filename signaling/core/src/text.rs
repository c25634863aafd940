//! Captions that people write, and what becomes of all captions: typed lines, corrections, pages that show nothing
//! else, the group's record.

use hearken_protocol::{
    Caption, CaptionId, CaptionOrigin, CaptionStatus, ParticipantId, Permission, Sensitive, ServerMessage,
    TYPED_CHARACTERS_MAX, TranscriptState, Viewing,
};

use crate::captions::{Correction, Corrector, TypedLine};
use crate::refusal::Refusal;
use crate::seat::Seat;
use crate::{AuditAction, Change, ConnectionId, Output, Session};

/// Caption pages that one seat can have open: a second screen, a projector, a braille display.
const VIEWERS_MAX: usize = 3;

/// A line of captions as it came from a browser.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) line: u32,
    pub(crate) text: Sensitive<String>,
    pub(crate) done: bool,
    pub(crate) speaker: Option<ParticipantId>,
    pub(crate) off_record: bool,
}

/// Typed text.
impl Session {
    /// Somebody types instead of speaking; or a captioner types what somebody says.
    pub(crate) fn type_line(&mut self, actor: ParticipantId, line: Line) -> Result<(), Refusal> {
        let text = one_line(&line.text)?;
        let (speaker, origin) = match line.speaker {
            Some(speaker) if speaker != actor => {
                self.require(actor, Permission::CaptionOthers)?;
                (speaker, CaptionOrigin::Captioner)
            }
            Some(_) | None => (actor, CaptionOrigin::Typed),
        };
        let name = self.require_inside(speaker)?.name.clone();
        let typed = TypedLine {
            line: line.line,
            text,
            done: line.done,
            off_record: line.off_record,
            speaker,
            name,
            origin,
            language: self.settings.speech.language_of_people(),
        };
        let now = self.now;
        for caption in self.captions.type_line(actor, typed, now) {
            self.caption(caption);
        }
        Ok(())
    }

    /// Whoever typed is gone, for now or for good: the line stays as it stood.
    pub(crate) fn stop_typing(&mut self, typist: ParticipantId) {
        if let Some(caption) = self.captions.stop_typing(typist) {
            self.caption(caption);
        }
    }

    /// Puts a final caption right, unless somebody else has since the revision that this was written `over`.
    pub(crate) fn correct(
        &mut self,
        actor: ParticipantId,
        id: CaptionId,
        text: &Sensitive<String>,
        over: Option<u32>,
    ) -> Result<(), Refusal> {
        let text = one_line(text)?;
        let by = if self.require(actor, Permission::CaptionOthers).is_ok() {
            Corrector::Captioner
        } else {
            Corrector::Speaker(actor)
        };
        let mut caption = self.captions.correct(actor, by, Correction { id, text, over })?;
        if caption.off_record {
            let present = self.seat(caption.participant).map(|seat| seat.name.clone());
            let name = present.filter(|name| !name.is_empty());
            let name = name.or_else(|| self.captions.past_name(caption.participant));
            caption.name = name.unwrap_or_default();
        }
        self.caption(caption);
        Ok(())
    }

    /// Passes on a revision of a caption, and keeps it where everybody agreed.
    pub(crate) fn caption(&mut self, caption: Caption) {
        if caption.status != CaptionStatus::Partial {
            self.transcript.keep(&caption);
        }
        let message = ServerMessage::Caption(caption);
        self.tell_inside(&message);
        self.tell_viewers(&message);
    }
}

/// The record.
impl Session {
    pub(crate) fn set_off_record(&mut self, actor: ParticipantId, on: bool) -> Result<(), Refusal> {
        self.require(actor, Permission::ManageSession)?;
        if self.captions.off_record() == on {
            return Ok(());
        }
        self.captions.set_off_record(on, self.now);
        self.persist(Change::OffRecord(on));
        let action = if on {
            AuditAction::OffRecord
        } else {
            AuditAction::OnRecord
        };
        self.audit(Some(actor), action, None);
        self.review_transcript();
        self.tell_session_info();
        Ok(())
    }

    pub(crate) fn agree_to_transcript(&mut self, actor: ParticipantId, agree: bool) -> Result<(), Refusal> {
        if !self.settings.transcript {
            return Err(Refusal::NoTranscript);
        }
        self.transcript.answered(actor, agree);
        Ok(())
    }

    pub(crate) fn transcript_state(&self) -> TranscriptState {
        match (self.settings.transcript, self.transcript.is_running()) {
            (false, _) => TranscriptState::None,
            (true, false) => TranscriptState::Paused,
            (true, true) => TranscriptState::Running,
        }
    }

    /// Decides anew whether a transcript may be kept. True when that has changed.
    pub(crate) fn review_transcript(&mut self) -> bool {
        let agreed = |seat: &Seat| self.transcript.answer(seat.id) == Some(true);
        let runs = self.settings.transcript
            && !self.captions.off_record()
            && self.insiders().next().is_some()
            && self.insiders().all(agreed);
        let changes = runs != self.transcript.is_running();
        let now = self.now;
        self.transcript.set_running(runs, now);
        changes
    }

    /// Hands the transcript to those who keep the session, and forgets it.
    pub(crate) fn hand_out_transcript(&mut self) {
        let transcript = std::mem::take(&mut self.transcript);
        if let Some(vtt) = transcript.to_webvtt() {
            let keeps = |seat: &Seat| seat.inside().is_some() && seat.may(Permission::ManageSession);
            self.tell_those(keeps, &ServerMessage::Transcript { vtt });
        }
    }
}

/// Pages that show nothing but captions.
impl Session {
    pub(crate) fn caption_link(&mut self, actor: ParticipantId, connection: ConnectionId) {
        self.emit(Output::CaptionLink {
            connection,
            participant: actor,
        });
    }

    /// Opens a caption page for a seat. It has no say in anything.
    pub(crate) fn view_captions(
        &mut self,
        connection: ConnectionId,
        seat: ParticipantId,
    ) -> Result<(), Refusal> {
        self.require_inside(seat).map_err(|_| Refusal::NobodyToView)?;
        let open = self.viewers.values().filter(|of| **of == seat).count();
        if open >= VIEWERS_MAX {
            return Err(Refusal::TooManyViewers);
        }
        self.viewers.insert(connection, seat);
        let viewing = Viewing {
            session: self.info(),
            server_time: self.now,
            captions: self.captions.history(),
        };
        self.emit(Output::Viewing { connection, viewing });
        Ok(())
    }

    pub(crate) fn tell_viewers(&mut self, message: &ServerMessage) {
        for connection in self.viewers.keys().copied().collect::<Vec<_>>() {
            self.emit(Output::Send {
                connection,
                message: message.clone(),
            });
        }
    }

    /// Somebody is out: their caption pages close.
    pub(crate) fn close_viewers(&mut self, of: ParticipantId) {
        let theirs: Vec<_> = self.viewers.extract_if(.., |_, seat| *seat == of).collect();
        for (connection, _) in theirs {
            self.emit(Output::Send {
                connection,
                message: ServerMessage::Removed,
            });
            self.emit(Output::Close { connection });
        }
    }
}

/// A line without breaks and other control characters, within bounds.
fn one_line(text: &str) -> Result<Sensitive<String>, Refusal> {
    if text.chars().count() > TYPED_CHARACTERS_MAX {
        return Err(Refusal::LineTooLong);
    }
    let readable = |character: char| if character.is_control() { ' ' } else { character };
    Ok(Sensitive(text.chars().map(readable).collect()))
}
