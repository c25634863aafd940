import { describe, expect, test } from "vitest";
import { FakePeer } from "../media/fake_media";
import { inBrowser, passes, World } from "./controller_world";

describe("the controller, of a seat", () => {
  inBrowser();

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
});
