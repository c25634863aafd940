// Made from the crate in signaling/protocol by its test tests/typescript.rs: do not edit.
// To make it anew: UPDATE_GENERATED=1 cargo test -p hearken-protocol --test typescript

/** Version of the browser protocol. */
export const PROTOCOL_VERSION = 1;

/** Largest message a client may send, except an offer, in bytes. */
export const MESSAGE_BYTES_MAX = 16384;

/** Largest offer a client may send, in bytes. */
export const SDP_MESSAGE_BYTES_MAX = 262144;

/** How many final captions the server keeps for who comes later. */
export const CAPTION_HISTORY_MAX = 500;

/** How many of their latest captions speakers can put right. */
export const OWN_CAPTIONS_CORRECTABLE = 5;

/** How many of the latest captions of all captioners can put right. */
export const ALL_CAPTIONS_CORRECTABLE = 20;

/** A word of which the model is less sure than this, of 100, is a guess. */
export const WORD_SURE_MIN = 50;

/** Longest line that somebody types instead of speaking, in characters. */
export const TYPED_CHARACTERS_MAX = 500;

/** Lines of each typist of which it is remembered what became of them; a client has fewer that it does not know of. */
export const TYPED_ENDS_MAX = 64;

/** Most terms of a group's vocabulary. */
export const VOCABULARY_TERMS_MAX = 50;

/** Longest term of a vocabulary, in characters. */
export const VOCABULARY_TERM_CHARACTERS_MAX = 40;

/** Longest vocabulary, in characters of all its terms. */
export const VOCABULARY_CHARACTERS_MAX = 400;

/** Longest name, in characters. */
export const NAME_CHARACTERS_MAX = 40;

/** Languages that speech models know, by code. */
export const LANGUAGES = [
  "af", "am", "ar", "as", "az", "ba", "be", "bg", "bn", "bo", "br", "bs", "ca", "cs", "cy", "da", "de", "el",
  "en", "es", "et", "eu", "fa", "fi", "fo", "fr", "gl", "gu", "ha", "haw", "he", "hi", "hr", "ht", "hu", "hy",
  "id", "is", "it", "ja", "jw", "ka", "kk", "km", "kn", "ko", "la", "lb", "ln", "lo", "lt", "lv", "mg", "mi",
  "mk", "ml", "mn", "mr", "ms", "mt", "my", "ne", "nl", "nn", "no", "oc", "pa", "pl", "ps", "pt", "ro", "ru",
  "sa", "sd", "si", "sk", "sl", "sn", "so", "sq", "sr", "su", "sv", "sw", "ta", "te", "tg", "th", "tk", "tl",
  "tr", "tt", "uk", "ur", "uz", "vi", "yi", "yo", "zh",
] as const;

/**
 * One revision of a caption, as browsers see it.
 */
export type Caption = { 
/**
 * Which caption this is a revision of.
 */
id: CaptionId, 
/**
 * Who said it.
 */
participant: ParticipantId, 
/**
 * The speaker's name at that time: it stays right in the history after the person has left.
 */
name: string, 
/**
 * Counts up from 1; a reader keeps the highest.
 */
revision: number, 
/**
 * How far it has come.
 */
status: CaptionStatus, 
/**
 * The agreed beginning: in later revisions it only grows at its end.
 */
stable: string, 
/**
 * The rest, which may still change. Empty unless `partial`.
 */
tentative: string, 
/**
 * When the first word began.
 */
started_at: Timestamp, 
/**
 * When the last word known so far ended.
 */
ended_at: Timestamp, 
/**
 * How the text came about; left out means `speech`.
 */
origin?: CaptionOrigin, 
/**
 * A person has corrected the text after it was final. Only such a revision follows a final one.
 */
corrected?: boolean, 
/**
 * Said off the record: shown, and kept nowhere.
 */
off_record?: boolean, 
/**
 * One for each word (they stand one space apart) of `stable` and then of `tentative`; left out if nothing is
 * known about them.
 */
words?: Array<CaptionWord>, 
/**
 * Sound of the same speaker got lost just before it: more than half a second. Left out if not.
 */
after_gap?: boolean, 
/**
 * The code of the language that it is written in; left out if that is not known.
 */
language?: string, };

/**
 * Names one caption, over all its revisions: unique for the life of the session, across restarts of the
 * worker (each life of the worker has an `epoch` of its own).
 */
export type CaptionId = { 
/**
 * The life of the worker that made it: larger for each new worker.
 */
epoch: number, 
/**
 * Counts the captions of that worker.
 */
number: number, };

