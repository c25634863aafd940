import { describe, expect, test, vi } from "vitest";
import type { Publish, VideoCodec, ViewMode } from "../protocol/generated";
import {
  type Abilities,
  CAMERA_LAYERS,
  type Encoding,
  EncodingProbe,
  encodings,
  isUsed,
  layersSent,
  Publishing,
  SCREEN_LAYERS,
  within,
} from "./publishing";

const codec = (name: VideoCodec): RTCRtpCodec => ({ mimeType: `video/${name}`, clockRate: 90_000 });
const all: readonly VideoCodec[] = ["vp8", "h264", "vp9", "av1"];
const chromium: Abilities = {
  codecs: new Map(all.map((name) => [name, codec(name)])),
  canSwitchOff: true,
};
const firefox: Abilities = { codecs: null, canSwitchOff: false };
const camera = (codec: VideoCodec, ...layers: Publish["layers"]): Publish => ({
  source: "camera",
  codec,
  layers,
});

describe("what is sent of a camera", () => {
  test("with VP8 and H.264 every layer is an encoding of its own", () => {
    for (const name of ["vp8", "h264"] as const) {
      const sent = encodings(camera(name, true, false, true), CAMERA_LAYERS, chromium);
      expect(sent.map(({ active }) => active)).toEqual([true, false, true]);
      expect(sent.map(({ scaleResolutionDownBy }) => scaleResolutionDownBy)).toEqual([4, 2, 1]);
      expect(sent.map((encoding) => encoding.codec?.mimeType)).toEqual(Array(3).fill(`video/${name}`));
      expect(sent.some(({ scalabilityMode }) => scalabilityMode !== undefined)).toBe(false);
    }
  });

  test("with VP9 and AV1 the layers are in one encoding, only as large as needed", () => {
    const first = (...layers: Publish["layers"]) => {
      const [first, ...others] = encodings(camera("av1", ...layers), CAMERA_LAYERS, chromium);
      expect(others.map(({ active }) => active)).toEqual([false, false]);
      return first;
    };
    expect(first(true, false, true)).toMatchObject({
      active: true,
      scalabilityMode: "L3T3_KEY",
      scaleResolutionDownBy: 1,
      maxBitrate: 2_150_000,
    });
    expect(first(false, true, false)).toMatchObject({
      scalabilityMode: "L2T3_KEY",
      scaleResolutionDownBy: 2,
    });
    expect(first(true, false, false)).toMatchObject({ scalabilityMode: "L1T3", scaleResolutionDownBy: 4 });
    expect(first(false, false, false)?.active).toBe(false);
  });

  test("with VP9 and AV1 a small camera has fewer layers, the last of which is the whole picture", () => {
    const first = (sent: number, ...layers: Publish["layers"]) => {
      const [first] = encodings(camera("vp9", ...layers), CAMERA_LAYERS, chromium, sent);
      return [first?.scalabilityMode, first?.scaleResolutionDownBy, first?.maxBitrate];
    };
    expect(first(2, true, true, true)).toEqual(["L2T3_KEY", 1, 650_000]);
    expect(first(2, true, true, false)).toEqual(["L2T3_KEY", 1, 650_000]);
    expect(first(2, true, false, false)).toEqual(["L1T3", 2, 150_000]);
    expect(first(1, true, true, true)).toEqual(["L1T3", 1, 150_000]);
    const off = encodings(camera("vp9", false, false, false), CAMERA_LAYERS, chromium, 2);
    expect(off.map(({ active }) => active)).toEqual([false, false, false]);
  });

  test("a browser that can't change the codec stays with VP8, and with as little as it can", () => {
    const sent = encodings(camera("av1", true, false, false), CAMERA_LAYERS, firefox);
    expect(sent.every(({ active }) => active === true)).toBe(true);
    expect(sent.map(({ maxBitrate }) => maxBitrate)).toEqual([150_000, 20_000, 20_000]);
    expect(sent.map(({ scaleResolutionDownBy }) => scaleResolutionDownBy)).toEqual([4, 16, 16]);
    expect(sent.some((encoding) => "codec" in encoding || "scalabilityMode" in encoding)).toBe(false);
  });

  test("a small camera is seen in full: the last layer that the browser sends is the whole picture", () => {
    expect([1280 * 720, 640 * 480, 640 * 360, 320 * 240].map(layersSent)).toEqual([3, 2, 2, 1]);
    const scales = (sent: number) =>
      encodings(camera("vp8", true, true, true), CAMERA_LAYERS, chromium, sent).map(
        ({ scaleResolutionDownBy }) => scaleResolutionDownBy,
      );
    expect(scales(3)).toEqual([4, 2, 1]);
    expect(scales(2)).toEqual([2, 1, 1]);
    expect(scales(1)).toEqual([1, 1, 1]);
  });

  test("a browser without the codec sends VP8 in three encodings", () => {
    const codecs = new Map([["vp8", codec("vp8")]] as const);
    const sent = encodings(camera("h264", true, true, true), CAMERA_LAYERS, { codecs, canSwitchOff: true });
    expect(sent.map((encoding) => encoding.codec?.mimeType)).toEqual(Array(3).fill("video/vp8"));
  });

  test("a screen is one encoding, on while anybody looks", () => {
    const screen = (...layers: Publish["layers"]): Publish => ({
      ...camera("vp9", ...layers),
      source: "screen",
    });
    const sent = (publish: Publish) => encodings(publish, SCREEN_LAYERS, chromium);
    expect(sent(screen(false, false, true))).toMatchObject([
      { active: true, codec: { mimeType: "video/vp9" } },
    ]);
    expect(sent(screen(false, false, false))).toMatchObject([{ active: false }]);
  });
});

