// A typist's lines as tests of them see them, and the server's word on each.

import type { TypedEnd } from "../protocol/generated";
import { TypedLines, type TypingOrder } from "./typing";

export function done(line: number, number: number): TypedEnd {
  return { line, id: { epoch: 0, number }, fate: { kind: "done" } };
}

/** It ended as it stood, and everybody keeps it. */
export function cut(line: number, number: number, text: string): TypedEnd {
  return { line, id: { epoch: 0, number }, fate: { kind: "cut", text, revision: 1 } };
}

export function unkept(line: number, number: number): TypedEnd {
  return { line, id: { epoch: 0, number }, fate: { kind: "unkept" } };
}

/** It ended as it stood, and its typist has put it right. */
export function mended(line: number, number: number, text: string, to: string): TypedEnd {
  return { line, id: { epoch: 0, number }, fate: { kind: "mended", text, to } };
}

/** It ended as it stood, and somebody else has put it right since. */
export function changed(line: number, number: number, text: string): TypedEnd {
  return { line, id: { epoch: 0, number }, fate: { kind: "changed", text } };
}

/** Ann types; a number counts what has gone out. */
export class Typist {
  readonly lines = new TypedLines();
  requests = 0;

  write(line: number, text: string, isDone = false, offRecord = false): boolean {
    return this.lines.write({ line, text, done: isDone, offRecord });
  }

  writeOff(line: number, text: string, isDone = false): boolean {
    return this.write(line, text, isDone, true);
  }

  /** What goes out over a connection. */
  sent(): string[] {
    const orders: TypingOrder[] = [];
    this.lines.flush((order) => {
      orders.push(order);
      this.requests += 1;
      return this.requests;
    });
    return orders.map((order) =>
      order.type === "correct"
        ? `correct ${order.id.number}${order.over === undefined ? "" : ` over ${order.over}`}: ${order.text}`
        : `${order.line}${order.done ? " done" : ""}${order.off_record === true ? " off" : ""}${order.speaker === undefined ? "" : ` ${order.speaker}`}: ${order.text}`,
    );
  }
}
