import { expect, test } from "vitest";
import { caption } from "../harness/scenes";
import { MARKS, Marks } from "./marks";

/** Ids as the server makes them. */
const ids = Array.from({ length: MARKS }, (_, number) =>
  (0x9e3779b97f4a7c15n * BigInt(number + 1)).toString(16),
);
const said = (...speakers: readonly string[]) =>
  speakers.map((participant, number) => caption(number, 0, { participant }));
const NOTHING = { open: [], passing: [], history: [] };

test("a speaker has the same mark on every page, whoever is drawn there first", () => {
  const history = said(...ids.slice(0, 12));
  const inCall = new Marks();
  // As it came about, one caption after the other.
  for (let spoken = 1; spoken <= history.length; spoken += 1) {
    inCall.meet({ ...NOTHING, history: history.slice(0, spoken) });
  }
  const loadedLater = new Marks();
  loadedLater.meet({ ...NOTHING, history });
  for (const id of ids.slice(0, 12).reverse()) expect(loadedLater.of(id)).toEqual(inCall.of(id));
});

test("a mark comes from the person, not from the order", () => {
  const [one, other] = [new Marks(), new Marks()];
  const [ann = "", ben = ""] = ids;
  one.meet({ ...NOTHING, history: said(ann), open: said(ben) });
  other.meet({ ...NOTHING, history: said(ben), open: said(ann) });
  expect([one.of(ann), one.of(ben)]).toEqual([other.of(ann), other.of(ben)]);
});

test("no two of a large group have the same mark", () => {
  const marks = new Marks();
  marks.meet({ ...NOTHING, history: said(...ids) });
  expect(new Set(ids.map((id) => JSON.stringify(marks.of(id)))).size).toBe(MARKS);
  // And with one more there still is one.
  expect(marks.of("one more").shape).not.toBe("");
});
