import { beforeEach, expect, test, vi } from "vitest";
import { VideoGate, type VideoShown, type VideoSource } from "./video_gate";

class FakeElement {
  srcObject: { tracks: unknown[] } | null = null;
  #callbacks = new Map<number, (now: number, metadata: { rtpTimestamp?: number }) => void>();
  #ids = 0;

  play(): Promise<void> {
    return Promise.resolve();
  }
  requestVideoFrameCallback(callback: (now: number, metadata: { rtpTimestamp?: number }) => void): number {
    this.#ids += 1;
    this.#callbacks.set(this.#ids, callback);
    return this.#ids;
  }
  cancelVideoFrameCallback(id: number): void {
    this.#callbacks.delete(id);
  }
  /** A frame is presented. */
  frame(rtpTimestamp?: number): void {
    const due = [...this.#callbacks.values()];
    this.#callbacks.clear();
    for (const callback of due) callback(0, rtpTimestamp === undefined ? {} : { rtpTimestamp });
  }
}

const track = { id: "track" } as unknown as MediaStreamTrack;

function source(generation: number, firstRtpTimestamp: number, newest: number | null = null): VideoSource {
  return { track, generation, firstRtpTimestamp, newestRtpTimestamp: () => newest };
}

function gate() {
  const element = new FakeElement();
  const shown: VideoShown[] = [];
  const made = new VideoGate(element as unknown as HTMLVideoElement, (state) => shown.push(state));
  return { element, shown, gate: made };
}

beforeEach(() => {
  vi.stubGlobal(
    "MediaStream",
    class {
      constructor(readonly tracks: unknown[]) {}
    },
  );
  return () => vi.unstubAllGlobals();
});

test("stays covered until the first frame of this assignment", () => {
  const { element, shown, gate: it } = gate();
  it.show(source(1, 1000));
  element.frame(500);
  element.frame(999);
  expect(shown).toEqual(["covered"]);
  element.frame(1000);
  expect(shown).toEqual(["covered", "shown"]);
});

test("is covered at once when its section changes hands, and old frames don't open it", () => {
  const { element, shown, gate: it } = gate();
  it.show(source(1, 1000));
  element.frame(1000);
  it.show(source(2, 5000));
  expect(shown).toEqual(["covered", "shown", "covered"]);
  element.frame(4000);
  expect(shown.at(-1)).toBe("covered");
  element.frame(5001);
  expect(shown.at(-1)).toBe("shown");
});

test("opens across the wrap of the timestamp", () => {
  const { element, shown, gate: it } = gate();
  it.show(source(1, 0xffff_ff00));
  element.frame(0xffff_fe00);
  expect(shown.at(-1)).toBe("covered");
  element.frame(0x10);
  expect(shown.at(-1)).toBe("shown");
});

test("the same assignment again changes nothing", () => {
  const { element, shown, gate: it } = gate();
  it.show(source(1, 1000));
  element.frame(1000);
  it.show(source(1, 1000));
  expect(shown).toEqual(["covered", "shown"]);
});

test("without a source the element is empty and covered", () => {
  const { element, shown, gate: it } = gate();
  it.show(source(1, 1000));
  element.frame(1000);
  it.close();
  expect(element.srcObject).toBeNull();
  expect(shown.at(-1)).toBe("covered");
  element.frame(2000);
  expect(shown.at(-1)).toBe("covered");
});

test("a browser that tells no timestamp with the frame is given a few frames of doubt", () => {
  const { element, shown, gate: it } = gate();
  let newest = 900;
  it.show({ ...source(1, 1000), newestRtpTimestamp: () => newest });
  for (let i = 0; i < 10; i += 1) element.frame();
  expect(shown.at(-1)).toBe("covered");
  newest = 1000;
  for (let i = 0; i < 3; i += 1) element.frame();
  expect(shown.at(-1)).toBe("covered");
  element.frame();
  expect(shown.at(-1)).toBe("shown");
});
