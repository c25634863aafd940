import { describe, expect, test } from "vitest";
import { NO_DEVICES } from "../media/devices";
import type { LineQuality, Participant, ServerMessage } from "../protocol/generated";
import { person, SESSION, welcome } from "../protocol/samples";
import type { ClientState } from "./model";
import { NOTICES_MAX } from "./notices";
import { type ClientEvent, initialState, reduce } from "./reduce";
import {
  cameraView,
  isSpeaking,
  mayDo,
  microphoneView,
  ownLine,
  pauseOf,
  raisedHands,
  serverNow,
} from "./selectors";

function admitted(...participants: Participant[]): ServerMessage {
  return { type: "admitted", participants, knocks: [], captions: [], transcript_agreed: null };
}

/** Tells a story to the reducer. */
class Story {
  state: ClientState = initialState("member", "");

  event(event: ClientEvent): this {
    this.state = reduce(this.state, event);
    return this;
  }
  server(...messages: ServerMessage[]): this {
    for (const message of messages) this.event({ kind: "server", message, now: 40_000 });
    return this;
  }
  joins(): this {
    this.event({ kind: "joining", name: "Ann" }).event({ kind: "link", state: "connecting" });
    return this.event({ kind: "link", state: "up" });
  }
  inCall(...others: Participant[]): this {
    return this.joins().server(welcome(), admitted(person("ann"), ...others));
  }
  /** What was said since the story began. */
  get said(): string[] {
    return this.state.notices.map(({ message }) => message.kind);
  }
}

describe("coming in", () => {
  test("one joins, waits, and is let in", () => {
    const story = new Story().joins();
    expect(story.state.phase).toEqual({ kind: "connecting" });
    story.server(welcome(), { type: "waiting", reason: "knocking" });
    expect(story.state.phase).toEqual({ kind: "waiting", reason: "knocking" });
    expect(story.state.participants).toEqual([]);
    story.server(admitted(person("fay"), person("ann")));
    expect(story.state.phase).toEqual({ kind: "call" });
    expect(story.state.participants.map(({ participant }) => participant)).toEqual(["fay", "ann"]);
    expect(story.said).toEqual(["waiting", "admitted"]);
  });

  test("the server's clock is known for the countdown", () => {
    const story = new Story().joins().server(welcome({ server_time: 50_000 }));
    expect(serverNow(story.state, 41_000)).toBe(51_000);
  });

  test("being denied leaves nothing but the word", () => {
    const story = new Story().joins().server(welcome(), { type: "waiting", reason: "knocking" });
    story.event({ kind: "link", state: "closed" }).server({ type: "denied", blocked: true });
    expect(story.state.phase).toEqual({ kind: "denied", blocked: true });
    expect(story.state.seat).toBeNull();
  });

  test("what can be mended leads back to the form, what cannot does not", () => {
    const at_door = (code: "session_full" | "invalid_name" | "unauthorized" | "blocked" | "ended") =>
      new Story()
        .event({ kind: "joining", name: "Ann" })
        .event({ kind: "link", state: "closed" })
        .server({ type: "error", code, message: "" }).state.phase;
    expect(at_door("session_full")).toEqual({ kind: "join", problem: "session_full" });
    expect(at_door("invalid_name")).toEqual({ kind: "join", problem: "invalid_name" });
    expect(at_door("unauthorized")).toEqual({ kind: "failed", code: "unauthorized" });
    expect(at_door("blocked")).toEqual({ kind: "failed", code: "blocked" });
    expect(at_door("ended")).toEqual({ kind: "ended", reason: null });
  });
});

