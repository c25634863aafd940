import { expect, test } from "vitest";
import { markOf, nextMark } from "./marks";

test("a speaker keeps the mark, and the next has another shape and another colour", () => {
  const ann = markOf("ann");
  const ben = markOf("ben");
  expect(markOf("ann")).toEqual(ann);
  expect(ben.shape).not.toBe(ann.shape);
  expect(ben.colour).not.toBe(ann.colour);
});

test("no two of a large group have the same mark", () => {
  const marks = Array.from({ length: 56 }, (_, count) => JSON.stringify(nextMark(count)));
  expect(new Set(marks).size).toBe(56);
});
