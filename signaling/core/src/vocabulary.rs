//! The names and terms of a group: within bounds, whoever gives them, an operator or a facilitator.

use hearken_protocol::{
    ParticipantId, Permission, Sensitive, ServerMessage, VOCABULARY_CHARACTERS_MAX,
    VOCABULARY_TERM_CHARACTERS_MAX, VOCABULARY_TERMS_MAX,
};

use crate::refusal::Refusal;
use crate::{AuditAction, Change, Session};

/// A vocabulary beyond its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a list of at most {} texts of 1 to {} characters without line breaks, {} characters together",
    VOCABULARY_TERMS_MAX,
    VOCABULARY_TERM_CHARACTERS_MAX,
    VOCABULARY_CHARACTERS_MAX
)]
pub struct VocabularyError;

/// A vocabulary from what somebody gave, trimmed.
///
/// # Errors
///
/// When it is beyond its bounds.
pub fn parse_vocabulary<'a>(
    terms: impl IntoIterator<Item = &'a str>,
) -> Result<Sensitive<Vec<String>>, VocabularyError> {
    let mut parsed = Vec::new();
    let mut characters = 0;
    for term in terms {
        let term = term.trim();
        let length = term.chars().count();
        characters += length;
        let fits = (1..=VOCABULARY_TERM_CHARACTERS_MAX).contains(&length)
            && characters <= VOCABULARY_CHARACTERS_MAX
            && parsed.len() < VOCABULARY_TERMS_MAX;
        if !fits || term.chars().any(char::is_control) {
            return Err(VocabularyError);
        }
        parsed.push(term.to_owned());
    }
    Ok(Sensitive(parsed))
}

impl Session {
    /// Replaces the vocabulary for what is decoded from now on, and tells all who may change it. Whoever asks for what
    /// stands already is answered alone. It is deleted when the last session of the group ends.
    pub(crate) fn set_vocabulary(&mut self, actor: ParticipantId, terms: &[String]) -> Result<(), Refusal> {
        self.require(actor, Permission::ManageSession)?;
        let terms = parse_vocabulary(terms.iter().map(String::as_str))?;
        if self.settings.speech.vocabulary == terms {
            self.tell(actor, ServerMessage::Vocabulary { terms });
            return Ok(());
        }
        self.settings.speech.vocabulary = terms.clone();
        self.persist(Change::Vocabulary(terms.clone()));
        self.audit(Some(actor), AuditAction::VocabularyChanged, None);
        self.order_listening();
        let keeps = |seat: &crate::seat::Seat| seat.inside().is_some() && seat.may(Permission::ManageSession);
        self.tell_those(keeps, &ServerMessage::Vocabulary { terms });
        Ok(())
    }
}
