// Makes the next state out of the last one and an event. Pure: no clock, no network, no page.

import { type Devices, hasFailed, NO_DEVICES } from "../media/devices";
import type { Transport } from "../media/peer_link";
import type { ConnectionState } from "../protocol/connection";
import type {
  Caption,
  ErrorCode,
  Participant,
  ParticipantId,
  Role,
  ServerMessage,
  SessionInfo,
  Snapshot,
  Statistics,
  ViewMode,
  Welcome,
} from "../protocol/generated";
import {
  addCaption,
  forgetPassing,
  interruptOpen,
  mergeSnapshot,
  NO_CAPTIONS,
  whileListening,
} from "./captions";
import { NOBODY_IN_FRONT, onlyPresent, pin, withoutPerson } from "./front";
import type { ClientState, Front, Link, NoticeMessage, Phase, RefusedLine, VideoTarget } from "./model";
import { notify } from "./notices";
import { participantOf, selfOf } from "./selectors";

/** All that can change the state. */
export type ClientEvent =
  /** `now` is this computer's clock, in milliseconds since 1970. */
  | { readonly kind: "server"; readonly message: ServerMessage; readonly now: number }
  | { readonly kind: "link"; readonly state: ConnectionState }
  | { readonly kind: "joining"; readonly name: string }
  | { readonly kind: "left" }
  | { readonly kind: "form" }
  | { readonly kind: "wish"; readonly device: "microphone" | "camera"; readonly on: boolean | null }
  | { readonly kind: "devices"; readonly devices: Devices }
  | { readonly kind: "transport"; readonly transport: Transport }
  | { readonly kind: "sound_blocked"; readonly blocked: boolean }
  | { readonly kind: "view_mode"; readonly mode: ViewMode }
  | { readonly kind: "pin"; readonly participant: ParticipantId; readonly pinned: boolean }
  | { readonly kind: "interpreter"; readonly participant: ParticipantId | null }
  /** A caption from off the record has stood for long enough. */
  | { readonly kind: "caption_passed"; readonly caption: Caption }
  | { readonly kind: "transcript_answered"; readonly agree: boolean }
  | { readonly kind: "vocabulary_refused"; readonly code: ErrorCode }
  | { readonly kind: "correction_refused"; readonly code: ErrorCode }
  | { readonly kind: "line_refused"; readonly line: RefusedLine }
  | { readonly kind: "refused_line_forgotten" }
  | { readonly kind: "unmute_dismissed" }
  /** One lowered one's own hand: shown at once, so that the server's echo is not taken for a facilitator's. */
  | { readonly kind: "own_hand_lowered" }
  | { readonly kind: "notice"; readonly message: NoticeMessage };

/** More of what was refused is not kept: the oldest of it is dropped. */
const REFUSED_CHARACTERS_MAX = 20_000;

/** Before anything happened. */
export function initialState(
  linkRole: Role | null,
  knownName: string,
  viewMode: ViewMode = "full",
  front: Front = NOBODY_IN_FRONT,
): ClientState {
  return {
    phase: { kind: "join", problem: null },
    link: "none",
    linkRole,
    knownName,
    seat: null,
    session: null,
    clockOffsetMs: 0,
    participants: [],
    knocks: [],
    memberLink: null,
    vocabulary: null,
    vocabularyRefusal: null,
    correctionRefusal: null,
    refusedLine: null,
    speakers: [],
    captions: NO_CAPTIONS,
    captionLink: null,
    transcriptAgreed: null,
    transcript: null,
    endingSoonMinutes: null,
    unmuteRequested: false,
    wishes: { microphone: null, camera: null },
    devices: NO_DEVICES,
    transport: "idle",
    statistics: null,
    paused: [],
    viewMode,
    front,
    soundBlocked: false,
    notices: [],
  };
}

