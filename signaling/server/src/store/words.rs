//! The words that stand for our enums in the database. Stable: what was written is read by later versions.

use hearken_protocol::{EndReason, Role};
use hearken_signaling_core::{MicrophoneRule, Standing};

use super::StoreError;

/// An enum with one word per variant.
pub(super) trait Word: Sized + Copy + 'static {
    /// All variants.
    const ALL: &'static [Self];
    /// What an unreadable value is called in an error.
    const NOUN: &'static str;

    /// The word for it.
    fn word(self) -> &'static str;

    /// The variant of a word.
    fn from_word(word: &str) -> Result<Self, StoreError> {
        let found = Self::ALL.iter().copied().find(|variant| variant.word() == word);
        found.ok_or(StoreError::Unreadable(Self::NOUN))
    }
}

impl Word for Role {
    const ALL: &'static [Self] = &[Self::Facilitator, Self::Member, Self::Captioner];
    const NOUN: &'static str = "role";

    fn word(self) -> &'static str {
        match self {
            Self::Facilitator => "facilitator",
            Self::Member => "member",
            Self::Captioner => "captioner",
        }
    }
}

impl Word for Standing {
    const ALL: &'static [Self] = &[Self::Denied, Self::Admitted, Self::Lapsed, Self::Blocked];
    const NOUN: &'static str = "standing";

    fn word(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Admitted => "admitted",
            Self::Lapsed => "lapsed",
            Self::Blocked => "blocked",
        }
    }
}

impl Word for MicrophoneRule {
    const ALL: &'static [Self] = &[Self::Free, Self::Muted, Self::Locked];
    const NOUN: &'static str = "microphone rule";

    fn word(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Muted => "muted",
            Self::Locked => "locked",
        }
    }
}

impl Word for EndReason {
    const ALL: &'static [Self] = &[Self::Time, Self::Facilitator, Self::Operator];
    const NOUN: &'static str = "end reason";

    fn word(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Facilitator => "facilitator",
            Self::Operator => "operator",
        }
    }
}
