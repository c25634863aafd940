// The whole state of the client, and what the user interface may ask of it. Types only: `reduce.ts` makes
// one state out of another, `controller.ts` carries the orders out, `selectors.ts` answers common questions.

import type { DeviceProblem, Devices } from "../media/devices";
import type { Transport } from "../media/peer_link";
import type { VideoShown } from "../media/video_gate";
import type { VideoTarget } from "../media/view";
import type {
  Caption,
  CaptionsState,
  EndReason,
  ErrorCode,
  Knock,
  Microphone,
  Participant,
  ParticipantId,
  Permission,
  Role,
  SessionInfo,
  Speaker,
  Statistics,
  TranscriptState,
  ViewMode,
  WaitingReason,
} from "../protocol/generated";
import type { TypedLine } from "./typing";

export type {
  Capture,
  DeviceOption,
  DeviceProblem,
  Devices,
  InputDevice,
  OutputDevice,
} from "../media/devices";
export type { Transport } from "../media/peer_link";
export type { VideoShown } from "../media/video_gate";
export type { VideoTarget } from "../media/view";
export type { ParticipantId, ViewMode } from "../protocol/generated";

/** Where one stands. Nothing but `waiting` and `call` holds a seat. */
export type Phase =
  /** The device check and the form; `problem` says why the last attempt came to nothing. */
  | { readonly kind: "join"; readonly problem: ErrorCode | null }
  /** The first connection is being made (also straight after a reload, when the seat is still held). */
  | { readonly kind: "connecting" }
  | { readonly kind: "waiting"; readonly reason: WaitingReason }
  | { readonly kind: "call" }
  /** One left by oneself. */
  | { readonly kind: "left" }
  | { readonly kind: "denied"; readonly blocked: boolean }
  | { readonly kind: "removed" }
  /** Another tab or device has the seat now; `takeBack()` fetches it back. */
  | { readonly kind: "taken_over" }
  /** Over; the reason is unknown when a dead link was opened. */
  | { readonly kind: "ended"; readonly reason: EndReason | null }
  /** Nothing more to be done with this link: not valid, blocked, no such session, no version in common. */
  | { readonly kind: "failed"; readonly code: ErrorCode };

/** The connection to the server. `reconnecting` overlays the phases `waiting` and `call`. */
export type Link = "none" | "connecting" | "up" | "reconnecting";

/** One's own seat. */
export interface Seat {
  readonly participant: ParticipantId;
  /** The name one goes by, made unique by the server. */
  readonly name: string;
  readonly role: Role;
  readonly permissions: readonly Permission[];
}

/** Captions as they are shown. */
export interface Captions {
  /** Still growing, in the order they began. */
  readonly open: readonly Caption[];
  /** Said off the record and finished: shown a little longer, then forgotten. */
  readonly passing: readonly Caption[];
  /** Finals and interrupted ones, in the order they began; the latest `CAPTION_HISTORY_MAX`. */
  readonly history: readonly Caption[];
}

/** Whose pictures stand in front, at this person's wish. */
export interface Front {
  /** In the order in which they were pinned; at most `PINNED_MAX`. */
  readonly pinned: readonly ParticipantId[];
  /** The sign-language interpreter whom this person follows. */
  readonly interpreter: ParticipantId | null;
}

/** What the person wants of their own devices; null: as the server has it. Sent when the link is up. */
export interface Wishes {
  readonly microphone: boolean | null;
  readonly camera: boolean | null;
}

