import { expect, test } from "vitest";
import { isHeld, SEAT_HELD_MS, type SeatRecord, SeatStore } from "./seat_store";

const record: SeatRecord = { resume: "r", name: "Ann", seenAt: 1_000, comeBack: true };

function memory() {
  const items = new Map<string, string>();
  return {
    items,
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  };
}

test("a seat is kept per session and role", () => {
  const storage = memory();
  new SeatStore("a", "member", storage).write(record);
  expect(new SeatStore("a", "member", storage).read()).toEqual(record);
  expect(new SeatStore("b", "member", storage).read()).toBeNull();
  expect(new SeatStore("a", "facilitator", storage).read()).toBeNull();
  new SeatStore("a", "member", storage).update({ comeBack: false });
  expect(new SeatStore("a", "member", storage).read()).toEqual({ ...record, comeBack: false });
  new SeatStore("a", "member", storage).clear();
  expect(new SeatStore("a", "member", storage).read()).toBeNull();
});

test("what is not ours in the storage is no seat", () => {
  const storage = memory();
  for (const text of ["{", "null", "3", '{"resume":1}']) {
    storage.items.set("hearken.seat.a.member", text);
    expect(new SeatStore("a", "member", storage).read()).toBeNull();
  }
  expect(new SeatStore("a", "member", null).read()).toBeNull();
});

test("one comes straight back within two minutes, unless one left or was put out", () => {
  expect(isHeld(record, 1_000 + SEAT_HELD_MS - 1)).toBe(true);
  expect(isHeld(record, 1_000 + SEAT_HELD_MS)).toBe(false);
  expect(isHeld({ ...record, comeBack: false }, 1_000)).toBe(false);
});
