//! What signaling tells the media plane, and what it hears back.
//!
//! Policy lives in signaling: the media plane is told "this participant may send audio, not video" and
//! enforces it on the packets. Messages for a session or participant it does not know do nothing.

use serde::{Deserialize, Serialize};

use crate::{GroupSpeech, ParticipantId, Sensitive, SessionId, Statistics};

/// What a track carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum TrackSource {
    /// A person's voice.
    Microphone,
    /// A person's picture, up to three simulcast layers.
    Camera,
    /// A shared screen.
    Screen,
    /// The sound of what is shared.
    ScreenAudio,
}

impl TrackSource {
    /// All of them, in the order in which a client offers its sending sections.
    pub const ALL: [Self; 4] = [Self::Microphone, Self::Camera, Self::Screen, Self::ScreenAudio];

    /// Whether it is sound rather than picture.
    pub fn is_audio(self) -> bool {
        matches!(self, Self::Microphone | Self::ScreenAudio)
    }
}

/// Which of a participant's sources are let through. What is not granted is dropped where it comes in:
/// neither the others nor the caption tap ever see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MediaGrants {
    /// The microphone is heard.
    pub microphone: bool,
    /// The camera is seen.
    pub camera: bool,
    /// A shared screen is seen, and its sound heard.
    pub screen: bool,
}

/// A video that a client shows, and how large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct ViewItem {
    /// Whose video.
    pub participant: ParticipantId,
    /// `camera` or `screen`.
    pub source: TrackSource,
    /// Width of the tile in physical pixels.
    pub width: u16,
    /// Height of the tile in physical pixels.
    pub height: u16,
    /// How much this viewer needs it; left out means `normal`.
    #[serde(default, skip_serializing_if = "Importance::is_normal")]
    #[ts(optional, as = "Option<Importance>")]
    pub importance: Importance,
}

/// How much a viewer needs a video, when not all of them fit through the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum Importance {
    /// As much as the others.
    #[default]
    Normal,
    /// A sign-language interpreter whom this viewer follows.
    Interpreter,
    /// Pinned by this viewer.
    Pinned,
}

impl Importance {
    /// Whether it goes without saying.
    pub fn is_normal(&self) -> bool {
        *self == Self::Normal
    }
}

/// How much video a viewer wants at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum ViewMode {
    /// All that is shown, as well as the line carries it.
    #[default]
    Full,
    /// Small pictures only: for a line that costs or carries little.
    LowData,
    /// No video at all.
    AudioOnly,
}

impl ViewMode {
    /// Whether it goes without saying.
    pub fn is_full(&self) -> bool {
        *self == Self::Full
    }
}

/// How a video is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum VideoCodec {
    /// RFC 7741; simulcast.
    #[default]
    Vp8,
    /// RFC 6184; simulcast.
    H264,
    /// RFC 9628; spatial layers in one stream (L3T3_KEY).
    Vp9,
    /// AV1; spatial layers in one stream (L3T3_KEY).
    Av1,
}

/// What a publisher is to send of one of its videos. Without such a message: everything, as VP8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct Publish {
    /// `camera` or `screen`.
    pub source: TrackSource,
    /// How to encode it.
    pub codec: VideoCodec,
    /// Which simulcast or spatial layers somebody needs, smallest first; all `false`: nobody looks.
    pub layers: [bool; 3],
}

/// An order to the media plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaCommand {
    /// A session may have media from now on.
    OpenSession {
        /// Which.
        session: SessionId,
        /// Whether admitted, unmuted microphones are handed to the caption worker.
        captions: bool,
    },
    /// What the caption worker is told of a session: follows its `OpenSession`. None of the media plane's affairs.
    Listen {
        /// Which.
        session: SessionId,
        /// How it speaks.
        speech: GroupSpeech,
    },
    /// The session is over: every transport closes at once.
    CloseSession {
        /// Which.
        session: SessionId,
    },
    /// Somebody was admitted: an offer of theirs may be answered from now on.
    Admit {
        /// Where.
        session: SessionId,
        /// Who.
        participant: ParticipantId,
        /// What they may send.
        grants: MediaGrants,
    },
    /// What somebody may send has changed.
    SetGrants {
        /// Where.
        session: SessionId,
        /// Who.
        participant: ParticipantId,
        /// What they may send from now on.
        grants: MediaGrants,
    },
    /// A browser's SDP offer: the first makes the transport, one with new ICE credentials restarts ICE, one
    /// with another DTLS fingerprint replaces the transport.
    Offer {
        /// Where.
        session: SessionId,
        /// Who.
        participant: ParticipantId,
        /// Echoed in the answer.
        negotiation: u32,
        /// The SDP.
        sdp: Sensitive<String>,
        /// The browser encrypts end to end: no redundant audio, and nothing of its sound for captions.
        end_to_end_encrypted: bool,
    },
    /// What a client shows: all of it, each time. Videos not named are not sent to it.
    SetView {
        /// Where.
        session: SessionId,
        /// Who watches.
        participant: ParticipantId,
        /// What they watch.
        items: Vec<ViewItem>,
        /// How much video they want at all.
        mode: ViewMode,
    },
    /// Somebody left, was removed or lost the seat: their transport closes at once.
    Leave {
        /// Where.
        session: SessionId,
        /// Who.
        participant: ParticipantId,
    },
}

