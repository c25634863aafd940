import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FakeAudio, FakeDevices, FakePeer, type FakeTrack, fakeMediaGlobals } from "../media/fake_media";
import { FakeNetwork } from "../protocol/fake_socket";
import type {
  Caption,
  Participant,
  ServerMessage,
  SessionInfo,
  TypedEnd,
  Welcome,
} from "../protocol/generated";
import { createController } from "./controller";
import type { ClientState, Controller } from "./model";
import { cameraView, microphoneView } from "./selectors";

const sessionId = "0".repeat(32);

function memoryStorage(): Storage {
  const items = new Map<string, string>();
  return {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  } as Storage;
}

/** One browser: what it keeps outlives its pages. */
class World {
  readonly network = new FakeNetwork();
  readonly fake = new FakeDevices();
  readonly storage = memoryStorage();
  readonly tabStorage = memoryStorage();
  otherNetwork: () => void = () => undefined;
  controller: Controller = this.#open();
  me: Participant = {
    participant: "ann",
    name: "Ann",
    role: "member",
    microphone: "off",
    camera: false,
    screen: false,
    hand_raised_at: null,
    connected: true,
    line: "good",
  };

  #open(): Controller {
    return createController(
      { sessionId, token: "token" },
      {
        pageUrl: `http://here/s/${sessionId}#token`,
        storage: this.storage,
        tabStorage: this.tabStorage,
        media: this.fake.media,
        connection: this.network.platform,
        watchNetwork: (changed) => {
          this.otherNetwork = changed;
          return () => undefined;
        },
      },
    );
  }

  /** The page is loaded anew. */
  reload(): void {
    this.controller.dispose();
    this.controller = this.#open();
  }

  get state(): ClientState {
    return this.controller.getSnapshot();
  }

  says(...messages: ServerMessage[]): void {
    for (const message of messages) this.network.socket.says(message);
  }

  async welcomes(change: Partial<Welcome> = {}): Promise<void> {
    this.network.socket.opens();
    this.says({
      type: "welcome",
      version: 1,
      participant: "ann",
      name: "Ann",
      role: "member",
      permissions: ["share_screen"],
      resume: "resume-1",
      server_time: Date.now(),
      media_epoch: 1,
      session: {
        session_id: sessionId,
        name: "Circle",
        starts_at: 0,
        ends_at: 1,
        capacity: 3,
        waiting_room: true,
        locked: false,
        microphones_locked: false,
        captions: "on",
        off_record: false,
        transcript: "none",
      },
      ...change,
    });
  }

  async admits(captions: Caption[] = [], typed?: TypedEnd): Promise<void> {
    this.says({
      type: "admitted",
      participants: [this.me],
      knocks: [],
      captions,
      transcript_agreed: null,
      ...(typed === undefined ? {} : { typed }),
    });
    await passes();
  }

  /** Joins from the form and is let in. */
  async inCall(): Promise<void> {
    this.controller.join("Ann", true);
    await this.welcomes();
    await this.admits();
  }

  /** The server's view of oneself changes. */
  becomes(change: Partial<Participant>): void {
    this.me = { ...this.me, ...change };
    this.says({ type: "participant", ...this.me });
  }

  async mediaConnects(): Promise<void> {
    this.says({ type: "answer", negotiation: Number(this.last("offer")?.negotiation), sdp: "answer" });
    await passes();
    FakePeer.last.becomes("connected");
  }

  /** What was sent of a kind, over all connections. */
  sent(type: string): Record<string, unknown>[] {
    return this.network.sockets.flatMap(({ sent }) => sent).filter((message) => message.type === type);
  }
  last(type: string): Record<string, unknown> | undefined {
    return this.sent(type).at(-1);
  }
  /** The microphone as it is sent. */
  get microphone(): FakeTrack | null {
    return FakePeer.last.transceivers[0]?.sender.track ?? null;
  }
}

/** A line of Ann's that has ended. */
function typed(number: number, text: string): Caption {
  return {
    id: { epoch: 0, number },
    participant: "ann",
    name: "Ann",
    revision: 1,
    status: "final",
    stable: text,
    tentative: "",
    started_at: number,
    ended_at: number,
    origin: "typed",
  };
}

