import { expect, test } from "vitest";
import { importanceOf, NOBODY_IN_FRONT, onlyPresent, PINNED_MAX, pin, withoutPerson } from "./front";

test("the one pinned first goes back when there are too many", () => {
  let front = NOBODY_IN_FRONT;
  for (const who of ["ann", "ben", "cleo"]) front = pin(front, who, true);
  expect(front.pinned).toEqual(["ben", "cleo"]);
  expect(front.pinned).toHaveLength(PINNED_MAX);
  expect(pin(front, "ben", false).pinned).toEqual(["cleo"]);
});

test("a pinned interpreter counts as pinned", () => {
  const front = pin({ ...NOBODY_IN_FRONT, interpreter: "ann" }, "ben", true);
  expect([...importanceOf(front)]).toEqual([
    ["ann", "interpreter"],
    ["ben", "pinned"],
  ]);
  expect([...importanceOf(pin(front, "ann", true))]).toEqual([
    ["ann", "pinned"],
    ["ben", "pinned"],
  ]);
});

test("who is gone is in front no more", () => {
  const front = pin({ ...NOBODY_IN_FRONT, interpreter: "ann" }, "ann", true);
  expect(withoutPerson(front, "ann")).toEqual(NOBODY_IN_FRONT);
  expect(withoutPerson(front, "ben")).toBe(front);
});

test("who is not there any more after a while away is in front no more", () => {
  const front = pin({ ...NOBODY_IN_FRONT, interpreter: "ann" }, "ben", true);
  expect(onlyPresent(front, ["ben", "cleo"])).toEqual({ pinned: ["ben"], interpreter: null });
  expect(onlyPresent(front, ["ann", "ben"])).toBe(front);
});
