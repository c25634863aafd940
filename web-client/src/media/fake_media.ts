// A browser's media for tests: devices that are asked for, answered and unplugged as the test says, and peer
// connections that connect when told to.

import { vi } from "vitest";
import type { Encoding } from "./publishing";

export class FakeTrack {
  enabled = true;
  readyState: MediaStreamTrackState = "live";
  contentHint = "";
  onended: (() => void) | null = null;

  constructor(
    readonly kind: "audio" | "video",
    readonly deviceId = `${kind}-1`,
    readonly label = `The ${kind} device`,
  ) {}

  stop(): void {
    this.readyState = "ended";
  }
  getSettings(): MediaTrackSettings {
    return { deviceId: this.deviceId };
  }
  /** The device is pulled out. */
  unplug(): void {
    this.readyState = "ended";
    this.onended?.();
  }
}

export class FakeStream {
  constructor(private readonly tracks: readonly FakeTrack[] = []) {}
  getTracks(): FakeTrack[] {
    return [...this.tracks];
  }
  getAudioTracks(): FakeTrack[] {
    return this.tracks.filter(({ kind }) => kind === "audio");
  }
  getVideoTracks(): FakeTrack[] {
    return this.tracks.filter(({ kind }) => kind === "video");
  }
}

/** `navigator.mediaDevices`. `answer` decides what the next question gets. */
export class FakeDevices {
  readonly asked: MediaStreamConstraints[] = [];
  readonly given: FakeTrack[] = [];
  present: { kind: MediaDeviceKind; deviceId: string; label: string }[] = [];
  /** Thrown at whoever asks; null: they get what they ask for. */
  refusal: (constraints: MediaStreamConstraints) => DOMException | null = () => null;
  #changed: (() => void) | null = null;

  async getUserMedia(constraints: MediaStreamConstraints): Promise<FakeStream> {
    this.asked.push(constraints);
    const refusal = this.refusal(constraints);
    if (refusal !== null) throw refusal;
    const kind = constraints.audio === undefined ? "video" : "audio";
    const wanted = (constraints[kind] as MediaTrackConstraints).deviceId as
      | ConstrainDOMStringParameters
      | undefined;
    return this.#give(new FakeTrack(kind, (wanted?.exact as string | undefined) ?? `${kind}-1`));
  }
  async getDisplayMedia(constraints: MediaStreamConstraints): Promise<FakeStream> {
    const refusal = this.refusal(constraints);
    if (refusal !== null) throw refusal;
    return this.#give(new FakeTrack("video", "", "screen"), new FakeTrack("audio", "", "screen"));
  }
  async enumerateDevices(): Promise<unknown[]> {
    return this.present;
  }
  addEventListener(_type: string, listener: () => void): void {
    this.#changed = listener;
  }
  removeEventListener(): void {
    this.#changed = null;
  }
  /** The set of devices is another one now. */
  change(present: typeof this.present): void {
    this.present = present;
    this.#changed?.();
  }
  get media(): MediaDevices {
    return this as unknown as MediaDevices;
  }

  #give(...tracks: FakeTrack[]): FakeStream {
    this.given.push(...tracks);
    return new FakeStream(tracks);
  }
}

class FakeTransceiver {
  mid: string | null = null;
  readonly sender = {
    track: null as FakeTrack | null,
    replaceTrack: async (track: FakeTrack | null) => {
      this.sender.track = track;
    },
    parameters: { encodings: [] as RTCRtpEncodingParameters[] },
    getParameters: () => structuredClone(this.sender.parameters),
    setParameters: async (parameters: { encodings: RTCRtpEncodingParameters[] }) => {
      this.sender.parameters = structuredClone(parameters);
    },
  };
  readonly receiver: { track: FakeTrack; getSynchronizationSources: () => unknown[] };
  codecs: readonly string[] = [];

