// How large tiles are and how many stand side by side, for a given stage. Pure.

/** A length in CSS pixels each. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Tiling extends Size {
  readonly columns: number;
  /** The tiles don't all fit at a readable size: the stage scrolls. */
  readonly scrolls: boolean;
}

/** Space between tiles; the style sheet has the same. */
export const TILE_GAP_PX = 8;

/** Below this width a name and two signs no longer fit into a tile. */
const TILE_WIDTH_MIN_PX = 140;
const TILE_HEIGHT_MIN_PX = 100;

/** Cameras give 16:9 or 4:3; a tile may cut a picture down to a portrait, faces are in the middle. */
const ASPECT_MAX = 16 / 9;
const ASPECT_MIN = 3 / 4;
const ASPECT_SCROLLING = 4 / 3;

/** The tiling in which each of `count` tiles is as large as can be. */
export function tile(stage: Size, count: number): Tiling {
  let best: Tiling | null = null;
  for (let columns = 1; columns <= count; columns += 1) {
    const candidate = withColumns(stage, count, columns);
    if (candidate !== null && (best === null || area(candidate) > area(best))) {
      best = candidate;
    }
  }
  return best ?? scrolling(stage, count);
}

function area(size: Size): number {
  return size.width * size.height;
}

function withColumns(stage: Size, count: number, columns: number): Tiling | null {
  const rows = Math.ceil(count / columns);
  let width = (stage.width - TILE_GAP_PX * (columns - 1)) / columns;
  let height = (stage.height - TILE_GAP_PX * (rows - 1)) / rows;
  width = Math.floor(Math.min(width, height * ASPECT_MAX));
  height = Math.floor(Math.min(height, width / ASPECT_MIN));
  if (width < TILE_WIDTH_MIN_PX || height < TILE_HEIGHT_MIN_PX) {
    return null;
  }
  return { columns, width, height, scrolls: false };
}

function scrolling(stage: Size, count: number): Tiling {
  const most = Math.floor((stage.width + TILE_GAP_PX) / (TILE_WIDTH_MIN_PX + TILE_GAP_PX));
  const columns = Math.max(1, Math.min(most, count));
  const width = Math.max(1, Math.floor((stage.width - TILE_GAP_PX * (columns - 1)) / columns));
  return { columns, width, height: Math.floor(width / ASPECT_SCROLLING), scrolls: true };
}