/**
 * How the text of a caption came about.
 */
export type CaptionOrigin = "speech" | "typed" | "captioner";

/**
 * How far a caption has come. The last two are ends: nothing follows them for the same id.
 */
export type CaptionStatus = "partial" | "final" | "interrupted";

/**
 * What is known of one word of a caption.
 */
export type CaptionWord = { 
/**
 * When it ended, in milliseconds after the caption's `started_at`.
 */
ended: number, 
/**
 * How sure the model was of it, 0 to 100.
 */
sure: number, };

/**
 * Whether there are captions in this session, and if not, why.
 */
export type CaptionsState = "off" | "starting" | "on" | "late" | "unavailable";

/**
 * From browser to server.
 */
export type ClientMessage = { "type": "hello" } & Hello | { "type": "ping" } | { "type": "offer", 
/**
 * Echoed in the answer; counts up with each offer.
 */
negotiation: number, 
/**
 * The SDP.
 */
sdp: string, 
/**
 * What the client sends is encrypted end to end, so nobody on the way can take it apart: no redundant
 * audio, no captions of it by machine. Left out means not.
 */
end_to_end_encrypted?: boolean, } | { "type": "view", 
/**
 * At most one per video.
 */
items: Array<ViewItem>, 
/**
 * How much video is wanted at all; left out means `full`.
 */
mode?: ViewMode, } | { "type": "set_microphone", 
/**
 * Whether it is to be heard.
 */
on: boolean, } | { "type": "set_camera", 
/**
 * Whether it is to be seen.
 */
on: boolean, } | { "type": "set_screen", 
/**
 * Whether it is to be seen.
 */
on: boolean, } | { "type": "type", 
/**
 * Names one of one's lines: another number begins the next line, and ends the one before unless it is done at once.
 * The first is a random one, since other pages with the same seat have lines, too.
 */
line: number, 
/**
 * The whole line, at most [`crate::TYPED_CHARACTERS_MAX`] characters.
 */
text: string, 
/**
 * Whether the line is done.
 */
done: boolean, 
/**
 * For captioners: who said it. Left out, it is one's own.
 */
speaker?: ParticipantId, 
/**
 * Whether any of it was written while the group was off the record: it is not kept, whenever it arrives.
 * Left out if not.
 */
off_record?: boolean, } | { "type": "correct", 
/**
 * Which.
 */
id: CaptionId, 
/**
 * What it is to say; empty takes it back.
 */
text: string, 
/**
 * The revision that it was written over: refused if there is a later one. Left out by whoever never saw it.
 */
over?: number, } | { "type": "set_off_record", 
/**
 * Whether it is off the record.
 */
on: boolean, } | { "type": "set_vocabulary", 
/**
 * Names and terms, within the limits of [`crate::VOCABULARY_TERMS_MAX`] and its like.
 */
terms: Array<string>, } | { "type": "agree_to_transcript", 
/**
 * Whether one agrees.
 */
agree: boolean, } | { "type": "get_caption_link" } | { "type": "raise_hand" } | { "type": "lower_hand", 
/**
 * Whose; oneself if absent.
 */
participant?: ParticipantId, } | { "type": "admit", 
/**
 * Who.
 */
participant: ParticipantId, } | { "type": "admit_all" } | { "type": "deny", 
/**
 * Who.
 */
participant: ParticipantId, } | { "type": "mute", 
/**
 * Who.
 */
participant: ParticipantId, } | { "type": "mute_everyone" } | { "type": "lock_microphones", 
/**
 * Whether they are to be locked.
 */
locked: boolean, } | { "type": "ask_to_unmute", 
/**
 * Whom.
 */
participant: ParticipantId, } | { "type": "stop_camera", 
/**
 * Whose.
 */
participant: ParticipantId, } | { "type": "remove", 
/**
 * Who.
 */
participant: ParticipantId, } | { "type": "lock_session", 
/**
 * Whether it is to be locked.
 */
locked: boolean, } | { "type": "renew_link" } | { "type": "end_session" } | { "type": "leave" };

/**
 * Why a session is over.
 */
export type EndReason = "time" | "facilitator" | "operator";

/**
 * What an error is about. Stable: clients and programs go by it, on the WebSocket and in the HTTP API.
 */