export function reduce(state: ClientState, event: ClientEvent): ClientState {
  switch (event.kind) {
    case "server":
      return reduceMessage(state, event.message, event.now);
    case "link":
      return reduceLink(state, event.state);
    case "joining":
      return { ...state, phase: { kind: "connecting" }, knownName: event.name };
    case "left":
      return leaveTo(state, { kind: "left" });
    case "form":
      return leaveTo(state, { kind: "join", problem: null });
    case "wish":
      return settleWishes({ ...state, wishes: { ...state.wishes, [event.device]: event.on } });
    case "devices":
      return reduceDevices(state, event.devices);
    case "transport":
      // What was measured before is not about a line that is just being made.
      return event.transport === "connected"
        ? { ...state, transport: event.transport }
        : { ...state, transport: event.transport, statistics: null };
    case "view_mode":
      return notify({ ...state, viewMode: event.mode }, { kind: "view_mode", mode: event.mode });
    case "pin":
      return { ...state, front: pin(state.front, event.participant, event.pinned) };
    case "interpreter":
      return { ...state, front: { ...state.front, interpreter: event.participant } };
    case "sound_blocked": {
      const next = { ...state, soundBlocked: event.blocked };
      return event.blocked ? notify(next, { kind: "sound_blocked" }) : next;
    }
    case "caption_passed":
      return { ...state, captions: forgetPassing(state.captions, event.caption) };
    case "transcript_answered":
      return { ...state, transcriptAgreed: event.agree };
    case "correction_refused":
      return { ...state, correctionRefusal: { code: event.code } };
    case "line_refused":
      return { ...state, refusedLine: joined(state.refusedLine, event.line) };
    case "refused_line_forgotten":
      return { ...state, refusedLine: null };
    case "vocabulary_refused":
      return { ...state, vocabularyRefusal: { code: event.code } };
    case "unmute_dismissed":
      return { ...state, unmuteRequested: false };
    case "own_hand_lowered": {
      const self = selfOf(state);
      if (self === null) return state;
      return {
        ...state,
        participants: replaceOrAppend(state.participants, { ...self, hand_raised_at: null }),
      };
    }
    case "notice":
      return notify(state, event.message);
  }
}

function reduceMessage(state: ClientState, message: ServerMessage, now: number): ClientState {
  switch (message.type) {
    case "welcome":
      return reduceWelcome(state, message, now);
    case "waiting": {
      const next: ClientState = { ...outside(state), phase: { kind: "waiting", reason: message.reason } };
      const isNews = state.phase.kind !== "waiting" || state.phase.reason !== message.reason;
      return isNews ? notify(next, { kind: "waiting", reason: message.reason }) : next;
    }
    case "admitted":
      return reduceAdmitted(state, message);
    case "denied":
      return leaveTo(state, { kind: "denied", blocked: message.blocked });
    case "participant":
      return reduceParticipant(state, message);
    case "participant_left":
      return reduceParticipantLeft(state, message.participant);
    case "knock": {
      const { type: _, ...knock } = message;
      const isNew = !state.knocks.some((known) => known.participant === knock.participant);
      const next = { ...state, knocks: replaceOrAppend(state.knocks, knock) };
      return isNew ? notify(next, { kind: "knock", name: knock.name }) : next;
    }
    case "knock_ended":
      return { ...state, knocks: without(state.knocks, message.participant) };
    case "session":
      return reduceSession(state, message);
    case "muted":
      return notify(
        { ...state, unmuteRequested: false, wishes: { ...state.wishes, microphone: null } },
        { kind: "muted", mayUnmute: message.may_unmute },
      );
    case "unmute_requested":
      return notify({ ...state, unmuteRequested: true }, { kind: "unmute_requested" });
    case "camera_stopped":
      return notify({ ...state, wishes: { ...state.wishes, camera: null } }, { kind: "camera_stopped" });
    case "publish":
      return state;
    case "speakers":
      return { ...state, speakers: message.speakers };
    case "statistics": {
      const { type: _, ...statistics } = message;
      return reduceStatistics(state, statistics);
    }
    case "video_paused": {
      const { participant, source, paused } = message;
      return source === "camera" || source === "screen"
        ? reducePaused(state, { participant, source }, paused)
        : state;
    }
    case "caption": {
      const { type: _, ...caption } = message;
      return { ...state, captions: addCaption(state.captions, caption) };
    }
    case "captions": {
      const { session } = state;
      return session === null ? state : reduceSession(state, { ...session, captions: message.state });
    }
    case "ending_soon":
      return notify(
        { ...state, endingSoonMinutes: message.minutes },
        { kind: "ending_soon", minutes: message.minutes },
      );
    case "member_link": {
      const isRenewed = state.memberLink !== null && state.memberLink !== message.url;
      const next = { ...state, memberLink: message.url };
      return isRenewed ? notify(next, { kind: "link_renewed" }) : next;
    }
    case "vocabulary":
      return notify({ ...state, vocabulary: message.terms }, { kind: "vocabulary_changed" });
    case "caption_link":
      return { ...state, captionLink: message.url };
    case "transcript":
      return { ...state, transcript: message.vtt };
    case "viewing":
      // Caption pages have a state of their own.
      return state;
    case "taken_over":
      return leaveTo(state, { kind: "taken_over" });
    case "removed":
      return leaveTo(state, { kind: "removed" });
    case "ended":
      return leaveTo(state, { kind: "ended", reason: message.reason });
    case "error":
      return reduceError(state, message.code);
    case "answer":
    case "slot":
    case "media_lost":
    case "ice_servers":
    case "pong":
      // Matters of the media and of the connection.
      return state;
  }
}

