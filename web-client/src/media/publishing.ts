// What is sent of a camera or a screen: which codec, and which layers, as the server asks for it.
//
//   VP8, H.264   three encodings q, h, f of their own, each switched on while somebody needs it
//   VP9, AV1     one encoding with up to three layers in it (L3T3_KEY), only as large as somebody needs it
//
// A browser that can't change the codec of a running encoding (Firefox, Safari) stays with VP8, and one that can't
// switch an encoding off (Firefox) sends as little of it as it can.

import type { Publish, VideoCodec, ViewMode } from "../protocol/generated";

/** What browsers know of an encoding, beyond what TypeScript knows of it. */
export interface Encoding extends RTCRtpEncodingParameters {
  codec?: RTCRtpCodec;
  scalabilityMode?: string;
}

/** The layers of a camera, smallest first: each is an encoding, or a layer within one. */
export const CAMERA_LAYERS: readonly Encoding[] = [
  { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: "f", scaleResolutionDownBy: 1, maxBitrate: 1_500_000 },
];

const SCREEN_BITRATE_MAX = 2_500_000;

export const SCREEN_LAYERS: readonly Encoding[] = [{ maxBitrate: SCREEN_BITRATE_MAX }];

/** So many layers in one encoding, by their number. */
const LAYERED_MODES = ["L1T3", "L2T3_KEY", "L3T3_KEY"] as const;

/** An encoding nobody needs, where it can't be switched off. */
const LEAST: Encoding = { maxBitrate: 20_000, scaleResolutionDownBy: 16 };

const MIME_TYPES: Readonly<Record<VideoCodec, string>> = {
  vp8: "video/vp8",
  h264: "video/h264",
  vp9: "video/vp9",
  av1: "video/av1",
};

/** What is sent of a camera until the server asks for anything else. */
export const EVERYTHING: Publish = { source: "camera", codec: "vp8", layers: [true, true, true] };

/** The largest layer of a camera that each mode leaves: to send little is part of low data. */
const LARGEST: Readonly<Record<ViewMode, number>> = { full: 2, low_data: 1, audio_only: 0 };

/** What one's own mode leaves of it. Who asked for a larger layer gets the largest that is left. */
export function within(publish: Publish, mode: ViewMode): Publish {
  const largest = LARGEST[mode];
  const asked = publish.layers.lastIndexOf(true);
  if (publish.source !== "camera" || asked <= largest) return publish;
  const left = (index: number) => index === largest || (index < largest && publish.layers[index] === true);
  return { ...publish, layers: [left(0), left(1), left(2)] };
}

/** Codecs in their only profile in use, with the least that every decoder of them knows. */
export function isUsed(codec: RTCRtpCodec): boolean {
  const mimeType = codec.mimeType.toLowerCase();
  const parameters = codec.sdpFmtpLine ?? "";
  switch (mimeType) {
    case "video/vp8":
    case "video/rtx":
      return true;
    case "video/vp9":
      return !/profile-id=[1-9]/.test(parameters);
    case "video/av1":
      return !/(^|;)\s*profile=[1-9]/.test(parameters);
    case "video/h264":
      return /packetization-mode=1/.test(parameters) && /profile-level-id=42[4-7c-f]0/i.test(parameters);
    default:
      return false;
  }
}

/** What this browser can do with a running encoding. */
export interface Abilities {
  /** Change to another codec; those it has. */
  readonly codecs: ReadonlyMap<VideoCodec, RTCRtpCodec> | null;
  /** Switch it off. */
  readonly canSwitchOff: boolean;
}

/**
 * How many layers of a picture a browser sends, by its pixels: libwebrtc leaves out the largest ones of a small
 * picture, so that nobody would ever see a small camera in full.
 */
export function layersSent(pixels: number): number {
  if (pixels >= 960 * 540) return 3;
  return pixels >= 480 * 270 ? 2 : 1;
}

/** What to send: `layers` are the encodings as they were made, the first `sent` of which the browser sends. */
export function encodings(
  publish: Publish,
  layers: readonly Encoding[],
  abilities: Abilities,
  sent = layers.length,
): Encoding[] {
  const wished = abilities.codecs?.get(publish.codec);
  const codec = wished ?? abilities.codecs?.get("vp8");
  const isLayered = wished !== undefined && (publish.codec === "vp9" || publish.codec === "av1");
  const largest = publish.layers.lastIndexOf(true);
  const all = layers.map((made, index): Encoding => {
    // The last one that is sent is the full picture.
    const layer =
      sent < layers.length ? { ...made, scaleResolutionDownBy: 2 ** Math.max(0, sent - 1 - index) } : made;
    const isNeeded = layers.length === 1 ? largest >= 0 : publish.layers[index] === true;
    if (isLayered && layers.length > 1) return layered(layers, index, largest, sent);
    if (isNeeded || abilities.canSwitchOff) return { ...layer, active: isNeeded };
    return { ...layer, ...LEAST, active: true };
  });
  return codec === undefined ? all : all.map((encoding) => ({ ...encoding, codec }));
}