test("a browser that looks at the codec of an encoding is told from one that doesn't", () => {
  const probe = new EncodingProbe(CAMERA_LAYERS);
  expect(probe.encodings.map(({ rid }) => rid)).toEqual(["q", "h", "f"]);
  expect(probe.readsCodec).toBe(false);
  expect(probe.encodings[0]?.codec).toBe(undefined);
  expect(probe.readsCodec).toBe(true);
});

test("the last wish wins, and back to VP8 leaves no layers within an encoding", async () => {
  let parameters: { encodings: Encoding[] } = { encodings: CAMERA_LAYERS.map((layer) => ({ ...layer })) };
  const set: string[] = [];
  const sender = {
    getParameters: () => structuredClone(parameters),
    setParameters: async (wanted: typeof parameters) => {
      parameters = structuredClone(wanted);
      set.push(`${wanted.encodings[0]?.codec?.mimeType} ${wanted.encodings[0]?.scalabilityMode}`);
    },
  } as unknown as RTCRtpSender;
  const publishing = new Publishing(sender, CAMERA_LAYERS, chromium);
  publishing.apply(camera("vp9", true, true, true));
  publishing.apply(camera("av1", true, true, true));
  publishing.apply(camera("vp8", true, true, true));
  await new Promise((resolve) => setTimeout(resolve));
  expect(set).toEqual(["video/vp9 L3T3_KEY", "video/vp8 undefined"]);
  expect(
    parameters.encodings.map(({ active, scaleResolutionDownBy }) => [active, scaleResolutionDownBy]),
  ).toEqual([
    [true, 4],
    [true, 2],
    [true, 1],
  ]);
});

