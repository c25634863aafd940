// Scripted states: every page and every state of the call that looks different.

import type {
  Caption,
  CaptionWord,
  Knock,
  Participant,
  SessionInfo,
  Statistics,
} from "../../protocol/generated";
import { SESSION as SAMPLE } from "../../protocol/samples";
import type { ClientState, Devices, Notice, NoticeMessage, Phase, Seat } from "../../state/model";

const NOW = Date.now();
const MINUTE_MS = 60_000;

const NAMES = [
  "Fay Facilitator",
  "Ann",
  "Benedikt Österreicher-Sonnenschein",
  "Cleo",
  "D.",
  "Eda Yılmaz",
  "木村 さくら",
  "George",
] as const;

export function person(index: number, changes: Partial<Participant> = {}): Participant {
  return {
    participant: `p${index}`,
    name: NAMES[index] ?? `Guest ${index}`,
    role: index === 0 ? "facilitator" : "member",
    microphone: index % 3 === 2 ? "off" : "on",
    camera: index % 4 !== 3,
    screen: false,
    hand_raised_at: null,
    connected: true,
    line: "good",
    ...changes,
  };
}

export function people(count: number): Participant[] {
  return Array.from({ length: count }, (_, index) => person(index));
}

export function caption(number: number, who: number, changes: Partial<Caption> = {}): Caption {
  return {
    id: { epoch: 1, number },
    participant: `p${who}`,
    name: NAMES[who] ?? `Guest ${who}`,
    revision: 1,
    status: "final",
    stable: "Thank you for being here tonight.",
    tentative: "",
    started_at: NOW - 100_000 + number * 1000,
    ended_at: NOW - 99_000 + number * 1000,
    ...changes,
  };
}

/** How sure the machine was of each word. */
export function surenessOf(...sure: readonly number[]): CaptionWord[] {
  return sure.map((one, at) => ({ ended: at * 300, sure: one }));
}

export const CAPTIONS: ClientState["captions"] = {
  passing: [],
  history: [
    caption(1, 0, { stable: "Good evening everybody, and thank you for being here tonight." }),
    caption(2, 1, { stable: "It has been a long week for me, but I am glad that I came." }),
    caption(3, 3, { status: "interrupted", stable: "I wanted to say something about" }),
    caption(4, 2, {
      stable:
        "What helped me was to go for a walk every morning, even if it was only around the block, and to call somebody afterwards, because that makes the day begin with a voice that is not the one in my own head.",
    }),
  ],
  open: [
    caption(5, 1, {
      status: "partial",
      stable: "Yes, I know that feeling very well, and",
      tentative: "for me it was the",
    }),
    caption(6, 0, { status: "partial", stable: "", tentative: "would you like to" }),
  ],
};

/** Several languages, one of them written from the right. */
export const CAPTIONS_IN_LANGUAGES: ClientState["captions"] = {
  passing: [],
  history: [
    caption(1, 0, { stable: "Guten Abend, schön, dass ihr da seid.", language: "de" }),
    caption(2, 1, {
      stable: "שלום לכולם, אני שמח להיות כאן הערב.",
      language: "he",
      origin: "typed",
      after_gap: true,
    }),
  ],
  open: [
    caption(3, 3, { status: "partial", stable: "أهلا وسهلا بكم في", tentative: "مجموعتنا", language: "ar" }),
  ],
};

/** Words that may be wrong, and lost sound. */
export const UNSURE_CAPTIONS: ClientState["captions"] = {
  passing: [],
  history: [
    caption(1, 0, {
      stable: "My sponsor told me to call Marjorie at the clinic.",
      words: surenessOf(95, 30, 95, 95, 95, 95, 20, 95, 95, 40),
    }),
    caption(2, 1, { stable: "and that is where I stopped.", after_gap: true }),
  ],
  open: [
    caption(3, 3, {
      status: "partial",
      stable: "Thank you both,",
      tentative: "I did not",
      after_gap: true,
      words: surenessOf(95, 95, 10, 30, 30, 30),
    }),
  ],
};

export const SESSION: SessionInfo = {
  ...SAMPLE,
  name: "Tuesday evening circle",
  starts_at: NOW - 30 * MINUTE_MS,
  ends_at: NOW + 42 * MINUTE_MS,
  capacity: 12,
};