describe("in the call", () => {
  test("people come, change and go, and it is said", () => {
    const story = new Story().inCall();
    story.server({ type: "participant", ...person("ben") });
    story.server({ type: "participant", ...person("ben", { hand_raised_at: 7, screen: true }) });
    story.server({ type: "participant", ...person("ben", { microphone: "on" }) });
    story.server({ type: "participant_left", participant: "ben" });
    story.server({ type: "participant_left", participant: "nobody" });
    expect(story.state.participants.map(({ participant }) => participant)).toEqual(["ann"]);
    expect(story.said.slice(1)).toEqual([
      "participant_joined",
      "hand_raised",
      "screen_started",
      "screen_stopped",
      "participant_left",
    ]);
  });

  test("a participant holds no trace of the message it came in", () => {
    const story = new Story().inCall().server({ type: "participant", ...person("ben") });
    expect(story.state.participants.at(-1)).toEqual(person("ben"));
  });

  test("hands are in the order in which they went up", () => {
    const story = new Story().inCall(
      person("ben", { hand_raised_at: 9 }),
      person("cleo", { hand_raised_at: 3 }),
    );
    expect(raisedHands(story.state).map(({ participant }) => participant)).toEqual(["cleo", "ben"]);
  });

  test("one's own hand: lowered by oneself is no news, by a facilitator it is", () => {
    const up: ServerMessage = { type: "participant", ...person("ann", { hand_raised_at: 5 }) };
    const down: ServerMessage = { type: "participant", ...person("ann") };
    expect(new Story().inCall().server(up).event({ kind: "own_hand_lowered" }).server(down).said).toEqual([
      "admitted",
    ]);
    expect(new Story().inCall().server(up, down).said).toEqual(["admitted", "hand_lowered_by_facilitator"]);
  });

  test("who knocks is listed once and announced once", () => {
    const knock: ServerMessage = { type: "knock", participant: "ben", name: "Ben", since: 1, denied: 0 };
    const story = new Story().inCall().server(knock, knock);
    expect(story.state.knocks).toHaveLength(1);
    expect(story.said).toEqual(["admitted", "knock"]);
    story.server({ type: "knock_ended", participant: "ben" });
    expect(story.state.knocks).toEqual([]);
  });

  test("speakers are those named last", () => {
    const story = new Story().inCall(person("ben"));
    story.server({ type: "speakers", speakers: [{ participant: "ben", level: 20 }] });
    expect(isSpeaking(story.state, "ben")).toBe(true);
    story.server({ type: "speakers", speakers: [] });
    expect(isSpeaking(story.state, "ben")).toBe(false);
  });

  test("changes of the session are said, once", () => {
    const locked = { ...SESSION, locked: true, microphones_locked: true };
    const story = new Story().inCall().server({ type: "session", ...locked }, { type: "session", ...locked });
    expect(story.state.session).toEqual(locked);
    expect(story.said).toEqual(["admitted", "session_locked", "microphones_locked"]);
  });

  test("captions that stop close the open ones and say so", () => {
    const story = new Story().inCall().server({
      type: "caption",
      id: { epoch: 1, number: 1 },
      participant: "ben",
      name: "Ben",
      revision: 1,
      status: "partial",
      stable: "",
      tentative: "I thi",
      started_at: 1,
      ended_at: 2,
    });
    expect(story.state.captions.open).toHaveLength(1);
    story.server({ type: "captions", state: "starting" });
    expect(story.state.captions.open).toEqual([]);
    expect(story.state.captions.history.map(({ status }) => status)).toEqual(["interrupted"]);
    expect(story.state.session?.captions).toBe("starting");
    expect(story.said.at(-1)).toBe("captions");
  });

  test("a refused order is said and changes nothing else", () => {
    const story = new Story().inCall(person("ben"));
    const before = story.state;
    story.server({ type: "error", request: 3, code: "forbidden", message: "" });
    expect({ ...story.state, notices: [] }).toEqual({ ...before, notices: [] });
    expect(story.said.at(-1)).toBe("refused");
  });

  test("permissions are asked for, not roles", () => {
    const story = new Story().inCall();
    expect(mayDo(story.state, "share_screen")).toBe(true);
    expect(mayDo(story.state, "manage_media")).toBe(false);
  });

  test("notices are numbered and bounded", () => {
    const story = new Story().inCall();
    for (let i = 0; i < NOTICES_MAX + 10; i += 1) story.server({ type: "ending_soon", minutes: 5 });
    expect(story.state.notices).toHaveLength(NOTICES_MAX);
    expect(story.state.notices.at(-1)?.id).toBe(NOTICES_MAX + 11);
  });
});

