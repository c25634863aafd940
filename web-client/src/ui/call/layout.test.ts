import { describe, expect, it } from "vitest";
import { TILE_GAP_PX, tile } from "./layout";

describe("tile", () => {
  it("gives one person the whole stage, at most 16:9", () => {
    expect(tile({ width: 1600, height: 600 }, 1)).toEqual({
      columns: 1,
      width: 1066,
      height: 600,
      scrolls: false,
    });
  });

  it("puts two people side by side on a wide stage and above each other on a tall one", () => {
    expect(tile({ width: 1200, height: 500 }, 2).columns).toBe(2);
    expect(tile({ width: 370, height: 560 }, 2).columns).toBe(1);
  });

  it("never overflows a stage that it says does not scroll", () => {
    for (let count = 1; count <= 25; count += 1) {
      for (const stage of [
        { width: 370, height: 430 },
        { width: 940, height: 520 },
        { width: 1900, height: 900 },
      ]) {
        const { columns, width, height, scrolls } = tile(stage, count);
        const rows = Math.ceil(count / columns);
        expect(columns * width + (columns - 1) * TILE_GAP_PX).toBeLessThanOrEqual(stage.width);
        if (!scrolls) {
          expect(rows * height + (rows - 1) * TILE_GAP_PX).toBeLessThanOrEqual(stage.height);
        }
      }
    }
  });

  it("scrolls rather than making tiles too small to read a name", () => {
    const tiling = tile({ width: 304, height: 200 }, 12);
    expect(tiling.scrolls).toBe(true);
    expect(tiling.width).toBeGreaterThanOrEqual(140);
  });
});
