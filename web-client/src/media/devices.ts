// The person's own microphone, camera and screen, and the choice among them.
//
// Each device is one `Capture` at a time; opening it may take as long as the browser's question stays
// unanswered, and whatever was decided meanwhile wins.

/** Why there is no picture or no sound from a device. */
export type DeviceProblem =
  /** The browser or the person said no. */
  | "denied"
  /** There is no such device. */
  | "absent"
  /** Another program holds it. */
  | "busy"
  /** It was there and is gone: unplugged, or stopped by the system. */
  | "unplugged"
  /** The page is not served securely, or the browser cannot do it. */
  | "unsupported";

export interface DeviceOption {
  readonly id: string;
  /** Empty as long as the browser withholds the names (before permission). */
  readonly label: string;
}

/** What goes on with a camera or a microphone on this side. */
export type Capture =
  | { readonly kind: "idle" }
  /** The browser is asking the person. */
  | { readonly kind: "asking" }
  | { readonly kind: "live"; readonly deviceId: string; readonly label: string }
  | { readonly kind: "failed"; readonly problem: DeviceProblem };

export interface InputDevice {
  readonly capture: Capture;
  readonly options: readonly DeviceOption[];
  /** What the person chose; null: the browser's choice. */
  readonly chosen: string | null;
}

export interface OutputDevice {
  readonly options: readonly DeviceOption[];
  readonly chosen: string | null;
  /** Whether the browser lets a page choose (not in Safari, not in every Firefox). */
  readonly selectable: boolean;
}

export interface Devices {
  readonly microphone: InputDevice;
  readonly camera: InputDevice;
  readonly speaker: OutputDevice;
  /** The screen: `asking` while the browser's picker is open. */
  readonly screen: Capture;
  /** Whether the browser can share a screen at all (phones can't). */
  readonly screenSupported: boolean;
}

/** Before anything was asked of the browser. */
export const NO_DEVICES: Devices = {
  microphone: { capture: { kind: "idle" }, options: [], chosen: null },
  camera: { capture: { kind: "idle" }, options: [], chosen: null },
  speaker: { options: [], chosen: null, selectable: false },
  screen: { kind: "idle" },
  screenSupported: false,
};

/** What the person chose earlier in this browser. */
export interface DeviceChoices {
  readonly microphone: string | null;
  readonly camera: string | null;
  readonly speaker: string | null;
}

export type OwnSource = "microphone" | "camera" | "screen" | "screen_audio";

/** What the devices need of the browser; tests bring their own. */
export interface DevicePlatform {
  /** Undefined where the page is not served securely. */
  readonly media: MediaDevices | undefined;
  readonly canChooseSpeaker: boolean;
}

export interface DeviceEvents {
  readonly onDevices: (devices: Devices) => void;
  /** A track of one's own is there, is another one, or is gone. */
  readonly onTrack: (source: OwnSource, track: MediaStreamTrack | null) => void;
}

const SCREEN_FRAMES_PER_SECOND_MAX = 15;

type Input = "microphone" | "camera";

const INPUTS = {
  microphone: { kind: "audioinput" },
  camera: { kind: "videoinput" },
} as const;

function constraints(input: Input, deviceId: string | null): MediaStreamConstraints {
  const device = deviceId === null ? {} : { deviceId: { exact: deviceId } };
  return input === "microphone"
    ? { audio: { ...device, echoCancellation: true, noiseSuppression: true, autoGainControl: true } }
    : {
        video: {
          ...device,
          width: { ideal: 1280 },
          height: { ideal: 720 },
          frameRate: { ideal: 30, max: 30 },
        },
      };
}

export class LocalDevices {
  #devices: Devices;
  readonly #tracks = new Map<OwnSource, MediaStreamTrack>();
  /** Counts what was decided about each device: an older attempt to open it is void. */
  readonly #decisions = { microphone: 0, camera: 0, screen: 0 };
  readonly #onDeviceChange = () => void this.#enumerate();

