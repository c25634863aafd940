//! Every message from a browser to the server.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{CaptionId, ParticipantId, Sensitive, SessionId, ViewItem, ViewMode};

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
        /// What the client sends is encrypted end to end, so nobody on the way can take it apart: no redundant
        /// audio, no captions of it by machine. Left out means not.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        #[ts(optional, as = "Option<bool>")]
        end_to_end_encrypted: bool,
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
        /// Names one of one's lines: another number begins the next line, and ends the one before unless it is done at once.
        /// The first is a random one, since other pages with the same seat have lines, too.
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
