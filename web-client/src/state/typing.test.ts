import { beforeEach, describe, expect, test } from "vitest";
import { TYPED_ENDS_MAX } from "../protocol/generated";
import { typed } from "../protocol/samples";
import { LINES_WAITING_MAX } from "./typing";
import { changed, cut, done, Typist } from "./typing_world";

let ann: Typist;

beforeEach(() => {
  ann = new Typist();
});

describe("typed lines", () => {
  test("go out as they stand, once", () => {
    ann.write(1, "I");
    expect(ann.sent()).toEqual(["1: I"]);
    expect(ann.sent()).toEqual([]);
    ann.write(1, "I can");
    ann.write(1, "I can't");
    expect(ann.sent()).toEqual(["1: I can't"]);
    ann.write(1, "I can't speak", true);
    expect(ann.sent()).toEqual(["1 done: I can't speak"]);
  });

  test("that had left but did not arrive go out again, in their order", () => {
    ann.write(1, "one", true);
    ann.write(2, "two", true);
    ann.sent();
    ann.write(3, "thr");
    ann.lines.cameBack([], []);
    expect(ann.sent()).toEqual(["1 done: one", "2 done: two", "3: thr"]);
  });

  test("that arrived do not go out again, whether that was heard or the server says so", () => {
    ann.write(1, "one", true);
    ann.write(2, "two\tthree", true);
    ann.write(3, "four", true);
    ann.write(4, "five", true);
    ann.sent();
    ann.lines.heard(typed(1, "one"), "ann");
    ann.lines.heard(typed(2, "two three"), "ann");
    ann.lines.cameBack([], [done(1, 1), done(2, 2), done(3, 3)]);
    expect(ann.sent()).toEqual(["4 done: five"]);
  });

  test("with the same words are told apart", () => {
    ann.write(1, "yes", true);
    ann.write(2, "yes", true);
    ann.sent();
    ann.lines.cameBack([typed(1, "yes")], [done(1, 1)]);
    expect(ann.sent()).toEqual(["2 done: yes"]);
    // An earlier one comes to say the same.
    ann.lines.heard(typed(1, "yes", { corrected: true, revision: 2 }), "ann");
    ann.lines.cameBack([], [done(1, 1)]);
    expect(ann.sent()).toEqual(["2 done: yes"]);
    ann.lines.cameBack([], [done(1, 1), done(2, 3)]);
    expect(ann.sent()).toEqual([]);
  });

  test("of another device of one's own are not theirs", () => {
    ann.write(1, "one", true);
    ann.sent();
    ann.lines.cameBack([typed(1, "one")], [done(9, 1)]);
    expect(ann.sent()).toEqual(["1 done: one"]);
  });

  test("of somebody else are somebody else's", () => {
    ann.write(1, "yes", true);
    ann.sent();
    ann.lines.heard(typed(1, "yes", { participant: "ben" }), "ann");
    ann.lines.heard(typed(2, "yes", { origin: "captioner" }), "ann");
    ann.lines.cameBack([], []);
    expect(ann.sent()).toEqual(["1 done: yes"]);
  });

  test("that have not gone out yet do not stand", () => {
    ann.write(1, "yes", true);
    ann.lines.heard(typed(1, "yes"), "ann");
    expect(ann.sent()).toEqual(["1 done: yes"]);
  });

  test("that the server ended too early are put right when they are done", () => {
    ann.write(1, "I");
    ann.sent();
    ann.write(1, "I can");
    ann.sent();
    ann.write(1, "I can't");
    ann.lines.cameBack([], [cut(1, 1, "I can")]);
    expect(ann.sent()).toEqual([]);
    ann.write(1, "I can't speak");
    expect(ann.sent()).toEqual([]);
    ann.write(1, "I can't speak ", true);
    expect(ann.sent()).toEqual(["correct 1 over 1: I can't speak"]);
    ann.lines.cameBack([], [cut(1, 1, "I can")]);
    expect(ann.sent()).toEqual(["correct 1 over 1: I can't speak"]);
    ann.lines.cameBack([], [done(1, 1)]);
    expect(ann.sent()).toEqual([]);
  });

  test("that the server ended as they were need nothing, whenever they are done", () => {
    ann.write(1, "I\tcan't");
    ann.sent();
    ann.write(1, "I\tcan't ", true);
    ann.write(2, "Yes");
    ann.lines.cameBack([], [cut(1, 1, "I can't")]);
    expect(ann.sent()).toEqual(["2: Yes"]);
    ann.lines.cameBack([], [cut(1, 1, "I can't"), cut(2, 2, "Yes")]);
    ann.write(2, "Yes", true);
    expect(ann.sent()).toEqual([]);
    ann.lines.cameBack([], [cut(2, 2, "Yes")]);
    expect(ann.sent()).toEqual([]);
  });

  test("whose whole text was lost on its way are put right by it", () => {
    ann.write(1, "I can");
    ann.sent();
    ann.write(1, "I can't speak", true);
    ann.sent();
    ann.lines.cameBack([], [cut(1, 1, "I can")]);
    expect(ann.sent()).toEqual(["correct 1 over 1: I can't speak"]);
  });

  test("that are too old to be put right stay, and what was written since follows", () => {
    ann.write(1, "I can");
    ann.sent();
    ann.lines.cameBack([], [cut(1, 1, "I can")]);
    ann.write(1, "I can speak", true);
    ann.sent();
    ann.lines.refused(ann.requests, "not_found");
    expect(ann.sent()).toEqual(["1 done: speak"]);
  });

  test("that are refused for now go out again, whole", () => {
    ann.write(1, "I can't sp");
    ann.sent();
    ann.write(1, "I can't speak", true);
    ann.sent();
    expect(ann.lines.refused(ann.requests, "too_many_messages")).toEqual({ kind: "for_now" });
    expect(ann.sent()).toEqual(["1 done: I can't speak"]);
    ann.lines.cameBack([], [cut(1, 1, "I can't sp")]);
    ann.sent();
    expect(ann.lines.refused(ann.requests, "too_many_messages")).toEqual({ kind: "for_now" });
    expect(ann.sent()).toEqual(["correct 1 over 1: I can't speak"]);
  });

  test("lose nothing when what was refused for now has gone out newer since", () => {
    ann.write(1, "I");
    ann.sent();
    ann.write(1, "I can");
    ann.sent();
    expect(ann.lines.refused(1, "too_many_messages")).toEqual({ kind: "superseded" });
    expect(ann.lines.refused(1, "forbidden")).toEqual({ kind: "for_good", lost: null });
    expect(ann.sent()).toEqual([]);
  });

  test("that are refused are given up, and their writer has their words back", () => {
    ann.write(1, "one", true);
    ann.sent();
    expect(ann.lines.refused(ann.requests, "forbidden")).toEqual({
      kind: "for_good",
      lost: { text: "one", offRecord: false },
    });
    ann.lines.cameBack([], []);
    expect(ann.sent()).toEqual([]);
    // Of what stands already, nothing comes back.
    ann.write(2, "My sitser");
    ann.sent();
    ann.lines.cameBack([typed(1, "My sister")], [changed(2, 1, "My sitser")]);
    ann.writeOff(2, "My sitser said no", true);
    ann.sent();
    expect(ann.lines.refused(ann.requests, "not_found")).toEqual({
      kind: "for_good",
      lost: { text: "said no", offRecord: true },
    });
  });

  test("that are refused have nothing to give back while they are in their field, or blank", () => {
    ann.write(1, "on");
    ann.sent();
    expect(ann.lines.refused(ann.requests, "forbidden")).toEqual({ kind: "for_good", lost: null });
    ann.write(1, "", true);
    ann.sent();
    expect(ann.lines.refused(ann.requests, "forbidden")).toEqual({ kind: "for_good", lost: null });
  });

  test("that a captioner writes stand under the speaker's name", () => {
    ann.lines.write({ line: 1, text: "Good evening", done: true, speaker: "fay", offRecord: false });
    expect(ann.sent()).toEqual(["1 done fay: Good evening"]);
    ann.lines.heard(typed(1, "Good evening", { participant: "fay", origin: "captioner" }), "cara");
    ann.lines.cameBack([], []);
    expect(ann.sent()).toEqual([]);
  });

  test("wait in a bounded number, and the next one is not taken", () => {
    for (let line = 0; line < LINES_WAITING_MAX; line += 1) expect(ann.write(line, "x", true)).toBe(true);
    expect(ann.write(LINES_WAITING_MAX, "y")).toBe(false);
    expect(ann.sent()).toHaveLength(LINES_WAITING_MAX);
    // Of all that may wait, the server knows what became of them.
    expect(LINES_WAITING_MAX).toBeLessThan(TYPED_ENDS_MAX);
  });

  describe("that became empty", () => {
    beforeEach(() => {
      ann.write(1, "My husband");
      ann.sent();
      ann.write(1, "", true);
      expect(ann.sent()).toEqual(["1 done: "]);
    });

    test("leave nothing to come back", () => {
      ann.lines.heard(typed(1, ""), "ann");
      ann.lines.cameBack([], [done(1, 1)]);
      expect(ann.sent()).toEqual([]);
    });

    test("are taken back if what was deleted was kept since the line was lost", () => {
      ann.lines.cameBack([typed(1, "My husband")], [cut(1, 1, "My husband")]);
      expect(ann.sent()).toEqual(["correct 1 over 1: "]);
      ann.lines.heard(typed(1, "", { corrected: true, revision: 2 }), "ann");
      expect(ann.sent()).toEqual([]);
    });

    test("are blank again if they may still be growing for the others, as when the line moved to another network", () => {
      ann.lines.cameBack([], []);
      expect(ann.sent()).toEqual(["1 done: "]);
      ann.lines.cameBack([], [done(1, 1)]);
      expect(ann.sent()).toEqual([]);
    });

    test("are so though that was refused for now", () => {
      expect(ann.lines.refused(ann.requests, "too_many_messages")).toEqual({ kind: "for_now" });
      expect(ann.sent()).toEqual(["1 done: "]);
    });

    test("stay so if somebody else has put them right meanwhile", () => {
      ann.lines.cameBack([], [changed(1, 1, "My husband")]);
      expect(ann.sent()).toEqual([]);
      ann.lines.cameBack([], [changed(1, 1, "My husband")]);
      expect(ann.sent()).toEqual([]);
    });

    test("are settled by a later one that stands, though nobody speaks of them", () => {
      ann.write(2, "Yes", true);
      ann.sent();
      ann.lines.heard(typed(2, "Yes"), "ann");
      ann.lines.cameBack([], []);
      expect(ann.sent()).toEqual([]);
    });
  });

  test("of which nothing ever went out need no blank", () => {
    ann.write(1, "My husband");
    ann.write(1, " ", true);
    expect(ann.sent()).toEqual([]);
    expect(ann.write(1, "", true)).toBe(true);
    expect(ann.sent()).toEqual([]);
  });
});