/// What a receiving section of somebody's peer connection carries from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct Slot {
    /// The `mid` of the section in the client's own offer.
    pub mid: String,
    /// Counts the assignments of this slot; a higher one replaces a lower one.
    pub generation: u32,
    /// Whose media it carries; `null` when the slot is free.
    pub content: Option<SlotContent>,
}

/// Whose media a slot carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct SlotContent {
    /// Whose.
    pub participant: ParticipantId,
    /// Which of theirs.
    pub source: TrackSource,
    /// The first RTP timestamp of this assignment: an older frame still shows whoever had the slot before.
    pub first_rtp_timestamp: u32,
}

/// Somebody who is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct Speaker {
    /// Who.
    pub participant: ParticipantId,
    /// How loud: 0 is the loudest, 127 silence, in −dBov (RFC 6464).
    pub level: u8,
}

/// Why an offer was not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfferRefusal {
    /// It could not be understood; says what was wrong, without anything personal.
    Malformed(String),
    /// The media plane can carry no more.
    Full,
    /// The session fills the shard that it is on.
    SessionOutgrown,
}

/// News from the media plane. `participant` is whom it is about and to whom it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaEvent {
    /// The answer to an offer.
    Answer {
        /// Where.
        session: SessionId,
        /// Who offered.
        participant: ParticipantId,
        /// As in the offer.
        negotiation: u32,
        /// The SDP.
        sdp: Sensitive<String>,
    },
    /// An offer was not answered.
    OfferRefused {
        /// Where.
        session: SessionId,
        /// Who offered.
        participant: ParticipantId,
        /// As in the offer.
        negotiation: u32,
        /// Why.
        refusal: OfferRefusal,
    },
    /// A receiving section carries somebody else from now on. Sent before the first packet.
    Slot {
        /// Where.
        session: SessionId,
        /// Whose peer connection.
        participant: ParticipantId,
        /// The new assignment.
        slot: Slot,
    },
    /// ICE and DTLS are up: media can flow.
    Connected {
        /// Where.
        session: SessionId,
        /// Who.
        participant: ParticipantId,
    },
    /// Nothing was heard from the transport for too long, or the browser closed it. The seat is signaling's.
    Disconnected {
        /// Where.
        session: SessionId,
        /// Who.
        participant: ParticipantId,
    },
    /// Packets of this source arrive now and are let through, or have stopped.
    Sending {
        /// Where.
        session: SessionId,
        /// Who.
        participant: ParticipantId,
        /// Which source.
        source: TrackSource,
        /// Whether packets arrive.
        live: bool,
    },
    /// Who is heard at present, loudest first; sent when it changes, to everybody in the session.
    Speakers {
        /// Where.
        session: SessionId,
        /// Who; empty when it is quiet.
        speakers: Vec<Speaker>,
    },
    /// What a publisher is to send from now on.
    Publish {
        /// Where.
        session: SessionId,
        /// The publisher.
        participant: ParticipantId,
        /// What.
        publish: Publish,
    },
    /// A viewer's line does not carry a video, or does again.
    VideoPaused {
        /// Where.
        session: SessionId,
        /// The viewer.
        participant: ParticipantId,
        /// Whose video.
        publisher: ParticipantId,
        /// `camera` or `screen`.
        source: TrackSource,
        /// Whether it is paused.
        paused: bool,
    },
    /// How well somebody's media gets through, every two seconds.
    Statistics {
        /// Where.
        session: SessionId,
        /// Whose line.
        participant: ParticipantId,
        /// What was measured.
        statistics: Statistics,
    },
}

impl MediaEvent {
    /// The session it belongs to.
    pub fn session(&self) -> SessionId {
        match self {
            Self::Answer { session, .. }
            | Self::OfferRefused { session, .. }
            | Self::Slot { session, .. }
            | Self::Connected { session, .. }
            | Self::Disconnected { session, .. }
            | Self::Sending { session, .. }
            | Self::Speakers { session, .. }
            | Self::Publish { session, .. }
            | Self::VideoPaused { session, .. }
            | Self::Statistics { session, .. } => *session,
        }
    }
}

impl MediaCommand {
    /// The session it belongs to.
    pub fn session(&self) -> SessionId {
        match self {
            Self::OpenSession { session, .. }
            | Self::Listen { session, .. }
            | Self::CloseSession { session }
            | Self::Admit { session, .. }
            | Self::SetGrants { session, .. }
            | Self::Offer { session, .. }
            | Self::SetView { session, .. }
            | Self::Leave { session, .. } => *session,
        }
    }
}