export type ErrorCode = "malformed" | "unknown_message" | "too_large" | "too_many_messages" | "unsupported_version" | "out_of_order" | "unauthorized" | "forbidden" | "not_found" | "ended" | "session_locked" | "session_full" | "blocked" | "microphones_locked" | "screen_taken" | "changed_meanwhile" | "invalid_name" | "guidelines_not_accepted" | "invalid_value" | "invalid_offer" | "overloaded" | "session_outgrown" | "store_unavailable" | "internal";

/**
 * Measures of a flow of packets over the last interval.
 */
export type FlowStatistics = { 
/**
 * Bits per second.
 */
bitrate_bps: number, 
/**
 * Packets lost on the way, before repair, of 1000: 0 to 1000.
 */
loss_permille: number, 
/**
 * Interarrival jitter (RFC 3550, section 6.4.1), in milliseconds.
 */
jitter_ms: number, };

/**
 * Who a connection is for.
 */
export type Hello = { 
/**
 * The protocol versions the client speaks.
 */
versions: Array<number>, 
/**
 * From the link.
 */
session_id: SessionId, 
/**
 * From the link, after the `#`.
 */
token: string, 
/**
 * The name to go by in this session: 1 to 40 characters after trimming.
 */
name: string, 
/**
 * The guidelines were accepted. Nobody comes in without.
 */
guidelines_accepted: boolean, 
/**
 * From an earlier `welcome`: brings one back to the same seat, and takes it over from another tab.
 */
resume?: string, };

/**
 * A relay for media, for networks that let nothing else through (TURN).
 */
export type IceServer = { 
/**
 * `turn:` and `turns:` addresses of the same relay.
 */
urls: Array<string>, 
/**
 * When it expires, and a random number; nothing about the person.
 */
username: string, 
/**
 * Good until then.
 */
credential: string, };

/**
 * How much a viewer needs a video, when not all of them fit through the line.
 */
export type Importance = "normal" | "interpreter" | "pinned";

/**
 * Somebody waiting.
 */
export type Knock = { 
/**
 * The seat they will have.
 */
participant: ParticipantId, 
/**
 * The name they go by.
 */
name: string, 
/**
 * Since when they wait.
 */
since: Timestamp, 
/**
 * How often they were denied before.
 */
denied: number, };

/**
 * How well somebody's line carries the call: coarse enough for everybody to see.
 */
export type LineQuality = "good" | "fair" | "poor" | "lost";

/**
 * What is wrong with a line, the worst if it is more than one thing.
 */
export type LineTrouble = "sending_loss" | "receiving_loss" | "delay" | "jitter" | "bandwidth";

/**
 * The state of somebody's microphone.
 */
export type Microphone = "on" | "off" | "muted" | "locked";

/**
 * Somebody inside.
 */
export type Participant = { 
/**
 * Their seat.
 */
participant: ParticipantId, 
/**
 * The name they go by.
 */
name: string, 
/**
 * Their role.
 */
role: Role, 
/**
 * The state of their microphone.
 */
microphone: Microphone, 
/**
 * Whether their camera is on.
 */
camera: boolean, 
/**
 * Whether they share their screen.
 */
screen: boolean, 
/**
 * Since when their hand is up; hands are taken in this order.
 */
hand_raised_at: Timestamp | null, 
/**
 * Whether they are connected; a seat is held for two minutes without.
 */
connected: boolean, 
/**
 * How well their line carries the call.
 */
line: LineQuality, };

/**
 * A seat in a session, and whoever holds it. Drawn at random, unique within its session.
 */
export type ParticipantId = string;

/**
 * One thing that somebody may do. Permissions are checked, never roles.
 */
export type Permission = "enter_freely" | "manage_waiting_room" | "manage_media" | "speak_always" | "manage_hands" | "remove_participants" | "manage_session" | "share_screen" | "caption_others";

/**
 * What a publisher is to send of one of its videos. Without such a message: everything, as VP8.
 */
export type Publish = { 
/**
 * `camera` or `screen`.
 */
source: TrackSource, 
/**
 * How to encode it.
 */
codec: VideoCodec, 
/**
 * Which simulcast or spatial layers somebody needs, smallest first; all `false`: nobody looks.
 */
layers: [boolean, boolean, boolean], };

/**
 * What a browser says: a message and, if the sender wants to match an error to it, a number.
 */
