import { beforeEach, describe, expect, test } from "vitest";
import type { Caption, TypedEnd } from "../protocol/generated";
import { typed } from "../protocol/samples";
import { NO_CAPTIONS } from "./captions";
import { LINES_WAITING_MAX, TypedLines, type TypingOrder } from "./typing";

/** The server's word on the line of one's own that ended last. */
function end(line: number, number: number, done: boolean): TypedEnd {
  return { line, id: { epoch: 0, number }, done };
}

describe("typed lines", () => {
  let lines: TypedLines;
  let requests: number;

  beforeEach(() => {
    lines = new TypedLines();
    requests = 0;
  });

  const write = (line: number, text: string, done = false, history: Caption[] = [], off = false): boolean =>
    lines.write({ line, text, done, offRecord: off }, { ...NO_CAPTIONS, history });
  const writeOff = (line: number, text: string, done = false): boolean => write(line, text, done, [], true);
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
        ? `correct ${order.id.number}${order.over === undefined ? "" : ` over ${order.over}`}: ${order.text}`
        : `${order.line}${order.done ? " done" : ""}${order.off_record === true ? " off" : ""}${order.speaker === undefined ? "" : ` ${order.speaker}`}: ${order.text}`,
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
    lines.cameBack([], null);
    expect(sent()).toEqual(["1 done: one", "2 done: two", "3: thr"]);
  });

  test("that arrived do not go out again, whether that was heard or the server says so", () => {
    write(1, "one", true);
    write(2, "two\tthree", true);
    write(3, "four", true);
    write(4, "five", true);
    sent();
    lines.heard(typed(1, "one"), "ann");
    lines.heard(typed(2, "two three"), "ann");
    lines.cameBack([typed(1, "one"), typed(2, "two three"), typed(3, "four")], end(3, 3, true));
    expect(sent()).toEqual(["4 done: five"]);
  });

  test("with the same words are told apart", () => {
    write(1, "yes", true, [typed(1, "yes")]);
    sent();
    write(2, "yes", true);
    sent();
    lines.cameBack([typed(1, "yes"), typed(2, "yes")], end(1, 2, true));
    expect(sent()).toEqual(["2 done: yes"]);
    lines.cameBack([typed(1, "yes"), typed(2, "yes"), typed(3, "yes")], end(2, 3, true));
    expect(sent()).toEqual([]);
  });

  test("of another device of one's own are not theirs", () => {
    write(1, "one", true, [typed(1, "from elsewhere")]);
    sent();
    lines.cameBack([typed(1, "from elsewhere")], end(9, 1, true));
    expect(sent()).toEqual(["1 done: one"]);
  });

  test("of somebody else are somebody else's", () => {
    write(1, "yes", true);
    sent();
    lines.heard(typed(1, "yes", { participant: "ben" }), "ann");
    lines.heard(typed(2, "yes", { origin: "captioner" }), "ann");
    lines.cameBack([typed(1, "yes", { participant: "ben" })], null);
    expect(sent()).toEqual(["1 done: yes"]);
  });

  test("that the server ended too early are put right when they are done", () => {
    write(1, "I");
    sent();
    write(1, "I can");
    sent();
    write(1, "I can't");
    lines.cameBack([typed(1, "I can")], end(1, 1, false));
    expect(sent()).toEqual([]);
    write(1, "I can't speak");
    expect(sent()).toEqual([]);
    write(1, "I can't speak ", true);
    expect(sent()).toEqual(["correct 1 over 1: I can't speak"]);
    lines.cameBack([typed(1, "I can")], end(1, 1, false));
    expect(sent()).toEqual(["correct 1 over 1: I can't speak"]);
    lines.cameBack([typed(1, "I can't speak", { corrected: true })], end(1, 1, true));
    expect(sent()).toEqual([]);
  });

  test("that the server ended as they were need nothing", () => {
    write(1, "I can't");
    sent();
    write(1, "I can't ", true);
    lines.cameBack([typed(1, "I can't")], end(1, 1, false));
    expect(sent()).toEqual([]);
  });

  describe("that others put right while they are still written", () => {
    const CUT = typed(1, "My sitser said");
    const put = (text: string, revision = 2) => typed(1, text, { corrected: true, revision });
    /** A line that was cut off by a lost connection. */
    const cutOff = (): void => {
      write(1, CUT.stable);
      sent();
      lines.cameBack([CUT], end(1, 1, false));
    };

    test("stay as they are put, and what was written since goes out by itself, as it is written", () => {
      cutOff();
      expect(lines.heard(put("My sister said"), "ann")).toBe("line_closed");
      expect(sent()).toEqual([]);
      write(1, "My sitser said n");
      expect(sent()).toEqual(["1: n"]);
      write(1, "My sitser said no ", true);
      expect(sent()).toEqual(["1 done: no "]);
      lines.heard(typed(2, "no "), "ann");
      lines.cameBack([put("My sister said"), typed(2, "no ")], end(1, 2, true));
      expect(sent()).toEqual([]);
    });

    test("stay so if that was done before their typist was back", () => {
      write(1, CUT.stable);
      sent();
      write(1, "My sister said no", true);
      expect(lines.cameBack([put("My sister said")], end(1, 1, false))).toBe("line_closed");
      expect(sent()).toEqual(["1 done: no"]);
    });

    test("are said anew as a whole where nobody can tell what of it stands", () => {
      cutOff();
      lines.heard(put("My sister"), "ann");
      write(1, "My sisterly friend said no", true);
      expect(sent()).toEqual(["1 done: My sisterly friend said no"]);
    });

    test("need nothing more if nothing more was written", () => {
      cutOff();
      lines.heard(put("My sister said"), "ann");
      write(1, CUT.stable, true);
      expect(sent()).toEqual([]);
      lines.cameBack([put("My sister said")], end(1, 1, false));
      expect(sent()).toEqual([]);
    });

    test("are not overwritten by what was on its way", () => {
      cutOff();
      write(1, "My sister said no", true);
      expect(sent()).toEqual(["correct 1 over 1: My sister said no"]);
      lines.heard(put("My sister said"), "ann");
      lines.refused(requests, "changed_meanwhile");
      expect(sent()).toEqual(["1 done: no"]);
    });

    test("are not overwritten either when the refusal was lost with the connection", () => {
      cutOff();
      write(1, "My sister said no", true);
      sent();
      expect(lines.cameBack([put("My sister said")], end(1, 1, false))).toBe("line_closed");
      expect(sent()).toEqual(["1 done: no"]);
    });

    test("are not closed by one's own words", () => {
      cutOff();
      write(1, "My sister said no", true);
      sent();
      expect(lines.heard(put("My sister said no"), "ann")).toBe("none");
      expect(lines.heard(put("My sister said: no", 3), "ann")).toBe("none");
      expect(sent()).toEqual([]);
    });

    test("are settled once both their end and a later line have arrived", () => {
      cutOff();
      write(1, "My sister said no", true);
      write(2, "Sorry", true);
      sent();
      const history = [put("My sister said: no", 3), typed(2, "Sorry")];
      expect(lines.cameBack(history, end(2, 2, true))).toBe("none");
      expect(sent()).toEqual([]);
    });
  });

  test("whose whole text was lost on its way are put right by it", () => {
    write(1, "I can");
    sent();
    write(1, "I can't speak", true);
    sent();
    lines.cameBack([typed(1, "I can")], end(1, 1, false));
    expect(sent()).toEqual(["correct 1 over 1: I can't speak"]);
  });

  test("off the record do not stand twice either, though nothing of them is kept", () => {
    writeOff(1, "one", true);
    writeOff(2, "I can");
    sent();
    writeOff(2, "I can't speak", true);
    lines.cameBack([], end(2, 2, false));
    expect(sent()).toEqual(["correct 2: I can't speak"]);
    writeOff(3, "Sorry", true);
    expect(sent()).toEqual(["3 done off: Sorry"]);
    lines.cameBack([], end(3, 3, true));
    expect(sent()).toEqual([]);
  });

  test("written off the record say so whenever they arrive", () => {
    writeOff(1, "sec");
    write(1, "secret", true);
    write(2, "begun before", true);
    write(3, "beg");
    lines.goOffRecord();
    write(3, "begun before too", true);
    write(4, "after", true);
    const all = ["1 done off: secret", "2 done off: begun before", "3 done off: begun before too"];
    expect(sent()).toEqual([...all, "4 done: after"]);
    lines.cameBack([], null);
    expect(sent()).toEqual([...all, "4 done: after"]);
  });

  test("that wait in their field keep being off the record", () => {
    for (let line = 0; line < LINES_WAITING_MAX; line += 1) write(line, "x", true);
    expect(writeOff(98, "secret")).toBe(false);
    expect(write(98, "secret, too")).toBe(false);
    sent();
    lines.cameBack([], end(LINES_WAITING_MAX - 1, 50, true));
    expect(write(98, "secret, too", true)).toBe(true);
    expect(sent()).toEqual(["98 done off: secret, too"]);
  });

  test("never put a kept caption right with what was written off the record: they are said anew", () => {
    write(1, "I can");
    sent();
    lines.cameBack([typed(1, "I can")], end(1, 1, false));
    writeOff(1, "I can't, because of him");
    expect(sent()).toEqual(["1 off: I can't, because of him"]);
    write(1, "I can't, because of him", true);
    expect(sent()).toEqual(["1 done off: I can't, because of him"]);
    lines.cameBack([typed(1, "I can")], end(1, 2, true));
    expect(sent()).toEqual([]);
  });

  test("that can't be put right any more are said anew", () => {
    write(1, "I can");
    sent();
    lines.cameBack([typed(1, "I can")], end(1, 1, false));
    write(1, "I can't", true);
    sent();
    lines.refused(requests, "not_found");
    expect(sent()).toEqual(["1 done: I can't"]);
  });

  test("that are refused are given up", () => {
    write(1, "one", true);
    sent();
    lines.refused(requests, "forbidden");
    lines.cameBack([], null);
    expect(sent()).toEqual([]);
  });

  test("that a captioner writes stand under the speaker's name", () => {
    lines.write({ line: 1, text: "Good evening", done: true, speaker: "fay", offRecord: false }, NO_CAPTIONS);
    expect(sent()).toEqual(["1 done fay: Good evening"]);
    lines.heard(typed(1, "Good evening", { participant: "fay", origin: "captioner" }), "cara");
    lines.cameBack([], null);
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
    lines.cameBack([], null);
    expect(sent()).toEqual([]);
  });
});
