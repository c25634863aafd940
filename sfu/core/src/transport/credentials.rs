//! ICE user names and passwords, and certificate fingerprints: what the two SDPs tell each other.
//!
//! Both are secrets or near-secrets of one call: `Debug` shows neither.

use std::fmt;

/// Bytes of randomness that [`IceCredentials::from_seed`] wants.
pub const ICE_SEED_BYTES: usize = 32;

const UFRAG_CHARACTERS: usize = 8;
const ICE_CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// One side's ICE user name fragment and password (RFC 8445 §5.3).
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredentials {
    /// `a=ice-ufrag`: 4 to 256 characters.
    pub ufrag: String,
    /// `a=ice-pwd`: 22 to 256 characters; the key of MESSAGE-INTEGRITY.
    pub password: String,
}

impl IceCredentials {
    /// Makes credentials of 48 and 144 bits out of fresh random bytes, six bits of each.
    pub fn from_seed(seed: [u8; ICE_SEED_BYTES]) -> Self {
        let text: String = seed
            .iter()
            .map(|byte| char::from(ICE_CHARACTERS[usize::from(byte & 63)]))
            .collect();
        let (ufrag, password) = text.split_at(UFRAG_CHARACTERS);
        Self {
            ufrag: ufrag.to_owned(),
            password: password.to_owned(),
        }
    }
}

impl fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IceCredentials([redacted])")
    }
}

/// The SHA-256 fingerprint of a DTLS certificate (RFC 8122 §5). Other hash functions are not accepted:
/// every browser sends SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Reads the value of an `a=fingerprint` line; `None` for another hash function or a malformed value.
    pub fn parse(value: &str) -> Option<Self> {
        let (function, digits) = value.trim().split_once(' ')?;
        if !function.eq_ignore_ascii_case("sha-256") {
            return None;
        }
        let mut bytes = [0; 32];
        let mut count = 0;
        for pair in digits.trim().split(':') {
            if pair.len() != 2 || !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            *bytes.get_mut(count)? = u8::from_str_radix(pair, 16).ok()?;
            count += 1;
        }
        (count == bytes.len()).then_some(Self(bytes))
    }
}

/// As in SDP: `sha-256 AB:CD:…`.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha-256 ")?;
        for (index, byte) in self.0.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_survives_being_written_and_read() {
        let fingerprint = Fingerprint(std::array::from_fn(|index| (index * 7) as u8));
        assert_eq!(Fingerprint::parse(&fingerprint.to_string()), Some(fingerprint));
        assert_eq!(
            Fingerprint::parse(&fingerprint.to_string().to_lowercase()),
            Some(fingerprint)
        );
    }

    #[test]
    fn malformed_fingerprints_are_none() {
        let good = Fingerprint([1; 32]).to_string();
        let bad = [
            good.replace("256", "1"),
            good[..good.len() - 3].to_owned(),
            format!("{good}:00"),
            good.replace("01", "+1"),
        ];
        for text in bad
            .iter()
            .map(String::as_str)
            .chain(["", "sha-256", "sha-256 ", "sha-256 \u{e9}"])
        {
            assert_eq!(Fingerprint::parse(text), None, "{text}");
        }
    }

    #[test]
    fn credentials_have_the_lengths_that_ice_asks_for() {
        let credentials = IceCredentials::from_seed(std::array::from_fn(|index| index as u8 * 7));
        assert_eq!((credentials.ufrag.len(), credentials.password.len()), (8, 24));
        assert!(!format!("{credentials:?}").contains(&credentials.ufrag));
    }
}