/** What a screen reader should say, and eyes may read: an id and its values, never a sentence. */
export type NoticeMessage =
  | { readonly kind: "waiting"; readonly reason: WaitingReason }
  | { readonly kind: "admitted" }
  | { readonly kind: "participant_joined"; readonly name: string }
  | { readonly kind: "participant_left"; readonly name: string }
  | { readonly kind: "knock"; readonly name: string }
  | { readonly kind: "hand_raised"; readonly name: string }
  | { readonly kind: "hand_lowered_by_facilitator" }
  | { readonly kind: "screen_started"; readonly name: string }
  | { readonly kind: "screen_stopped"; readonly name: string }
  | { readonly kind: "muted"; readonly mayUnmute: boolean }
  | { readonly kind: "unmute_requested" }
  | { readonly kind: "camera_stopped" }
  | { readonly kind: "microphones_locked"; readonly locked: boolean }
  | { readonly kind: "session_locked"; readonly locked: boolean }
  | { readonly kind: "captions"; readonly state: CaptionsState }
  | { readonly kind: "off_record"; readonly on: boolean }
  | { readonly kind: "transcript"; readonly state: TranscriptState }
  | { readonly kind: "ending_soon"; readonly minutes: number }
  | { readonly kind: "link_renewed" }
  | { readonly kind: "vocabulary_changed" }
  /** Somebody put right a line that one was still writing: it is closed. */
  | { readonly kind: "own_line_corrected" }
  /** The own line became poor, or is no longer. */
  | { readonly kind: "line_poor" }
  | { readonly kind: "line_better" }
  | { readonly kind: "view_mode"; readonly mode: ViewMode }
  | { readonly kind: "reconnecting" }
  | { readonly kind: "reconnected" }
  | {
      readonly kind: "device_problem";
      readonly device: "microphone" | "camera" | "screen";
      readonly problem: DeviceProblem;
    }
  | { readonly kind: "sound_blocked" }
  /** An order came while the connection was being restored: it was not carried out. */
  | { readonly kind: "not_connected" }
  /** An order was refused and changed nothing. */
  | { readonly kind: "refused"; readonly code: ErrorCode };

export interface Notice {
  /** Counts up from 1: an announcer remembers the last one it said. */
  readonly id: number;
  readonly message: NoticeMessage;
}

/** Lines that one has typed and that will never stand, one after the other. */
export interface RefusedLine {
  readonly text: string;
  /** Why the latest of them was refused. */
  readonly code: ErrorCode;
  /** Some of it was written while the group was off the record. */
  readonly offRecord: boolean;
}

/** Everything. Plain data, never changed in place: a new object whenever something is different. */
export interface ClientState {
  readonly phase: Phase;
  readonly link: Link;
  /** The role the link gives, as far as the link tells: only for words on the join page. */
  readonly linkRole: Role | null;
  /** The name last used with this link, to fill the form with. */
  readonly knownName: string;
  readonly seat: Seat | null;
  readonly session: SessionInfo | null;
  /** The server's clock minus ours, in milliseconds: `serverNow(state, Date.now())`. */
  readonly clockOffsetMs: number;
  /** Everybody inside, oneself too, in the order they came. Empty unless in the call. */
  readonly participants: readonly Participant[];
  /** Who waits, in the order they came; facilitators only. */
  readonly knocks: readonly Knock[];
  /** The member link; facilitators only. */
  readonly memberLink: string | null;
  /** The group's names and terms, for those who may change them. */
  readonly vocabulary: readonly string[] | null;
  /** Why the latest change of it was refused; another object each time. */
  readonly vocabularyRefusal: { readonly code: ErrorCode } | null;
  /** Why the latest correction of a caption was refused; another object each time. */
  readonly correctionRefusal: { readonly code: ErrorCode } | null;
  /** What of one's own was refused for good, until one has taken it back or forgotten it. */
  readonly refusedLine: RefusedLine | null;
  /** Who is heard, loudest first. */
  readonly speakers: readonly Speaker[];
  readonly captions: Captions;
  /** The link of one's own caption page, once asked for. */
  readonly captionLink: string | null;
  /** Whether one agreed to a transcript; null before one has answered. */
  readonly transcriptAgreed: boolean | null;
  /** The transcript, WebVTT, for those who keep the session, at its end. In this page's memory alone. */
  readonly transcript: string | null;
  /** The last warning before the end: 10, 5 or 1 minutes. */
  readonly endingSoonMinutes: number | null;
  /** A facilitator asks one to unmute; true until answered, dismissed or muted again. */
  readonly unmuteRequested: boolean;
  readonly wishes: Wishes;
  readonly devices: Devices;
  readonly transport: Transport;
  /** What the server measured of the own line last; null before it did. */
  readonly statistics: Statistics | null;
  /** Videos that the own line does not carry at the moment. They come back by themselves. */
  readonly paused: readonly VideoTarget[];
  /** How much video this person wants at all. */
  readonly viewMode: ViewMode;
  readonly front: Front;
  /** The browser holds the sound back until the person does something: show *Tap to hear the group*. */
  readonly soundBlocked: boolean;
  /** The latest `NOTICES_MAX`, oldest first. */
  readonly notices: readonly Notice[];
}

/**
 * What the user interface may ask for. Orders return at once; what came of them shows in the state.
 * `subscribe` and `getSnapshot` fit `useSyncExternalStore`; all methods are bound.
 */
export interface Controller {
  readonly getSnapshot: () => ClientState;
  readonly subscribe: (listener: () => void) => () => void;

