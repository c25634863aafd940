// Which videos are on screen, and how large: what the server needs to choose a quality, and to send nothing
// for what nobody sees. Tiles register their element; what is sent is all of it, each time it changes.

import type { Importance, ParticipantId, ViewItem, ViewMode } from "../protocol/generated";

/** One video that can be shown. */
export interface VideoTarget {
  readonly participant: ParticipantId;
  readonly source: "camera" | "screen";
}

/** A layout in motion settles within this time; only then the server is told. */
export const VIEW_DEBOUNCE_MS = 200;

const SIZE_MAX = 65_535;

/** The size of an element in CSS pixels while it is on screen; zero while it is not. */
export type ObserveSize = (element: Element, listener: (width: number, height: number) => void) => () => void;

/** Watches by the browser's observers. */
export const observeSize: ObserveSize = (element, listener) => {
  let visible = false;
  let [width, height] = [0, 0];
  const tell = () => (visible ? listener(width, height) : listener(0, 0));
  const resize = new ResizeObserver((entries) => {
    const box = entries.at(-1)?.contentRect;
    [width, height] = [box?.width ?? 0, box?.height ?? 0];
    tell();
  });
  const intersection = new IntersectionObserver((entries) => {
    visible = entries.at(-1)?.isIntersecting ?? false;
    tell();
  });
  resize.observe(element);
  intersection.observe(element);
  return () => {
    resize.disconnect();
    intersection.disconnect();
  };
};

interface Tile {
  readonly target: VideoTarget;
  width: number;
  height: number;
}

export class ViewReporter {
  readonly #tiles = new Set<Tile>();
  #mode: ViewMode = "full";
  #importance: ReadonlyMap<ParticipantId, Importance> = new Map();
  #sent = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `send` returns whether the message went out; if it did not, `sendAgain` will be called. */
  constructor(
    private readonly send: (items: ViewItem[], mode: ViewMode) => boolean,
    private readonly observe: ObserveSize = observeSize,
    private readonly pixelRatio: () => number = () => globalThis.devicePixelRatio,
  ) {}

  /** Counts an element in until the returned function is called. */
  add(element: Element, target: VideoTarget): () => void {
    const tile: Tile = { target, width: 0, height: 0 };
    this.#tiles.add(tile);
    const stop = this.observe(element, (width, height) => {
      if (tile.width === width && tile.height === height) return;
      tile.width = width;
      tile.height = height;
      this.#soon();
    });
    return () => {
      stop();
      this.#tiles.delete(tile);
      this.#soon();
    };
  }

  /** After a new connection: the server knows nothing of the view yet. */
  sendAgain(): void {
    this.#sent = "";
    this.#soon();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** How much video is wanted at all: told at once. */
  setMode(mode: ViewMode): void {
    if (this.#mode === mode) return;
    this.#mode = mode;
    clearTimeout(this.#timer);
    this.#report();
  }

  /** Whose pictures matter more than the others'; told at once. */
  setImportance(importance: ReadonlyMap<ParticipantId, Importance>): void {
    this.#importance = importance;
    clearTimeout(this.#timer);
    this.#report();
  }

  #soon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#report(), VIEW_DEBOUNCE_MS);
  }

  #report(): void {
    const items = this.#items();
    const text = JSON.stringify([this.#mode, items]);
    if (text !== this.#sent && this.send(items, this.#mode)) this.#sent = text;
  }

  /** One item per video, at the largest size it is shown at. */
  #items(): ViewItem[] {
    const ratio = this.pixelRatio();
    const largest = new Map<string, ViewItem>();
    for (const { target, width, height } of this.#tiles) {
      if (width < 1 || height < 1) continue;
      const key = `${target.participant}/${target.source}`;
      const known = largest.get(key);
      if (known !== undefined && known.width >= width * ratio) continue;
      const importance = this.#importance.get(target.participant);
      largest.set(key, {
        ...target,
        width: toPixels(width * ratio),
        height: toPixels(height * ratio),
        ...(importance === undefined ? {} : { importance }),
      });
    }
    return [...largest.values()];
  }
}

function toPixels(size: number): number {
  return Math.min(Math.round(size), SIZE_MAX);
}
