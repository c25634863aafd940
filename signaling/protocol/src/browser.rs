//! Messages between browser and server over the WebSocket, version 1. `signaling/PROTOCOL.md` is the prose.
//!
//! Unknown fields are ignored; an unknown `type` is answered by an error and changes nothing.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    Caption, CaptionId, CaptionsState, Language, LineQuality, ParticipantId, Publish, Sensitive, SessionId,
    Slot, Speaker, Statistics, Timestamp, TrackSource, TranscriptState, ViewItem, ViewMode,
};

/// What a browser says: a message and, if the sender wants to match an error to it, a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Request {
    /// Echoed in an error about this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub request: Option<u32>,
    /// The message, its fields beside `request`.
    #[serde(flatten)]
    pub message: ClientMessage,
}

/// A text that is no [`Request`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a message of this protocol: {code:?}")]
pub struct RequestError {
    /// The number of the message, where it could be read.
    pub request: Option<u32>,
    /// `UnknownMessage` or `Malformed`.
    pub code: ErrorCode,
}

impl Request {
    /// Reads a WebSocket text message. The caller bounds its size.
    ///
    /// # Errors
    /// [`ErrorCode::Malformed`] if it is not JSON or lacks a field, [`ErrorCode::UnknownMessage`] if its `type`
    /// is not one of [`ClientMessage::TYPES`]: a newer client may say more than this server knows.
    pub fn parse(text: &str) -> Result<Self, RequestError> {
        /// What can be read of a message whose rest cannot.
        #[derive(Deserialize)]
        struct Head {
            #[serde(default)]
            request: Option<u32>,
            r#type: String,
        }
        let malformed = RequestError {
            request: None,
            code: ErrorCode::Malformed,
        };
        let head: Head = serde_json::from_str(text).map_err(|_| malformed)?;
        let code = match ClientMessage::TYPES.contains(&head.r#type.as_str()) {
            true => ErrorCode::Malformed,
            false => ErrorCode::UnknownMessage,
        };
        serde_json::from_str(text).map_err(|_| RequestError {
            request: head.request,
            code,
        })
    }
}

/// From browser to server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// The first message on every connection; nothing else is heard before it.
    Hello(Hello),
    /// Keeps the connection alive and shows that the server is: answered by `pong`.
    Ping,
    /// An SDP offer for the one peer connection. The client always offers.
    Offer {
        /// Echoed in the answer; counts up with each offer.
        negotiation: u32,
        /// The SDP.
        #[ts(type = "string")]
        sdp: Sensitive<String>,
    },
    /// Which videos are shown, and how large: all of them, each time.
    View {
        /// At most one per video.
        items: Vec<ViewItem>,
        /// How much video is wanted at all; left out means `full`.
        #[serde(default, skip_serializing_if = "ViewMode::is_full")]
        #[ts(optional, as = "Option<ViewMode>")]
        mode: ViewMode,
    },
    /// The microphone was switched on or off by its owner.
    SetMicrophone {
        /// Whether it is to be heard.
        on: bool,
    },
    /// The camera was switched on or off by its owner.
    SetCamera {
        /// Whether it is to be seen.
        on: bool,
    },
    /// Sharing of the screen was started or ended by its owner.
    SetScreen {
        /// Whether it is to be seen.
        on: bool,
    },
    /// The line that one types instead of speaking, as it stands now: everybody reads along. A captioner's is
    /// what somebody else said.
    Type {
        /// Names one of one's lines: another number begins the next line, and ends the one before. The first is a
        /// random one, since other pages with the same seat have lines, too.
        line: u32,
        /// The whole line, at most [`crate::TYPED_CHARACTERS_MAX`] characters.
        #[ts(type = "string")]
        text: Sensitive<String>,
        /// Whether the line is done.
        done: bool,
        /// For captioners: who said it. Left out, it is one's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        speaker: Option<ParticipantId>,
        /// Whether any of it was written while the group was off the record: it is not kept, whenever it arrives.
        /// Left out if not.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        #[ts(optional, as = "Option<bool>")]
        off_record: bool,
    },
    /// Puts a final caption right: one of one's own latest, for captioners of anybody's.
    Correct {
        /// Which.
        id: CaptionId,
        /// What it is to say; empty takes it back.
        #[ts(type = "string")]
        text: Sensitive<String>,
        /// The revision that it was written over: refused if there is a later one. Left out by whoever never saw it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        over: Option<u32>,
    },
    /// Puts the group off the record, or back on it: captions go on, nothing is kept.
    SetOffRecord {
        /// Whether it is off the record.
        on: bool,
    },
    /// Replaces the group's vocabulary: what captions are made with from now on.
    SetVocabulary {
        /// Names and terms, within the limits of [`crate::VOCABULARY_TERMS_MAX`] and its like.
        #[ts(type = "Array<string>")]
        terms: Sensitive<Vec<String>>,
    },
    /// Whether one agrees to a transcript, in a session created with one. Taking it back takes one's own words
    /// out.
    AgreeToTranscript {
        /// Whether one agrees.
        agree: bool,
    },
    /// Asks for the link of a page that shows nothing but the captions, for a second screen.
    GetCaptionLink,
    /// Raises one's own hand.
    RaiseHand,
    /// Lowers one's own hand, or (facilitators) that of another.
    LowerHand {
        /// Whose; oneself if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        participant: Option<ParticipantId>,
    },
    /// Lets one person in from the waiting room.
    Admit {
        /// Who.
        participant: ParticipantId,
    },
    /// Lets everybody in who waits at this moment.
    AdmitAll,
    /// Turns one waiting person away; the second time blocks the seat for this session.
    Deny {
        /// Who.
        participant: ParticipantId,
    },
    /// Mutes one person.
    Mute {
        /// Who.
        participant: ParticipantId,
    },
    /// Mutes everybody but facilitators.
    MuteEveryone,
    /// Locks microphones: nobody but facilitators can unmute; or unlocks them.
    LockMicrophones {
        /// Whether they are to be locked.
        locked: bool,
    },
    /// Asks somebody to unmute; never forces it. Under a lock it also permits it.
    AskToUnmute {
        /// Whom.
        participant: ParticipantId,
    },
    /// Switches somebody's camera off.
    StopCamera {
        /// Whose.
        participant: ParticipantId,
    },
    /// Puts somebody out and blocks their seat.
    Remove {
        /// Who.
        participant: ParticipantId,
    },
    /// Locks the session: nobody new comes in, not even into the waiting room; or unlocks it.
    LockSession {
        /// Whether it is to be locked.
        locked: bool,
    },
    /// Makes a new member link; the old one lets nobody in any more. Who has a seat keeps it.
    RenewLink,
    /// Ends the session for everyone, for good.
    EndSession,
    /// Gives up one's own seat.
    Leave,
}