export type Request = { 
/**
 * Echoed in an error about this message.
 */
request?: number, } & ({ "type": "hello" } & Hello | { "type": "ping" } | { "type": "offer", 
/**
 * Echoed in the answer; counts up with each offer.
 */
negotiation: number, 
/**
 * The SDP.
 */
sdp: string, 
/**
 * What the client sends is encrypted end to end, so nobody on the way can take it apart: no redundant
 * audio, no captions of it by machine. Left out means not.
 */
end_to_end_encrypted?: boolean, } | { "type": "view", 
/**
 * At most one per video.
 */
items: Array<ViewItem>, 
/**
 * How much video is wanted at all; left out means `full`.
 */
mode?: ViewMode, } | { "type": "set_microphone", 
/**
 * Whether it is to be heard.
 */
on: boolean, } | { "type": "set_camera", 
/**
 * Whether it is to be seen.
 */
on: boolean, } | { "type": "set_screen", 
/**
 * Whether it is to be seen.
 */
on: boolean, } | { "type": "type", 
/**
 * Names one of one's lines: another number begins the next line, and ends the one before unless it is done at once.
 * The first is a random one, since other pages with the same seat have lines, too.
 */
line: number, 
/**
 * The whole line, at most [`crate::TYPED_CHARACTERS_MAX`] characters.
 */
text: string, 
/**
 * Whether the line is done.
 */
done: boolean, 
/**
 * For captioners: who said it. Left out, it is one's own.
 */
speaker?: ParticipantId, 
/**
 * Whether any of it was written while the group was off the record: it is not kept, whenever it arrives.
 * Left out if not.
 */
off_record?: boolean, } | { "type": "correct", 
/**
 * Which.
 */
id: CaptionId, 
/**
 * What it is to say; empty takes it back.
 */
text: string, 
/**
 * The revision that it was written over: refused if there is a later one. Left out by whoever never saw it.
 */
over?: number, } | { "type": "set_off_record", 
/**
 * Whether it is off the record.
 */
on: boolean, } | { "type": "set_vocabulary", 
/**
 * Names and terms, within the limits of [`crate::VOCABULARY_TERMS_MAX`] and its like.
 */
terms: Array<string>, } | { "type": "agree_to_transcript", 
/**
 * Whether one agrees.
 */
agree: boolean, } | { "type": "get_caption_link" } | { "type": "raise_hand" } | { "type": "lower_hand", 
/**
 * Whose; oneself if absent.
 */
participant?: ParticipantId, } | { "type": "admit", 
/**
 * Who.
 */
participant: ParticipantId, } | { "type": "admit_all" } | { "type": "deny", 
/**
 * Who.
 */
participant: ParticipantId, } | { "type": "mute", 
/**
 * Who.
 */
participant: ParticipantId, } | { "type": "mute_everyone" } | { "type": "lock_microphones", 
/**
 * Whether they are to be locked.
 */
locked: boolean, } | { "type": "ask_to_unmute", 
/**
 * Whom.
 */
participant: ParticipantId, } | { "type": "stop_camera", 
/**
 * Whose.
 */
participant: ParticipantId, } | { "type": "remove", 
/**
 * Who.
 */
participant: ParticipantId, } | { "type": "lock_session", 
/**
 * Whether it is to be locked.
 */
locked: boolean, } | { "type": "renew_link" } | { "type": "end_session" } | { "type": "leave" });

/**
 * What a person is in a session: a constant set of permissions.
 */
export type Role = "facilitator" | "member" | "captioner";

/**
 * From server to browser.
 */