describe("one's own devices", () => {
  test("a wish shows at once and is settled by the server's word", () => {
    const story = new Story().inCall().event({ kind: "wish", device: "microphone", on: true });
    expect(microphoneView(story.state).on).toBe(true);
    story.server({ type: "participant", ...person("ann", { microphone: "on" }) });
    expect(story.state.wishes.microphone).toBeNull();
    expect(microphoneView(story.state).on).toBe(true);
  });

  test("being muted undoes the wish; under a lock one may not undo that", () => {
    const story = new Story().inCall().event({ kind: "wish", device: "microphone", on: true });
    story.server({ type: "participant", ...person("ann", { microphone: "on" }) });
    story.server({ type: "participant", ...person("ann", { microphone: "locked" }) });
    story.server({ type: "muted", may_unmute: false });
    expect(microphoneView(story.state)).toEqual({ on: false, server: "locked", mayUnmute: false });
  });

  test("a request to unmute stands until one has unmuted", () => {
    const story = new Story().inCall().server({ type: "unmute_requested" });
    expect(story.state.unmuteRequested).toBe(true);
    story.server({ type: "participant", ...person("ann", { microphone: "on" }) });
    expect(story.state.unmuteRequested).toBe(false);
  });

  test("a device that fails is off, with its reason", () => {
    const story = new Story().inCall().event({ kind: "wish", device: "camera", on: true });
    const capture = { kind: "failed", problem: "unplugged" } as const;
    story.event({ kind: "devices", devices: { ...NO_DEVICES, camera: { ...NO_DEVICES.camera, capture } } });
    expect(cameraView(story.state)).toBe(false);
    expect(story.state.notices.at(-1)?.message).toEqual({
      kind: "device_problem",
      device: "camera",
      problem: "unplugged",
    });
  });

  test("what was switched on in the device check survives a full session, not the end of one", () => {
    const on = () => new Story().event({ kind: "wish", device: "camera", on: true });
    const full = on().joins().event({ kind: "link", state: "closed" });
    expect(cameraView(full.server({ type: "error", code: "session_full", message: "" }).state)).toBe(true);
    const ended = on()
      .joins()
      .server(welcome(), admitted(person("ann")), { type: "ended", reason: "time" });
    expect(cameraView(ended.state)).toBe(false);
  });
});