impl ClientMessage {
    /// Every `type` there is.
    pub const TYPES: [&str; 28] = [
        "hello",
        "ping",
        "offer",
        "view",
        "set_microphone",
        "set_camera",
        "set_screen",
        "type",
        "correct",
        "set_off_record",
        "set_vocabulary",
        "agree_to_transcript",
        "get_caption_link",
        "raise_hand",
        "lower_hand",
        "admit",
        "admit_all",
        "deny",
        "mute",
        "mute_everyone",
        "lock_microphones",
        "ask_to_unmute",
        "stop_camera",
        "remove",
        "lock_session",
        "renew_link",
        "end_session",
        "leave",
    ];
}

/// Who a connection is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Hello {
    /// The protocol versions the client speaks.
    pub versions: Vec<u32>,
    /// From the link.
    pub session_id: SessionId,
    /// From the link, after the `#`.
    #[ts(type = "string")]
    pub token: Sensitive<String>,
    /// The name to go by in this session: 1 to 40 characters after trimming.
    #[ts(type = "string")]
    pub name: Sensitive<String>,
    /// The guidelines were accepted. Nobody comes in without.
    pub guidelines_accepted: bool,
    /// From an earlier `welcome`: brings one back to the same seat, and takes it over from another tab.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "string")]
    pub resume: Option<Sensitive<String>>,
}

/// From server to browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// The answer to `hello`: one has a seat. `waiting` or `admitted` follows at once.
    Welcome(Welcome),
    /// One is in the waiting room.
    Waiting {
        /// Why.
        reason: WaitingReason,
    },
    /// One is in. Everything there is to know; replaces whatever was known before.
    Admitted(Snapshot),
    /// A facilitator turned one away. The connection closes after it.
    Denied {
        /// Whether knocking again is pointless.
        blocked: bool,
    },
    /// Somebody came in, or something about them changed.
    Participant(Participant),
    /// Somebody is gone.
    ParticipantLeft {
        /// Who.
        participant: ParticipantId,
    },
    /// Facilitators only: somebody waits.
    Knock(Knock),
    /// Facilitators only: somebody waits no longer.
    KnockEnded {
        /// Who.
        participant: ParticipantId,
    },
    /// Something about the session changed.
    Session(SessionInfo),
    /// A facilitator muted this person; the microphone is off.
    Muted {
        /// Whether one may unmute oneself.
        may_unmute: bool,
    },
    /// A facilitator asks this person to unmute; they decide.
    UnmuteRequested,
    /// A facilitator switched this person's camera off.
    CameraStopped,
    /// The answer to an offer.
    Answer {
        /// As in the offer.
        negotiation: u32,
        /// The SDP.
        #[ts(type = "string")]
        sdp: Sensitive<String>,
    },
    /// A receiving section carries somebody else from now on.
    Slot(Slot),
    /// Who is heard at present, loudest first.
    Speakers {
        /// Empty when it is quiet.
        speakers: Vec<Speaker>,
    },
    /// Nothing is heard over one's media any more: look for another way (restart ICE).
    MediaLost,
    /// New relays, in place of those in `admitted`, whose credentials are about to expire.
    IceServers {
        /// All of them.
        ice_servers: Vec<IceServer>,
    },
    /// What to send of one's own video from now on.
    Publish(Publish),
    /// A video does not fit through one's line at present, or does again.
    VideoPaused {
        /// Whose.
        participant: ParticipantId,
        /// `camera` or `screen`.
        source: TrackSource,
        /// Whether it is paused.
        paused: bool,
    },
    /// How well one's own media gets through.
    Statistics(Statistics),
    /// A new caption or a new revision of one.
    Caption(Caption),
    /// Whether there are captions.
    Captions {
        /// And if not, why.
        state: CaptionsState,
    },
    /// The session ends soon.
    EndingSoon {
        /// 10, 5 or 1.
        minutes: u32,
    },
    /// Facilitators only: the member link, after it was renewed.
    MemberLink {
        /// The whole link.
        #[ts(type = "string")]
        url: Sensitive<String>,
    },
    /// Facilitators only: the group's vocabulary, after it was changed; to who asked for what it was already, too.
    Vocabulary {
        /// All of it.
        #[ts(type = "Array<string>")]
        terms: Sensitive<Vec<String>>,
    },
    /// The link of one's own caption page. Good for as long as one is inside.
    CaptionLink {
        /// The whole link.
        #[ts(type = "string")]
        url: Sensitive<String>,
    },
    /// The answer to `hello` on a caption page: all it needs. `caption`, `captions`, `session` and `ended` follow.
    Viewing(Viewing),
    /// Those who keep the session only, at its end: the transcript, which the server forgets now.
    Transcript {
        /// WebVTT, with the speakers' names.
        #[ts(type = "string")]
        vtt: Sensitive<String>,
    },
    /// Another tab or device took this seat over. The connection closes after it.
    TakenOver,
    /// A facilitator put this person out. The connection closes after it.
    Removed,
    /// The session is over. The connection closes after it.
    Ended {
        /// Why.
        reason: EndReason,
    },
    /// A message was refused and changed nothing.
    Error {
        /// The number of the message, if it had one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        request: Option<u32>,
        /// What programs go by.
        code: ErrorCode,
        /// What a person may read; English; nothing personal in it.
        message: String,
    },
    /// The answer to `ping`.
    Pong,
}

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

