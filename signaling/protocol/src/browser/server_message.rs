//! Every message from the server to a browser.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    Caption, CaptionsState, EndReason, ErrorCode, IceServer, Knock, Participant, ParticipantId, Publish,
    Sensitive, SessionInfo, Slot, Snapshot, Speaker, Statistics, TrackSource, Viewing, WaitingReason,
    Welcome,
};

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
