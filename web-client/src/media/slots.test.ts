import { expect, test } from "vitest";
import type { Slot, TrackSource } from "../protocol/generated";
import { SlotTable } from "./slots";

function slot(
  mid: string,
  generation: number,
  participant: string | null,
  source: TrackSource = "camera",
): Slot {
  const content = participant === null ? null : { participant, source, first_rtp_timestamp: generation };
  return { mid, generation, content };
}

test("a section is found by whose media it carries", () => {
  const table = new SlotTable();
  table.apply(slot("5", 1, "ann"));
  table.apply(slot("4", 1, "ann", "microphone"));
  table.apply(slot("7", 1, "ben"));
  expect(table.find("ann", "camera")?.mid).toBe("5");
  expect(table.find("ann", "microphone")?.mid).toBe("4");
  expect(table.find("ben", "camera")?.mid).toBe("7");
  expect(table.find("ben", "screen")).toBeNull();
});

test("a section that changes hands is its former owner's no more", () => {
  const table = new SlotTable();
  table.apply(slot("5", 1, "ann"));
  expect(table.apply(slot("5", 2, "ben"))).toBe(true);
  expect(table.find("ann", "camera")).toBeNull();
  expect(table.find("ben", "camera")).toMatchObject({ mid: "5", generation: 2 });
});

test("an older assignment that comes late changes nothing", () => {
  const table = new SlotTable();
  table.apply(slot("5", 3, "ben"));
  expect(table.apply(slot("5", 2, "ann"))).toBe(false);
  expect(table.apply(slot("5", 3, "ann"))).toBe(false);
  expect(table.find("ann", "camera")).toBeNull();
});

test("a free section carries nobody", () => {
  const table = new SlotTable();
  table.apply(slot("5", 1, "ann"));
  table.apply(slot("5", 2, null));
  expect(table.find("ann", "camera")).toBeNull();
  expect(table.contentOf("5")).toBeNull();
  expect(table.assignments()).toEqual([]);
});

test("with two claims to a source the last assignment counts", () => {
  const table = new SlotTable();
  table.apply(slot("5", 7, "ann"));
  table.apply(slot("9", 1, "ann"));
  expect(table.find("ann", "camera")?.mid).toBe("9");
});