/// A line that somebody typed and that has ended, for its typist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TypedEnd {
    /// As in `type`.
    pub line: u32,
    /// The caption that it is.
    pub id: CaptionId,
    /// What became of it.
    pub fate: TypedFate,
}

/// What became of a typed line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TypedFate {
    /// Its typist was done with it, or was the first to put right what had ended as it stood.
    Done,
    /// It ended as it stood, and stands so: its typist may put it right.
    Cut {
        /// What stands.
        #[ts(type = "string")]
        text: Sensitive<String>,
        /// The revision as which it ended.
        revision: u32,
    },
    /// It ended as it stood, off the record: its typist may put it right once, and nothing of it is kept.
    Unkept,
    /// It ended as it stood, and somebody else has put it right since, or taken it back.
    Changed {
        /// What stood when it ended.
        #[ts(type = "string")]
        text: Sensitive<String>,
    },
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

/// Why one waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum WaitingReason {
    /// The session has not started.
    NotStarted,
    /// A facilitator has to let one in.
    Knocking,
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

/// What an error is about. Stable: clients and programs go by it, on the WebSocket and in the HTTP API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Not JSON, or not a message of this protocol.
    Malformed,
    /// The `type` is not known to this server.
    UnknownMessage,
    /// Larger than allowed.
    TooLarge,
    /// More messages than a person sends.
    TooManyMessages,
    /// No version in common.
    UnsupportedVersion,
    /// The first message was not `hello`, or a second `hello` came.
    OutOfOrder,
    /// The link or the key is not valid (forged, expired, replaced by a newer one).
    Unauthorized,
    /// One may not do that.
    Forbidden,
    /// There is no such session or person.
    NotFound,
    /// The session is over.
    Ended,
    /// The session is locked.
    SessionLocked,
    /// The session is full.
    SessionFull,
    /// The seat was blocked.
    Blocked,
    /// A facilitator has locked microphones.
    MicrophonesLocked,
    /// Somebody else shares a screen.
    ScreenTaken,
    /// Somebody else changed it just before.
    ChangedMeanwhile,
    /// The name is empty, too long or not writable.
    InvalidName,
    /// The guidelines were not accepted.
    GuidelinesNotAccepted,
    /// A field's value is out of range; the message says which.
    InvalidValue,
    /// The SDP offer could not be understood.
    InvalidOffer,
    /// The server can carry no more.
    Overloaded,
    /// The server can carry no more of this session: one hears and sees nobody.
    SessionOutgrown,
    /// Something that must last could not be written; nothing was changed.
    StoreUnavailable,
    /// The server is at fault.
    Internal,
}

/// How many final captions the server keeps in memory for who comes later, per session.
pub const CAPTION_HISTORY_MAX: usize = 500;

/// How many of their latest captions speakers can put right.
pub const OWN_CAPTIONS_CORRECTABLE: usize = 5;

/// How many of the latest captions of all captioners can put right.
pub const ALL_CAPTIONS_CORRECTABLE: usize = 20;

/// A word of which the model is less sure than this, of 100, is a guess.
pub const WORD_SURE_MIN: u8 = 50;

/// Longest name, in characters.
pub const NAME_CHARACTERS_MAX: usize = 40;