export type ServerMessage = { "type": "welcome" } & Welcome | { "type": "waiting", 
/**
 * Why.
 */
reason: WaitingReason, } | { "type": "admitted" } & Snapshot | { "type": "denied", 
/**
 * Whether knocking again is pointless.
 */
blocked: boolean, } | { "type": "participant" } & Participant | { "type": "participant_left", 
/**
 * Who.
 */
participant: ParticipantId, } | { "type": "knock" } & Knock | { "type": "knock_ended", 
/**
 * Who.
 */
participant: ParticipantId, } | { "type": "session" } & SessionInfo | { "type": "muted", 
/**
 * Whether one may unmute oneself.
 */
may_unmute: boolean, } | { "type": "unmute_requested" } | { "type": "camera_stopped" } | { "type": "answer", 
/**
 * As in the offer.
 */
negotiation: number, 
/**
 * The SDP.
 */
sdp: string, } | { "type": "slot" } & Slot | { "type": "speakers", 
/**
 * Empty when it is quiet.
 */
speakers: Array<Speaker>, } | { "type": "media_lost" } | { "type": "ice_servers", 
/**
 * All of them.
 */
ice_servers: Array<IceServer>, } | { "type": "publish" } & Publish | { "type": "video_paused", 
/**
 * Whose.
 */
participant: ParticipantId, 
/**
 * `camera` or `screen`.
 */
source: TrackSource, 
/**
 * Whether it is paused.
 */
paused: boolean, } | { "type": "statistics" } & Statistics | { "type": "caption" } & Caption | { "type": "captions", 
/**
 * And if not, why.
 */
state: CaptionsState, } | { "type": "ending_soon", 
/**
 * 10, 5 or 1.
 */
minutes: number, } | { "type": "member_link", 
/**
 * The whole link.
 */
url: string, } | { "type": "vocabulary", 
/**
 * All of it.
 */
terms: Array<string>, } | { "type": "caption_link", 
/**
 * The whole link.
 */
url: string, } | { "type": "viewing" } & Viewing | { "type": "transcript", 
/**
 * WebVTT, with the speakers' names.
 */
vtt: string, } | { "type": "taken_over" } | { "type": "removed" } | { "type": "ended", 
/**
 * Why.
 */
reason: EndReason, } | { "type": "error", 
/**
 * The number of the message, if it had one.
 */
request?: number, 
/**
 * What programs go by.
 */
code: ErrorCode, 
/**
 * What a person may read; English; nothing personal in it.
 */
message: string, } | { "type": "pong" };

/**
 * One meeting of a group. Never reused: a late message of an ended session finds nothing.
 */
export type SessionId = string;

/**
 * What everybody with a seat may know of the session.
 */
export type SessionInfo = { 
/**
 * Its id.
 */
session_id: SessionId, 
/**
 * Its name.
 */
name: string, 
/**
 * Members come in from here on.
 */
starts_at: Timestamp, 
/**
 * Everything closes here.
 */
ends_at: Timestamp, 
/**
 * How many can be in at once, facilitators counted.
 */
capacity: number, 
/**
 * Whether members have to be admitted.
 */
waiting_room: boolean, 
/**
 * Nobody new comes in.
 */
locked: boolean, 
/**
 * Nobody but facilitators can unmute.
 */
microphones_locked: boolean, 
/**
 * Whether the server listens and writes along.
 */
captions: CaptionsState, 
/**
 * Captions go on, and nothing is kept of them.
 */
off_record: boolean, 
/**
 * Whether a transcript is being kept.
 */
transcript: TranscriptState, 
/**
 * The code of the language that people here speak and type, if that was said; left out where it is detected.
 */
language?: string, };

/**
 * What a receiving section of somebody's peer connection carries from now on.
 */
export type Slot = { 
/**
 * The `mid` of the section in the client's own offer.
 */
mid: string, 
/**
 * Counts the assignments of this slot; a higher one replaces a lower one.
 */
generation: number, 
/**
 * Whose media it carries; `null` when the slot is free.
 */
content: SlotContent | null, };

/**
 * Whose media a slot carries.
 */
export type SlotContent = { 
/**
 * Whose.
 */
participant: ParticipantId, 
/**
 * Which of theirs.
 */
source: TrackSource, 
/**
 * The first RTP timestamp of this assignment: an older frame still shows whoever had the slot before.
 */
first_rtp_timestamp: number, };

/**
 * Everything somebody inside may know.
 */
export type Snapshot = { 
/**
 * Everybody inside, oneself too, in the order they came.
 */
participants: Array<Participant>, 
/**
 * Who waits, for facilitators; empty for others.
 */
knocks: Array<Knock>, 
/**
 * The member link, for facilitators.
 */
member_link?: string, 
/**
 * The group's vocabulary, for facilitators.
 */
vocabulary?: Array<string>, 
/**
 * Relays for media, if the operator runs any.
 */
ice_servers?: Array<IceServer>, 
/**
 * The latest finals of the captions, oldest first, at most `CAPTION_HISTORY_MAX`. One that was taken back is
 * empty.
 */
captions: Array<Caption>, 
/**
 * Whether one agreed to a transcript; `null` before one has answered.
 */
transcript_agreed: boolean | null, 
/**
 * What became of the lines that one typed, the latest [`crate::TYPED_ENDS_MAX`] that have ended, in the order
 * in which they did; left out if none has.
 */
typed_lines?: Array<TypedEnd>, };

/**
 * Somebody who is heard.
 */
export type Speaker = { 
/**
 * Who.
 */
participant: ParticipantId, 
/**
 * How loud: 0 is the loudest, 127 silence, in −dBov (RFC 6464).
 */
level: number, };

/**
 * What the media plane measured of one person's line over the last two seconds.
 */
