// When each picture of somebody was painted, and how large it was: what a viewer sees of a line that changes.

import type { Person } from "./person.ts";

/** One picture that was painted. */
export interface Painted {
  /** By the clock of the page, in milliseconds. */
  readonly at: number;
  /** In lines. */
  readonly height: number;
}

/** What somebody sees of one other person, from when it was begun. */
export class PictureLog {
  private constructor(
    private readonly viewer: Person,
    private readonly key: string,
  ) {}

  /** Begins to note the pictures in this tile; it must not be moved meanwhile. */
  static async start(viewer: Person, shown: string): Promise<PictureLog> {
    const key = `picturesOf${shown}`;
    await viewer
      .tile(shown)
      .locator("video")
      .evaluate((element, name) => {
        const video = element as HTMLVideoElement;
        const painted: { at: number; height: number }[] = [];
        Object.assign(globalThis, { [name]: painted });
        const note: VideoFrameRequestCallback = (at, { height }) => {
          painted.push({ at, height });
          video.requestVideoFrameCallback(note);
        };
        video.requestVideoFrameCallback(note);
      }, key);
    return new PictureLog(viewer, key);
  }

  /** The clock of the page. */
  now(): Promise<number> {
    return this.viewer.page.evaluate(() => performance.now());
  }

  since(begin: number): Promise<readonly Painted[]> {
    return this.viewer.page.evaluate(
      ([name, from]) =>
        ((globalThis as unknown as Record<string, Painted[]>)[name] ?? []).filter(({ at }) => at >= from),
      [this.key, begin] as const,
    );
  }
}

/** The longest time between two pictures, with that until the first and since the last. */
export function longestStill(painted: readonly Painted[], begin: number, end: number): number {
  const times = [begin, ...painted.map(({ at }) => at), end];
  return Math.max(...times.map((at, index) => at - (times[index - 1] ?? begin)));
}
