import { expect, test } from "vitest";
import { CAPTION_HISTORY_MAX, type Caption, type CaptionStatus } from "../protocol/generated";
import {
  addCaption,
  captionKey,
  forgetPassing,
  interruptOpen,
  mergeSnapshot,
  NO_CAPTIONS,
  OPEN_CAPTIONS_MAX,
  OPEN_LINES_MAX,
  whileListening,
} from "./captions";

function caption(
  number: number,
  revision: number,
  status: CaptionStatus,
  text = "",
  startedAt = number * 1000,
): Caption {
  return {
    id: { epoch: 1, number },
    participant: "ann",
    name: "Ann",
    revision,
    status,
    stable: status === "partial" ? "" : text,
    tentative: status === "partial" ? text : "",
    started_at: startedAt,
    ended_at: startedAt + 500,
  };
}

const add = (...captions: Caption[]) => captions.reduce(addCaption, NO_CAPTIONS);

test("the latest revision wins, whatever the order of arrival", () => {
  const { open } = add(
    caption(1, 1, "partial", "we"),
    caption(1, 3, "partial", "we all meet"),
    caption(1, 2, "partial", "we all"),
  );
  expect(open.map(({ tentative }) => tentative)).toEqual(["we all meet"]);
});

test("a final leaves the open ones and never changes again", () => {
  const before = add(caption(1, 1, "partial", "we"), caption(1, 2, "final", "We meet."));
  expect(before.open).toEqual([]);
  const after = [
    caption(1, 9, "final", "Other."),
    caption(1, 10, "partial", "late"),
    caption(1, 11, "interrupted"),
  ].reduce(addCaption, before);
  expect(after).toBe(before);
  expect(after.history.map(({ stable }) => stable)).toEqual(["We meet."]);
});

test("an end without text was no speech: it leaves nothing behind", () => {
  const partial = add(caption(1, 1, "partial", "uh"));
  expect(addCaption(partial, caption(1, 2, "final", ""))).toEqual(NO_CAPTIONS);
  expect(addCaption(NO_CAPTIONS, caption(2, 1, "final", ""))).toBe(NO_CAPTIONS);
});

test("a repeated message changes nothing", () => {
  const before = add(caption(1, 1, "partial", "we"));
  expect(addCaption(before, caption(1, 1, "partial", "we"))).toBe(before);
});

test("several speakers stand side by side, in the order in which they began", () => {
  const { open, history } = add(
    caption(2, 1, "partial", "second", 200),
    caption(1, 1, "partial", "first", 100),
    caption(4, 1, "final", "fourth", 400),
    caption(3, 1, "final", "third", 300),
  );
  expect(open.map(captionKey)).toEqual(["1.1", "1.2"]);
  expect(history.map(({ stable }) => stable)).toEqual(["third", "fourth"]);
});

test("the same number of another worker's life is another caption", () => {
  const other = { ...caption(1, 1, "partial", "new"), id: { epoch: 2, number: 1 } };
  expect(add(caption(1, 5, "final", "old"), other).open).toEqual([other]);
});

test("the history is bounded and keeps the latest", () => {
  const all = Array.from({ length: CAPTION_HISTORY_MAX + 20 }, (_, i) => caption(i, 1, "final", `${i}`));
  const { history } = add(...all);
  expect(history).toHaveLength(CAPTION_HISTORY_MAX);
  expect(history[0]?.stable).toBe("20");
  const open = Array.from({ length: OPEN_CAPTIONS_MAX + 5 }, (_, i) => caption(i, 1, "partial"));
  expect(add(...open).open).toHaveLength(OPEN_CAPTIONS_MAX);
  // But nothing that somebody types.
  const line: Caption = {
    ...caption(0, 1, "partial", "I can"),
    id: { epoch: 0, number: 1 },
    origin: "typed",
  };
  const said = add(line, ...open).open;
  expect(said[0]).toEqual(line);
  expect(said).toHaveLength(OPEN_CAPTIONS_MAX + 1);
  const lines = Array.from({ length: OPEN_LINES_MAX + 5 }, (_, number) => ({
    ...line,
    id: { epoch: 0, number },
  }));
  expect(add(...lines).open).toHaveLength(OPEN_LINES_MAX);
});

test("a snapshot adds what was missed and closes what was open", () => {
  const known = add(
    caption(1, 2, "final", "one"),
    caption(2, 1, "interrupted", "cut o"),
    caption(4, 1, "partial", "fo"),
  );
  const { open, history } = mergeSnapshot(known, [
    caption(1, 2, "final", "one"),
    caption(3, 4, "final", "three"),
  ]);
  expect(open).toEqual([]);
  expect(history.map(({ stable }) => stable)).toEqual(["one", "cut o", "three"]);
});

test("what was taken back while one was away is gone when one is back", () => {
  const known = add(caption(1, 2, "final", "one"), caption(2, 1, "final", "two"));
  const takenBack = [2, 3].map((number) => ({ ...caption(number, 5, "final", ""), corrected: true }));
  const { history } = mergeSnapshot(known, [caption(1, 2, "final", "one"), ...takenBack]);
  expect(history.map(({ stable }) => stable)).toEqual(["one"]);
});

test("captions that stop leave their open ones as they stand", () => {
  const { open, history } = interruptOpen(add(caption(1, 1, "partial", "we we")));
  expect(open).toEqual([]);
  expect(history.map(({ status, tentative }) => [status, tentative])).toEqual([["interrupted", "we we"]]);
});

test("a final changes only when somebody has put it right, and goes when it was taken back", () => {
  const said = add(caption(1, 2, "final", "I am find"));
  const right = addCaption(said, { ...caption(1, 3, "final", "I am fine"), corrected: true });
  expect(right.history.map(({ stable }) => stable)).toEqual(["I am fine"]);
  expect(addCaption(right, { ...caption(1, 3, "final", "again"), corrected: true })).toBe(right);
  expect(addCaption(right, { ...caption(1, 4, "final", ""), corrected: true }).history).toEqual([]);
});

test("what is said off the record passes by and is kept nowhere", () => {
  const secret: Caption = { ...caption(1, 2, "final", "secret"), off_record: true };
  const shown = add(caption(1, 1, "partial", "sec"), secret);
  expect(shown).toEqual({ open: [], passing: [secret], history: [] });
  expect(forgetPassing(shown, secret)).toEqual(NO_CAPTIONS);
  // The rest of a line that its typist could not finish.
  const whole: Caption = { ...caption(1, 3, "final", "secrets"), off_record: true, corrected: true };
  const finished = addCaption(shown, whole);
  expect(finished).toEqual({ open: [], passing: [whole], history: [] });
  expect(forgetPassing(finished, secret)).toEqual(finished);
  const open: Caption = { ...caption(2, 1, "partial", "half"), off_record: true };
  expect(interruptOpen(add(open)).history).toEqual([]);
});

test("what people type goes on when the server stops listening", () => {
  const typed: Caption = { ...caption(1, 1, "partial", "typ"), origin: "typed" };
  const { open, history } = whileListening(add(typed, caption(2, 1, "partial", "said")), "off");
  expect(open).toEqual([typed]);
  expect(history.map(({ tentative }) => tentative)).toEqual(["said"]);
});
