// What a server says, for tests: a session, people, captions.

import type { Caption, Participant, SessionInfo, Welcome } from "./generated";

export const SESSION: SessionInfo = {
  session_id: "0".repeat(32),
  name: "Circle",
  starts_at: 0,
  ends_at: 3_600_000,
  capacity: 5,
  waiting_room: true,
  locked: false,
  microphones_locked: false,
  captions: "on",
  off_record: false,
  transcript: "none",
};

/** Somebody with nothing switched on; their id is their name in small letters. */
export function person(participant: string, change: Partial<Participant> = {}): Participant {
  return {
    participant,
    name: nameOf(participant),
    role: "member",
    microphone: "off",
    camera: false,
    screen: false,
    hand_raised_at: null,
    connected: true,
    line: "good",
    ...change,
  };
}

/** Ann, a member, has a seat. */
export function welcome(change: Partial<Welcome> = {}): { type: "welcome" } & Welcome {
  return {
    type: "welcome",
    version: 1,
    participant: "ann",
    name: "Ann",
    role: "member",
    permissions: ["share_screen"],
    resume: "resume-1",
    server_time: 1_000,
    media_epoch: 1,
    session: SESSION,
    ...change,
  };
}

/** Something that Ann has said. */
export function spoken(number: number, change: Partial<Caption> = {}): Caption {
  return {
    id: { epoch: 1, number },
    participant: "ann",
    name: "Ann",
    revision: 1,
    status: "final",
    stable: "We meet on Tuesdays.",
    tentative: "",
    started_at: number * 1000,
    ended_at: number * 1000 + 500,
    ...change,
  };
}

/** A line that Ann has typed. */
export function typed(number: number, text: string, change: Partial<Caption> = {}): Caption {
  return spoken(number, {
    id: { epoch: 0, number },
    stable: text,
    started_at: number,
    ended_at: number,
    origin: "typed",
    ...change,
  });
}

function nameOf(participant: string): string {
  return participant.charAt(0).toUpperCase() + participant.slice(1);
}
