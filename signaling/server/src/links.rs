//! Makes links and the tokens in them, and tells what they stand for when somebody comes with one.

use hearken_protocol::{Hello, ParticipantId, Role, Sensitive, SessionId};
use hearken_signaling_core::SessionSettings;

use crate::public_url::PublicUrl;
use crate::tokens::{CaptionsToken, LinkToken, ResumeToken, SigningError, TokenError, Tokens};

/// What makes links: the key and the public address.
pub(crate) struct Links {
    tokens: Tokens,
    public_url: PublicUrl,
}

/// What somebody holds who said `hello`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The session.
    pub(crate) session: SessionId,
    /// What the link makes them.
    pub(crate) role: Role,
    /// Which making of the link it was.
    pub(crate) generation: u32,
    /// The seat to come back to.
    pub(crate) resume: Option<ParticipantId>,
}

impl Links {
    /// Links to `public_url`, signed by `tokens`.
    pub(crate) fn new(tokens: Tokens, public_url: PublicUrl) -> Self {
        Self { tokens, public_url }
    }

    /// The address that links begin with.
    pub(crate) fn public_url(&self) -> &PublicUrl {
        &self.public_url
    }

    /// A whole link.
    pub(crate) fn link(
        &self,
        settings: &SessionSettings,
        role: Role,
        generation: u32,
    ) -> Result<Sensitive<String>, SigningError> {
        let session = settings.session;
        let token = LinkToken {
            session,
            role,
            generation,
            expires_at: settings.ends_at,
        };
        let token = self.tokens.issue_link(token)?;
        Ok(self.public_url.session_link(session, &token))
    }

    /// A token to come back to a seat.
    pub(crate) fn resume_token(
        &self,
        settings: &SessionSettings,
        participant: ParticipantId,
        role: Role,
    ) -> Result<Sensitive<String>, SigningError> {
        let session = settings.session;
        self.tokens.issue_resume(ResumeToken {
            session,
            participant,
            role,
            expires_at: settings.ends_at,
        })
    }

    /// The whole link of a caption page.
    pub(crate) fn caption_link(
        &self,
        settings: &SessionSettings,
        participant: ParticipantId,
    ) -> Result<Sensitive<String>, SigningError> {
        let session = settings.session;
        let token = self.tokens.issue_captions(CaptionsToken {
            session,
            participant,
            expires_at: settings.ends_at,
        })?;
        Ok(self.public_url.captions_link(session, &token))
    }

    /// Whose caption page a `hello` opens; `None` if it has no such link.
    pub(crate) fn caption_page(&self, hello: &Hello) -> Option<ParticipantId> {
        let token = self.tokens.read_captions(&hello.token).ok()?;
        (token.session == hello.session_id).then_some(token.participant)
    }

    /// What a `hello` is good for. A resume token that does not fit the link is as good as none: its bearer
    /// gets a new seat.
    ///
    /// Neither token's expiry is looked at: both end with their session, which answers `ended` by itself.
    pub(crate) fn claim(&self, hello: &Hello) -> Result<Claim, TokenError> {
        let link = self.tokens.read_link(&hello.token)?;
        if link.session != hello.session_id {
            return Err(TokenError);
        }
        let resume = hello
            .resume
            .as_ref()
            .and_then(|token| self.tokens.read_resume(token).ok());
        let fitting = resume.filter(|resume| resume.session == link.session && resume.role == link.role);
        Ok(Claim {
            session: link.session,
            role: link.role,
            generation: link.generation,
            resume: fitting.map(|resume| resume.participant),
        })
    }
}
