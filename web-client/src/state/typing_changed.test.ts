// Lines that were cut off and that others put right before they were done.

import { beforeEach, describe, expect, test } from "vitest";
import { typed } from "../protocol/samples";
import { changed, cut, done, mended, Typist } from "./typing_world";

let ann: Typist;

beforeEach(() => {
  ann = new Typist();
});

describe("typed lines that others put right while they are still written", () => {
  const CUT = "My sitser said";
  const put = (text: string, revision = 2) => typed(1, text, { corrected: true, revision });
  /** A line that was cut off by a lost connection, and whose typist is back. */
  const cutOff = (text = CUT): void => {
    ann.write(1, text);
    ann.sent();
    ann.lines.cameBack([], [cut(1, 1, text)]);
  };
  /** The same, but somebody was faster. */
  const changedMeanwhile = (stood: string, now: string): void => {
    const history = now === "" ? [] : [put(now)];
    expect(ann.lines.cameBack(history, [changed(1, 1, stood)])).toBe("line_closed");
  };

  test("stay as they are put, and what was written since goes out by itself, as it is written", () => {
    cutOff();
    expect(ann.lines.heard(put("My sister said"), "ann")).toBe("line_closed");
    expect(ann.sent()).toEqual([]);
    ann.write(1, "My sitser said n");
    expect(ann.sent()).toEqual(["1: n"]);
    ann.write(1, "My sitser said no ", true);
    expect(ann.sent()).toEqual(["1 done: no "]);
    ann.lines.heard(typed(2, "no "), "ann");
    ann.lines.cameBack([put("My sister said"), typed(2, "no ")], [done(1, 2)]);
    expect(ann.sent()).toEqual([]);
  });

  test("stay so if that was done before their typist was back: nothing of them is repeated", () => {
    ann.write(1, "My sitser");
    ann.sent();
    changedMeanwhile("My sitser", "My sister");
    expect(ann.sent()).toEqual([]);
    ann.write(1, "My sitser said");
    expect(ann.sent()).toEqual(["1: said"]);
    ann.write(1, "My sitser said no", true);
    expect(ann.sent()).toEqual(["1 done: said no"]);
  });

  test("stay so if they ended meanwhile", () => {
    ann.write(1, "My sitser");
    ann.sent();
    ann.write(1, "My sitser", true);
    changedMeanwhile("My sitser", "My sister");
    expect(ann.sent()).toEqual([]);
    ann.lines.cameBack([], []);
    expect(ann.sent()).toEqual([]);
  });

  test("lose nothing of what had not arrived when they were cut", () => {
    ann.write(1, "My sitser");
    ann.sent();
    ann.write(1, "My sitser said no");
    ann.sent();
    changedMeanwhile("My sitser", "My sister");
    expect(ann.sent()).toEqual(["1: said no"]);
  });

  test.each([
    ["My sitser said.", "."],
    ["My sitser said, no", ", no"],
    ["My sitser sai", null],
    ["My sitser said ", null],
    ["My sitser sang", "sang"],
    ["My sitser saidst", "saidst"],
    ["My sister said no", "no"],
    ["My brother said no", "brother said no"],
  ])("go on with what is new: %s", (text, rest) => {
    cutOff();
    ann.lines.heard(put("My sister said"), "ann");
    ann.write(1, text);
    expect(ann.sent()).toEqual(rest === null ? [] : [`1: ${rest}`]);
  });

  test.each([
    ["我今天有点类", "我今天有点累", "我今天有点类，想先听听", "，想先听听"],
    ["今日はすこし疲", "今日は少し疲れ", "今日はすこし疲れました", "ました"],
    ["วันนี้ฉันเหนือย", "วันนี้ฉันเหนื่อย", "วันนี้ฉันเหนือยมาก", "มาก"],
  ])("go on where nothing stands between words: %s", (stood, now, text, end) => {
    cutOff(stood);
    ann.lines.heard(put(now), "ann");
    expect(ann.sent()).toEqual([]);
    ann.write(1, text);
    const [order, ...others] = ann.sent();
    expect(others).toEqual([]);
    expect(order?.endsWith(end)).toBe(true);
    expect(order?.includes(stood.slice(0, 3))).toBe(false);
  });

  test("go on with what is new, whatever the server made of a tab", () => {
    ann.write(1, "My\tsitser");
    ann.sent();
    changedMeanwhile("My sitser", "My sister");
    expect(ann.sent()).toEqual([]);
    ann.write(1, "My\tsitser said", true);
    expect(ann.sent()).toEqual(["1 done: said"]);
  });

  test("go on with the word at which they part from both", () => {
    cutOff();
    ann.lines.heard(put("My sister"), "ann");
    ann.write(1, "My sisterly friend said no", true);
    expect(ann.sent()).toEqual(["1 done: sisterly friend said no"]);
  });

  test("blank what they had gone on with, if that is deleted, and leave nothing", () => {
    cutOff();
    ann.lines.heard(put("My sister said"), "ann");
    ann.write(1, "My sitser said n");
    ann.sent();
    ann.write(1, "My sitser sa");
    expect(ann.sent()).toEqual(["1: "]);
    ann.write(1, "My sitser sa", true);
    expect(ann.sent()).toEqual(["1 done: "]);
    ann.lines.cameBack([], [done(1, 2)]);
    expect(ann.sent()).toEqual([]);
  });

  test("need nothing more if nothing more was written", () => {
    cutOff();
    ann.lines.heard(put("My sister said"), "ann");
    ann.write(1, CUT, true);
    expect(ann.sent()).toEqual([]);
    ann.lines.cameBack([], [changed(1, 1, CUT)]);
    expect(ann.sent()).toEqual([]);
  });

  test("are not overwritten by what was on its way", () => {
    cutOff();
    ann.write(1, "My sitser said no", true);
    expect(ann.sent()).toEqual(["correct 1 over 1: My sitser said no"]);
    ann.lines.heard(put("My sister said"), "ann");
    ann.lines.refused(ann.requests, "changed_meanwhile");
    expect(ann.sent()).toEqual(["1 done: no"]);
  });

  test("are not overwritten either when the refusal was lost with the connection", () => {
    cutOff();
    ann.write(1, "My sitser said no", true);
    ann.sent();
    changedMeanwhile(CUT, "My sister said");
    expect(ann.sent()).toEqual(["1 done: no"]);
  });

  test("lose nothing when the refusal was lost and a later line had arrived", () => {
    cutOff();
    ann.write(1, "My sitser said no", true);
    ann.write(2, "Sorry", true);
    ann.sent();
    const history = [put("My sister said"), typed(2, "Sorry")];
    expect(ann.lines.cameBack(history, [changed(1, 1, CUT), done(2, 2)])).toBe("line_closed");
    expect(ann.sent()).toEqual(["1 done: no"]);
    ann.lines.cameBack(history, [changed(1, 1, CUT), done(2, 2)]);
    expect(ann.sent()).toEqual(["1 done: no"]);
    ann.lines.cameBack([...history, typed(3, "no")], [done(2, 2), done(1, 3)]);
    expect(ann.sent()).toEqual([]);
  });

  test("are not closed by one's own words", () => {
    cutOff();
    ann.write(1, "My sister said no", true);
    ann.sent();
    expect(ann.lines.heard(put("My sister said no"), "ann")).toBe("none");
    expect(ann.lines.heard(put("My sister said: no", 3), "ann")).toBe("none");
    expect(ann.sent()).toEqual([]);
  });

  test("are settled once their end was taken, whoever changed it since", () => {
    cutOff();
    ann.write(1, "My sister said no", true);
    ann.write(2, "Sorry", true);
    ann.sent();
    const history = [put("My sister said: no", 3), typed(2, "Sorry")];
    const ends = [mended(1, 1, CUT, "My sister said no"), done(2, 2)];
    expect(ann.lines.cameBack(history, ends)).toBe("none");
    expect(ann.sent()).toEqual([]);
  });

  test("stay taken back, and only what was written since goes out", () => {
    ann.write(1, "My sitser");
    ann.sent();
    changedMeanwhile("My sitser", "");
    expect(ann.sent()).toEqual([]);
    ann.write(1, "My sitser said no", true);
    expect(ann.sent()).toEqual(["1 done: said no"]);
  });

  test("stay taken back though their end was on its way", () => {
    cutOff();
    ann.write(1, "My sitser said no", true);
    ann.sent();
    expect(ann.lines.heard(put(""), "ann")).toBe("line_closed");
    ann.lines.refused(ann.requests, "not_found");
    expect(ann.sent()).toEqual(["1 done: no"]);
  });

  test("may be cut again in what they went on with, and be put right again", () => {
    cutOff();
    ann.lines.heard(put("My sister said"), "ann");
    ann.write(1, "My sitser said noo");
    expect(ann.sent()).toEqual(["1: noo"]);
    ann.lines.cameBack([put("My sister said")], [cut(1, 2, "noo")]);
    ann.write(1, "My sitser said noo to");
    expect(ann.sent()).toEqual([]);
    const no = typed(2, "no", { corrected: true, revision: 2 });
    expect(ann.lines.heard(no, "ann")).toBe("line_closed");
    expect(ann.sent()).toEqual(["1: to"]);
    ann.write(1, "My sitser said noo to me", true);
    ann.lines.cameBack([put("My sister said"), no], [cut(1, 3, "to")]);
    expect(ann.sent()).toEqual(["correct 3 over 1: to me"]);
  });

  test("may be put right by their typist elsewhere: nobody is told of somebody else", () => {
    cutOff();
    ann.lines.correcting({ epoch: 0, number: 1 }, "My sister said", 100);
    expect(ann.lines.heard(put("My sister said"), "ann")).toBe("none");
    ann.write(1, "My sitser said no", true);
    expect(ann.sent()).toEqual(["1 done: no"]);
    ann.lines.cameBack([put("My sister said")], [mended(1, 1, CUT, "My sister said")]);
    expect(ann.sent()).toEqual(["1 done: no"]);
  });

  test("wait for what comes of it when their typist puts them right elsewhere, and lose nothing if it is refused", () => {
    cutOff();
    ann.lines.correcting({ epoch: 0, number: 1 }, "My sitser said no to", 100);
    ann.write(1, "My sitser said no to me", true);
    expect(ann.sent()).toEqual([]);
    expect(ann.lines.refused(100, "too_many_messages")).toEqual({ kind: "for_good", lost: null });
    expect(ann.sent()).toEqual(["correct 1 over 1: My sitser said no to me"]);
  });

  test("are told of somebody else who was faster than their typist elsewhere", () => {
    cutOff();
    ann.lines.correcting({ epoch: 0, number: 1 }, "My sister said no", 100);
    ann.write(1, "My sitser said no", true);
    expect(ann.lines.heard(put("My sister said"), "ann")).toBe("line_closed");
    ann.lines.refused(100, "changed_meanwhile");
    expect(ann.sent()).toEqual(["1 done: no"]);
  });

  test("do not wait for an answer that was lost with the connection", () => {
    cutOff();
    ann.lines.correcting({ epoch: 0, number: 1 }, "My sister said", 100);
    ann.lines.cameBack([], []);
    ann.write(1, "My sitser said no", true);
    expect(ann.sent()).toEqual(["correct 1 over 1: My sitser said no"]);
  });

  test("lose nothing that was written since their typist put them right elsewhere, and the answer was lost", () => {
    cutOff();
    ann.lines.correcting({ epoch: 0, number: 1 }, "My sister said", 100);
    ann.write(1, "My sitser said no", true);
    const ends = [mended(1, 1, CUT, "My sister said")];
    expect(ann.lines.cameBack([put("My sister said")], ends)).toBe("none");
    expect(ann.sent()).toEqual(["1 done: no"]);
    ann.lines.cameBack([put("My sister said")], [done(1, 2)]);
    expect(ann.sent()).toEqual([]);
  });

  test("may be put right from another page of their typist's", () => {
    cutOff();
    ann.lines.cameBack([put("My sister said")], [mended(1, 1, CUT, "My sister said")]);
    ann.write(1, "My sitser said no", true);
    expect(ann.sent()).toEqual(["1 done: no"]);
  });

  test("lose nothing if they were finished before that was known", () => {
    ann.write(1, "My sitser");
    ann.sent();
    ann.write(1, "My sitser said no", true);
    // Who put it right has lost the seat again to this page.
    ann.lines.cameBack([put("My sister")], [mended(1, 1, "My sitser", "My sister")]);
    expect(ann.sent()).toEqual(["1 done: said no"]);
  });
});
