import { beforeEach, describe, expect, test } from "vitest";
import type { Caption } from "../protocol/generated";
import { NO_CAPTIONS } from "./captions";
import { LINES_WAITING_MAX, TypedLines, type TypingOrder } from "./typing";

function ended(number: number, text: string, changes: Partial<Caption> = {}): Caption {
  return {
    id: { epoch: 0, number },
    participant: "ann",
    name: "Ann",
    revision: 1,
    status: "final",
    stable: text,
    tentative: "",
    started_at: number,
    ended_at: number,
    origin: "typed",
    ...changes,
  };
}

describe("typed lines", () => {
  let lines: TypedLines;
  let requests: number;

  beforeEach(() => {
    lines = new TypedLines();
    requests = 0;
  });

  const write = (line: number, text: string, done = false, history: Caption[] = []): boolean =>
    lines.write({ line, text, done }, { ...NO_CAPTIONS, history });
  /** What goes out over a connection. */
  const sent = (): string[] => {
    const orders: TypingOrder[] = [];
    lines.flush((order) => {
      orders.push(order);
      requests += 1;
      return requests;
    });
    return orders.map((order) =>
      order.type === "correct"
        ? `correct ${order.id.number}: ${order.text}`
        : `${order.line}${order.done ? " done" : ""}${order.speaker === undefined ? "" : ` ${order.speaker}`}: ${order.text}`,
    );
  };

  test("go out as they stand, once", () => {
    write(1, "I");
    expect(sent()).toEqual(["1: I"]);
    expect(sent()).toEqual([]);
    write(1, "I can");
    write(1, "I can't");
    expect(sent()).toEqual(["1: I can't"]);
    write(1, "I can't speak", true);
    expect(sent()).toEqual(["1 done: I can't speak"]);
  });

  test("that had left but did not arrive go out again, in their order", () => {
    write(1, "one", true);
    write(2, "two", true);
    sent();
    write(3, "thr");
    lines.cameBack([], "ann");
    expect(sent()).toEqual(["1 done: one", "2 done: two", "3: thr"]);
  });

  test("that arrived do not go out again, whether that was heard or is in what was said", () => {
    write(1, "one", true);
    write(2, "two\tthree", true);
    sent();
    lines.heard(ended(1, "one"), "ann");
    lines.cameBack([ended(1, "one"), ended(2, "two three")], "ann");
    expect(sent()).toEqual([]);
  });

  test("with the same words are told apart", () => {
    write(1, "yes", true, [ended(1, "yes")]);
    sent();
    write(2, "yes", true);
    sent();
    lines.cameBack([ended(1, "yes"), ended(2, "yes")], "ann");
    expect(sent()).toEqual(["2 done: yes"]);
    lines.cameBack([ended(1, "yes"), ended(2, "yes"), ended(3, "yes")], "ann");
    expect(sent()).toEqual([]);
  });

  test("of somebody else are somebody else's", () => {
    write(1, "yes", true);
    sent();
    lines.heard(ended(1, "yes", { participant: "ben" }), "ann");
    lines.heard(ended(2, "yes", { origin: "captioner" }), "ann");
    lines.cameBack([ended(1, "yes", { participant: "ben" })], "ann");
    expect(sent()).toEqual(["1 done: yes"]);
  });

  test("that the server ended too early are put right when they are done", () => {
    write(1, "I");
    sent();
    write(1, "I can");
    sent();
    write(1, "I can't");
    lines.cameBack([ended(1, "I can")], "ann");
    expect(sent()).toEqual([]);
    write(1, "I can't speak");
    expect(sent()).toEqual([]);
    write(1, "I can't speak ", true);
    expect(sent()).toEqual(["correct 1: I can't speak"]);
    lines.cameBack([ended(1, "I can")], "ann");
    expect(sent()).toEqual(["correct 1: I can't speak"]);
    lines.heard(ended(1, "I can't speak", { corrected: true }), "ann");
    lines.cameBack([ended(1, "I can't speak", { corrected: true })], "ann");
    expect(sent()).toEqual([]);
  });

  test("that can't be put right any more are said anew", () => {
    write(1, "I can");
    sent();
    lines.cameBack([ended(1, "I can")], "ann");
    write(1, "I can't", true);
    sent();
    lines.refused(requests, "not_found");
    expect(sent()).toEqual(["1 done: I can't"]);
  });

  test("that are refused are given up", () => {
    write(1, "one", true);
    sent();
    lines.refused(requests, "forbidden");
    lines.cameBack([], "ann");
    expect(sent()).toEqual([]);
  });

  test("that a captioner writes stand under the speaker's name", () => {
    lines.write({ line: 1, text: "Good evening", done: true, speaker: "fay" }, NO_CAPTIONS);
    expect(sent()).toEqual(["1 done fay: Good evening"]);
    lines.cameBack([ended(1, "Good evening", { participant: "fay", origin: "captioner" })], "cara");
    expect(sent()).toEqual([]);
  });

  test("wait in a bounded number, and the next one is not taken", () => {
    for (let line = 0; line < LINES_WAITING_MAX; line += 1) expect(write(line, "x", true)).toBe(true);
    expect(write(LINES_WAITING_MAX, "y")).toBe(false);
    expect(sent()).toHaveLength(LINES_WAITING_MAX);
  });

  test("that became empty leave nothing to come back", () => {
    write(1, "I");
    sent();
    write(1, "", true);
    expect(sent()).toEqual(["1 done: "]);
    lines.cameBack([], "ann");
    expect(sent()).toEqual([]);
  });
});
