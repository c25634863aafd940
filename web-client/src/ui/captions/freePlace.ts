// Where a free box of captions can lie: as near as possible to where the reader wants it, inside the room, and over
// none of the things that are used or have to be read. Pure.

/** In CSS pixels, from the room's upper left corner. */
export interface Rect {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface Place {
  readonly left: number;
  readonly top: number;
}

/** Null where there is no such place. */
export function freePlace(
  wish: Place,
  box: Pick<Rect, "width" | "height">,
  room: Pick<Rect, "width" | "height">,
  obstacles: readonly Rect[],
): Place | null {
  const leftMax = Math.max(0, room.width - box.width);
  const topMax = Math.max(0, room.height - box.height);
  const wanted = { left: within(wish.left, leftMax), top: within(wish.top, topMax) };
  // The nearest free place touches what is in the way, or is straight across from the wanted one.
  const lefts = [wanted.left, ...obstacles.flatMap(({ left, width }) => [left - box.width, left + width])];
  const tops = [wanted.top, ...obstacles.flatMap(({ top, height }) => [top - box.height, top + height])];
  let nearest: Place | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const left of lefts) {
    if (left < 0 || left > leftMax) continue;
    for (const top of tops) {
      if (top < 0 || top > topMax) continue;
      const distance = (left - wanted.left) ** 2 + (top - wanted.top) ** 2;
      if (distance >= least || obstacles.some((one) => overlap({ left, top, ...sizeOf(box) }, one))) continue;
      nearest = { left, top };
      least = distance;
    }
  }
  return nearest;
}

function within(value: number, max: number): number {
  return Math.min(max, Math.max(0, value));
}

function sizeOf({ width, height }: Pick<Rect, "width" | "height">) {
  return { width, height };
}

function overlap(a: Rect, b: Rect): boolean {
  return (
    a.left < b.left + b.width &&
    b.left < a.left + a.width &&
    a.top < b.top + b.height &&
    b.top < a.top + a.height
  );
}