function reduceLink(state: ClientState, connection: ConnectionState): ClientState {
  const link: Link = connection === "closed" ? "none" : connection;
  const next = { ...state, link };
  const hasSeat = state.phase.kind === "call" || state.phase.kind === "waiting";
  if (!hasSeat) return next;
  if (link === "reconnecting" && state.link === "up") return notify(next, { kind: "reconnecting" });
  return next;
}

function reduceWelcome(state: ClientState, message: Welcome, now: number): ClientState {
  const { participant, name, role, permissions } = message;
  const isBack = state.seat !== null && (state.phase.kind === "call" || state.phase.kind === "waiting");
  const next: ClientState = {
    ...state,
    seat: { participant, name, role, permissions },
    session: message.session,
    clockOffsetMs: message.server_time - now,
  };
  return isBack ? notify(next, { kind: "reconnected" }) : next;
}

function reduceAdmitted(state: ClientState, snapshot: Snapshot): ClientState {
  const next: ClientState = {
    ...state,
    phase: { kind: "call" },
    participants: snapshot.participants,
    knocks: snapshot.knocks,
    memberLink: snapshot.member_link ?? null,
    vocabulary: snapshot.vocabulary ?? null,
    speakers: [],
    // The server says again what is paused.
    paused: [],
    front: onlyPresent(
      state.front,
      snapshot.participants.map(({ participant }) => participant),
    ),
    captions: mergeSnapshot(state.captions, snapshot.captions),
    transcriptAgreed: snapshot.transcript_agreed,
  };
  return settleWishes(state.phase.kind === "call" ? next : notify(next, { kind: "admitted" }));
}

/** The server's verdict does not flicker; only what somebody would notice themselves is said. */
function reduceStatistics(state: ClientState, statistics: Statistics): ClientState {
  const wasPoor = state.statistics?.quality === "poor";
  const isPoor = statistics.quality === "poor";
  const next = { ...state, statistics };
  if (isPoor && !wasPoor) return notify(next, { kind: "line_poor" });
  return wasPoor && !isPoor ? notify(next, { kind: "line_better" }) : next;
}

function reducePaused(state: ClientState, target: VideoTarget, isPaused: boolean): ClientState {
  const others = state.paused.filter(
    ({ participant, source }) => participant !== target.participant || source !== target.source,
  );
  return { ...state, paused: isPaused ? [...others, target] : others };
}

function reduceParticipant(state: ClientState, message: Participant & { type: string }): ClientState {
  const { type: _, ...participant } = message;
  const known = participantOf(state, participant.participant);
  const next = { ...state, participants: replaceOrAppend(state.participants, participant) };
  const isSelf = participant.participant === state.seat?.participant;
  return settleWishes(notify(next, ...changesOf(known, participant, isSelf)));
}

/** What of a change is worth saying. */
function changesOf(known: Participant | null, next: Participant, isSelf: boolean): NoticeMessage[] {
  const { name } = next;
  const changes: NoticeMessage[] = [];
  const handWasUp = known !== null && known.hand_raised_at !== null;
  const handIsUp = next.hand_raised_at !== null;
  if (isSelf) {
    if (handWasUp && !handIsUp) changes.push({ kind: "hand_lowered_by_facilitator" });
    return changes;
  }
  if (known === null) changes.push({ kind: "participant_joined", name });
  if (!handWasUp && handIsUp) changes.push({ kind: "hand_raised", name });
  const screenWasOn = known?.screen ?? false;
  if (!screenWasOn && next.screen) changes.push({ kind: "screen_started", name });
  if (screenWasOn && !next.screen) changes.push({ kind: "screen_stopped", name });
  return changes;
}

function reduceParticipantLeft(state: ClientState, participant: ParticipantId): ClientState {
  const known = participantOf(state, participant);
  if (known === null) return state;
  const next = {
    ...state,
    participants: without(state.participants, participant),
    speakers: without(state.speakers, participant),
    paused: without(state.paused, participant),
    front: withoutPerson(state.front, participant),
  };
  return notify(next, { kind: "participant_left", name: known.name });
}

