// Answers to common questions about the state. Pure; what returns an object may return a new one each time.

import type { LineQuality, Participant, ParticipantId, Permission } from "../protocol/generated";
import type { ClientState, MicrophoneView, VideoTarget } from "./model";

/** The server's clock, from ours. */
export function serverNow(state: ClientState, now: number): number {
  return now + state.clockOffsetMs;
}

/** Oneself among the participants; null unless in the call. */
export function selfOf(state: ClientState): Participant | null {
  return state.participants.find(({ participant }) => participant === state.seat?.participant) ?? null;
}

export function participantOf(state: ClientState, participant: ParticipantId): Participant | null {
  return state.participants.find((one) => one.participant === participant) ?? null;
}

/** Whether one may do something. The server decides again; this is for what to show. */
export function mayDo(state: ClientState, permission: Permission): boolean {
  return state.seat?.permissions.includes(permission) ?? false;
}

/** How the own microphone stands, for its button. */
export function microphoneView(state: ClientState): MicrophoneView {
  const server = selfOf(state)?.microphone ?? null;
  return { on: state.wishes.microphone ?? server === "on", server, mayUnmute: server !== "locked" };
}

/** Whether the own camera is on (or will be, once connected). */
export function cameraView(state: ClientState): boolean {
  return state.wishes.camera ?? selfOf(state)?.camera ?? false;
}

/** Whose hands are up, in the order in which they are taken. */
export function raisedHands(state: ClientState): Participant[] {
  return state.participants
    .filter(({ hand_raised_at }) => hand_raised_at !== null)
    .sort((a, b) => (a.hand_raised_at ?? 0) - (b.hand_raised_at ?? 0));
}

export function isSpeaking(state: ClientState, participant: ParticipantId): boolean {
  return state.speakers.some((speaker) => speaker.participant === participant);
}

/** How well the own line carries the call; null before anything is known of it. */
export function ownLine({ link, transport, statistics }: ClientState): LineQuality | null {
  if (link === "reconnecting" || transport === "interrupted") return "lost";
  return statistics?.quality ?? null;
}

/** Why videos do not come that are shown: the own line does not carry them, or this person saves data. */
export type PauseReason = "line" | "saving";

/** Why videos are paused, if any are. */
export function pauseReason({ viewMode, statistics }: ClientState): PauseReason {
  return viewMode === "low_data" && statistics?.trouble !== "bandwidth" ? "saving" : "line";
}

/** Why this video is paused at the moment; null when it is not. */
export function pauseOf(state: ClientState, { participant, source }: VideoTarget): PauseReason | null {
  const isPaused = state.paused.some((one) => one.participant === participant && one.source === source);
  return isPaused ? pauseReason(state) : null;
}