/**
 * The first encoding takes all layers into it, the others are off. Of a small picture libwebrtc makes as few layers
 * within one stream as it makes streams: the last of the `sent` ones is the full picture here as well.
 */
function layered(layers: readonly Encoding[], index: number, largest: number, sent: number): Encoding {
  const own = layers[index] ?? {};
  const top = Math.min(largest, sent - 1);
  const mode = LAYERED_MODES[top];
  if (index > 0 || mode === undefined) return { ...own, active: false };
  const sum = layers.slice(0, top + 1).reduce((bits, layer) => bits + (layer.maxBitrate ?? 0), 0);
  const scale = 2 ** (sent - 1 - top);
  return { ...own, active: true, maxBitrate: sum, scaleResolutionDownBy: scale, scalabilityMode: mode };
}

/** What this browser can do; `readsCodec` as an `EncodingProbe` found out. */
export function browserAbilities(readsCodec: boolean): Abilities {
  const isFirefox = "mozInnerScreenX" in globalThis;
  if (!readsCodec) return { codecs: null, canSwitchOff: !isFirefox };
  const known = RTCRtpSender.getCapabilities("video")?.codecs ?? [];
  const codecs = new Map<VideoCodec, RTCRtpCodec>();
  for (const name of Object.keys(MIME_TYPES) as VideoCodec[]) {
    const codec = known.find((codec) => codec.mimeType.toLowerCase() === MIME_TYPES[name] && isUsed(codec));
    if (codec !== undefined) codecs.set(name, codec);
  }
  return { codecs, canSwitchOff: !isFirefox };
}

/** Encodings that notice whether the browser looks at their codec: others pass over what they don't know. */
export class EncodingProbe {
  readsCodec = false;
  readonly encodings: Encoding[];

  constructor(layers: readonly Encoding[]) {
    this.encodings = layers.map((layer) =>
      Object.defineProperty({ ...layer }, "codec", {
        get: () => {
          this.readsCodec = true;
          return undefined;
        },
      }),
    );
  }
}

/** Says in the console that the browser did not do as it was asked: else nobody would ever know why too much is sent. */
function report({ source, codec, layers }: Publish, error: unknown): void {
  const reason = error instanceof Error ? error.name : "unknown";
  // biome-ignore lint/suspicious/noConsole: it is for whoever looks for the reason, and tells of nobody
  console.warn(`Not sent as asked: ${source}, ${codec}, layers ${layers.join()}: ${reason}`);
}

/** Keeps one sender at what was asked for last. */
export class Publishing {
  #wanted: Publish | null = null;
  #isBusy = false;
  /** As the encodings are now. */
  #sent: number;

  constructor(
    private readonly sender: RTCRtpSender,
    private readonly layers: readonly Encoding[],
    private readonly abilities: Abilities,
  ) {
    this.#sent = layers.length;
  }

  /** Whether the picture has become so small, or large, that it has to be cut into layers anew. */
  get isOutgrown(): boolean {
    return this.#layersSent() !== this.#sent;
  }

  /** Only for a sender whose offer was answered: before, no codec is agreed on. */
  apply(publish: Publish): void {
    this.#wanted = publish;
    if (!this.#isBusy) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isBusy = true;
    while (this.#wanted !== null) {
      const publish = this.#wanted;
      this.#wanted = null;
      try {
        this.#sent = this.#layersSent();
        await this.#set(encodings(publish, this.layers, this.abilities, this.#sent));
      } catch (error) {
        // The encoder refuses, or the connection has just closed: what is sent stays as it is, and is right again
        // with the next wish or the next connection. The server takes whatever comes.
        if (this.sender.transport?.state !== "closed") report(publish, error);
      }
    }
    this.#isBusy = false;
  }

  #layersSent(): number {
    const { width, height } = this.sender.track?.getSettings() ?? {};
    // Firefox, which can't switch a layer off, sends all of them.
    if (width === undefined || height === undefined || !this.abilities.canSwitchOff)
      return this.layers.length;
    return Math.min(this.layers.length, layersSent(width * height));
  }

  async #set(wanted: Encoding[]): Promise<void> {
    const parameters = this.sender.getParameters();
    parameters.encodings = parameters.encodings.map((before: Encoding, index): Encoding => {
      const after = { ...before, ...wanted[index] };
      if (wanted[index]?.scalabilityMode === undefined) delete after.scalabilityMode;
      return after;
    });
    await this.sender.setParameters(parameters);
  }
}
