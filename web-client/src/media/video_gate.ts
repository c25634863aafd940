// Keeps a video element covered until it shows the right person.
//
//   slot message ──► show(source) ──► covered ──► first frame whose RTP timestamp is not older than the
//                                                 assignment's first ──► shown
//
// A section that changes hands keeps its track, and the last picture of whoever had it before stands in the
// element until the first new one. The gate never says `shown` before it saw that frame.

import { isNotOlder } from "./rtp_time";

/** `covered`: an opaque cover belongs over the element. `shown`: the right person's picture stands in it. */
export type VideoShown = "covered" | "shown";

/** One assignment of a receiving section. */
export interface VideoSource {
  readonly track: MediaStreamTrack;
  readonly generation: number;
  readonly firstRtpTimestamp: number;
  /** The RTP timestamp that the receiver handed out last: for browsers that don't tell it with the frame. */
  readonly newestRtpTimestamp: () => number | null;
}

/**
 * Browsers without a timestamp on each frame tell only which one was handed out last, and the element may
 * lag behind it: as many frames more are waited for.
 */
const FRAMES_BEHIND_MAX = 3;

export class VideoGate {
  #source: VideoSource | null = null;
  #shown: VideoShown = "covered";
  #callback: number | null = null;
  #framesInTime = 0;

  /** `onShown` hears the state at once and at every change. */
  constructor(
    private readonly element: HTMLVideoElement,
    private readonly onShown: (shown: VideoShown) => void,
  ) {
    onShown("covered");
  }

  /** Shows another source, or none. The same assignment again changes nothing. */
  show(source: VideoSource | null): void {
    const current = this.#source;
    if (current?.track === source?.track && current?.generation === source?.generation) return;
    this.#stopWatching();
    this.#source = source;
    this.#set("covered");
    if (current?.track !== source?.track) {
      this.element.srcObject = source === null ? null : new MediaStream([source.track]);
    }
    if (source === null) return;
    this.#framesInTime = 0;
    this.#watch(source);
    // Muted video may always play; where it may not yet, the element stays covered.
    this.element.play().catch(() => undefined);
  }

  close(): void {
    this.show(null);
  }

  #watch(source: VideoSource): void {
    this.#callback = this.element.requestVideoFrameCallback((_now, metadata) => {
      if (this.#isInTime(source, metadata.rtpTimestamp)) {
        this.#callback = null;
        this.#set("shown");
      } else {
        this.#watch(source);
      }
    });
  }

  #isInTime(source: VideoSource, frameTimestamp: number | undefined): boolean {
    if (frameTimestamp !== undefined) return isNotOlder(frameTimestamp, source.firstRtpTimestamp);
    const newest = source.newestRtpTimestamp();
    if (newest === null || !isNotOlder(newest, source.firstRtpTimestamp)) return false;
    this.#framesInTime += 1;
    return this.#framesInTime > FRAMES_BEHIND_MAX;
  }

  #stopWatching(): void {
    if (this.#callback !== null) this.element.cancelVideoFrameCallback(this.#callback);
    this.#callback = null;
  }

  #set(shown: VideoShown): void {
    if (this.#shown === shown) return;
    this.#shown = shown;
    this.onShown(shown);
  }
}
