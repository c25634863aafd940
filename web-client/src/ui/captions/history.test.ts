import { expect, test } from "vitest";
import type { Caption } from "../../protocol/generated";
import { caption } from "../harness/scenes";
import { asPlainText, correctableKeys, search, withLine } from "./history";

const SAID = [
  caption(1, 0, { name: "Ann", stable: "I went to the café." }),
  caption(2, 1, { name: "Ben", stable: "And I stayed at home." }),
  caption(5, 1, { name: "Cleo", stable: "now and then", after_gap: true }),
];

test("a search finds words and names without regard to case and accents", () => {
  expect(search(SAID, "CAFE i").map(({ name }) => name)).toEqual(["Ann"]);
  expect(search(SAID, "ben").map(({ name }) => name)).toEqual(["Ben"]);
  expect(search(SAID, " ")).toEqual(SAID);
  expect(search(SAID, "nothing")).toEqual([]);
});

test("what is copied has names and leaves out what is unfinished or off the record", () => {
  const text = asPlainText(
    [...SAID, caption(3, 0, { status: "partial" }), caption(4, 0, { off_record: true })],
    0,
  );
  expect(text.split("\n").map((line) => line.replace(/^\S+( [AP]M)? /, ""))).toEqual([
    "Ann: I went to the café.",
    "Ben: And I stayed at home.",
    "Cleo: … now and then",
  ]);
});

test("a line that is gone keeps its place", () => {
  for (const at of [0, 1, 2]) expect(withLine(SAID.toSpliced(at, 1), SAID[at] as Caption)).toEqual(SAID);
  // One that is there is there as it is now.
  expect(withLine(SAID, caption(2, 1, { stable: "Before." }))).toBe(SAID);
});

test("speakers may correct their own last lines, captioners the last of all", () => {
  const many = Array.from({ length: 30 }, (_, number) => caption(number, number % 2));
  expect(correctableKeys(many, "p1", false).size).toBe(5);
  expect([...correctableKeys(many, "p1", false)].at(-1)).toBe("1.29");
  expect(correctableKeys(many, "p1", true).size).toBe(20);
});
