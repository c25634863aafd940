//! Relays for media (TURN, RFC 8656) that the operator runs, and the credentials for them.
//!
//! The relay and this server share a secret. Whoever is admitted gets a user name that says when it expires, and the
//! password that follows from both (the scheme that coturn calls `use-auth-secret`). Nothing about the person is in
//! it, and nothing of it is kept.

use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hearken_protocol::{IceServer, Sensitive, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// How long credentials are good. Longer: more is to be had with stolen ones; shorter: more renewals.
pub(crate) const CREDENTIALS_LIFETIME: Duration = Duration::from_secs(6 * 60 * 60);

/// How long before that the next ones are handed out: time enough for a browser that sleeps.
pub(crate) const RENEW_AFTER: Duration = Duration::from_secs(3 * 60 * 60);

/// A secret shorter than this could be guessed.
const SECRET_BYTES_MIN: usize = 16;

/// Addresses that are handed out at most: each is one more for every browser to try.
const URLS_MAX: usize = 8;

/// An address of a relay: `turn:` or `turns:`, a host, and if need be a port and a transport (RFC 7065).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayUrl(String);

/// Not an address of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address like turn:turn.example.org:3478?transport=udp")]
pub struct RelayUrlError;

impl FromStr for RelayUrl {
    type Err = RelayUrlError;

    fn from_str(text: &str) -> Result<Self, RelayUrlError> {
        let rest = text.strip_prefix("turn:").or_else(|| text.strip_prefix("turns:"));
        let (place, transport) = match rest.ok_or(RelayUrlError)?.split_once('?') {
            Some((place, query)) => (place, query.strip_prefix("transport=").ok_or(RelayUrlError)?),
            None => (rest.ok_or(RelayUrlError)?, "udp"),
        };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        let is_place = !place.is_empty() && !place.starts_with('/') && place.bytes().all(is_plain);
        if is_place && matches!(transport, "udp" | "tcp") {
            Ok(Self(text.to_owned()))
        } else {
            Err(RelayUrlError)
        }
    }
}

/// The relays of this server, all with one secret.
#[derive(Debug, Clone)]
pub struct Relay {
    urls: Vec<RelayUrl>,
    secret: RelaySecret,
}

/// What relays and this server both know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelaySecret(Sensitive<String>);

/// A secret that could be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret needs at least {SECRET_BYTES_MIN} characters")]
pub struct RelaySecretError;

impl FromStr for RelaySecret {
    type Err = RelaySecretError;

    fn from_str(text: &str) -> Result<Self, RelaySecretError> {
        if text.len() < SECRET_BYTES_MIN {
            return Err(RelaySecretError);
        }
        Ok(Self(text.into()))
    }
}

/// No relays, or more than browsers should try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("between 1 and {URLS_MAX} addresses are needed")]
pub struct RelayError;

impl Relay {
    /// Relays at these addresses.
    ///
    /// # Errors
    ///
    /// If there are too many or none.
    pub fn new(urls: Vec<RelayUrl>, secret: RelaySecret) -> Result<Self, RelayError> {
        if urls.is_empty() || urls.len() > URLS_MAX {
            return Err(RelayError);
        }
        Ok(Self { urls, secret })
    }

    /// Fresh credentials for one browser.
    pub(crate) fn credentials(&self, now: Timestamp) -> Vec<IceServer> {
        vec![self.server(now, rand::random())]
    }

    fn server(&self, now: Timestamp, random: u64) -> IceServer {
        let expires_at = (now + CREDENTIALS_LIFETIME).0 / 1000;
        let username = format!("{expires_at}:{random:016x}");
        let mut mac = Hmac::<Sha1>::new_from_slice(self.secret.0.as_bytes())
            .expect("HMAC-SHA1 takes a key of any length");
        mac.update(username.as_bytes());
        IceServer {
            urls: self.urls.iter().map(|url| url.0.clone()).collect(),
            credential: STANDARD.encode(mac.finalize().into_bytes()).into(),
            username: username.into(),
        }
    }
}

#[cfg(test)]
mod coturn;

#[cfg(test)]
mod tests {
    use super::*;

    fn relay() -> Relay {
        let urls = vec!["turn:turn.example.org".parse().unwrap()];
        Relay::new(urls, "north-south-east-west".parse().unwrap()).unwrap()
    }

    /// The value was computed by `printf '1792238400:00000000000000ff' | openssl dgst -sha1 -hmac … -binary | base64`.
    #[test]
    fn the_password_follows_from_secret_and_user_name() {
        let server = relay().server(Timestamp(1_792_216_800_000), 255);
        assert_eq!(server.username.0, "1792238400:00000000000000ff");
        assert_eq!(server.credential.0, "btUzuqZCe/GNX/m3xUDEjAnnmaI=");
        assert_eq!(server.urls, ["turn:turn.example.org"]);
    }

    #[test]
    fn everybody_gets_credentials_of_their_own() {
        let relay = relay();
        let now = Timestamp(1_792_216_800_000);
        assert_ne!(relay.credentials(now), relay.credentials(now));
        assert!(RENEW_AFTER < CREDENTIALS_LIFETIME);
    }

    #[test]
    fn a_guessable_secret_is_refused_and_none_is_shown() {
        assert_eq!("short".parse::<RelaySecret>(), Err(RelaySecretError));
        assert!(!format!("{:?}", relay().secret).contains("north"));
    }

    #[test]
    fn addresses_of_relays_are_told_from_others() {
        for good in [
            "turn:turn.example.org",
            "turn:192.0.2.1:3478?transport=tcp",
            "turns:[2001:db8::1]:443?transport=tcp",
        ] {
            assert!(good.parse::<RelayUrl>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "turn:",
            "stun:a",
            "https://a",
            "turn://a",
            "turn:a?x",
            "turn:a?transport=sctp",
        ] {
            assert_eq!(bad.parse::<RelayUrl>(), Err(RelayUrlError), "{bad}");
        }
    }
}