  constructor(
    readonly kind: "audio" | "video",
    readonly init: RTCRtpTransceiverInit,
  ) {
    this.receiver = { track: new FakeTrack(kind), getSynchronizationSources: () => [] };
    // As Chromium does, and others don't.
    const encodings = (init.sendEncodings ?? []) as Encoding[];
    this.sender.parameters.encodings = encodings.map((encoding) => ({ ...encoding }));
  }
  setCodecPreferences(codecs: { mimeType: string }[]): void {
    this.codecs = codecs.map(({ mimeType }) => mimeType);
  }
}

export class FakePeer {
  static made: FakePeer[] = [];
  readonly transceivers: FakeTransceiver[] = [];
  readonly offers: { iceRestart: boolean }[] = [];
  signalingState: RTCSignalingState = "stable";
  connectionState: RTCPeerConnectionState = "new";
  localDescription: { sdp: string } | null = null;
  remoteDescription: { sdp: string } | null = null;
  onconnectionstatechange: (() => void) | null = null;

  constructor(public configuration: RTCConfiguration = {}) {
    FakePeer.made.push(this);
  }
  setConfiguration(configuration: RTCConfiguration): void {
    this.configuration = configuration;
  }
  /** The one made last. */
  static get last(): FakePeer {
    const last = FakePeer.made.at(-1);
    if (last === undefined) throw new Error("no peer connection was made");
    return last;
  }

  addTransceiver(kind: "audio" | "video", init: RTCRtpTransceiverInit): FakeTransceiver {
    const transceiver = new FakeTransceiver(kind, init);
    this.transceivers.push(transceiver);
    return transceiver;
  }
  async createOffer({ iceRestart = false }: RTCOfferOptions): Promise<{ sdp: string }> {
    this.offers.push({ iceRestart });
    return { sdp: `offer ${this.offers.length}` };
  }
  async setLocalDescription(description: { sdp: string }): Promise<void> {
    this.localDescription = description;
    this.signalingState = "have-local-offer";
    for (const [index, transceiver] of this.transceivers.entries()) transceiver.mid = `${index}`;
  }
  async setRemoteDescription(description: { sdp: string }): Promise<void> {
    this.remoteDescription = description;
    this.signalingState = "stable";
  }
  close(): void {
    this.connectionState = "closed";
  }
  /** The state of the connection changes. */
  becomes(state: RTCPeerConnectionState): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

/** Puts these fakes where code looks for the browser's own; returns the undoing. */
export function fakeMediaGlobals(): () => void {
  FakePeer.made = [];
  const codecs = ["opus", "red", "telephone-event"].map((name) => ({ mimeType: `audio/${name}` }));
  const videoCodecs = [
    { mimeType: "video/AV1", sdpFmtpLine: "level-idx=5;profile=0;tier=0" },
    { mimeType: "video/VP8" },
    { mimeType: "video/rtx" },
    { mimeType: "video/VP9", sdpFmtpLine: "profile-id=2" },
    { mimeType: "video/VP9", sdpFmtpLine: "profile-id=0" },
    { mimeType: "video/H264", sdpFmtpLine: "packetization-mode=0;profile-level-id=42e01f" },
    { mimeType: "video/H264", sdpFmtpLine: "packetization-mode=1;profile-level-id=42e01f" },
    { mimeType: "video/H264", sdpFmtpLine: "packetization-mode=1;profile-level-id=64001f" },
    { mimeType: "video/ulpfec" },
  ];
  const side = { getCapabilities: (kind: string) => ({ codecs: kind === "audio" ? codecs : videoCodecs }) };
  vi.stubGlobal("RTCPeerConnection", FakePeer);
  vi.stubGlobal("RTCRtpSender", side);
  vi.stubGlobal("RTCRtpReceiver", side);
  vi.stubGlobal("MediaStream", class extends FakeStream {});
  vi.stubGlobal("HTMLMediaElement", class {});
  vi.stubGlobal("Audio", FakeAudio);
  return () => vi.unstubAllGlobals();
}

/** An audio element. */
export class FakeAudio {
  /** What the browser says to the next attempts to play. */
  static refusal: DOMException | null = null;
  srcObject: unknown = null;
  autoplay = false;
  pause(): void {}
  async play(): Promise<void> {
    if (FakeAudio.refusal !== null) throw FakeAudio.refusal;
  }
}
