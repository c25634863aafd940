//! The tokens in links and for coming back: signed with a key that lasts as long as the store.
//!
//! A token says what its bearer holds, never what they may do: permissions follow from the session's state.
//! Whether a token has expired is for the caller to judge, since an expired one of a session that is over
//! deserves another answer ("ended") than one that is not valid.

use hearken_protocol::{ParticipantId, Role, Sensitive, SessionId, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

/// Length of the key in bytes.
pub const TOKEN_KEY_BYTES: usize = 32;

/// Longest token that is looked at, in bytes; ours have about 350.
const TOKEN_BYTES_MAX: usize = 1024;

/// The key that signs every token of this installation. Made once, kept in the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenKey(pub Sensitive<[u8; TOKEN_KEY_BYTES]>);

impl TokenKey {
    /// A new random key.
    pub fn random() -> Self {
        Self(Sensitive(rand::random()))
    }
}

/// What a link stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkToken {
    /// The session it leads to.
    pub session: SessionId,
    /// What its bearer will be.
    pub role: Role,
    /// Which making of the link; an older one than the session's is not valid any more.
    pub generation: u32,
    /// When it stops being valid: the session's end.
    pub expires_at: Timestamp,
}

/// What brings somebody back to a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeToken {
    /// The session.
    pub session: SessionId,
    /// The seat.
    pub participant: ParticipantId,
    /// The role that goes with it.
    pub role: Role,
    /// When it stops being valid: the session's end.
    pub expires_at: Timestamp,
}

/// What opens a page that shows nothing but captions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptionsToken {
    /// The session.
    pub session: SessionId,
    /// The seat whose page it is.
    pub participant: ParticipantId,
    /// When it stops being valid: the session's end.
    pub expires_at: Timestamp,
}

/// A token that was not signed with our key, or is of another kind than expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token is not valid")]
pub struct TokenError;

/// A key that could not be used to sign.
#[derive(Debug, thiserror::Error)]
#[error("a token could not be signed")]
pub struct SigningError(#[from] jsonwebtoken::errors::Error);

/// Issues and reads tokens.
pub struct Tokens {
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
}

/// What stands in the signed part. `exp` is in seconds (RFC 7519, section 4.1.4), rounded up.
#[derive(Serialize, Deserialize)]
struct Claims {
    #[serde(flatten)]
    kind: Kind,
    exp: u64,
    /// Makes two tokens of the same meaning differ.
    jti: String,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "use", rename_all = "snake_case")]
enum Kind {
    Link(LinkToken),
    Resume(ResumeToken),
    Captions(CaptionsToken),
}

