import { expect, test } from "vitest";
import { NOBODY_IN_FRONT } from "./front";
import { readFront, writeFront } from "./kept_front";

function memory() {
  const items = new Map<string, string>();
  return {
    items,
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  };
}

test("who was in front is found again in the same session alone", () => {
  const storage = memory();
  const front = { pinned: ["ben"], interpreter: "cleo" };
  writeFront(storage, "s1", front);
  expect(readFront(storage, "s1")).toEqual(front);
  expect(readFront(storage, "s2")).toEqual(NOBODY_IN_FRONT);
  writeFront(storage, "s1", NOBODY_IN_FRONT);
  expect(storage.items.size).toBe(0);
});

test("what is no front is nobody in front", () => {
  const storage = memory();
  for (const text of ["{", "null", "3", '{"pinned":7,"interpreter":{}}']) {
    storage.items.set("hearken.front.s1", text);
    expect(readFront(storage, "s1")).toEqual(NOBODY_IN_FRONT);
  }
  storage.items.set("hearken.front.s1", '{"pinned":["a",1,"b","c"]}');
  expect(readFront(storage, "s1").pinned).toEqual(["b", "c"]);
});
