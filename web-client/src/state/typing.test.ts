import { beforeEach, describe, expect, test } from "vitest";
import { TYPED_ENDS_MAX, type TypedEnd } from "../protocol/generated";
import { typed } from "../protocol/samples";
import { LINES_WAITING_MAX, TypedLines, type TypingOrder } from "./typing";

// The server's word on a line of one's own.

function done(line: number, number: number): TypedEnd {
  return { line, id: { epoch: 0, number }, fate: { kind: "done" } };
}

/** It ended as it stood, and everybody keeps it. */
function cut(line: number, number: number, text: string): TypedEnd {
  return { line, id: { epoch: 0, number }, fate: { kind: "cut", text, revision: 1 } };
}

function unkept(line: number, number: number): TypedEnd {
  return { line, id: { epoch: 0, number }, fate: { kind: "unkept" } };
}

/** It ended as it stood, and somebody else has put it right since. */
function changed(line: number, number: number, text: string): TypedEnd {
  return { line, id: { epoch: 0, number }, fate: { kind: "changed", text } };
}

describe("typed lines", () => {
  let lines: TypedLines;
  let requests: number;

  beforeEach(() => {
    lines = new TypedLines();
    requests = 0;
  });

  const write = (line: number, text: string, isDone = false, offRecord = false): boolean =>
    lines.write({ line, text, done: isDone, offRecord });
  const writeOff = (line: number, text: string, isDone = false): boolean => write(line, text, isDone, true);
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
    lines.cameBack([], []);
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
    lines.cameBack([], [done(1, 1), done(2, 2), done(3, 3)]);
    expect(sent()).toEqual(["4 done: five"]);
  });

  test("with the same words are told apart", () => {
    write(1, "yes", true);
    write(2, "yes", true);
    sent();
    lines.cameBack([typed(1, "yes")], [done(1, 1)]);
    expect(sent()).toEqual(["2 done: yes"]);
    // An earlier one comes to say the same.
    lines.heard(typed(1, "yes", { corrected: true, revision: 2 }), "ann");
    lines.cameBack([], [done(1, 1)]);
    expect(sent()).toEqual(["2 done: yes"]);
    lines.cameBack([], [done(1, 1), done(2, 3)]);
    expect(sent()).toEqual([]);
  });

  test("of another device of one's own are not theirs", () => {
    write(1, "one", true);
    sent();
    lines.cameBack([typed(1, "one")], [done(9, 1)]);
    expect(sent()).toEqual(["1 done: one"]);
  });

  test("of somebody else are somebody else's", () => {
    write(1, "yes", true);
    sent();
    lines.heard(typed(1, "yes", { participant: "ben" }), "ann");
    lines.heard(typed(2, "yes", { origin: "captioner" }), "ann");
    lines.cameBack([], []);
    expect(sent()).toEqual(["1 done: yes"]);
  });

  test("that have not gone out yet do not stand", () => {
    write(1, "yes", true);
    lines.heard(typed(1, "yes"), "ann");
    expect(sent()).toEqual(["1 done: yes"]);
  });

  test("that the server ended too early are put right when they are done", () => {
    write(1, "I");
    sent();
    write(1, "I can");
    sent();
    write(1, "I can't");
    lines.cameBack([], [cut(1, 1, "I can")]);
    expect(sent()).toEqual([]);
    write(1, "I can't speak");
    expect(sent()).toEqual([]);
    write(1, "I can't speak ", true);
    expect(sent()).toEqual(["correct 1 over 1: I can't speak"]);
    lines.cameBack([], [cut(1, 1, "I can")]);
    expect(sent()).toEqual(["correct 1 over 1: I can't speak"]);
    lines.cameBack([], [done(1, 1)]);
    expect(sent()).toEqual([]);
  });

  test("that the server ended as they were need nothing, whenever they are done", () => {
    write(1, "I\tcan't");
    sent();
    write(1, "I\tcan't ", true);
    write(2, "Yes");
    lines.cameBack([], [cut(1, 1, "I can't")]);
    expect(sent()).toEqual(["2: Yes"]);
    lines.cameBack([], [cut(1, 1, "I can't"), cut(2, 2, "Yes")]);
    write(2, "Yes", true);
    expect(sent()).toEqual([]);
    lines.cameBack([], [cut(2, 2, "Yes")]);
    expect(sent()).toEqual([]);
  });

  describe("that others put right while they are still written", () => {
    const CUT = "My sitser said";
    const put = (text: string, revision = 2) => typed(1, text, { corrected: true, revision });
    /** A line that was cut off by a lost connection, and whose typist is back. */
    const cutOff = (text = CUT): void => {
      write(1, text);
      sent();
      lines.cameBack([], [cut(1, 1, text)]);
    };
    /** The same, but somebody was faster. */
    const changedMeanwhile = (stood: string, now: string): void => {
      const history = now === "" ? [] : [put(now)];
      expect(lines.cameBack(history, [changed(1, 1, stood)])).toBe("line_closed");
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
      lines.cameBack([put("My sister said"), typed(2, "no ")], [done(1, 2)]);
      expect(sent()).toEqual([]);
    });

    test("stay so if that was done before their typist was back: nothing of them is repeated", () => {
      write(1, "My sitser");
      sent();
      changedMeanwhile("My sitser", "My sister");
      expect(sent()).toEqual([]);
      write(1, "My sitser said");
      expect(sent()).toEqual(["1: said"]);
      write(1, "My sitser said no", true);
      expect(sent()).toEqual(["1 done: said no"]);
    });

    test("stay so if they ended meanwhile", () => {
      write(1, "My sitser");
      sent();
      write(1, "My sitser", true);
      changedMeanwhile("My sitser", "My sister");
      expect(sent()).toEqual([]);
      lines.cameBack([], []);
      expect(sent()).toEqual([]);
    });

    test("lose nothing of what had not arrived when they were cut", () => {
      write(1, "My sitser");
      sent();
      write(1, "My sitser said no");
      sent();
      changedMeanwhile("My sitser", "My sister");
      expect(sent()).toEqual(["1: said no"]);
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
      lines.heard(put("My sister said"), "ann");
      write(1, text);
      expect(sent()).toEqual(rest === null ? [] : [`1: ${rest}`]);
    });

    test.each([
      ["我今天有点类", "我今天有点累", "我今天有点类，想先听听", "，想先听听"],
      ["今日はすこし疲", "今日は少し疲れ", "今日はすこし疲れました", "ました"],
      ["วันนี้ฉันเหนือย", "วันนี้ฉันเหนื่อย", "วันนี้ฉันเหนือยมาก", "มาก"],
    ])("go on where nothing stands between words: %s", (stood, now, text, end) => {
      cutOff(stood);
      lines.heard(put(now), "ann");
      expect(sent()).toEqual([]);
      write(1, text);
      const [order, ...others] = sent();
      expect(others).toEqual([]);
      expect(order?.endsWith(end)).toBe(true);
      expect(order?.includes(stood.slice(0, 3))).toBe(false);
    });

    test("go on with what is new, whatever the server made of a tab", () => {
      write(1, "My\tsitser");
      sent();
      changedMeanwhile("My sitser", "My sister");
      expect(sent()).toEqual([]);
      write(1, "My\tsitser said", true);
      expect(sent()).toEqual(["1 done: said"]);
    });

    test("go on with the word at which they part from both", () => {
      cutOff();
      lines.heard(put("My sister"), "ann");
      write(1, "My sisterly friend said no", true);
      expect(sent()).toEqual(["1 done: sisterly friend said no"]);
    });

    test("blank what they had gone on with, if that is deleted, and leave nothing", () => {
      cutOff();
      lines.heard(put("My sister said"), "ann");
      write(1, "My sitser said n");
      sent();
      write(1, "My sitser sa");
      expect(sent()).toEqual(["1: "]);
      write(1, "My sitser sa", true);
      expect(sent()).toEqual(["1 done: "]);
      lines.cameBack([], [done(1, 2)]);
      expect(sent()).toEqual([]);
    });

    test("need nothing more if nothing more was written", () => {
      cutOff();
      lines.heard(put("My sister said"), "ann");
      write(1, CUT, true);
      expect(sent()).toEqual([]);
      lines.cameBack([], [changed(1, 1, CUT)]);
      expect(sent()).toEqual([]);
    });

    test("are not overwritten by what was on its way", () => {
      cutOff();
      write(1, "My sitser said no", true);
      expect(sent()).toEqual(["correct 1 over 1: My sitser said no"]);
      lines.heard(put("My sister said"), "ann");
      lines.refused(requests, "changed_meanwhile");
      expect(sent()).toEqual(["1 done: no"]);
    });

    test("are not overwritten either when the refusal was lost with the connection", () => {
      cutOff();
      write(1, "My sitser said no", true);
      sent();
      changedMeanwhile(CUT, "My sister said");
      expect(sent()).toEqual(["1 done: no"]);
    });

    test("lose nothing when the refusal was lost and a later line had arrived", () => {
      cutOff();
      write(1, "My sitser said no", true);
      write(2, "Sorry", true);
      sent();
      const history = [put("My sister said"), typed(2, "Sorry")];
      expect(lines.cameBack(history, [changed(1, 1, CUT), done(2, 2)])).toBe("line_closed");
      expect(sent()).toEqual(["1 done: no"]);
      lines.cameBack(history, [changed(1, 1, CUT), done(2, 2)]);
      expect(sent()).toEqual(["1 done: no"]);
      lines.cameBack([...history, typed(3, "no")], [done(2, 2), done(1, 3)]);
      expect(sent()).toEqual([]);
    });

    test("are not closed by one's own words", () => {
      cutOff();
      write(1, "My sister said no", true);
      sent();
      expect(lines.heard(put("My sister said no"), "ann")).toBe("none");
      expect(lines.heard(put("My sister said: no", 3), "ann")).toBe("none");
      expect(sent()).toEqual([]);
    });

    test("are settled once their end was taken, whoever changed it since", () => {
      cutOff();
      write(1, "My sister said no", true);
      write(2, "Sorry", true);
      sent();
      const history = [put("My sister said: no", 3), typed(2, "Sorry")];
      expect(lines.cameBack(history, [done(1, 1), done(2, 2)])).toBe("none");
      expect(sent()).toEqual([]);
    });

    test("stay taken back, and only what was written since goes out", () => {
      write(1, "My sitser");
      sent();
      changedMeanwhile("My sitser", "");
      expect(sent()).toEqual([]);
      write(1, "My sitser said no", true);
      expect(sent()).toEqual(["1 done: said no"]);
    });

    test("stay taken back though their end was on its way", () => {
      cutOff();
      write(1, "My sitser said no", true);
      sent();
      expect(lines.heard(put(""), "ann")).toBe("line_closed");
      lines.refused(requests, "not_found");
      expect(sent()).toEqual(["1 done: no"]);
    });

    test("may be cut again in what they went on with, and be put right again", () => {
      cutOff();
      lines.heard(put("My sister said"), "ann");
      write(1, "My sitser said noo");
      expect(sent()).toEqual(["1: noo"]);
      lines.cameBack([put("My sister said")], [cut(1, 2, "noo")]);
      write(1, "My sitser said noo to");
      expect(sent()).toEqual([]);
      const no = typed(2, "no", { corrected: true, revision: 2 });
      expect(lines.heard(no, "ann")).toBe("line_closed");
      expect(sent()).toEqual(["1: to"]);
      write(1, "My sitser said noo to me", true);
      lines.cameBack([put("My sister said"), no], [cut(1, 3, "to")]);
      expect(sent()).toEqual(["correct 3 over 1: to me"]);
    });

    test("may be put right by their typist elsewhere: nobody is told of somebody else", () => {
      cutOff();
      lines.correcting({ epoch: 0, number: 1 }, "My sister said");
      expect(lines.heard(put("My sister said"), "ann")).toBe("none");
      write(1, "My sitser said no", true);
      expect(sent()).toEqual(["1 done: no"]);
      // The server counts that as their end.
      lines.cameBack([put("My sister said")], [done(1, 1)]);
      expect(sent()).toEqual(["1 done: no"]);
    });

    test("may be put right from another page of their typist's", () => {
      cutOff();
      lines.cameBack([put("My sister said")], [done(1, 1)]);
      write(1, "My sister said no", true);
      expect(sent()).toEqual(["1 done: no"]);
    });
  });

  test("whose whole text was lost on its way are put right by it", () => {
    write(1, "I can");
    sent();
    write(1, "I can't speak", true);
    sent();
    lines.cameBack([], [cut(1, 1, "I can")]);
    expect(sent()).toEqual(["correct 1 over 1: I can't speak"]);
  });

  test("off the record do not stand twice either, though nothing of them is kept", () => {
    writeOff(1, "one", true);
    writeOff(2, "I can");
    sent();
    writeOff(2, "I can't speak", true);
    lines.cameBack([], [done(1, 1), unkept(2, 2)]);
    expect(sent()).toEqual(["correct 2: I can't speak"]);
    writeOff(3, "Sorry", true);
    expect(sent()).toEqual(["3 done off: Sorry"]);
    lines.cameBack([], [done(1, 1), done(2, 2), done(3, 3)]);
    expect(sent()).toEqual([]);
  });

  test("off the record that the server has forgotten are said anew", () => {
    writeOff(1, "I can");
    sent();
    lines.cameBack([], [unkept(1, 1)]);
    writeOff(1, "I can't speak", true);
    sent();
    lines.refused(requests, "not_found");
    expect(sent()).toEqual(["1 done off: I can't speak"]);
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
    lines.cameBack([], []);
    expect(sent()).toEqual([...all, "4 done: after"]);
  });

  test("that wait in their field keep being off the record", () => {
    for (let line = 0; line < LINES_WAITING_MAX; line += 1) write(line, "x", true);
    expect(writeOff(98, "secret")).toBe(false);
    expect(write(98, "secret, too")).toBe(false);
    sent();
    const ends = Array.from({ length: LINES_WAITING_MAX }, (_, line) => done(line, line));
    lines.cameBack([], ends);
    expect(write(98, "secret, too", true)).toBe(true);
    expect(sent()).toEqual(["98 done off: secret, too"]);
  });

  test("never put a kept caption right with what was written off the record: that follows by itself", () => {
    write(1, "I can");
    sent();
    lines.cameBack([], [cut(1, 1, "I can")]);
    writeOff(1, "I can say because of him");
    expect(sent()).toEqual(["1 off: say because of him"]);
    write(1, "I can say because of him", true);
    expect(sent()).toEqual(["1 done off: say because of him"]);
    lines.cameBack([], [done(1, 2)]);
    expect(sent()).toEqual([]);
  });

  test("that ended as they were before the group went off the record need nothing", () => {
    write(1, "I can");
    sent();
    lines.goOffRecord();
    lines.cameBack([], [cut(1, 1, "I can")]);
    write(1, "I can", true);
    expect(sent()).toEqual([]);
  });

  test("that are too old to be put right stay, and what was written since follows", () => {
    write(1, "I can");
    sent();
    lines.cameBack([], [cut(1, 1, "I can")]);
    write(1, "I can speak", true);
    sent();
    lines.refused(requests, "not_found");
    expect(sent()).toEqual(["1 done: speak"]);
  });

  test("that are refused are given up", () => {
    write(1, "one", true);
    sent();
    lines.refused(requests, "forbidden");
    lines.cameBack([], []);
    expect(sent()).toEqual([]);
  });

  test("that a captioner writes stand under the speaker's name", () => {
    lines.write({ line: 1, text: "Good evening", done: true, speaker: "fay", offRecord: false });
    expect(sent()).toEqual(["1 done fay: Good evening"]);
    lines.heard(typed(1, "Good evening", { participant: "fay", origin: "captioner" }), "cara");
    lines.cameBack([], []);
    expect(sent()).toEqual([]);
  });

  test("wait in a bounded number, and the next one is not taken", () => {
    for (let line = 0; line < LINES_WAITING_MAX; line += 1) expect(write(line, "x", true)).toBe(true);
    expect(write(LINES_WAITING_MAX, "y")).toBe(false);
    expect(sent()).toHaveLength(LINES_WAITING_MAX);
    // Of all that may wait, the server knows what became of them.
    expect(LINES_WAITING_MAX).toBeLessThan(TYPED_ENDS_MAX);
  });

  test("that became empty leave nothing to come back", () => {
    write(1, "I");
    sent();
    write(1, "", true);
    expect(sent()).toEqual(["1 done: "]);
    lines.cameBack([], []);
    expect(sent()).toEqual([]);
  });
});