export type Statistics = { 
/**
 * All of it in one word, which does not flicker.
 */
quality: LineQuality, 
/**
 * Why it is not good; `null` while it is.
 */
trouble: LineTrouble | null, 
/**
 * To the person and back, in milliseconds; `null` before it was measured.
 */
round_trip_ms: number | null, 
/**
 * What the line to the person carries, as estimated, in bits per second; `null` before it is known.
 */
bandwidth_bps: number | null, 
/**
 * Everything that the person sends.
 */
sending: FlowStatistics, 
/**
 * Everything that the person is sent.
 */
receiving: FlowStatistics, 
/**
 * Streams that flow.
 */
streams: Array<StreamStatistics>, };

/**
 * One stream over the last interval.
 */
export type StreamStatistics = { 
/**
 * Whose: one's own is being sent, anybody else's received.
 */
participant: ParticipantId, 
/**
 * What it carries.
 */
source: TrackSource, 
/**
 * Which layer of a video, 0 is the smallest; `null` for sound.
 */
layer: number | null, 
/**
 * How often the picture stood still, as far as the server can tell.
 */
freezes: number, 
/**
 * Bits per second.
 */
bitrate_bps: number, 
/**
 * Packets lost on the way, before repair, of 1000: 0 to 1000.
 */
loss_permille: number, 
/**
 * Interarrival jitter (RFC 3550, section 6.4.1), in milliseconds.
 */
jitter_ms: number, };

/**
 * Milliseconds since the Unix epoch, UTC. In JSON a plain number; fits a JavaScript number for 285,000 years.
 */
export type Timestamp = number;

/**
 * What a track carries.
 */
export type TrackSource = "microphone" | "camera" | "screen" | "screen_audio";

/**
 * Whether a text of what is said is being kept until the end of the session.
 */
export type TranscriptState = "none" | "paused" | "running";

/**
 * A line that somebody typed and that has ended, for its typist.
 */
export type TypedEnd = { 
/**
 * As in `type`.
 */
line: number, 
/**
 * The caption that it is.
 */
id: CaptionId, 
/**
 * What became of it.
 */
fate: TypedFate, };

/**
 * What became of a typed line.
 */
export type TypedFate = { "kind": "done" } | { "kind": "cut", 
/**
 * What stands.
 */
text: string, 
/**
 * The revision as which it ended.
 */
revision: number, } | { "kind": "unkept" } | { "kind": "mended", 
/**
 * What stood when it ended.
 */
text: string, 
/**
 * What its typist made of it.
 */
to: string, } | { "kind": "changed", 
/**
 * What stood when it ended.
 */
text: string, };

/**
 * How a video is encoded.
 */
export type VideoCodec = "vp8" | "h264" | "vp9" | "av1";

/**
 * A video that a client shows, and how large.
 */
export type ViewItem = { 
/**
 * Whose video.
 */
participant: ParticipantId, 
/**
 * `camera` or `screen`.
 */
source: TrackSource, 
/**
 * Width of the tile in physical pixels.
 */
width: number, 
/**
 * Height of the tile in physical pixels.
 */
height: number, 
/**
 * How much this viewer needs it; left out means `normal`.
 */
importance?: Importance, };

/**
 * How much video a viewer wants at all.
 */
export type ViewMode = "full" | "low_data" | "audio_only";

/**
 * What a caption page shows.
 */
export type Viewing = { 
/**
 * The session.
 */
session: SessionInfo, 
/**
 * The server's clock.
 */
server_time: Timestamp, 
/**
 * The latest finals, oldest first, at most `CAPTION_HISTORY_MAX`.
 */
captions: Array<Caption>, };

/**
 * Why one waits.
 */
export type WaitingReason = "not_started" | "knocking";

/**
 * A seat was given, or given back.
 */
export type Welcome = { 
/**
 * The protocol version spoken from here on.
 */
version: number, 
/**
 * One's own seat.
 */
participant: ParticipantId, 
/**
 * The name one goes by, made unique.
 */
name: string, 
/**
 * One's role.
 */
role: Role, 
/**
 * What one may do.
 */
permissions: Array<Permission>, 
/**
 * Brings one back to this seat after a reload or a lost connection.
 */
resume: string, 
/**
 * The server's clock, for countdowns.
 */
server_time: Timestamp, 
/**
 * Changes when the media plane was started anew: then build a new peer connection.
 */
media_epoch: number, 
/**
 * The session.
 */
session: SessionInfo, };