const DEVICES: Devices = {
  microphone: {
    capture: { kind: "live", deviceId: "m1", label: "Built-in microphone" },
    options: [
      { id: "m1", label: "Built-in microphone" },
      { id: "m2", label: "Headset" },
    ],
    chosen: null,
  },
  camera: {
    capture: { kind: "live", deviceId: "c1", label: "Front camera" },
    options: [{ id: "c1", label: "Front camera" }],
    chosen: null,
  },
  speaker: {
    options: [
      { id: "default", label: "Default" },
      { id: "s2", label: "Headset" },
    ],
    chosen: null,
    selectable: true,
  },
  screen: { kind: "idle" },
  screenSupported: true,
};

const NO_DEVICES: Devices = {
  ...DEVICES,
  microphone: { capture: { kind: "idle" }, options: [], chosen: null },
  camera: { capture: { kind: "idle" }, options: [], chosen: null },
};

const FACILITATOR: Seat = {
  participant: "p0",
  name: NAMES[0],
  role: "facilitator",
  permissions: [
    "enter_freely",
    "manage_waiting_room",
    "manage_media",
    "speak_always",
    "manage_hands",
    "remove_participants",
    "manage_session",
    "share_screen",
  ],
};

const MEMBER: Seat = { participant: "p1", name: NAMES[1], role: "member", permissions: ["share_screen"] };

const KNOCKS: Knock[] = [
  { participant: "k1", name: "Henri", since: NOW - 3 * MINUTE_MS, denied: 0 },
  { participant: "k2", name: "Ines de la Cruz", since: NOW - 5000, denied: 1 },
];

const BASE: ClientState = {
  phase: { kind: "join", problem: null },
  link: "none",
  linkRole: "member",
  knownName: "",
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
  captions: { open: [], passing: [], history: [] },
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
  viewMode: "full",
  front: { pinned: [], interpreter: null },
  soundBlocked: false,
  notices: [],
};

const STATISTICS: Statistics = {
  quality: "good",
  trouble: null,
  round_trip_ms: 38,
  bandwidth_bps: 4_100_000,
  sending: { bitrate_bps: 1_830_000, loss_permille: 0, jitter_ms: 2 },
  receiving: { bitrate_bps: 2_640_000, loss_permille: 3, jitter_ms: 4 },
  streams: [],
};

const WEAK: Statistics = {
  ...STATISTICS,
  quality: "poor",
  trouble: "bandwidth",
  round_trip_ms: 412,
  bandwidth_bps: 310_000,
  receiving: { bitrate_bps: 268_000, loss_permille: 124, jitter_ms: 48 },
};

function call(changes: Partial<ClientState> = {}): ClientState {
  return {
    ...BASE,
    phase: { kind: "call" },
    link: "up",
    transport: "connected",
    statistics: STATISTICS,
    seat: MEMBER,
    session: SESSION,
    participants: people(5),
    speakers: [{ participant: "p0", level: 20 }],
    captions: CAPTIONS,
    devices: DEVICES,
    ...changes,
  };
}

function facilitating(changes: Partial<ClientState> = {}): ClientState {
  return call({
    seat: FACILITATOR,
    vocabulary: ["Sertraline", "Anneliese", "Marjorie"],
    memberLink: `https://calls.example.org/s/${"0".repeat(32)}#${"eyJhbGciOiJIUzI1NiJ9.".repeat(6)}`,
    ...changes,
  });
}

function closed(phase: Phase, changes: Partial<ClientState> = {}): ClientState {
  return { ...BASE, phase, ...changes };
}

function notices(...messages: readonly NoticeMessage[]): Notice[] {
  return messages.map((message, index) => ({ id: index + 1, message }));
}

/** A state, and one that follows after the page has appeared. */
export interface Scene {
  readonly state: ClientState;
  readonly later?: ClientState;
}

const failedDevices: Devices = {
  ...NO_DEVICES,
  microphone: { capture: { kind: "failed", problem: "denied" }, options: [], chosen: null },
  camera: { capture: { kind: "failed", problem: "absent" }, options: [], chosen: null },
};

