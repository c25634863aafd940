//! The operator's key: who may create sessions over HTTP.
//!
//! Compared in constant time. Guessing is slowed without keeping anybody's address: a wrong key is answered
//! after a pause, and only so many wrong answers can be pending; beyond that nobody's key is looked at for a
//! moment. That bounds guesses to `PENDING_MAX` per `WRONG_KEY_PAUSE` for the whole process, however many
//! connections a guesser has, whether or not they wait for the answer.

use std::sync::Arc;
use std::time::Duration;

use hearken_protocol::Sensitive;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

/// Shortest key that is accepted, in bytes: with the bound on guesses, sixteen random characters hold.
pub const OPERATOR_KEY_BYTES_MIN: usize = 16;

/// How long a wrong key has to wait for its answer.
const WRONG_KEY_PAUSE: Duration = Duration::from_secs(1);

/// How many wrong keys may wait at once. Full: `Busy` for everybody, until one has waited.
const PENDING_MAX: usize = 32;

/// A key of at least [`OPERATOR_KEY_BYTES_MIN`] bytes.
#[derive(Debug, Clone)]
pub struct OperatorKey(Sensitive<String>);

/// A key that is too short to be safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operator key must have at least {OPERATOR_KEY_BYTES_MIN} characters without spaces")]
pub struct WeakKey;

impl OperatorKey {
    /// Takes a key that somebody chose; surrounding white space is dropped.
    ///
    /// # Errors
    ///
    /// If it is too short, or has characters that cannot stand in a header.
    pub fn parse(text: &str) -> Result<Self, WeakKey> {
        let text = text.trim();
        let writable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.len() < OPERATOR_KEY_BYTES_MIN || !writable {
            return Err(WeakKey);
        }
        Ok(Self(Sensitive(text.to_owned())))
    }

    /// A new random key: 192 bits, as hexadecimal digits.
    pub fn random() -> Self {
        let bytes: [u8; 24] = rand::random();
        Self(Sensitive(
            bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        ))
    }

    /// The key itself, to be written to its file or shown on the terminal.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Why a request was not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No key or a wrong one.
    Wrong,
    /// Too many wrong keys at once; the key was not looked at.
    Busy,
}

/// Checks keys.
pub struct OperatorGate {
    key: OperatorKey,
    pending: Arc<Semaphore>,
    pause: Duration,
}

impl OperatorGate {
    /// Lets whoever has `key` through.
    pub fn new(key: OperatorKey) -> Self {
        Self {
            key,
            pending: Arc::new(Semaphore::new(PENDING_MAX)),
            pause: WRONG_KEY_PAUSE,
        }
    }

    /// Checks the value of an `Authorization` header.
    ///
    /// # Errors
    ///
    /// If it is not `Bearer` and the key, after a pause; or if too many wrong ones wait already.
    pub async fn check(&self, authorization: Option<&[u8]>) -> Result<(), Refusal> {
        let Ok(permit) = Arc::clone(&self.pending).try_acquire_owned() else {
            return Err(Refusal::Busy);
        };
        let Some(given) = authorization.and_then(bearer) else {
            return Err(Refusal::Wrong); // nothing was guessed
        };
        if bool::from(given.ct_eq(self.key.reveal().as_bytes())) {
            return Ok(());
        }
        // In a task of its own, so that hanging up does not free the place early.
        let pause = self.pause;
        let waited = tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            drop(permit);
        });
        let _ = waited.await;
        Err(Refusal::Wrong)
    }
}

/// The credentials of the `Bearer` scheme, whose name has no case (RFC 9110, section 11.1).
fn bearer(header: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = header.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| rest.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(pause: Duration) -> OperatorGate {
        let key = OperatorKey::parse("0123456789abcdef").unwrap();
        OperatorGate {
            pause,
            ..OperatorGate::new(key)
        }
    }

    #[tokio::test]
    async fn only_the_key_passes() {
        let gate = gate(Duration::ZERO);
        assert_eq!(gate.check(Some(b"Bearer 0123456789abcdef")).await, Ok(()));
        assert_eq!(gate.check(Some(b"bearer 0123456789abcdef")).await, Ok(()));
        for wrong in [
            &b"Bearer 0123456789abcdeF"[..],
            b"Bearer ",
            b"Basic 0123456789abcdef",
            b"0123456789abcdef",
            b"",
        ] {
            assert_eq!(gate.check(Some(wrong)).await, Err(Refusal::Wrong));
        }
        assert_eq!(gate.check(None).await, Err(Refusal::Wrong));
    }

    #[tokio::test(start_paused = true)]
    async fn hanging_up_does_not_speed_up_guessing() {
        let gate = gate(WRONG_KEY_PAUSE);
        for _ in 0..PENDING_MAX {
            let hung_up =
                tokio::time::timeout(Duration::from_millis(1), gate.check(Some(b"Bearer wrong"))).await;
            assert!(hung_up.is_err());
        }
        assert_eq!(
            gate.check(Some(b"Bearer 0123456789abcdef")).await,
            Err(Refusal::Busy)
        );
        tokio::time::advance(WRONG_KEY_PAUSE).await;
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(gate.check(Some(b"Bearer 0123456789abcdef")).await, Ok(()));
    }

    #[test]
    fn short_keys_are_refused_and_random_ones_are_not() {
        assert!(OperatorKey::parse("short").is_err());
        assert!(OperatorKey::parse("with space 0123456789").is_err());
        assert!(OperatorKey::parse(OperatorKey::random().reveal()).is_ok());
        assert_eq!(format!("{:?}", OperatorKey::random()), "OperatorKey([redacted])");
    }
}