function reduceSession(state: ClientState, message: SessionInfo & { type?: string }): ClientState {
  const { type: _, ...session } = message;
  const known = state.session;
  const captions = whileListening(state.captions, session.captions);
  const changes: NoticeMessage[] = [];
  if (known !== null && state.phase.kind === "call") {
    const { locked, microphones_locked } = session;
    if (known.locked !== locked) changes.push({ kind: "session_locked", locked });
    if (known.microphones_locked !== microphones_locked)
      changes.push({ kind: "microphones_locked", locked: microphones_locked });
    if (known.off_record !== session.off_record) changes.push({ kind: "off_record", on: session.off_record });
    if (known.transcript !== session.transcript)
      changes.push({ kind: "transcript", state: session.transcript });
    if (known.captions !== session.captions) changes.push({ kind: "captions", state: session.captions });
  }
  return notify({ ...state, session, captions }, ...changes);
}

function reduceDevices(state: ClientState, devices: Devices): ClientState {
  const problems: NoticeMessage[] = [];
  const wishes = { ...state.wishes };
  for (const device of ["microphone", "camera"] as const) {
    const { capture } = devices[device];
    if (!hasFailed(state.devices[device], devices[device]) || capture.kind !== "failed") continue;
    problems.push({ kind: "device_problem", device, problem: capture.problem });
    wishes[device] = false;
  }
  if (devices.screen.kind === "failed" && devices.screen !== state.devices.screen)
    problems.push({ kind: "device_problem", device: "screen", problem: devices.screen.problem });
  return settleWishes(notify({ ...state, devices, wishes }, ...problems));
}

/** At the door an error says where one stands now; inside it is about a single order. */
function reduceError(state: ClientState, code: ErrorCode): ClientState {
  if (code === "ended") return leaveTo(state, { kind: "ended", reason: null });
  if (state.link === "up") return notify(state, { kind: "refused", code });
  switch (code) {
    case "unauthorized":
    case "not_found":
    case "blocked":
    case "unsupported_version":
      return leaveTo(state, { kind: "failed", code });
    default:
      return leaveTo(state, { kind: "join", problem: code });
  }
}

/** Without a seat nothing is known of the others. What was said stays readable until the page is closed. */
function leaveTo(state: ClientState, phase: Phase): ClientState {
  // The form keeps what was switched on in the device check; after a session everything is off.
  const wishes = phase.kind === "join" ? state.wishes : { microphone: null, camera: null };
  return { ...outside(state), phase, link: "none", seat: null, wishes, refusedLine: null };
}

/** One text of all that was refused: whoever types fast has gone on meanwhile. */
function joined(before: RefusedLine | null, line: RefusedLine): RefusedLine {
  if (before === null) return line;
  const text = `${before.text} ${line.text}`.slice(-REFUSED_CHARACTERS_MAX);
  return { ...line, text, offRecord: before.offRecord || line.offRecord };
}

function outside(state: ClientState): ClientState {
  return {
    ...state,
    participants: [],
    knocks: [],
    memberLink: null,
    vocabulary: null,
    vocabularyRefusal: null,
    correctionRefusal: null,
    speakers: [],
    statistics: null,
    paused: [],
    front: NOBODY_IN_FRONT,
    captions: interruptOpen(state.captions),
    captionLink: null,
    transcriptAgreed: null,
    endingSoonMinutes: null,
    unmuteRequested: false,
  };
}

/** A wish that the server has fulfilled is none any more; unmuted is what was asked for. */
function settleWishes(state: ClientState): ClientState {
  const self = selfOf(state);
  if (self === null) return state;
  const { microphone, camera } = state.wishes;
  const settled = {
    microphone: microphone === (self.microphone === "on") ? null : microphone,
    camera: camera === self.camera ? null : camera,
  };
  const next = { ...state, wishes: settled };
  return self.microphone === "on" ? { ...next, unmuteRequested: false } : next;
}

function replaceOrAppend<T extends { participant: ParticipantId }>(all: readonly T[], one: T): T[] {
  const index = all.findIndex(({ participant }) => participant === one.participant);
  return index === -1 ? [...all, one] : all.with(index, one);
}

function without<T extends { participant: ParticipantId }>(
  all: readonly T[],
  participant: ParticipantId,
): T[] {
  return all.filter((one) => one.participant !== participant);
}