export const scenes: Readonly<Record<string, Scene>> = {
  join: { state: BASE },
  "join-live": {
    state: { ...BASE, devices: DEVICES, wishes: { microphone: true, camera: true }, linkRole: "facilitator" },
  },
  "join-failed": { state: { ...BASE, devices: failedDevices } },
  "join-problem": { state: closed({ kind: "join", problem: "session_full" }) },
  connecting: { state: closed({ kind: "connecting" }) },
  waiting: {
    state: {
      ...BASE,
      phase: { kind: "waiting", reason: "knocking" },
      link: "up",
      seat: MEMBER,
      session: SESSION,
    },
  },
  "waiting-not-started": {
    state: {
      ...BASE,
      phase: { kind: "waiting", reason: "not_started" },
      link: "reconnecting",
      seat: MEMBER,
      session: { ...SESSION, starts_at: NOW + 90 * MINUTE_MS },
    },
  },
  call: { state: call() },
  "call-alone": {
    state: call({ participants: [person(1)], captions: { open: [], passing: [], history: [] } }),
  },
  "call-two": { state: call({ participants: people(2) }) },
  "call-nine": { state: call({ participants: people(9) }) },
  "call-25": { state: call({ participants: people(25) }) },
  "call-states": {
    state: call({
      participants: [
        person(0),
        person(1, { microphone: "locked", hand_raised_at: NOW, camera: false }),
        person(2, { hand_raised_at: NOW - 5, microphone: "muted" }),
        person(3, { connected: false }),
      ],
      session: { ...SESSION, microphones_locked: true, locked: true, ends_at: NOW + 4 * MINUTE_MS },
    }),
  },
  "call-screen": { state: call({ participants: [person(0, { screen: true }), ...people(6).slice(1)] }) },
  "call-banners": {
    state: call({ soundBlocked: true, unmuteRequested: true }),
    later: call({
      soundBlocked: true,
      unmuteRequested: true,
      link: "reconnecting",
      devices: {
        ...DEVICES,
        camera: { ...DEVICES.camera, capture: { kind: "failed", problem: "unplugged" } },
      },
    }),
  },
  "call-toasts": {
    state: call(),
    later: call({
      notices: notices(
        { kind: "participant_joined", name: "Eda Yılmaz" },
        { kind: "muted", mayUnmute: true },
        { kind: "ending_soon", minutes: 10 },
      ),
    }),
  },
  "call-captions-all": {
    state: call({
      session: { ...SESSION, off_record: true, transcript: "paused" },
      captions: {
        history: [
          caption(1, 0, { stable: "I wrote this instead of saying it.", origin: "typed" }),
          caption(2, 1, { stable: "And this was put right.", corrected: true }),
        ],
        passing: [caption(3, 2, { stable: "This is not kept.", off_record: true })],
        open: [
          caption(4, 3, {
            status: "partial",
            stable: "",
            tentative: "What a captioner is typi",
            origin: "captioner",
          }),
        ],
      },
    }),
  },
  "call-captions-unsure": { state: call({ captions: UNSURE_CAPTIONS }) },
  "call-captions-languages": { state: call({ captions: CAPTIONS_IN_LANGUAGES }) },
  "call-captioner": {
    state: call({ seat: { ...MEMBER, role: "captioner", permissions: ["caption_others"] } }),
  },
  "ended-transcript": { state: closed({ kind: "ended", reason: "facilitator" }, { transcript: "WEBVTT\n" }) },
  "call-weak": {
    state: call({
      statistics: WEAK,
      participants: [
        person(0),
        person(1),
        person(2, { line: "poor" }),
        person(4, { line: "lost" }),
        person(5),
      ],
      paused: [
        { participant: "p0", source: "camera" },
        { participant: "p5", source: "camera" },
      ],
    }),
  },
  "call-audio-only": {
    state: call({
      viewMode: "audio_only",
      participants: [person(0, { screen: true }), ...people(5).slice(1)],
    }),
  },
  "call-pinned": { state: call({ front: { pinned: ["p0"], interpreter: "p4" }, participants: people(6) }) },
  "call-pinned-screen": {
    state: call({
      front: { pinned: [], interpreter: "p2" },
      paused: [{ participant: "p0", source: "screen" }],
      participants: [person(0, { screen: true }), ...people(6).slice(1)],
    }),
  },
  "call-captions-gone": {
    state: call({
      session: { ...SESSION, captions: "unavailable" },
      captions: { open: [], passing: [], history: [] },
    }),
  },
  facilitator: { state: facilitating({ knocks: KNOCKS }) },
  "facilitator-quiet": { state: facilitating({ session: { ...SESSION, locked: true } }) },
  ended: { state: closed({ kind: "ended", reason: "facilitator" }) },
  gone: { state: closed({ kind: "ended", reason: null }) },
  left: { state: closed({ kind: "left" }) },
  "call-transcript-asked": {
    state: call({ session: { ...SESSION, transcript: "paused" }, transcriptAgreed: null }),
  },
  denied: { state: closed({ kind: "denied", blocked: false }) },
  blocked: { state: closed({ kind: "denied", blocked: true }) },
  removed: { state: closed({ kind: "removed" }) },
  taken: { state: closed({ kind: "taken_over" }) },
  failed: { state: closed({ kind: "failed", code: "unauthorized" }) },
};