  constructor(
    private readonly events: DeviceEvents,
    choices: DeviceChoices,
    private readonly platform: DevicePlatform,
  ) {
    this.#devices = {
      ...NO_DEVICES,
      microphone: { ...NO_DEVICES.microphone, chosen: choices.microphone },
      camera: { ...NO_DEVICES.camera, chosen: choices.camera },
      speaker: { options: [], chosen: choices.speaker, selectable: platform.canChooseSpeaker },
      screenSupported: platform.media !== undefined && "getDisplayMedia" in platform.media,
    };
    platform.media?.addEventListener?.("devicechange", this.#onDeviceChange);
  }

  get devices(): Devices {
    return this.#devices;
  }

  /** Looks what there is. Asks for no permission. */
  start(): void {
    this.events.onDevices(this.#devices);
    void this.#enumerate();
  }

  track(source: OwnSource): MediaStreamTrack | null {
    return this.#tracks.get(source) ?? null;
  }

  /** Takes hold of a device. Does nothing while it is held or being asked for. */
  open(input: Input): void {
    const { capture, chosen } = this.#devices[input];
    if (capture.kind === "live" || capture.kind === "asking") return;
    void this.#openInput(input, chosen);
  }

  /** Lets go of a device; its light goes out. */
  close(input: Input): void {
    if (this.#devices[input].capture.kind === "idle") return;
    this.#decisions[input] += 1;
    this.#drop(input);
    this.#setInput(input, { capture: { kind: "idle" } });
  }

  /** From now on this one; at once, if one is held. */
  choose(input: Input, deviceId: string): void {
    const { capture } = this.#devices[input];
    this.#setInput(input, { chosen: deviceId });
    if (capture.kind === "live" || capture.kind === "asking") void this.#openInput(input, deviceId);
    else this.close(input);
  }

  chooseSpeaker(deviceId: string): void {
    this.#set({ speaker: { ...this.#devices.speaker, chosen: deviceId } });
  }

  /** Lets the person pick a screen, with its sound where the browser has it. Only works in a click. */
  async openScreen(): Promise<void> {
    const media = this.platform.media;
    if (!this.#devices.screenSupported || media === undefined) {
      this.#set({ screen: { kind: "failed", problem: "unsupported" } });
      return;
    }
    if (this.#devices.screen.kind === "asking" || this.#devices.screen.kind === "live") return;
    this.#decisions.screen += 1;
    const decision = this.#decisions.screen;
    this.#set({ screen: { kind: "asking" } });
    try {
      const stream = await media.getDisplayMedia({
        video: { frameRate: { max: SCREEN_FRAMES_PER_SECOND_MAX } },
        audio: true,
      });
      if (decision !== this.#decisions.screen) {
        stopAll(stream);
        return;
      }
      this.#holdScreen(stream);
    } catch (error) {
      if (decision !== this.#decisions.screen) return;
      const problem = problemOf(error);
      // Closing the picker is a decision, not a problem, and reads the same as a refusal.
      this.#set({ screen: problem === "denied" ? { kind: "idle" } : { kind: "failed", problem } });
    }
  }

  closeScreen(): void {
    if (this.#devices.screen.kind === "idle") return;
    this.#decisions.screen += 1;
    this.#drop("screen");
    this.#drop("screen_audio");
    this.#set({ screen: { kind: "idle" } });
  }

  /** Lets go of everything. */
  closeAll(): void {
    this.close("microphone");
    this.close("camera");
    this.closeScreen();
  }

  dispose(): void {
    this.closeAll();
    this.platform.media?.removeEventListener?.("devicechange", this.#onDeviceChange);
  }

  async #openInput(input: Input, deviceId: string | null): Promise<void> {
    const media = this.platform.media;
    if (media === undefined) {
      this.#setInput(input, { capture: { kind: "failed", problem: "unsupported" } });
      return;
    }
    this.#decisions[input] += 1;
    const decision = this.#decisions[input];
    this.#setInput(input, { capture: { kind: "asking" } });
    try {
      const stream = await this.#ask(media, input, deviceId);
      if (decision !== this.#decisions[input]) {
        stopAll(stream);
        return;
      }
      this.#holdInput(input, stream);
    } catch (error) {
      if (decision !== this.#decisions[input]) return;
      this.#drop(input);
      this.#setInput(input, { capture: { kind: "failed", problem: problemOf(error) } });
    }
    // With the permission come the names of the devices.
    await this.#enumerate();
  }

  /** A device chosen earlier may be gone: then any will do. */
  async #ask(media: MediaDevices, input: Input, deviceId: string | null): Promise<MediaStream> {
    try {
      return await media.getUserMedia(constraints(input, deviceId));
    } catch (error) {
      if (deviceId === null || problemOf(error) !== "absent") throw error;
      return await media.getUserMedia(constraints(input, null));
    }
  }

  #holdInput(input: Input, stream: MediaStream): void {
    const track = stream.getTracks()[0];
    if (track === undefined) throw new DOMException("no track", "NotFoundError");
    track.contentHint = input === "microphone" ? "speech" : "motion";
    track.onended = () => {
      this.#decisions[input] += 1;
      this.#drop(input);
      this.#setInput(input, { capture: { kind: "failed", problem: "unplugged" } });
    };
    this.#hold(input, track);
    const deviceId = track.getSettings().deviceId ?? "";
    this.#setInput(input, { capture: { kind: "live", deviceId, label: track.label } });
  }

  #holdScreen(stream: MediaStream): void {
    const video = stream.getVideoTracks()[0];
    const audio = stream.getAudioTracks()[0];
    if (video === undefined) throw new DOMException("no track", "NotFoundError");
    video.contentHint = "detail";
    // The browser's own bar ends the sharing.
    video.onended = () => this.closeScreen();
    this.#hold("screen", video);
    if (audio !== undefined) {
      audio.contentHint = "music";
      audio.onended = () => this.#drop("screen_audio");
      this.#hold("screen_audio", audio);
    }
    this.#set({ screen: { kind: "live", deviceId: "", label: video.label } });
  }

  #hold(source: OwnSource, track: MediaStreamTrack): void {
    const before = this.#tracks.get(source);
    this.#tracks.set(source, track);
    this.events.onTrack(source, track);
    if (before !== undefined) stop(before);
  }

  #drop(source: OwnSource): void {
    const track = this.#tracks.get(source);
    if (track === undefined) return;
    this.#tracks.delete(source);
    this.events.onTrack(source, null);
    stop(track);
  }

  async #enumerate(): Promise<void> {
    let all: MediaDeviceInfo[];
    try {
      all = (await this.platform.media?.enumerateDevices()) ?? [];
    } catch {
      // A browser that won't tell: the choice stays as it was.
      return;
    }
    const options = (kind: MediaDeviceKind): DeviceOption[] =>
      all
        .filter((device) => device.kind === kind && device.deviceId !== "")
        .map((device) => ({ id: device.deviceId, label: device.label }));
    const { microphone, camera, speaker } = this.#devices;
    this.#set({
      microphone: { ...microphone, options: options(INPUTS.microphone.kind) },
      camera: { ...camera, options: options(INPUTS.camera.kind) },
      speaker: { ...speaker, options: options("audiooutput") },
    });
  }

  #setInput(input: Input, change: Partial<InputDevice>): void {
    this.#set({ [input]: { ...this.#devices[input], ...change } });
  }

  #set(change: Partial<Devices>): void {
    this.#devices = { ...this.#devices, ...change };
    this.events.onDevices(this.#devices);
  }
}

/** Whether a device could be used before, or had another trouble, and cannot be used now. */
export function hasFailed(before: InputDevice, after: InputDevice): boolean {
  return after.capture.kind === "failed" && after.capture !== before.capture;
}

/** What the browser's error means to a person. */
export function problemOf(error: unknown): DeviceProblem {
  switch (error instanceof DOMException ? error.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return "denied";
    case "NotFoundError":
    case "OverconstrainedError":
      return "absent";
    case "NotReadableError":
    case "AbortError":
      return "busy";
    default:
      return "unsupported";
  }
}

function stop(track: MediaStreamTrack): void {
  track.onended = null;
  track.stop();
}

function stopAll(stream: MediaStream): void {
  for (const track of stream.getTracks()) stop(track);
}
