//! What somebody is told when they come in, and what a page of captions is.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    Caption, Knock, Participant, ParticipantId, Permission, Role, Sensitive, SessionInfo, Timestamp, TypedEnd,
};

/// A seat was given, or given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Welcome {
    /// The protocol version spoken from here on.
    pub version: u32,
    /// One's own seat.
    pub participant: ParticipantId,
    /// The name one goes by, made unique.
    #[ts(type = "string")]
    pub name: Sensitive<String>,
    /// One's role.
    pub role: Role,
    /// What one may do.
    pub permissions: Vec<Permission>,
    /// Brings one back to this seat after a reload or a lost connection.
    #[ts(type = "string")]
    pub resume: Sensitive<String>,
    /// The server's clock, for countdowns.
    pub server_time: Timestamp,
    /// Changes when the media plane was started anew: then build a new peer connection.
    #[ts(type = "number")]
    pub media_epoch: u64,
    /// The session.
    pub session: SessionInfo,
}

/// Everything somebody inside may know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Snapshot {
    /// Everybody inside, oneself too, in the order they came.
    pub participants: Vec<Participant>,
    /// Who waits, for facilitators; empty for others.
    pub knocks: Vec<Knock>,
    /// The member link, for facilitators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "string")]
    pub member_link: Option<Sensitive<String>>,
    /// The group's vocabulary, for facilitators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "Array<string>")]
    pub vocabulary: Option<Sensitive<Vec<String>>>,
    /// Relays for media, if the operator runs any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<IceServer>>")]
    pub ice_servers: Vec<IceServer>,
    /// The latest finals of the captions, oldest first, at most `CAPTION_HISTORY_MAX`. One that was taken back is
    /// empty.
    pub captions: Vec<Caption>,
    /// Whether one agreed to a transcript; `null` before one has answered.
    #[serde(default)]
    pub transcript_agreed: Option<bool>,
    /// What became of the lines that one typed, the latest [`crate::TYPED_ENDS_MAX`] that have ended, in the order
    /// in which they did; left out if none has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<TypedEnd>>")]
    pub typed_lines: Vec<TypedEnd>,
}

/// A relay for media, for networks that let nothing else through (TURN).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct IceServer {
    /// `turn:` and `turns:` addresses of the same relay.
    pub urls: Vec<String>,
    /// When it expires, and a random number; nothing about the person.
    #[ts(type = "string")]
    pub username: Sensitive<String>,
    /// Good until then.
    #[ts(type = "string")]
    pub credential: Sensitive<String>,
}

/// What a caption page shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Viewing {
    /// The session.
    pub session: SessionInfo,
    /// The server's clock.
    pub server_time: Timestamp,
    /// The latest finals, oldest first, at most `CAPTION_HISTORY_MAX`.
    pub captions: Vec<Caption>,
}

/// Why one waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum WaitingReason {
    /// The session has not started.
    NotStarted,
    /// A facilitator has to let one in.
    Knocking,
}
