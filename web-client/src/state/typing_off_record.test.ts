// Of what is written off the record nothing is kept, and nothing becomes part of what is.

import { beforeEach, describe, expect, test } from "vitest";
import { typed } from "../protocol/samples";
import { LINES_WAITING_MAX } from "./typing";
import { cut, done, Typist, unkept } from "./typing_world";

let ann: Typist;

beforeEach(() => {
  ann = new Typist();
});

describe("typed lines off the record", () => {
  test("do not stand twice either, though nothing of them is kept", () => {
    ann.writeOff(1, "one", true);
    ann.writeOff(2, "I can");
    ann.sent();
    ann.writeOff(2, "I can't speak", true);
    ann.lines.cameBack([], [done(1, 1), unkept(2, 2)]);
    expect(ann.sent()).toEqual(["correct 2: I can't speak"]);
    ann.writeOff(3, "Sorry", true);
    expect(ann.sent()).toEqual(["3 done off: Sorry"]);
    ann.lines.cameBack([], [done(1, 1), done(2, 2), done(3, 3)]);
    expect(ann.sent()).toEqual([]);
  });

  test("that the server has forgotten are said anew", () => {
    ann.writeOff(1, "I can");
    ann.sent();
    ann.lines.cameBack([], [unkept(1, 1)]);
    ann.writeOff(1, "I can't speak", true);
    ann.sent();
    ann.lines.refused(ann.requests, "not_found");
    expect(ann.sent()).toEqual(["1 done off: I can't speak"]);
  });

  test("say so whenever they arrive", () => {
    ann.writeOff(1, "sec");
    ann.write(1, "secret", true);
    ann.write(2, "begun before", true);
    ann.write(3, "beg");
    ann.lines.goOffRecord();
    ann.write(3, "begun before too", true);
    ann.write(4, "after", true);
    const all = ["1 done off: secret", "2 done off: begun before", "3 done off: begun before too"];
    expect(ann.sent()).toEqual([...all, "4 done: after"]);
    ann.lines.cameBack([], []);
    expect(ann.sent()).toEqual([...all, "4 done: after"]);
  });

  test("that wait in their field keep being off the record", () => {
    for (let line = 0; line < LINES_WAITING_MAX; line += 1) ann.write(line, "x", true);
    expect(ann.writeOff(98, "secret")).toBe(false);
    expect(ann.write(98, "secret, too")).toBe(false);
    ann.sent();
    const ends = Array.from({ length: LINES_WAITING_MAX }, (_, line) => done(line, line));
    ann.lines.cameBack([], ends);
    expect(ann.write(98, "secret, too", true)).toBe(true);
    expect(ann.sent()).toEqual(["98 done off: secret, too"]);
  });

  test("never put a kept caption right with what was written off the record: that follows by itself", () => {
    ann.write(1, "I can");
    ann.sent();
    ann.lines.cameBack([], [cut(1, 1, "I can")]);
    ann.writeOff(1, "I can say because of him");
    expect(ann.sent()).toEqual(["1 off: say because of him"]);
    ann.write(1, "I can say because of him", true);
    expect(ann.sent()).toEqual(["1 done off: say because of him"]);
    ann.lines.cameBack([], [done(1, 2)]);
    expect(ann.sent()).toEqual([]);
  });

  test("that ended as they were before the group went off the record need nothing", () => {
    ann.write(1, "I can");
    ann.sent();
    ann.lines.goOffRecord();
    ann.lines.cameBack([], [cut(1, 1, "I can")]);
    ann.write(1, "I can", true);
    expect(ann.sent()).toEqual([]);
  });

  test("take out of what everybody keeps the words that were deleted off the record", () => {
    for (const [text, rest] of [
      ["I can", "I can"],
      [" ", ""],
    ] as const) {
      ann = new Typist();
      ann.write(1, "I can say why");
      ann.sent();
      ann.lines.cameBack([], [cut(1, 1, "I can say why")]);
      ann.writeOff(1, text);
      expect(ann.sent()).toEqual([]);
      ann.writeOff(1, text, true);
      expect(ann.sent()).toEqual([`correct 1 over 1: ${rest}`]);
      ann.lines.heard(typed(1, rest, { corrected: true, revision: 2 }), "ann");
      ann.lines.cameBack([], [cut(1, 1, "I can say why")]);
      expect(ann.sent()).toEqual([]);
    }
  });

  test("leave what everybody keeps as it is where anything is written off the record in place of deleted words, or beyond", () => {
    for (const [texts, rest] of [
      [["I can not"], "not"],
      [["I can say why b", "I can"], null],
    ] as const) {
      ann = new Typist();
      ann.write(1, "I can say why");
      ann.sent();
      ann.lines.cameBack([], [cut(1, 1, "I can say why")]);
      for (const text of texts) {
        ann.writeOff(1, text);
        ann.sent();
      }
      ann.writeOff(1, texts.at(-1) ?? "", true);
      expect(ann.sent()).toEqual([`1 done off: ${rest ?? ""}`]);
    }
  });
});
