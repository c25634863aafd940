//! A session, as everybody in it may know it.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{CaptionsState, Language, Sensitive, SessionId, Timestamp, TranscriptState};

/// What everybody with a seat may know of the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SessionInfo {
    /// Its id.
    pub session_id: SessionId,
    /// Its name.
    #[ts(type = "string")]
    pub name: Sensitive<String>,
    /// Members come in from here on.
    pub starts_at: Timestamp,
    /// Everything closes here.
    pub ends_at: Timestamp,
    /// How many can be in at once, facilitators counted.
    pub capacity: u32,
    /// Whether members have to be admitted.
    pub waiting_room: bool,
    /// Nobody new comes in.
    pub locked: bool,
    /// Nobody but facilitators can unmute.
    pub microphones_locked: bool,
    /// Whether the server listens and writes along.
    pub captions: CaptionsState,
    /// Captions go on, and nothing is kept of them.
    #[serde(default)]
    pub off_record: bool,
    /// Whether a transcript is being kept.
    #[serde(default)]
    pub transcript: TranscriptState,
    /// The code of the language that people here speak and type, if that was said; left out where it is detected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub language: Option<Language>,
}

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Its time was up.
    Time,
    /// A facilitator ended it.
    Facilitator,
    /// The operator deleted it.
    Operator,
}
