import { expect, test } from "vitest";
import { caption } from "../harness/scenes";
import { Standing } from "./standing";

/** The server's clock is two seconds ahead. */
const OFFSET_MS = 2_000;

test("a caption that comes late stands as long as one that comes in time", () => {
  const standing = new Standing();
  standing.see([], 100_000, OFFSET_MS);
  const late = caption(1, 0, { ended_at: 60_000 });
  standing.see([late], 101_000, OFFSET_MS);
  standing.see([late], 105_000, OFFSET_MS);
  expect(standing.isHeld(late, 105_900, 5_000)).toBe(true);
  expect(standing.isHeld(late, 106_000, 5_000)).toBe(false);
});

test("what was finished before this page has stood since its last word", () => {
  const standing = new Standing();
  const old = caption(1, 0, { ended_at: 97_000 + OFFSET_MS });
  const ahead = caption(2, 0, { ended_at: 200_000 + OFFSET_MS });
  standing.see([old, ahead], 100_000, OFFSET_MS);
  expect(standing.isHeld(old, 100_000, 5_000)).toBe(true);
  expect(standing.isHeld(old, 102_000, 5_000)).toBe(false);
  expect(standing.isHeld(ahead, 104_999, 5_000)).toBe(true);
  expect(standing.isHeld(ahead, 105_000, 5_000)).toBe(false);
});

test("what cannot be shown any more is forgotten", () => {
  const standing = new Standing();
  const one = caption(1, 0);
  standing.see([one], 0, 0);
  standing.see([], 0, 0);
  expect(standing.isHeld(one, 0, 1_000)).toBe(false);
});
