//! What of a session must outlive the process: what it is restored from, and the changes that lead there.
//!
//! Presence, raised hands, cameras and captions live in memory only. Names are kept for as long as a seat may
//! have to be given back: the store deletes them when the session ends ([`Change::Ended`]).

use hearken_protocol::{EndReason, GroupSpeech, ParticipantId, Role, Sensitive, SessionId, Timestamp};

/// What a session was created with. Nothing of it changes but the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSettings {
    /// Its id.
    pub session: SessionId,
    /// Its name.
    pub name: Sensitive<String>,
    /// Members come in from here on.
    pub starts_at: Timestamp,
    /// Everything closes here; after `starts_at`.
    pub ends_at: Timestamp,
    /// How many can be inside at once, facilitators counted; at least 1.
    pub capacity: u32,
    /// Whether members have to be admitted.
    pub waiting_room: bool,
    /// Whether the server may listen and write along.
    pub captions: bool,
    /// Whether a transcript is kept while everybody inside agrees.
    pub transcript: bool,
    /// What captions are made from. Its vocabulary is the group's.
    pub speech: GroupSpeech,
}

/// All that lasts of a session: [`crate::Session::restore`] makes it live again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// What it was created with.
    pub settings: SessionSettings,
    /// Which making of the member link is valid. Starts at 1.
    pub link_generation: u32,
    /// Nobody new comes in.
    pub session_locked: bool,
    /// Nobody but those who always may can unmute.
    pub microphones_locked: bool,
    /// Captions are shown and not kept.
    pub off_record: bool,
    /// Why it is over, if it is.
    pub ended: Option<EndReason>,
    /// The seats, in the order in which they were first written.
    pub seats: Vec<SeatRecord>,
}

/// What lasts of a seat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatRecord {
    /// Which.
    pub participant: ParticipantId,
    /// What its holder is.
    pub role: Role,
    /// The name its holder goes by; empty unless admitted.
    pub name: Sensitive<String>,
    /// How it stands with the session.
    pub standing: Standing,
    /// How often its holder was denied.
    pub denials: u32,
    /// What facilitators decided about its microphone.
    pub microphone: MicrophoneRule,
}

/// How a seat stands with the session, when the process is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Turned away; may knock again.
    Denied,
    /// Inside: after a restart the seat is held, and nobody queues again.
    Admitted,
    /// Was inside and stayed away for too long: queues again.
    Lapsed,
    /// Removed, or denied twice: never comes in again.
    Blocked,
}

/// What facilitators decided about a microphone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MicrophoneRule {
    /// Its owner switches it.
    Free,
    /// Muted; its owner may unmute. Under a lock this is the exception that a facilitator granted.
    Muted,
    /// Muted; its owner may not unmute.
    Locked,
}

/// Something that must last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A seat as it is from now on: insert or replace.
    Seat(SeatRecord),
    /// Nothing about this seat needs to be known any more: delete.
    SeatForgotten(ParticipantId),
    /// Whether anybody new comes in.
    SessionLocked(bool),
    /// Whether members can unmute.
    MicrophonesLocked(bool),
    /// Whether captions are shown and not kept.
    OffRecord(bool),
    /// The group's names and terms from now on.
    Vocabulary(Sensitive<Vec<String>>),
    /// The one valid making of the member link.
    LinkGeneration(u32),
    /// The session is over, for good: its seats and their names are to be deleted.
    Ended(EndReason),
    /// Who did what: append.
    Audit(AuditEntry),
}

/// Who did what to whom, and when. No names, no content; seat ids are random and mean nothing elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Whose doing; `None` is the server or the operator.
    pub actor: Option<ParticipantId>,
    /// What.
    pub action: AuditAction,
    /// To whom, if to somebody in particular.
    pub target: Option<ParticipantId>,
}

macro_rules! audit_actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What was done, as the audit log keeps it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum AuditAction {
            $($(#[$doc])* $name,)*
        }

        impl AuditAction {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word for it in the store. Stable.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

audit_actions! {
    /// Came in without having to be admitted: a facilitator, or a session without a waiting room.
    Entered = "entered",
    /// Was let in from the waiting room.
    Admitted = "admitted",
    /// Was turned away.
    Denied = "denied",
    /// Was turned away a second time, for good.
    DeniedForGood = "denied_for_good",
    /// Was put out for good.
    Removed = "removed",
    /// Gave up the seat.
    Left = "left",
    /// Stayed away until the seat was given up.
    Lapsed = "lapsed",
    /// Was muted.
    Muted = "muted",
    /// All were muted.
    EveryoneMuted = "everyone_muted",
    /// Microphones were locked.
    MicrophonesLocked = "microphones_locked",
    /// Microphones were unlocked.
    MicrophonesUnlocked = "microphones_unlocked",
    /// Was asked to unmute.
    UnmuteRequested = "unmute_requested",
    /// The camera was stopped.
    CameraStopped = "camera_stopped",
    /// The session was locked.
    SessionLocked = "session_locked",
    /// The session was unlocked.
    SessionUnlocked = "session_unlocked",
    /// The group went off the record.
    OffRecord = "off_record",
    /// The group went back on the record.
    OnRecord = "on_record",
    /// The group's vocabulary was changed.
    VocabularyChanged = "vocabulary_changed",
    /// The member link was made anew.
    LinkRenewed = "link_renewed",
    /// The session ended.
    Ended = "ended",
}
