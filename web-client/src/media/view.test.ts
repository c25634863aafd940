import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ViewItem, ViewMode } from "../protocol/generated";
import { VIEW_DEBOUNCE_MS, ViewReporter } from "./view";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const element = {} as Element;

function reporter() {
  const sent: ViewItem[][] = [];
  const modes: ViewMode[] = [];
  const sizes: ((width: number, height: number) => void)[] = [];
  const state = { up: true };
  const view = new ViewReporter(
    (items, mode) => {
      if (state.up) {
        sent.push(items);
        modes.push(mode);
      }
      return state.up;
    },
    (_element, listener) => {
      sizes.push(listener);
      return () => undefined;
    },
    () => 2,
  );
  return { view, sent, modes, sizes, state };
}

test("tells sizes in physical pixels once the layout has settled", () => {
  const { view, sent, sizes } = reporter();
  view.add(element, { participant: "ann", source: "camera" });
  for (let width = 100; width <= 320; width += 20) sizes[0]?.(width, width / 2);
  expect(sent).toEqual([]);
  vi.advanceTimersByTime(VIEW_DEBOUNCE_MS);
  expect(sent).toEqual([[{ participant: "ann", source: "camera", width: 640, height: 320 }]]);
});

test("a mode is told at once, and with everything that follows", () => {
  const { view, modes, sizes } = reporter();
  view.add(element, { participant: "ann", source: "camera" });
  view.setMode("low_data");
  expect(modes).toEqual(["low_data"]);
  sizes[0]?.(100, 100);
  vi.advanceTimersByTime(VIEW_DEBOUNCE_MS);
  view.setMode("low_data");
  expect(modes).toEqual(["low_data", "low_data"]);
});

test("who matters more than the others is told at once", () => {
  const { view, sent, sizes } = reporter();
  view.add(element, { participant: "ann", source: "camera" });
  view.add(element, { participant: "ben", source: "camera" });
  for (const size of sizes) size(100, 50);
  view.setImportance(new Map([["ben", "interpreter"]]));
  expect(sent.at(-1)).toMatchObject([
    { participant: "ann" },
    { participant: "ben", importance: "interpreter" },
  ]);
  expect(sent.at(-1)?.[0]).not.toHaveProperty("importance");
  view.setImportance(new Map());
  expect(sent.at(-1)?.[1]).not.toHaveProperty("importance");
});

test("what is out of sight is not asked for", () => {
  const { view, sent, sizes } = reporter();
  const detach = view.add(element, { participant: "ann", source: "camera" });
  view.add(element, { participant: "ben", source: "screen" });
  sizes[0]?.(100, 100);
  sizes[1]?.(0, 0);
  vi.advanceTimersByTime(VIEW_DEBOUNCE_MS);
  expect(sent.at(-1)?.map(({ participant }) => participant)).toEqual(["ann"]);
  detach();
  vi.advanceTimersByTime(VIEW_DEBOUNCE_MS);
  expect(sent.at(-1)).toEqual([]);
});

test("a video shown twice is asked for once, at the larger size", () => {
  const { view, sent, sizes } = reporter();
  view.add(element, { participant: "ann", source: "camera" });
  view.add(element, { participant: "ann", source: "camera" });
  sizes[0]?.(50, 50);
  sizes[1]?.(200, 100);
  vi.advanceTimersByTime(VIEW_DEBOUNCE_MS);
  expect(sent).toEqual([[{ participant: "ann", source: "camera", width: 400, height: 200 }]]);
});

test("the same view is told once per connection", () => {
  const { view, sent, sizes, state } = reporter();
  view.add(element, { participant: "ann", source: "camera" });
  sizes[0]?.(50, 50);
  vi.advanceTimersByTime(VIEW_DEBOUNCE_MS);
  sizes[0]?.(50.1, 50.1);
  vi.advanceTimersByTime(VIEW_DEBOUNCE_MS);
  expect(sent).toHaveLength(1);
  state.up = false;
  sizes[0]?.(70, 70);
  vi.advanceTimersByTime(VIEW_DEBOUNCE_MS);
  state.up = true;
  view.sendAgain();
  vi.advanceTimersByTime(VIEW_DEBOUNCE_MS);
  expect(sent).toHaveLength(2);
});
