import { describe, expect, test, vi } from "vitest";
import { FakeAudio, FakePeer } from "../media/fake_media";
import { inBrowser, passes, World } from "./controller_world";
import { cameraView, microphoneView } from "./selectors";

describe("the controller", () => {
  inBrowser();

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
