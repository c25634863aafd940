//! People: who is inside, who waits, and what they may do.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{LineQuality, ParticipantId, Sensitive, Timestamp};

/// Somebody inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Participant {
    /// Their seat.
    pub participant: ParticipantId,
    /// The name they go by.
    #[ts(type = "string")]
    pub name: Sensitive<String>,
    /// Their role.
    pub role: Role,
    /// The state of their microphone.
    pub microphone: Microphone,
    /// Whether their camera is on.
    pub camera: bool,
    /// Whether they share their screen.
    pub screen: bool,
    /// Since when their hand is up; hands are taken in this order.
    pub hand_raised_at: Option<Timestamp>,
    /// Whether they are connected; a seat is held for two minutes without.
    pub connected: bool,
    /// How well their line carries the call.
    #[serde(default)]
    pub line: LineQuality,
}

/// The state of somebody's microphone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Microphone {
    /// Heard.
    On,
    /// Switched off by its owner.
    Off,
    /// Muted by a facilitator; its owner may unmute.
    Muted,
    /// Muted and locked: only a facilitator can give it back.
    Locked,
}

/// Somebody waiting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Knock {
    /// The seat they will have.
    pub participant: ParticipantId,
    /// The name they go by.
    #[ts(type = "string")]
    pub name: Sensitive<String>,
    /// Since when they wait.
    pub since: Timestamp,
    /// How often they were denied before.
    pub denied: u32,
}

/// What a person is in a session: a constant set of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Keeps the space.
    Facilitator,
    /// Takes part.
    Member,
    /// Types captions for the others (CART).
    Captioner,
}

/// One thing that somebody may do. Permissions are checked, never roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Come in before the start and without waiting.
    EnterFreely,
    /// See who waits; admit and deny.
    ManageWaitingRoom,
    /// Mute others, stop cameras, ask to unmute, lock microphones.
    ManageMedia,
    /// Speak although microphones are locked; not muted by "mute everyone".
    SpeakAlways,
    /// Lower others' hands.
    ManageHands,
    /// Remove and block.
    RemoveParticipants,
    /// Lock the session, renew the link, end the session.
    ManageSession,
    /// Share a screen.
    ShareScreen,
    /// Type captions of what others say, and correct the latest ones.
    CaptionOthers,
}
