// Lines that a person types, each kept until it is known to stand in the captions: over a bad connection nothing is
// lost and nothing is said twice. Pure: no clock, no network.
//
// When a connection is lost the server ends the line that was being typed as it stood. After coming back the captions
// tell how far each line had come: what did not arrive is sent again, what stands shorter than it was typed is put
// right.

import type { Caption, CaptionId, ClientMessage, ErrorCode, ParticipantId } from "../protocol/generated";
import { isWritten } from "./captions";
import type { Captions } from "./model";

/** More lines than this don't wait for a connection: a further one is not taken. */
export const LINES_WAITING_MAX = 50;
/** As many of a line's last revisions are remembered: the server may have stopped at any of them. */
const REVISIONS_MAX = 100;

/** A line as it stands; `speaker` for captioners: whose words these are. */
export interface TypedLine {
  readonly line: number;
  readonly text: string;
  readonly done: boolean;
  readonly speaker?: ParticipantId;
}

export type TypingOrder = Extract<ClientMessage, { type: "type" | "correct" }>;

interface Written extends TypedLine {
  /** What of it has gone out, oldest first. */
  readonly sent: readonly string[];
  readonly isSent: boolean;
  /** The caption as which the server has ended it, before it was done. */
  readonly standing: CaptionId | null;
  readonly request: number | null;
}

export class TypedLines {
  #lines: readonly Written[] = [];
  /** Captions of written lines up to this number are known: a later line is none of them. */
  #knownUpTo = 0;

  /** Takes over how a line stands now. False if too many wait already: this one is not taken. */
  write(typed: TypedLine, { history, open }: Captions): boolean {
    const known = this.#lines.find(({ line }) => line === typed.line);
    if (known === undefined) {
      if (this.#lines.length >= LINES_WAITING_MAX) return false;
      // Alone, it is none of those that stand already; of several that wait, each comes after the one before.
      if (this.#lines.length === 0) {
        const numbers = [...history, ...open].filter(isWritten).map(({ id }) => id.number);
        this.#knownUpTo = Math.max(this.#knownUpTo, ...numbers);
      }
      const fresh = { ...typed, sent: [], isSent: false, standing: null, request: null };
      this.#lines = [...this.#lines, fresh];
    } else {
      this.#replace(known, { ...known, ...typed, isSent: false });
    }
    return true;
  }

  /** Sends what has not gone out yet; `send` says under which number, or null if it could not. */
  flush(send: (order: TypingOrder) => number | null): void {
    for (const line of this.#lines.filter(({ isSent }) => !isSent)) {
      const order = orderOf(line);
      // What others have read up to here is put right when it is done, and not at every letter.
      if (order === null) continue;
      const request = send(order);
      if (request === null) return;
      const sent = [...line.sent, line.text].slice(-REVISIONS_MAX);
      this.#replace(line, { ...line, sent, isSent: true, request });
      // Nothing stands of it that would come back.
      if (line.done && line.text.trim() === "") this.#remove(line.line);
    }
  }

  /** A caption has come: perhaps a line of one's own, which stands now. */
  heard(caption: Caption, self: ParticipantId | null): void {
    const line = this.#lines.find((one) => one.done && this.#isOf(one, caption, self, [one.text]));
    if (line === undefined) return;
    this.#know(caption.id);
    this.#remove(line.line);
  }

  /** The connection is another one, and this is what was said. */
  cameBack(history: readonly Caption[], self: ParticipantId | null): void {
    for (const line of this.#lines) {
      const ended = history.find((caption) => this.#isOf(line, caption, self, line.sent));
      if (ended === undefined) {
        this.#replace(line, { ...line, isSent: false });
        continue;
      }
      this.#know(ended.id);
      if (line.done && isSame(ended.stable, line.text)) this.#remove(line.line);
      else this.#replace(line, { ...line, isSent: false, standing: ended.id });
    }
  }

  /** An order was refused. What can't be put right any more is said anew; a line that may not be is given up. */
  refused(request: number, code: ErrorCode): void {
    const line = this.#lines.find((one) => one.request === request);
    if (line === undefined) return;
    if (code === "not_found" && line.standing !== null) {
      this.#replace(line, { ...line, sent: [], isSent: false, standing: null, request: null });
    } else if (line.done) {
      this.#remove(line.line);
    }
  }

  clear(): void {
    this.#lines = [];
  }

  /** Whether a caption is this line, ended at one of these texts. */
  #isOf(line: Written, caption: Caption, self: ParticipantId | null, texts: readonly string[]): boolean {
    if (caption.status !== "final") return false;
    if (line.standing !== null) {
      const isIt = caption.id.number === line.standing.number && caption.id.epoch === line.standing.epoch;
      return isIt && texts.some((text) => isSame(text, caption.stable));
    }
    const origin = line.speaker === undefined ? "typed" : "captioner";
    return (
      caption.origin === origin &&
      caption.participant === (line.speaker ?? self) &&
      caption.id.number > this.#knownUpTo &&
      texts.some((text) => isSame(text, caption.stable))
    );
  }

  #know({ number }: CaptionId): void {
    this.#knownUpTo = Math.max(this.#knownUpTo, number);
  }

  #replace(line: Written, by: Written): void {
    this.#lines = this.#lines.map((one) => (one.line === line.line ? by : one));
  }

  #remove(line: number): void {
    this.#lines = this.#lines.filter((one) => one.line !== line);
  }
}

/** What is to be sent of a line; null while that is nothing. */
function orderOf({ line, text, done, speaker, standing }: Written): TypingOrder | null {
  if (standing !== null) return done ? { type: "correct", id: standing, text: text.trim() } : null;
  const typed = { type: "type", line, text, done } as const;
  return speaker === undefined ? typed : { ...typed, speaker };
}

/** The server puts spaces in place of tabs and their like. */
function isSame(a: string, b: string): boolean {
  const plain = (text: string): string => text.replace(/\p{Cc}/gu, " ").trim();
  return plain(a) === plain(b);
}
