import { expect, test } from "vitest";
import { isNotOlder } from "./rtp_time";

test("a timestamp is not older than itself or an earlier one", () => {
  expect(isNotOlder(1000, 1000)).toBe(true);
  expect(isNotOlder(1001, 1000)).toBe(true);
  expect(isNotOlder(999, 1000)).toBe(false);
});

test("order holds across the wrap", () => {
  expect(isNotOlder(5, 0xffff_fff0)).toBe(true);
  expect(isNotOlder(0xffff_fff0, 5)).toBe(false);
});

test("order holds across the sign bit", () => {
  expect(isNotOlder(0x8000_0001, 0x7fff_ffff)).toBe(true);
  expect(isNotOlder(0x7fff_ffff, 0x8000_0001)).toBe(false);
});
