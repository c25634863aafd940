//! Identifiers: one `Copy` newtype per noun, written as fixed-length lower-case hexadecimal.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that is not the identifier it was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an identifier is {expected} lower-case hexadecimal digits")]
pub struct IdError {
    /// How many digits this kind of identifier has.
    pub expected: usize,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($repr:ty), $digits:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ts_rs::TS)]
        #[ts(type = "string")]
        pub struct $name(pub $repr);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{:0", $digits, "x}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let error = IdError { expected: $digits };
                let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
                if text.len() != $digits || !text.bytes().all(digit) {
                    return Err(error);
                }
                <$repr>::from_str_radix(text, 16).map(Self).map_err(|_| error)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
                } else {
                    <$repr>::deserialize(deserializer).map(Self)
                }
            }
        }
    };
}

id! {
    /// A group: durable, outlives its sessions.
    GroupId(u128), 32
}
id! {
    /// One meeting of a group. Never reused: a late message of an ended session finds nothing.
    SessionId(u128), 32
}
id! {
    /// A seat in a session, and whoever holds it. Drawn at random, unique within its session.
    ParticipantId(u64), 16
}
