//! Where browsers reach this server: what links begin with, and which pages may open a WebSocket.

use std::fmt;
use std::str::FromStr;

use axum::http::Uri;
use hearken_protocol::{Sensitive, SessionId};

/// An `http` or `https` origin: scheme, host, port; no path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    scheme: Scheme,
    authority: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

/// A text that is no such origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an address like https://call.example.org, without a path")]
pub struct PublicUrlError;

impl PublicUrl {
    /// The link to a session. The token stands after the `#`: browsers never send that part.
    pub fn session_link(&self, session: SessionId, token: &str) -> Sensitive<String> {
        Sensitive(format!("{self}/s/{session}#{token}"))
    }

    /// The link of a page that shows nothing but captions. The token stands behind the `#`: no server ever sees it
    /// in a path.
    pub fn captions_link(&self, session: SessionId, token: &str) -> Sensitive<String> {
        Sensitive(format!("{self}/c/{session}#{token}"))
    }

    /// The same origin, for WebSockets.
    pub fn websocket_origin(&self) -> String {
        match self.scheme {
            Scheme::Http => format!("ws://{}", self.authority),
            Scheme::Https => format!("wss://{}", self.authority),
        }
    }

    /// Whether a page of `origin` may open a WebSocket that it reached by `host`: pages of the public address,
    /// and pages that came from the very host they call (a machine in the house has several addresses).
    pub fn allows(&self, origin: &str, host: Option<&str>) -> bool {
        let Ok(origin) = origin.parse::<Self>() else {
            return false;
        };
        origin == *self || host.is_some_and(|host| origin.authority.eq_ignore_ascii_case(host))
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}", self.authority)
    }
}

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<Self, PublicUrlError> {
        let uri: Uri = text.trim().parse().map_err(|_| PublicUrlError)?;
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            _ => return Err(PublicUrlError),
        };
        let authority = uri.authority().ok_or(PublicUrlError)?;
        let bare = uri.path() == "/" && uri.query().is_none();
        if !bare || authority.host().is_empty() || authority.as_str().contains('@') || text.contains('#') {
            return Err(PublicUrlError);
        }
        let default_port = match scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        };
        let host = authority.host().to_ascii_lowercase();
        let authority = match authority.port_u16() {
            Some(port) if port != default_port => format!("{host}:{port}"),
            _ => host,
        };
        Ok(Self { scheme, authority })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> PublicUrl {
        text.parse().unwrap()
    }

    #[test]
    fn a_link_has_its_token_after_the_hash() {
        let link = url("https://Call.example.org:443/").session_link(SessionId(1), "t");
        assert_eq!(
            link.as_str(),
            "https://call.example.org/s/00000000000000000000000000000001#t"
        );
    }

    #[test]
    fn only_bare_origins_are_taken() {
        for text in [
            "",
            "call.example.org",
            "ftp://x",
            "https://x/y",
            "https://u@x",
            "https://x?y",
            "https://x#y",
        ] {
            assert_eq!(text.parse::<PublicUrl>(), Err(PublicUrlError), "{text}");
        }
        assert_eq!(url("http://[::1]:8080").to_string(), "http://[::1]:8080");
    }

    #[test]
    fn pages_of_the_public_address_and_of_the_same_host_may_connect() {
        let public = url("https://call.example.org");
        assert!(public.allows("https://call.example.org", None));
        assert!(public.allows("https://192.168.1.5:8443", Some("192.168.1.5:8443")));
        assert!(!public.allows("https://evil.example", Some("call.example.org")));
        assert!(!public.allows("http://call.example.org", None));
        assert!(!public.allows("null", Some("call.example.org")));
    }
}
