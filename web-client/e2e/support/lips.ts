// Flashes and beeps: what a page sends as its camera and microphone, and how a page measures how far apart they
// come. All of it runs in the pages; the same measurement is made at the sender and at the receiver.

/** Over how long the median is taken. */
export const OFFSETS_WINDOW_MS = 10_000;

/** What a watching page knows. */
export interface Offsets {
  /** Forgets what was seen before. */
  restart(): void;
  /** By how many milliseconds the flashes are behind their beeps; NaN when there were too few of them. */
  median(): number;
}

declare global {
  var offsetsOfThisTest: Offsets;
}

/**
 * Runs in the page before its own scripts: the camera is a canvas that flashes, the microphone beeps at the same
 * moment, twice a second. A little noise keeps the sound from counting as silence.
 */
export function flashAndBeep(): void {
  const PERIOD_S = 0.5;
  const LENGTH_S = 0.12;
  let own: { audio: MediaStreamTrack; video: MediaStreamTrack } | undefined;
  const make = (): { audio: MediaStreamTrack; video: MediaStreamTrack } => {
    const context = new AudioContext({ sampleRate: 48_000 });
    const length = context.sampleRate * PERIOD_S;
    const buffer = context.createBuffer(1, length, context.sampleRate);
    const samples = buffer.getChannelData(0);
    for (let at = 0; at < length; at++) {
      const beeps = at < context.sampleRate * LENGTH_S;
      samples[at] = beeps
        ? ((at * 2 * 500) / context.sampleRate) % 2 > 1
          ? 0.6
          : -0.6
        : 0.006 * (Math.random() - 0.5);
    }
    const loop = new AudioBufferSourceNode(context, { buffer, loop: true });
    const destination = context.createMediaStreamDestination();
    loop.connect(destination);
    const began = context.currentTime + 0.1;
    loop.start(began);
    const canvas = document.createElement("canvas");
    canvas.width = 960;
    canvas.height = 540;
    const drawing = canvas.getContext("2d");
    let moves = 0;
    setInterval(() => {
      const since = context.currentTime - began;
      const flashes = since >= 0 && since % PERIOD_S < LENGTH_S;
      moves = (moves + 7) % 520;
      if (drawing !== null) {
        drawing.fillStyle = flashes ? "white" : "black";
        drawing.fillRect(0, 0, 960, 540);
        drawing.fillStyle = "gray";
        drawing.fillRect(900, moves, 30, 12);
      }
    }, 16);
    const audio = destination.stream.getAudioTracks()[0];
    const video = canvas.captureStream(30).getVideoTracks()[0];
    if (audio === undefined || video === undefined) {
      throw new Error("no tracks");
    }
    Object.assign(globalThis, { ownTracksOfThisTest: { audio, video } });
    return { audio, video };
  };
  if (navigator.mediaDevices === undefined) {
    return;
  }
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    own ??= make();
    // A copy: the page may stop what it was given and ask again.
    return new MediaStream([(constraints?.video ? own.video : own.audio).clone()]);
  };
}

/** Runs in the page: watches the two sections of the newest peer connection, or one's own tracks if there are none. */
export function watchFlashesAndBeeps(mids: { audioMid: string; videoMid: string } | null): void {
  const ownTracks = (
    globalThis as unknown as { ownTracksOfThisTest?: { audio: MediaStreamTrack; video: MediaStreamTrack } }
  ).ownTracksOfThisTest;
  const peers = (globalThis as unknown as { peerConnectionsOfThisTest: RTCPeerConnection[] })
    .peerConnectionsOfThisTest;
  const section = (mid: string): MediaStreamTrack | undefined =>
    peers
      .at(-1)
      ?.getTransceivers()
      .find((transceiver) => transceiver.mid === mid)?.receiver.track;
  const audio = mids === null ? ownTracks?.audio : section(mids.audioMid);
  const video = mids === null ? ownTracks?.video : section(mids.videoMid);
  if (audio === undefined || video === undefined) {
    throw new Error("nothing to watch");
  }
  const QUIET_MS = 200;
  const NEAR_MS = 240;
  let flashes: number[] = [];
  let beeps: number[] = [];

  const context = new AudioContext({ sampleRate: 48_000 });
  const source = context.createMediaStreamSource(new MediaStream([audio]));
  // In the page's own thread, since a worklet's script could not be loaded under the page's content policy.
  const listener = context.createScriptProcessor(512, 1, 1);
  let lastLoud = 0;
  listener.onaudioprocess = (event) => {
    const samples = event.inputBuffer.getChannelData(0);
    const { contextTime = 0, performanceTime = 0 } = context.getOutputTimestamp();
    for (let at = 0; at < samples.length; at++) {
      if (Math.abs(samples[at] ?? 0) > 0.15) {
        const heard = performanceTime + (event.playbackTime + at / context.sampleRate - contextTime) * 1000;
        if (heard - lastLoud > QUIET_MS) {
          beeps.push(heard);
        }
        lastLoud = heard;
      }
    }
  };
  source.connect(listener).connect(context.destination);

  const element = document.createElement("video");
  element.muted = true;
  element.playsInline = true;
  element.style.cssText = "position:fixed;left:0;top:0;width:8px;height:8px";
  element.srcObject = new MediaStream([video]);
  document.body.append(element);
  void element.play();
  const canvas = document.createElement("canvas");
  canvas.width = 2;
  canvas.height = 2;
  const drawing = canvas.getContext("2d", { willReadFrequently: true });
  let wasBright = true;
  const look: VideoFrameRequestCallback = (_now, { expectedDisplayTime }) => {
    drawing?.drawImage(element, 0, 0, 2, 2);
    const isBright = (drawing?.getImageData(0, 0, 1, 1).data[0] ?? 0) > 128;
    if (isBright && !wasBright) {
      flashes.push(expectedDisplayTime);
    }
    wasBright = isBright;
    element.requestVideoFrameCallback(look);
  };
  element.requestVideoFrameCallback(look);

  const found = (): number[] =>
    flashes
      .map((flash) => {
        const apart = beeps.map((beep) => flash - beep);
        return apart.reduce(
          (best, one) => (Math.abs(one) < Math.abs(best) ? one : best),
          Number.POSITIVE_INFINITY,
        );
      })
      .filter((apart) => Math.abs(apart) < NEAR_MS)
      .sort((one, other) => one - other);
  const PAIRS_MIN = 8;
  globalThis.offsetsOfThisTest = {
    restart: () => {
      flashes = [];
      beeps = [];
    },
    median: () => {
      const all = found();
      return all.length < PAIRS_MIN ? Number.NaN : (all[Math.floor(all.length / 2)] ?? Number.NaN);
    },
  };
}
