import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FakePeer, FakeTrack, fakeMediaGlobals } from "./fake_media";
import {
  CONNECT_WITHIN_MS,
  OFFER_AGAIN_AFTER_MS,
  PeerLink,
  RESTART_AFTER_MS,
  type Transport,
} from "./peer_link";

class World {
  readonly offers: [number, string][] = [];
  readonly transports: Transport[] = [];
  slotChanges = 0;
  readonly link = new PeerLink({
    sendOffer: (negotiation, sdp) => this.offers.push([negotiation, sdp]),
    onTransport: (transport) => this.transports.push(transport),
    onSlots: () => {
      this.slotChanges += 1;
    },
  });

  get negotiation(): number {
    return this.offers.at(-1)?.[0] ?? 0;
  }

  async connects(): Promise<void> {
    await passes();
    await this.link.answer(this.negotiation, "answer");
    FakePeer.last.becomes("connected");
  }
}

/** What is due at this instant happens. */
const passes = (ms = 0) => vi.advanceTimersByTimeAsync(ms);
const track = () => new FakeTrack("audio") as unknown as MediaStreamTrack;
const slot = (generation: number) => ({
  mid: "5",
  generation,
  content: { participant: "ben", source: "camera", first_rtp_timestamp: 1 } as const,
});

describe("the link for media", () => {
  let undo: () => void;
  beforeEach(() => {
    vi.useFakeTimers();
    undo = fakeMediaGlobals();
  });
  afterEach(() => {
    undo();
    vi.useRealTimers();
  });

  test("offers four sections to send and pairs to receive, trimmed to the codecs in use", async () => {
    const world = new World();
    world.link.open(3);
    await passes();
    const sections = FakePeer.last.transceivers.map(({ kind, init }) => `${kind} ${init.direction}`);
    expect(sections).toEqual([
      "audio sendonly",
      "video sendonly",
      "video sendonly",
      "audio sendonly",
      ...Array.from({ length: 3 }, () => ["audio recvonly", "video recvonly"]).flat(),
    ]);
    expect(FakePeer.last.transceivers[0]?.codecs).toEqual(["audio/opus", "audio/red"]);
    expect(FakePeer.last.transceivers[5]?.codecs).toEqual([
      "video/VP8",
      "video/AV1",
      "video/rtx",
      "video/VP9",
      "video/H264",
    ]);
    expect(FakePeer.last.transceivers[1]?.init.sendEncodings?.map(({ rid }) => rid)).toEqual(["q", "h", "f"]);
    expect(world.offers).toEqual([[1, "offer 1"]]);
  });

  test("sends what the server asks for, once the offer is answered, and on later connections too", async () => {
    const world = new World();
    const active = () =>
      FakePeer.last.transceivers[1]?.sender.getParameters().encodings.map(({ active }) => active);
    world.link.publish({ source: "camera", codec: "vp8", layers: [true, false, true] });
    for (const _ of ["first", "second"]) {
      world.link.open(1);
      await passes();
      expect(active()).toEqual([undefined, undefined, undefined]);
      await world.link.answer(world.negotiation, "answer");
      await passes();
      expect(active()).toEqual([true, false, true]);
    }
    world.link.publish({ source: "camera", codec: "vp8", layers: [true, false, false] });
    await passes();
    expect(active()).toEqual([true, false, false]);
  });

  test("never offers more than 25 pairs", () => {
    new World().link.open(300);
    expect(FakePeer.last.transceivers).toHaveLength(4 + 2 * 25);
  });

  test("tracks can come before, during and after", async () => {
    const world = new World();
    const first = track();
    world.link.setTrack("microphone", first);
    world.link.open(1);
    await world.connects();
    expect(FakePeer.last.transceivers[0]?.sender.track).toBe(first);
    world.link.setTrack("microphone", null);
    await passes();
    expect(FakePeer.last.transceivers[0]?.sender.track).toBeNull();
    const second = track();
    world.link.setTrack("microphone", second);
    world.link.open(1);
    await passes();
    expect(FakePeer.made).toHaveLength(2);
    expect(FakePeer.last.transceivers[0]?.sender.track).toBe(second);
  });

  test("an answer to another offer is none", async () => {
    const world = new World();
    world.link.open(1);
    await passes();
    await world.link.answer(7, "answer");
    expect(FakePeer.last.remoteDescription).toBeNull();
    await world.link.answer(1, "answer");
    expect(FakePeer.last.remoteDescription).not.toBeNull();
  });

  test("slots told before the answer are those of an earlier page", async () => {
    const world = new World();
    world.link.open(1);
    await passes();
    world.link.applySlot(slot(9));
    expect(world.link.slots.find("ben", "camera")).toBeNull();
    await world.connects();
    world.link.applySlot(slot(1));
    expect(world.link.slots.find("ben", "camera")).toMatchObject({ mid: "5", generation: 1 });
    expect(world.link.receiver("5")).toBe(FakePeer.last.transceivers[5]?.receiver);
  });

  test("a short interruption is waited out", async () => {
    const world = new World();
    world.link.open(1);
    await world.connects();
    FakePeer.last.becomes("disconnected");
    await passes(RESTART_AFTER_MS - 1);
    FakePeer.last.becomes("connected");
    await passes(CONNECT_WITHIN_MS);
    expect(world.offers).toHaveLength(1);
    expect(world.transports).toEqual(["connecting", "connected", "interrupted", "connected"]);
  });

  test("a longer one restarts ICE, and keeps sections and slots", async () => {
    const world = new World();
    world.link.open(1);
    await world.connects();
    world.link.applySlot(slot(1));
    FakePeer.last.becomes("disconnected");
    await passes(RESTART_AFTER_MS);
    expect(FakePeer.last.offers).toEqual([{ iceRestart: false }, { iceRestart: true }]);
    await world.connects();
    expect(FakePeer.made).toHaveLength(1);
    expect(world.link.slots.find("ben", "camera")).not.toBeNull();
  });

  test("another network restarts ICE while the old way goes on, and nobody notices", async () => {
    const world = new World();
    world.link.open(1);
    world.link.refresh();
    await world.connects();
    world.link.refresh();
    await passes();
    // Once more while an offer is out changes nothing.
    world.link.refresh();
    await passes();
    expect(FakePeer.last.offers).toEqual([{ iceRestart: false }, { iceRestart: true }]);
    // The old way works, so the state never changes.
    await world.link.answer(world.negotiation, "answer");
    await passes(3 * CONNECT_WITHIN_MS);
    expect(FakePeer.last.offers).toHaveLength(2);
    expect(FakePeer.made).toHaveLength(1);
    expect(world.transports).toEqual(["connecting", "connected"]);
  });

  test("a restart that is never answered is made again", async () => {
    const world = new World();
    world.link.open(1);
    await world.connects();
    world.link.refresh();
    await passes(CONNECT_WITHIN_MS);
    expect(FakePeer.last.offers).toHaveLength(3);
  });

  test("relays are used from the next offer on", async () => {
    const world = new World();
    const relay = { urls: ["turn:a"], username: "1:f", credential: "x" };
    world.link.setIceServers([relay]);
    world.link.open(1);
    expect(FakePeer.last.configuration.iceServers).toEqual([relay]);
    await world.connects();
    world.link.setIceServers([{ ...relay, username: "2:f" }]);
    expect(FakePeer.last.configuration.iceServers).toEqual([{ ...relay, username: "2:f" }]);
    expect(world.offers).toHaveLength(1);
  });

  test("restarts that don't help end in a new peer connection, without the old slots", async () => {
    const world = new World();
    world.link.open(1);
    await world.connects();
    world.link.applySlot(slot(1));
    FakePeer.last.becomes("failed");
    await passes(3 * CONNECT_WITHIN_MS);
    expect(FakePeer.made.length).toBeGreaterThan(1);
    expect(FakePeer.made[0]?.connectionState).toBe("closed");
    expect(world.link.slots.find("ben", "camera")).toBeNull();
    await world.connects();
    expect(world.transports.at(-1)).toBe("connected");
  });

  test("when the connection to the server is back, media that flows is left alone", async () => {
    const world = new World();
    world.link.open(1);
    await world.connects();
    world.link.resume(1);
    await passes();
    expect(world.offers).toHaveLength(1);
  });

  test("an offer that was lost with the connection is made again", async () => {
    const world = new World();
    world.link.open(1);
    await passes();
    world.link.resume(1);
    await passes();
    expect(FakePeer.made).toHaveLength(2);
    await world.connects();
    FakePeer.last.becomes("failed");
    await passes();
    world.link.resume(1);
    await passes();
    expect(FakePeer.made).toHaveLength(2);
    expect(world.offers.map(([negotiation]) => negotiation)).toEqual([1, 2, 3, 4]);
  });

  test("an offer that was not understood is followed by fresh ones, and not for ever", async () => {
    const world = new World();
    world.link.open(1);
    await passes();
    world.link.offerRefused("invalid_offer");
    expect(world.transports.at(-1)).toBe("interrupted");
    await passes(OFFER_AGAIN_AFTER_MS);
    expect(FakePeer.made).toHaveLength(2);
    for (let refusal = 2; refusal < 6; refusal += 1) {
      world.link.offerRefused("invalid_offer");
      await passes(refusal * OFFER_AGAIN_AFTER_MS);
    }
    await passes(10 * CONNECT_WITHIN_MS);
    expect(FakePeer.made).toHaveLength(4);
  });

  test("closed is closed", async () => {
    const world = new World();
    world.link.open(1);
    await world.connects();
    world.link.close();
    await passes(10 * CONNECT_WITHIN_MS);
    expect(FakePeer.made).toHaveLength(1);
    expect(FakePeer.last.connectionState).toBe("closed");
    expect(world.transports.at(-1)).toBe("idle");
  });
});
