import { expect, test } from "vitest";
import { freePlace } from "./freePlace";

const ROOM = { width: 1000, height: 600 };
const BOX = { width: 300, height: 100 };

test("a box lies where it is wanted, and inside the room", () => {
  expect(freePlace({ left: 200, top: 50 }, BOX, ROOM, [])).toEqual({ left: 200, top: 50 });
  expect(freePlace({ left: 900, top: -5 }, BOX, ROOM, [])).toEqual({ left: 700, top: 0 });
});

test("it goes no farther out of the way than it has to", () => {
  const button = { left: 400, top: 90, width: 44, height: 44 };
  expect(freePlace({ left: 200, top: 50 }, BOX, ROOM, [button])).toEqual({ left: 200, top: 134 });
  const lower = { left: 480, top: 100, width: 44, height: 44 };
  expect(freePlace({ left: 200, top: 50 }, BOX, ROOM, [lower])).toEqual({ left: 180, top: 50 });
});

test("it goes around several things, and touches none", () => {
  const row = Array.from({ length: 10 }, (_, at) => ({ left: at * 100, top: 280, width: 44, height: 44 }));
  expect(freePlace({ left: 0, top: 260 }, BOX, ROOM, row)).toEqual({ left: 0, top: 324 });
});

test("where there is no place it has none", () => {
  const grid = Array.from({ length: 60 }, (_, at) => ({
    left: (at % 10) * 100,
    top: Math.floor(at / 10) * 100,
    width: 44,
    height: 44,
  }));
  expect(freePlace({ left: 0, top: 0 }, BOX, ROOM, grid)).toBeNull();
});