describe("the own line", () => {
  const measured = (quality: LineQuality): ServerMessage => ({
    type: "statistics",
    quality,
    trouble: null,
    round_trip_ms: 40,
    bandwidth_bps: null,
    sending: { bitrate_bps: 0, loss_permille: 0, jitter_ms: 0 },
    receiving: { bitrate_bps: 0, loss_permille: 0, jitter_ms: 0 },
    streams: [],
  });

  test("is spoken of only when it becomes poor and when it is no longer", () => {
    const story = new Story().inCall();
    for (const quality of ["good", "fair", "poor", "poor", "poor", "good", "good"] as const)
      story.server(measured(quality));
    expect(story.said.slice(1)).toEqual(["line_poor", "line_better"]);
    expect(story.state.statistics?.quality).toBe("good");
  });

  test("is lost while media does not get through, whatever was measured before", () => {
    const story = new Story().inCall().event({ kind: "transport", transport: "connected" });
    expect(ownLine(story.state)).toBeNull();
    expect(ownLine(story.server(measured("good")).state)).toBe("good");
    expect(ownLine(story.event({ kind: "transport", transport: "interrupted" }).state)).toBe("lost");
    expect(ownLine(story.event({ kind: "transport", transport: "connected" }).state)).toBeNull();
  });

  test("pauses pictures without a word, and a new snapshot begins with none", () => {
    const story = new Story().inCall(person("ben"));
    const before = story.said.length;
    const paused = (is: boolean): ServerMessage => ({
      type: "video_paused",
      participant: "ben",
      source: "camera",
      paused: is,
    });
    const ben = { participant: "ben", source: "camera" } as const;
    expect(pauseOf(story.server(paused(true), paused(true)).state, ben)).toBe("line");
    expect(story.state.paused).toHaveLength(1);
    expect(pauseOf(story.server(paused(false)).state, ben)).toBeNull();
    expect(story.said).toHaveLength(before);
    story.server(paused(true), admitted(person("ann"), person("ben")));
    expect(story.state.paused).toEqual([]);
  });

  test("is not blamed for pictures that this person saves", () => {
    const story = new Story().inCall(person("ben"));
    const ben = { participant: "ben", source: "camera" } as const;
    story.server(measured("good"), { type: "video_paused", ...ben, paused: true });
    expect(pauseOf(story.state, ben)).toBe("line");
    expect(pauseOf(story.event({ kind: "view_mode", mode: "low_data" }).state, ben)).toBe("saving");
    expect(pauseOf(story.state, { ...ben, source: "screen" })).toBeNull();
    const weak = { ...measured("poor"), trouble: "bandwidth" } as const;
    expect(pauseOf(story.server(weak).state, ben)).toBe("line");
  });
});

test("who leaves is in front no more", () => {
  const story = new Story().inCall(person("ben")).event({ kind: "pin", participant: "ben", pinned: true });
  expect(story.state.front.pinned).toEqual(["ben"]);
  expect(story.server({ type: "participant_left", participant: "ben" }).state.front.pinned).toEqual([]);
});

describe("a lost connection", () => {
  test("keeps what is shown, and the new snapshot replaces it", () => {
    const story = new Story().inCall(person("ben")).event({ kind: "link", state: "reconnecting" });
    expect(story.state.phase).toEqual({ kind: "call" });
    expect(story.state.participants).toHaveLength(2);
    story.event({ kind: "link", state: "up" }).server(welcome(), admitted(person("ann"), person("cleo")));
    expect(story.state.participants.map(({ participant }) => participant)).toEqual(["ann", "cleo"]);
    expect(story.said).toEqual(["admitted", "reconnecting", "reconnected"]);
  });

  test("may lead back to the waiting room when the seat has lapsed", () => {
    const story = new Story().inCall(person("ben")).event({ kind: "link", state: "reconnecting" });
    story.event({ kind: "link", state: "up" }).server(welcome(), { type: "waiting", reason: "knocking" });
    expect(story.state.phase).toEqual({ kind: "waiting", reason: "knocking" });
    expect(story.state.participants).toEqual([]);
  });
});

describe("the end", () => {
  test.each([
    [
      { type: "ended", reason: "facilitator" },
      { kind: "ended", reason: "facilitator" },
    ],
    [{ type: "removed" }, { kind: "removed" }],
    [{ type: "taken_over" }, { kind: "taken_over" }],
  ] satisfies [ServerMessage, ClientState["phase"]][])(
    "%o leaves nobody and nothing behind",
    (message, phase) => {
      const { state } = new Story().inCall(person("ben")).server(message);
      expect(state).toMatchObject({
        phase,
        seat: null,
        participants: [],
        knocks: [],
        memberLink: null,
        vocabulary: null,
        vocabularyRefusal: null,
        correctionRefusal: null,
      });
    },
  );

  test("leaving is possible at any time", () => {
    expect(new Story().inCall().event({ kind: "left" }).state.phase).toEqual({ kind: "left" });
    expect(new Story().event({ kind: "left" }).event({ kind: "form" }).state.phase).toEqual({
      kind: "join",
      problem: null,
    });
  });
});