test("what the browser refuses is said in the console, and the next wish is tried all the same", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const tried: number[] = [];
  const transport = { state: "connected" };
  const sender = {
    transport,
    getParameters: () => ({ encodings: CAMERA_LAYERS.map((layer) => ({ ...layer })) }),
    setParameters: async ({ encodings }: { encodings: Encoding[] }) => {
      tried.push(encodings.filter(({ active }) => active).length);
      throw new DOMException("something about this person's devices", "OperationError");
    },
  } as unknown as RTCRtpSender;
  const publishing = new Publishing(sender, CAMERA_LAYERS, chromium);
  publishing.apply(camera("vp8", true, false, false));
  await new Promise((resolve) => setTimeout(resolve));
  publishing.apply(camera("vp9", true, true, true));
  await new Promise((resolve) => setTimeout(resolve));
  expect(tried).toEqual([1, 1]);
  expect(warn.mock.calls).toEqual([
    ["Not sent as asked: camera, vp8, layers true,false,false: OperationError"],
    ["Not sent as asked: camera, vp9, layers true,true,true: OperationError"],
  ]);
  // Of a connection that is over it means nothing.
  transport.state = "closed";
  publishing.apply(camera("vp8", true, true, true));
  await new Promise((resolve) => setTimeout(resolve));
  expect(warn).toHaveBeenCalledTimes(2);
  warn.mockRestore();
});

test("a camera of another size is cut into layers anew", async () => {
  let parameters: { encodings: Encoding[] } = { encodings: CAMERA_LAYERS.map((layer) => ({ ...layer })) };
  let size = { width: 1280, height: 720 };
  const sender = {
    track: { getSettings: () => size },
    getParameters: () => structuredClone(parameters),
    setParameters: async (wanted: typeof parameters) => {
      parameters = structuredClone(wanted);
    },
  } as unknown as RTCRtpSender;
  const publishing = new Publishing(sender, CAMERA_LAYERS, chromium);
  expect(publishing.isOutgrown).toBe(false);
  size = { width: 480, height: 640 };
  expect(publishing.isOutgrown).toBe(true);
  publishing.apply(camera("vp8", true, true, true));
  await new Promise((resolve) => setTimeout(resolve));
  expect(publishing.isOutgrown).toBe(false);
  expect(parameters.encodings.map(({ scaleResolutionDownBy }) => scaleResolutionDownBy)).toEqual([2, 1, 1]);
  expect(new Publishing(sender, CAMERA_LAYERS, firefox).isOutgrown).toBe(false);
});

test("of every codec the plain profile is used", () => {
  const used = (mimeType: string, sdpFmtpLine?: string) =>
    isUsed({ mimeType, clockRate: 90_000, ...(sdpFmtpLine === undefined ? {} : { sdpFmtpLine }) });
  expect(used("video/VP8")).toBe(true);
  expect(used("video/VP9", "profile-id=0")).toBe(true);
  expect(used("video/VP9", "profile-id=2")).toBe(false);
  expect(used("video/AV1", "level-idx=5;profile=0;tier=0")).toBe(true);
  expect(used("video/AV1", "level-idx=5;profile=1;tier=0")).toBe(false);
  expect(used("video/H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f")).toBe(
    true,
  );
  expect(used("video/H264", "packetization-mode=1;profile-level-id=42001f")).toBe(false);
  expect(used("video/H264", "packetization-mode=0;profile-level-id=42e01f")).toBe(false);
  expect(used("video/ulpfec")).toBe(false);
});

test("one's own mode takes the large layers away, and who asked for them gets the largest that is left", () => {
  const left = (mode: ViewMode, ...layers: Publish["layers"]) =>
    within(camera("vp8", ...layers), mode).layers;
  expect(left("full", false, false, true)).toEqual([false, false, true]);
  expect(left("low_data", true, true, true)).toEqual([true, true, false]);
  expect(left("low_data", false, false, true)).toEqual([false, true, false]);
  expect(left("audio_only", false, true, true)).toEqual([true, false, false]);
  expect(left("audio_only", false, false, false)).toEqual([false, false, false]);
  const screen: Publish = { source: "screen", codec: "vp8", layers: [false, false, true] };
  expect(within(screen, "audio_only")).toBe(screen);
});
