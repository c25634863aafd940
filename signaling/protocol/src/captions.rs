//! Caption events: what a speaker said, as it becomes known.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{CaptionAbilities, Language, ParticipantId, Sensitive, SessionId, Timestamp};

/// Names one caption, over all its revisions: unique for the life of the session, across restarts of the
/// worker (each life of the worker has an `epoch` of its own).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ts_rs::TS)]
pub struct CaptionId {
    /// The life of the worker that made it: larger for each new worker.
    #[ts(type = "number")]
    pub epoch: u64,
    /// Counts the captions of that worker.
    #[ts(type = "number")]
    pub number: u64,
}

/// How far a caption has come. The last two are ends: nothing follows them for the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum CaptionStatus {
    /// `tentative` may still change; `stable` only grows.
    Partial,
    /// Will not change any more.
    Final,
    /// The worker died before it was final; the text stays as it stood.
    Interrupted,
}

/// How the text of a caption came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum CaptionOrigin {
    /// The server listened.
    #[default]
    Speech,
    /// Whose caption it is typed it instead of speaking: real-time text (EN 301 549, section 6.2).
    Typed,
    /// A captioner typed what was said.
    Captioner,
}

impl CaptionOrigin {
    /// Whether it goes without saying.
    pub fn is_speech(&self) -> bool {
        *self == Self::Speech
    }
}

/// What is known of one word of a caption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
pub struct CaptionWord {
    /// When it ended, in milliseconds after the caption's `started_at`.
    pub ended: u32,
    /// How sure the model was of it, 0 to 100.
    pub sure: u8,
}

/// One revision of a caption, as the worker makes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptionEvent {
    /// Where it was said.
    pub session: SessionId,
    /// Who said it.
    pub participant: ParticipantId,
    /// Which caption this is a revision of.
    pub id: CaptionId,
    /// Counts up from 1; a reader keeps the highest.
    pub revision: u32,
    /// How far it has come.
    pub status: CaptionStatus,
    /// The agreed beginning: in later revisions it only grows at its end.
    pub stable: Sensitive<String>,
    /// The rest, which may still change. Empty unless `Partial`.
    pub tentative: Sensitive<String>,
    /// When the first word began.
    pub started_at: Timestamp,
    /// When the last word known so far ended.
    pub ended_at: Timestamp,
    /// One for each word (they stand one space apart) of `stable` and then of `tentative`; none if nothing is
    /// known about them.
    pub words: Vec<CaptionWord>,
    /// Sound of the same speaker got lost just before it: more than half a second.
    pub after_gap: bool,
    /// What it is written in, as far as that is known. What was detected may change from one revision to the next.
    pub language: Option<Language>,
}

/// One revision of a caption, as browsers see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct Caption {
    /// Which caption this is a revision of.
    pub id: CaptionId,
    /// Who said it.
    pub participant: ParticipantId,
    /// The speaker's name at that time: it stays right in the history after the person has left.
    pub name: Sensitive<String>,
    /// Counts up from 1; a reader keeps the highest.
    pub revision: u32,
    /// How far it has come.
    pub status: CaptionStatus,
    /// The agreed beginning: in later revisions it only grows at its end.
    pub stable: Sensitive<String>,
    /// The rest, which may still change. Empty unless `partial`.
    pub tentative: Sensitive<String>,
    /// When the first word began.
    pub started_at: Timestamp,
    /// When the last word known so far ended.
    pub ended_at: Timestamp,
    /// How the text came about; left out means `speech`.
    #[serde(default, skip_serializing_if = "CaptionOrigin::is_speech")]
    #[ts(optional, as = "Option<CaptionOrigin>")]
    pub origin: CaptionOrigin,
    /// A person has corrected the text after it was final. Only such a revision follows a final one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(optional, as = "Option<bool>")]
    pub corrected: bool,
    /// Said off the record: shown, and kept nowhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(optional, as = "Option<bool>")]
    pub off_record: bool,
    /// One for each word (they stand one space apart) of `stable` and then of `tentative`; left out if nothing is
    /// known about them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<CaptionWord>>")]
    pub words: Vec<CaptionWord>,
    /// Sound of the same speaker got lost just before it: more than half a second. Left out if not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(optional, as = "Option<bool>")]
    pub after_gap: bool,
    /// The code of the language that it is written in; left out if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub language: Option<Language>,
}

/// Whether a text of what is said is being kept until the end of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum TranscriptState {
    /// The session was created without one.
    #[default]
    None,
    /// Somebody inside has not agreed, or the group is off the record: nothing is being kept.
    Paused,
    /// Everybody inside has agreed: what is said from now on is kept.
    Running,
}

impl TranscriptState {
    /// Whether it goes without saying.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// Whether there are captions in this session, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum CaptionsState {
    /// The session was created without captions: the server does not listen.
    Off,
    /// The worker is loading its model or coming back after a failure.
    Starting,
    /// The server listens and captions come.
    On,
    /// They come, but more than five seconds after the words: the machine has too much to do.
    Late,
    /// The operator has no caption model or the worker keeps failing: no captions until that changes.
    Unavailable,
}

/// One Opus packet of an admitted, unmuted microphone, on its way to the caption worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpeechPacket {
    /// Where it was said.
    pub session: SessionId,
    /// Who speaks.
    pub participant: ParticipantId,
    /// Names the RTP stream (its SSRC): another one starts sequence and time anew.
    pub stream: u32,
    /// RTP sequence number, extended: counts on past 65,535.
    pub sequence: u64,
    /// RTP timestamp in 1/48000 s. A jump without a gap in `sequence` is silence (DTX), not loss.
    pub rtp_timestamp: u32,
    /// When it arrived.
    pub received_at: Timestamp,
    /// The Opus payload.
    pub payload: Sensitive<Bytes>,
}

/// News from the caption worker to the live sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaptionNews {
    /// Whether there are captions at all. Anything but `On` and `Late` closes every open partial as interrupted.
    State(CaptionsState),
    /// What the model can do that captions are made with from now on. Sessions that it can't serve have none.
    Model(CaptionAbilities),
    /// A new revision of a caption.
    Event {
        /// The revision; its times are those of the clock that stamped the sound.
        event: CaptionEvent,
        /// What that clock said when this was sent. It counts on while the wall clock is set, so only how long ago
        /// something was can be compared with other clocks.
        sent_at: Timestamp,
    },
}
