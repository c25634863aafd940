//! Who may do what, when: one session as a pure state machine.
//!
//! [`Session::handle`] takes what happened, [`Session::poll_output`] yields what to do about it. There is no
//! socket, no clock, no randomness, no key and no store in here: time, fresh seat ids and verified claims come
//! in as values; what must last goes out as [`Change`], and comes back as a [`SessionRecord`] after a restart.
//!
//! What holds whatever happens, and is checked over random sequences of commands in `tests/stories/invariants.rs`:
//! whoever waits hears nothing about anybody and is unknown to the media plane; no more than `capacity` people
//! are inside; the microphone of a muted person is never granted; after the end nothing happens any more.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod captions;
mod departure;
mod entrance;
mod facilitation;
mod io;
mod media;
mod name;
mod outlet;
mod permissions;
mod record;
mod refusal;
mod schedule;
mod seat;
mod session;
mod speech_clock;
mod text;
mod transcript;
mod view;
mod vocabulary;

pub use io::{Connect, ConnectionId, Input, Output, SeatClaim, View};
pub use name::{Name, NameError};
pub use permissions::{permissions, role_has};
pub use record::{
    AuditAction, AuditEntry, Change, MicrophoneRule, SeatRecord, SessionRecord, SessionSettings, Standing,
};
pub use seat::SEAT_HOLD;
pub use session::{Counts, Session};
pub use vocabulary::{VocabularyError, parse_vocabulary};

/// How many can wait at once, whoever lost the connection meanwhile counted. When it is full, the place of
/// whoever has been away longest is given up; if nobody is away, the newcomer is refused.
pub const WAITING_MAX: usize = 100;

/// How many seats a session remembers that nobody sits on: lapsed, denied and blocked ones. Beyond it the
/// lapsed one that came first is forgotten, then the denied; a blocked one never: newcomers are refused then.
pub const ABSENT_SEATS_MAX: usize = 1_000;