impl Tokens {
    /// Signs and reads with this key.
    pub fn new(key: &TokenKey) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_exp = false; // see the head of this file
        validation.required_spec_claims.clear();
        Self {
            signing: EncodingKey::from_secret(key.0.as_slice()),
            verifying: DecodingKey::from_secret(key.0.as_slice()),
            validation,
        }
    }

    /// The token of a link.
    ///
    /// # Errors
    ///
    /// Only if the signing library fails.
    pub fn issue_link(&self, token: LinkToken) -> Result<Sensitive<String>, SigningError> {
        self.issue(Kind::Link(token), token.expires_at)
    }

    /// The token that brings somebody back to a seat.
    ///
    /// # Errors
    ///
    /// Only if the signing library fails.
    pub fn issue_resume(&self, token: ResumeToken) -> Result<Sensitive<String>, SigningError> {
        self.issue(Kind::Resume(token), token.expires_at)
    }

    /// The token of a caption page.
    ///
    /// # Errors
    ///
    /// Only if the signing library fails.
    pub fn issue_captions(&self, token: CaptionsToken) -> Result<Sensitive<String>, SigningError> {
        self.issue(Kind::Captions(token), token.expires_at)
    }

    /// Reads the token of a caption page; says nothing about expiry.
    ///
    /// # Errors
    ///
    /// If it was not signed here, or is no such token.
    pub fn read_captions(&self, token: &str) -> Result<CaptionsToken, TokenError> {
        match self.read(token)? {
            Kind::Captions(token) => Ok(token),
            Kind::Link(_) | Kind::Resume(_) => Err(TokenError),
        }
    }

    /// Reads the token of a link; says nothing about expiry.
    ///
    /// # Errors
    ///
    /// If it was not signed here, or is no link token.
    pub fn read_link(&self, token: &str) -> Result<LinkToken, TokenError> {
        match self.read(token)? {
            Kind::Link(token) => Ok(token),
            Kind::Resume(_) | Kind::Captions(_) => Err(TokenError),
        }
    }

    /// Reads a token for coming back; says nothing about expiry.
    ///
    /// # Errors
    ///
    /// If it was not signed here, or is no such token.
    pub fn read_resume(&self, token: &str) -> Result<ResumeToken, TokenError> {
        match self.read(token)? {
            Kind::Resume(token) => Ok(token),
            Kind::Link(_) | Kind::Captions(_) => Err(TokenError),
        }
    }

    fn issue(&self, kind: Kind, expires_at: Timestamp) -> Result<Sensitive<String>, SigningError> {
        let claims = Claims {
            kind,
            exp: expires_at.0.div_ceil(1000),
            jti: format!("{:032x}", rand::random::<u128>()),
        };
        Ok(Sensitive(encode(
            &Header::new(Algorithm::HS256),
            &claims,
            &self.signing,
        )?))
    }

    fn read(&self, token: &str) -> Result<Kind, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError);
        }
        let data = decode::<Claims>(token, &self.verifying, &self.validation).map_err(|_| TokenError)?;
        Ok(data.claims.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(role: Role) -> LinkToken {
        LinkToken {
            session: SessionId(7),
            role,
            generation: 3,
            expires_at: Timestamp(1_700_000_000_500),
        }
    }

    fn resume() -> ResumeToken {
        let expires_at = Timestamp(1_700_000_000_000);
        ResumeToken {
            session: SessionId(7),
            participant: ParticipantId(9),
            role: Role::Member,
            expires_at,
        }
    }

    #[test]
    fn a_token_is_read_as_it_was_issued() {
        let tokens = Tokens::new(&TokenKey::random());
        let text = tokens.issue_link(link(Role::Facilitator)).unwrap();
        assert_eq!(tokens.read_link(&text), Ok(link(Role::Facilitator)));
        let text = tokens.issue_resume(resume()).unwrap();
        assert_eq!(tokens.read_resume(&text), Ok(resume()));
        assert!(text.len() < TOKEN_BYTES_MAX / 2, "{} bytes", text.len());
    }

    #[test]
    fn a_token_of_another_key_is_refused() {
        let text = Tokens::new(&TokenKey::random())
            .issue_link(link(Role::Member))
            .unwrap();
        assert_eq!(Tokens::new(&TokenKey::random()).read_link(&text), Err(TokenError));
    }

    #[test]
    fn one_kind_does_not_pass_for_the_other() {
        let tokens = Tokens::new(&TokenKey::random());
        assert_eq!(
            tokens.read_resume(&tokens.issue_link(link(Role::Member)).unwrap()),
            Err(TokenError)
        );
        assert_eq!(
            tokens.read_link(&tokens.issue_resume(resume()).unwrap()),
            Err(TokenError)
        );
    }

    #[test]
    fn a_changed_or_unsigned_token_is_refused() {
        let tokens = Tokens::new(&TokenKey::random());
        let text = tokens.issue_link(link(Role::Member)).unwrap().0;
        let (rest, signature) = text.rsplit_once('.').unwrap();
        let other = tokens.issue_link(link(Role::Facilitator)).unwrap().0;
        let (other_rest, _) = other.rsplit_once('.').unwrap();
        for forged in [
            format!("{other_rest}.{signature}"),
            format!("{rest}."),
            rest.to_owned(),
            // {"alg":"none"}
            format!("eyJhbGciOiJub25lIn0.{}.", rest.split('.').nth(1).unwrap()),
            String::new(),
            "x".repeat(100_000),
        ] {
            assert_eq!(tokens.read_link(&forged), Err(TokenError));
        }
    }

    #[test]
    fn two_links_of_the_same_meaning_differ() {
        let tokens = Tokens::new(&TokenKey::random());
        assert_ne!(
            tokens.issue_link(link(Role::Member)).unwrap(),
            tokens.issue_link(link(Role::Member)).unwrap()
        );
    }
}