  /** Asks to come in. The name is trimmed by the server. */
  readonly join: (name: string, guidelinesAccepted: boolean) => void;
  /** Gives the seat up. */
  readonly leave: () => void;
  /** After `taken_over`: fetches the seat back to this tab. */
  readonly takeBack: () => void;
  /** From `denied`, `left` or a problem: back to the form. */
  readonly backToForm: () => void;

  /** Switches the own microphone; takes hold of the device first where needed. Works before joining too. */
  readonly setMicrophone: (on: boolean) => void;
  readonly setCamera: (on: boolean) => void;
  readonly chooseMicrophone: (deviceId: string) => void;
  readonly chooseCamera: (deviceId: string) => void;
  readonly chooseSpeaker: (deviceId: string) => void;
  /** Opens the browser's picker. Call it in the click. */
  readonly startScreenShare: () => void;
  readonly stopScreenShare: () => void;
  /** Call it in the click on *Tap to hear the group*. */
  readonly resumeSound: () => void;
  /** Loudness of the own microphone, 0 to 1, about 15 times a second while it is live. Returns the stop. */
  readonly observeMicrophoneLevel: (listener: (level: number) => void) => () => void;

  /**
   * Shows somebody's video in an element for as long as it is attached; returns the detach. The size of
   * the element, while it is on screen, decides which quality the server sends. `onShown` is called at
   * once and at every change; as long as it says `covered`, lay something opaque over the element.
   */
  readonly attachVideo: (
    element: HTMLVideoElement,
    target: VideoTarget,
    onShown: (shown: VideoShown) => void,
  ) => () => void;
  /** Shows one's own camera or screen in an element; returns the detach. Also for the device check. */
  readonly attachOwnVideo: (element: HTMLVideoElement, source: "camera" | "screen") => () => void;

  /**
   * One's typed line as it stands. Without a connection it waits for one; false if too many lines wait, and this one is
   * not taken.
   */
  readonly typeLine: (typed: TypedLine) => boolean;
  /** One has what one needs of the `refusedLine`. */
  readonly forgetRefusedLine: () => void;
  /**
   * Puts a final caption right, over the revision given; empty text takes it back. False if there is no connection to do
   * it over. The answer is another revision with these words, or a `correctionRefusal`.
   */
  readonly correctCaption: (caption: Caption, text: string) => boolean;
  readonly setOffRecord: (on: boolean) => void;
  /** Replaces the group's names and terms; says whether that could be sent. */
  /**
   * Whether it was sent. The answer is another `vocabulary`, the same terms again where nothing was to be changed, or a
   * `vocabularyRefusal`.
   */
  readonly setVocabulary: (terms: readonly string[]) => boolean;
  readonly agreeToTranscript: (agree: boolean) => void;
  /** Asks for the link of a page with nothing but captions; it comes as `captionLink`. */
  readonly getCaptionLink: () => void;

  /** How much video one wants: at once, and kept in this browser. Works before joining too. */
  readonly setViewMode: (mode: ViewMode) => void;
  /** Puts somebody's picture in front, or back in its place. */
  readonly pin: (participant: ParticipantId, pinned: boolean) => void;
  /** Marks somebody as the interpreter whom one follows; null: nobody. */
  readonly setInterpreter: (participant: ParticipantId | null) => void;

  readonly raiseHand: () => void;
  /** One's own hand, or (facilitators) somebody else's. */
  readonly lowerHand: (participant?: ParticipantId) => void;
  readonly dismissUnmuteRequest: () => void;

  readonly admit: (participant: ParticipantId) => void;
  readonly admitAll: () => void;
  readonly deny: (participant: ParticipantId) => void;
  readonly mute: (participant: ParticipantId) => void;
  readonly muteEveryone: () => void;
  readonly lockMicrophones: (locked: boolean) => void;
  readonly askToUnmute: (participant: ParticipantId) => void;
  readonly stopCamera: (participant: ParticipantId) => void;
  readonly remove: (participant: ParticipantId) => void;
  readonly lockSession: (locked: boolean) => void;
  readonly renewLink: () => void;
  readonly endSession: () => void;

  /** Closes everything; the controller is of no use afterwards. Does not give the seat up. */
  readonly dispose: () => void;
}

/** How the own microphone stands, for its button. */
export interface MicrophoneView {
  /** Whether one is heard (or will be, once connected). */
  readonly on: boolean;
  /** As the server has it; null before one is in. */
  readonly server: Microphone | null;
  /** False when a facilitator's lock keeps it off. */
  readonly mayUnmute: boolean;
}