const passes = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

describe("the controller", () => {
  let undo: () => void;
  beforeEach(() => {
    vi.useFakeTimers();
    undo = fakeMediaGlobals();
    FakeAudio.refusal = null;
  });
  afterEach(() => {
    undo();
    vi.useRealTimers();
  });

  test("whoever waits has no media transport at all", async () => {
    const world = new World();
    world.controller.setCamera(true);
    await passes();
    world.controller.join("Ann", true);
    await world.welcomes();
    world.says({ type: "waiting", reason: "knocking" });
    await passes(4_000);
    expect(FakePeer.made).toHaveLength(0);
    await world.admits();
    expect(FakePeer.made).toHaveLength(1);
    expect(world.sent("offer")).toHaveLength(1);
  });

  test("what was on in the device check is on in the call", async () => {
    const world = new World();
    world.controller.setMicrophone(true);
    await passes();
    expect(world.state.devices.microphone.capture.kind).toBe("live");
    await world.inCall();
    expect(world.last("set_microphone")).toMatchObject({ on: true });
    expect(world.sent("set_camera")).toEqual([]);
    world.becomes({ microphone: "on" });
    expect(world.state.wishes.microphone).toBeNull();
    expect(world.microphone?.enabled).toBe(true);
  });

  test("joining works without any device", async () => {
    const world = new World();
    await world.inCall();
    await world.mediaConnects();
    expect(world.fake.asked).toEqual([]);
    expect(world.state.transport).toBe("connected");
  });

  test("being muted silences the microphone at its source; unmuting is one's own", async () => {
    const world = new World();
    await world.inCall();
    world.controller.setMicrophone(true);
    await passes();
    world.becomes({ microphone: "on" });
    world.becomes({ microphone: "muted" });
    world.says({ type: "muted", may_unmute: true });
    expect(world.microphone?.enabled).toBe(false);
    world.says({ type: "unmute_requested" });
    await passes();
    expect(world.microphone?.enabled).toBe(false);
    expect(world.state.unmuteRequested).toBe(true);
    world.controller.setMicrophone(true);
    world.becomes({ microphone: "on" });
    expect(world.microphone?.enabled).toBe(true);
    expect(world.state.unmuteRequested).toBe(false);
  });

  test("a refusal to unmute leaves the microphone off", async () => {
    const world = new World();
    await world.inCall();
    world.becomes({ microphone: "locked" });
    world.controller.setMicrophone(true);
    const request = Number(world.last("set_microphone")?.request);
    world.says({ type: "error", request, code: "microphones_locked", message: "" });
    await passes();
    expect(microphoneView(world.state)).toEqual({ on: false, server: "locked", mayUnmute: false });
    expect(world.microphone?.enabled ?? false).toBe(false);
    expect(world.state.notices.at(-1)?.message).toEqual({ kind: "refused", code: "microphones_locked" });
  });

  test("refused names and terms are said where they stand, each time anew", async () => {
    const world = new World();
    await world.inCall();
    const before = world.state.notices.length;
    const refused = () => {
      expect(world.controller.setVocabulary(["Ann"])).toBe(true);
      const request = Number(world.last("set_vocabulary")?.request);
      world.says({ type: "error", request, code: "invalid_value", message: "" });
      return world.state.vocabularyRefusal;
    };
    const first = refused();
    expect(first).toEqual({ code: "invalid_value" });
    expect(refused()).not.toBe(first);
    expect(world.state.notices.length).toBe(before);
  });

  test("a camera switched off is let go of, by oneself or by a facilitator", async () => {
    const world = new World();
    await world.inCall();
    world.controller.setCamera(true);
    await passes();
    world.becomes({ camera: true });
    expect(FakePeer.last.transceivers[1]?.sender.track).not.toBeNull();
    world.becomes({ camera: false });
    world.says({ type: "camera_stopped" });
    await passes();
    expect(FakePeer.last.transceivers[1]?.sender.track).toBeNull();
    expect(world.fake.given[0]?.readyState).toBe("ended");
  });

  test("a device that is denied or pulled out is off for the others too", async () => {
    const world = new World();
    await world.inCall();
    world.fake.refusal = () => new DOMException("", "NotAllowedError");
    world.controller.setCamera(true);
    await passes();
    expect(world.last("set_camera")).toMatchObject({ on: false });
    expect(cameraView(world.state)).toBe(false);
    expect(world.state.devices.camera.capture).toEqual({ kind: "failed", problem: "denied" });

    world.fake.refusal = () => null;
    world.controller.setMicrophone(true);
    await passes();
    world.becomes({ microphone: "on" });
    world.fake.given.at(-1)?.unplug();
    expect(world.last("set_microphone")).toMatchObject({ on: false });
    world.becomes({ microphone: "off" });
    await passes(10_000);
    expect(world.state.devices.microphone.capture).toEqual({ kind: "failed", problem: "unplugged" });
    world.controller.chooseMicrophone("other");
    world.controller.setMicrophone(true);
    await passes();
    expect(world.state.devices.microphone.capture).toMatchObject({ kind: "live", deviceId: "other" });
    expect(world.microphone?.deviceId).toBe("other");
  });

  test("sharing a screen is told, and so is its end from the browser's own bar", async () => {
    const world = new World();
    await world.inCall();
    world.controller.startScreenShare();
    await passes();
    expect(world.last("set_screen")).toMatchObject({ on: true });
    world.becomes({ screen: true });
    expect(FakePeer.last.transceivers[2]?.sender.track?.kind).toBe("video");
    expect(FakePeer.last.transceivers[3]?.sender.track?.kind).toBe("audio");
    world.fake.given[0]?.unplug();
    expect(world.last("set_screen")).toMatchObject({ on: false });
  });

  test("a lost connection comes back to the seat, and media that flows is left alone", async () => {
    const world = new World();
    await world.inCall();
    await world.mediaConnects();
    world.network.socket.onclose?.();
    expect(world.state.link).toBe("reconnecting");
    world.controller.raiseHand();
    expect(world.state.notices.at(-1)?.message).toEqual({ kind: "not_connected" });
    world.controller.setMicrophone(true);
    await passes(1_000);
    await world.welcomes();
    expect(world.last("hello")).toMatchObject({ resume: "resume-1" });
    await world.admits();
    expect(FakePeer.made).toHaveLength(1);
    expect(world.last("set_microphone")).toMatchObject({ on: true });
    expect(world.state.link).toBe("up");
  });

  test("what is typed without a connection waits for one, and no line stands twice", async () => {
    const world = new World();
    await world.inCall();
    const typeLine = (line: number, text: string, done: boolean) =>
      world.controller.typeLine({ line, text, done, offRecord: false });
    typeLine(7, "I can't sp", false);
    expect(world.sent("type")).toHaveLength(1);
    world.network.socket.onclose?.();
    const noticed = world.state.notices.length;
    typeLine(7, "I can't speak", false);
    typeLine(7, "I can't speak tonight", true);
    typeLine(8, "Sorr", false);
    expect(world.state.notices).toHaveLength(noticed);
    await passes(1_000);
    await world.welcomes();
    // Not before it is known what stands.
    typeLine(8, "Sorry", false);
    expect(world.sent("type")).toHaveLength(1);
    const ended = typed(1, "I can't sp");
    await world.admits([ended], { line: 7, id: ended.id, done: false });
    expect(world.sent("correct")).toMatchObject([{ id: ended.id, text: "I can't speak tonight" }]);
    expect(world.sent("type").slice(1)).toMatchObject([{ line: 8, text: "Sorry", done: false }]);
    world.says({ type: "caption", ...typed(1, "I can't speak tonight"), revision: 2, corrected: true });
    // And again: the corrected line stands, the other never arrived.
    world.network.socket.onclose?.();
    await passes(2_000);
    await world.welcomes();
    await world.admits([typed(1, "I can't speak tonight")]);
    expect(world.sent("correct")).toHaveLength(1);
    expect(world.sent("type").at(-1)).toMatchObject({ line: 8, text: "Sorry" });
    expect(world.sent("type")).toHaveLength(3);
  });

  test("what is typed off the record says so, though it waits until the group is on it again", async () => {
    const world = new World();
    await world.inCall();
    const typeLine = (line: number, text: string, done: boolean) =>
      world.controller.typeLine({ line, text, done, offRecord: false });
    const session = (offRecord: boolean) => ({
      ...(world.state.session as SessionInfo),
      off_record: offRecord,
    });
    typeLine(7, "Well", false);
    world.says({ type: "session", ...session(true) });
    world.network.socket.onclose?.();
    typeLine(8, "between us", true);
    await passes(1_000);
    await world.welcomes({ session: session(false) });
    await world.admits();
    typeLine(9, "for all", true);
    expect(world.sent("type").slice(1)).toMatchObject([
      { line: 7, off_record: true },
      { line: 8, text: "between us", off_record: true },
      { line: 9, text: "for all" },
    ]);
    expect(world.sent("type").at(-1)).not.toHaveProperty("off_record");
  });

  test("another network, or a server that hears nothing, restarts ICE through the relays named last", async () => {
    const world = new World();
    await world.inCall();
    await world.mediaConnects();
    const relay = { urls: ["turn:a"], username: "1:f", credential: "x" };
    world.says({ type: "ice_servers", ice_servers: [relay] });
    expect(FakePeer.last.configuration.iceServers).toEqual([relay]);
    world.otherNetwork();
    await passes();
    await world.mediaConnects();
    world.says({ type: "media_lost" });
    await passes();
    expect(FakePeer.made).toHaveLength(1);
    expect(FakePeer.last.offers.map(({ iceRestart }) => iceRestart)).toEqual([false, true, true]);
  });

  test("another server process gets a new peer connection and hears what was on", async () => {
    const world = new World();
    await world.inCall();
    await world.mediaConnects();
    world.controller.setMicrophone(true);
    world.controller.setCamera(true);
    await passes();
    world.becomes({ microphone: "on", camera: true });
    const told = world.sent("set_microphone").length;
    world.network.socket.onclose?.();
    await passes(1_000);
    world.me = { ...world.me, microphone: "off", camera: false };
    await world.welcomes({ media_epoch: 2 });
    await world.admits();
    expect(FakePeer.made).toHaveLength(2);
    expect(FakePeer.made[0]?.connectionState).toBe("closed");
    expect(world.sent("set_microphone")).toHaveLength(told + 1);
    expect(world.last("set_camera")).toMatchObject({ on: true });
    expect(world.microphone?.enabled).toBe(true);
  });

  test("whoever was muted while away stays muted", async () => {
    const world = new World();
    await world.inCall();
    world.controller.setMicrophone(true);
    await passes();
    world.becomes({ microphone: "on" });
    const told = world.sent("set_microphone").length;
    world.network.socket.onclose?.();
    await passes(1_000);
    world.me = { ...world.me, microphone: "muted" };
    await world.welcomes({ media_epoch: 2 });
    await world.admits();
    expect(world.sent("set_microphone")).toHaveLength(told);
    expect(world.microphone?.enabled).toBe(false);
  });

  test("a reload goes straight back, and opens again what was on", async () => {
    const world = new World();
    await world.inCall();
    world.controller.setMicrophone(true);
    await passes();
    world.becomes({ microphone: "on" });
    world.reload();
    expect(world.state.phase).toEqual({ kind: "connecting" });
    await world.welcomes();
    await world.admits();
    expect(world.last("hello")).toMatchObject({ name: "Ann", resume: "resume-1", guidelines_accepted: true });
    await passes();
    expect(world.state.devices.microphone.capture.kind).toBe("live");
    expect(world.microphone?.enabled).toBe(true);
  });

  test("a reload keeps who is pinned, until one leaves", async () => {
    const world = new World();
    await world.inCall();
    const ben = { ...world.me, participant: "ben", name: "Ben" };
    world.says({ type: "participant", ...ben });
    world.controller.pin("ben", true);
    world.reload();
    await world.welcomes();
    world.says({
      type: "admitted",
      participants: [world.me, ben],
      knocks: [],
      captions: [],
      transcript_agreed: null,
    });
    expect(world.state.front.pinned).toEqual(["ben"]);
    world.controller.leave();
    world.reload();
    expect(world.state.front.pinned).toEqual([]);
  });

  test("after more than two minutes, or after leaving, the form comes first", async () => {
    const away = new World();
    await away.inCall();
    away.controller.dispose();
    await passes(121_000);
    away.reload();
    expect(away.state.phase).toEqual({ kind: "join", problem: null });
    expect(away.state.knownName).toBe("Ann");

    const left = new World();
    await left.inCall();
    left.controller.leave();
    expect(left.last("leave")).toBeDefined();
    left.reload();
    expect(left.state.phase).toEqual({ kind: "join", problem: null });
  });

  test("whoever was removed is known at the door", async () => {
    const world = new World();
    await world.inCall();
    world.says({ type: "removed" });
    world.reload();
    expect(world.state.phase.kind).toBe("join");
    world.controller.join("Other", true);
    world.network.socket.opens();
    expect(world.last("hello")).toMatchObject({ resume: "resume-1" });
  });

  test("a seat taken over in another tab can be taken back", async () => {
    const world = new World();
    await world.inCall();
    world.says({ type: "taken_over" });
    expect(world.state.phase).toEqual({ kind: "taken_over" });
    expect(FakePeer.last.connectionState).toBe("closed");
    world.controller.takeBack();
    await world.welcomes();
    await world.admits();
    expect(world.state.phase).toEqual({ kind: "call" });
    expect(FakePeer.made).toHaveLength(2);
  });

  test("the end closes media and devices, and the seat is forgotten", async () => {
    const world = new World();
    await world.inCall();
    world.controller.setMicrophone(true);
    world.controller.setCamera(true);
    await passes();
    world.becomes({ microphone: "on", camera: true });
    world.says({ type: "ended", reason: "facilitator" });
    await passes(60_000);
    expect(FakePeer.made.map(({ connectionState }) => connectionState)).toEqual(["closed"]);
    expect(world.fake.given.map(({ readyState }) => readyState)).toEqual(["ended", "ended"]);
    expect(world.network.sockets).toHaveLength(1);
    world.reload();
    expect(world.state.phase).toEqual({ kind: "join", problem: null });
  });

  test("sound that the browser holds back is offered, and sounds after a click", async () => {
    const world = new World();
    await world.inCall();
    await world.mediaConnects();
    FakeAudio.refusal = new DOMException("", "NotAllowedError");
    world.says({
      type: "slot",
      mid: "4",
      generation: 1,
      content: { participant: "ben", source: "microphone", first_rtp_timestamp: 0 },
    });
    await passes();
    expect(world.state.soundBlocked).toBe(true);
    FakeAudio.refusal = null;
    world.controller.resumeSound();
    await passes();
    expect(world.state.soundBlocked).toBe(false);
  });

  test("subscribers hear of changes and of nothing else", async () => {
    const world = new World();
    const listener = vi.fn();
    const stop = world.controller.subscribe(listener);
    world.controller.setMicrophone(false);
    expect(listener).toHaveBeenCalled();
    stop();
    listener.mockClear();
    await world.inCall();
    expect(listener).not.toHaveBeenCalled();
  });

  test("how much video is wanted is kept, told at once, and told again after a reload", async () => {
    const world = new World();
    world.controller.setViewMode("low_data");
    expect(world.sent("view")).toEqual([]);
    await world.inCall();
    await passes(1000);
    expect(world.last("view")).toMatchObject({ items: [], mode: "low_data" });
    world.controller.setViewMode("audio_only");
    expect(world.last("view")).toMatchObject({ mode: "audio_only" });
    world.reload();
    expect(world.state.viewMode).toBe("audio_only");
    world.controller.setViewMode("full");
    expect(world.state.viewMode).toBe("full");
  });

  test("what nobody watches is not sent, without another offer", async () => {
    const world = new World();
    await world.inCall();
    await world.mediaConnects();
    const camera = FakePeer.last.transceivers[1]?.sender;
    const sent = () => camera?.parameters.encodings.map(({ active }) => active);
    world.says({ type: "publish", source: "camera", codec: "vp8", layers: [true, false, true] });
    await passes();
    expect(sent()).toEqual([true, false, true]);
    world.controller.setViewMode("low_data");
    await passes();
    expect(sent()).toEqual([true, true, false]);
    world.controller.setViewMode("full");
    await passes();
    expect(sent()).toEqual([true, false, true]);
    expect(world.sent("offer")).toHaveLength(1);
  });
});
