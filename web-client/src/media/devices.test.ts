import { expect, test } from "vitest";
import { type DeviceChoices, LocalDevices, type OwnSource } from "./devices";
import { FakeDevices } from "./fake_media";

const NO_CHOICES: DeviceChoices = { microphone: null, camera: null, speaker: null };

class World {
  readonly fake = new FakeDevices();
  readonly tracks: [OwnSource, unknown][] = [];
  readonly devices: LocalDevices;

  constructor(choices = NO_CHOICES) {
    this.devices = new LocalDevices(
      { onDevices: () => undefined, onTrack: (source, track) => this.tracks.push([source, track]) },
      choices,
      { media: this.fake.media, canChooseSpeaker: true },
    );
  }
  get microphone() {
    return this.devices.devices.microphone;
  }
}

/** Every promise that can be kept by now is. */
const settled = () => new Promise((resolve) => setImmediate(resolve));
const error = (name: string) => new DOMException("", name);

test("a microphone is opened with the voice made clear, and let go of", async () => {
  const world = new World();
  world.devices.open("microphone");
  expect(world.microphone.capture).toEqual({ kind: "asking" });
  await settled();
  expect(world.fake.asked).toEqual([
    { audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true } },
  ]);
  expect(world.microphone.capture).toMatchObject({ kind: "live", deviceId: "audio-1" });
  expect(world.fake.given[0]?.contentHint).toBe("speech");
  world.devices.close("microphone");
  expect(world.microphone.capture).toEqual({ kind: "idle" });
  expect(world.fake.given[0]?.readyState).toBe("ended");
  expect(world.tracks.map(([source, track]) => [source, track !== null])).toEqual([
    ["microphone", true],
    ["microphone", false],
  ]);
});

test.each([
  ["NotAllowedError", "denied"],
  ["NotFoundError", "absent"],
  ["NotReadableError", "busy"],
] as const)("%s is explained as %s", async (name, problem) => {
  const world = new World();
  world.fake.refusal = () => error(name);
  world.devices.open("camera");
  await settled();
  expect(world.devices.devices.camera.capture).toEqual({ kind: "failed", problem });
});

test("a page that is not served securely has no devices", () => {
  const events = { onDevices: () => undefined, onTrack: () => undefined };
  const devices = new LocalDevices(events, NO_CHOICES, { media: undefined, canChooseSpeaker: false });
  devices.open("microphone");
  expect(devices.devices.microphone.capture).toEqual({ kind: "failed", problem: "unsupported" });
});

test("a device pulled out is gone with its reason, and another can take its place", async () => {
  const world = new World();
  world.devices.open("microphone");
  await settled();
  world.fake.given[0]?.unplug();
  expect(world.microphone.capture).toEqual({ kind: "failed", problem: "unplugged" });
  expect(world.tracks.at(-1)).toEqual(["microphone", null]);
  world.devices.choose("microphone", "other");
  expect(world.microphone.capture).toEqual({ kind: "idle" });
  world.devices.open("microphone");
  await settled();
  expect(world.microphone.capture).toMatchObject({ kind: "live", deviceId: "other" });
});

test("choosing another while one is open changes over without a gap in what is held", async () => {
  const world = new World();
  world.devices.open("microphone");
  await settled();
  world.devices.choose("microphone", "other");
  await settled();
  expect(world.tracks.map(([, track]) => track)).toEqual(world.fake.given);
  expect(world.fake.given.map(({ readyState }) => readyState)).toEqual(["ended", "live"]);
});

test("a device chosen on an earlier day that is not there is no obstacle", async () => {
  const world = new World({ ...NO_CHOICES, microphone: "gone" });
  world.fake.refusal = ({ audio }) =>
    (audio as MediaTrackConstraints).deviceId === undefined ? null : error("OverconstrainedError");
  world.devices.open("microphone");
  await settled();
  expect(world.microphone.capture).toMatchObject({ kind: "live", deviceId: "audio-1" });
});

test("whoever changes their mind while the browser asks gets nothing opened", async () => {
  const world = new World();
  world.devices.open("camera");
  world.devices.close("camera");
  await settled();
  expect(world.devices.devices.camera.capture).toEqual({ kind: "idle" });
  expect(world.fake.given[0]?.readyState).toBe("ended");
  expect(world.tracks).toEqual([]);
});

test("a screen is shared with its sound, until the browser's own bar ends it", async () => {
  const world = new World();
  await world.devices.openScreen();
  expect(world.tracks.map(([source]) => source)).toEqual(["screen", "screen_audio"]);
  expect(world.devices.devices.screen.kind).toBe("live");
  // Encoders are told to keep letters sharp, and that the sound is no voice to be cleaned.
  expect(world.fake.given.map(({ kind, contentHint }) => [kind, contentHint])).toEqual([
    ["video", "detail"],
    ["audio", "music"],
  ]);
  world.fake.given[0]?.unplug();
  expect(world.devices.devices.screen).toEqual({ kind: "idle" });
  expect(world.fake.given.map(({ readyState }) => readyState)).toEqual(["ended", "ended"]);
});

test("closing the picker is no problem", async () => {
  const world = new World();
  world.fake.refusal = () => error("NotAllowedError");
  await world.devices.openScreen();
  expect(world.devices.devices.screen).toEqual({ kind: "idle" });
});

test("the choice follows what is plugged in", async () => {
  const world = new World();
  world.fake.change([
    { kind: "audioinput", deviceId: "a", label: "Headset" },
    { kind: "videoinput", deviceId: "b", label: "Webcam" },
    { kind: "audiooutput", deviceId: "c", label: "Loudspeaker" },
    { kind: "videoinput", deviceId: "", label: "" },
  ]);
  await settled();
  const { microphone, camera, speaker } = world.devices.devices;
  expect([microphone.options, camera.options, speaker.options]).toEqual([
    [{ id: "a", label: "Headset" }],
    [{ id: "b", label: "Webcam" }],
    [{ id: "c", label: "Loudspeaker" }],
  ]);
});
