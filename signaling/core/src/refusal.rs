//! Why something was refused: the code that programs go by and the sentence that a person may read.

use hearken_protocol::{ErrorCode, Permission};

use crate::{NameError, VocabularyError};

/// Why a message was refused. It has changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the session is over")]
    Ended,
    #[error("this link was replaced by a newer one")]
    LinkReplaced,
    #[error("this seat was blocked for this session")]
    Blocked,
    #[error("the session is locked")]
    SessionLocked,
    #[error("the session is full")]
    SessionFull,
    #[error("the session is full: {0} could not be let in")]
    FullFor(usize),
    #[error("the waiting room is full")]
    WaitingRoomFull,
    #[error("too many people were in this session")]
    TooManySeats,
    #[error("this seat is taken: try again")]
    SeatTaken,
    #[error("the guidelines have to be accepted first")]
    GuidelinesNotAccepted,
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("this connection has said hello already")]
    SecondHello,
    #[error("in the waiting room nothing but `ping` and `leave` is heard")]
    Waiting,
    #[error("this needs the permission {0:?}")]
    Permission(Permission),
    #[error("there is no such person")]
    NoSuchPerson,
    #[error("nobody can remove themselves; `leave` gives up one's seat")]
    RemoveOneself,
    #[error("this caption cannot be corrected: it is too old, off the record, or somebody else's")]
    NotCorrectable,
    #[error("this caption was put right by somebody else meanwhile")]
    CorrectedMeanwhile,
    #[error(
        "a line is at most {} characters long",
        hearken_protocol::TYPED_CHARACTERS_MAX
    )]
    LineTooLong,
    #[error("`terms` must be {0}")]
    Vocabulary(#[from] VocabularyError),
    #[error("this session has no transcript")]
    NoTranscript,
    #[error("too many caption pages are open for this seat")]
    TooManyViewers,
    #[error("whose captions these were is not inside any more")]
    NobodyToView,
    #[error("a facilitator has locked microphones")]
    MicrophonesLocked,
    #[error("somebody else shares a screen; facilitators may add theirs")]
    ScreenTaken,
    #[error("`items` names a video twice, sound, or more videos than there can be")]
    View,
    #[error("the server can carry no more")]
    MediaFull,
    #[error("this session has grown as large as the server can carry")]
    SessionOutgrown,
}

impl Refusal {
    /// What programs go by.
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Self::Ended => ErrorCode::Ended,
            Self::LinkReplaced => ErrorCode::Unauthorized,
            Self::Blocked => ErrorCode::Blocked,
            Self::SessionLocked => ErrorCode::SessionLocked,
            Self::SessionFull | Self::FullFor(_) => ErrorCode::SessionFull,
            Self::WaitingRoomFull | Self::TooManySeats | Self::SeatTaken | Self::MediaFull => {
                ErrorCode::Overloaded
            }
            Self::SessionOutgrown => ErrorCode::SessionOutgrown,
            Self::GuidelinesNotAccepted => ErrorCode::GuidelinesNotAccepted,
            Self::Name(_) => ErrorCode::InvalidName,
            Self::SecondHello => ErrorCode::OutOfOrder,
            Self::Waiting | Self::Permission(_) => ErrorCode::Forbidden,
            Self::NoSuchPerson | Self::NotCorrectable | Self::NoTranscript | Self::NobodyToView => {
                ErrorCode::NotFound
            }
            Self::TooManyViewers => ErrorCode::Overloaded,
            Self::RemoveOneself | Self::View | Self::LineTooLong | Self::Vocabulary(_) => {
                ErrorCode::InvalidValue
            }
            Self::MicrophonesLocked => ErrorCode::MicrophonesLocked,
            Self::ScreenTaken => ErrorCode::ScreenTaken,
            Self::CorrectedMeanwhile => ErrorCode::ChangedMeanwhile,
        }
    }
}
