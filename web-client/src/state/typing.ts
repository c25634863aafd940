// Lines that a person types, each kept until it is known to stand in the captions: over a bad connection nothing is
// lost and nothing is said twice. Pure: no clock, no network.
//
// When a connection is lost the server ends the line that was being typed as it stood. After coming back it says how
// far it had come: what did not arrive is sent again, what stands shorter than it was typed is put right. If somebody
// else has put it right meanwhile it is closed: it stays as they did, and what was written since is said anew. Of what
// was written off the record nothing is ever kept: it says so itself, whenever it arrives.

import type {
  Caption,
  CaptionId,
  ClientMessage,
  ErrorCode,
  ParticipantId,
  TypedEnd,
} from "../protocol/generated";
import { isWritten } from "./captions";
import type { Captions } from "./model";

/** More lines than this don't wait for a connection: a further one is not taken. */
export const LINES_WAITING_MAX = 50;

/** A line as it stands; `speaker` for captioners: whose words these are. */
export interface TypedLine {
  readonly line: number;
  readonly text: string;
  readonly done: boolean;
  readonly speaker?: ParticipantId;
  /** Some of it was written while the group was off the record. */
  readonly offRecord: boolean;
}

export type TypingOrder = Extract<ClientMessage, { type: "type" | "correct" }>;

/** What has happened to a line of one's own: somebody else put it right while one still wrote it. */
export type TypingNews = "none" | "line_closed";

/** The caption as which the server has ended a line before it was done. */
interface Standing {
  readonly id: CaptionId;
  /** As everybody keeps it; null if it began off the record. */
  readonly kept: Pick<Caption, "revision" | "stable"> | null;
}

interface Written extends TypedLine {
  /** How much of it has ever gone out. */
  readonly gone: "nothing" | "part" | "whole";
  /** Whether it has gone out over this connection as it is now. */
  readonly isSent: boolean;
  readonly standing: Standing | null;
  /** What of it others have put right, as it was and as it is now: not said again. */
  readonly closed: readonly string[];
  readonly request: number | null;
}

export class TypedLines {
  #lines: readonly Written[] = [];
  /** Captions of written lines up to this number are known: a later line is none of them. */
  #knownUpTo = 0;
  /** The line that was not taken, and is still to come. */
  #outside: Pick<Written, "line" | "offRecord"> | null = null;

  /** Takes over how a line stands now. False if too many wait already: this one is not taken. */
  write(typed: TypedLine, { history, open }: Captions): boolean {
    const known = this.#lines.find(({ line }) => line === typed.line);
    if (known !== undefined) {
      this.#replace({ ...known, ...typed, isSent: false, offRecord: known.offRecord || typed.offRecord });
      return true;
    }
    const outside = this.#outside?.line === typed.line ? this.#outside : null;
    const isSecret = typed.offRecord || outside?.offRecord === true;
    if (this.#lines.length >= LINES_WAITING_MAX) {
      this.#outside = { line: typed.line, offRecord: isSecret };
      return false;
    }
    // Alone, it is none of those that stand already; of several that wait, each comes after the one before.
    if (this.#lines.length === 0) this.#know(...[...history, ...open].filter(isWritten).map(({ id }) => id));
    const fresh = { gone: "nothing", isSent: false, standing: null, closed: [], request: null } as const;
    this.#lines = [...this.#lines, { ...typed, ...fresh, offRecord: isSecret }];
    return true;
  }

  /** The group is off the record: what one had begun to write belongs to it. */
  goOffRecord(): void {
    this.#lines = this.#lines.map((line) => ({ ...line, offRecord: true }));
    if (this.#outside !== null) this.#outside = { ...this.#outside, offRecord: true };
  }

  /** Sends what has not gone out yet; `send` says under which number, or null if it could not. */
  flush(send: (order: TypingOrder) => number | null): void {
    for (const unsent of this.#lines.filter(({ isSent }) => !isSent)) {
      const line = saidAnewIfSecret(unsent);
      // All that was written stands, put right by others.
      if (line.done && line.gone === "nothing" && line.closed.length > 0 && wordsOf(line) === "") {
        this.#remove(line);
        continue;
      }
      const order = orderOf(line);
      // What others have read up to here is put right when it is done, and not at every letter.
      if (order === null) continue;
      const request = send(order);
      if (request === null) return;
      this.#replace({ ...line, gone: line.done ? "whole" : "part", isSent: true, request });
      // Nothing stands of it that would come back.
      if (line.done && wordsOf(line).trim() === "") this.#remove(line);
    }
  }

  /** A caption has come: perhaps a line of one's own, which stands now. */
  heard(caption: Caption, self: ParticipantId | null): TypingNews {
    const line = this.#lines.find((one) => one.done && this.#isOf(one, caption, self));
    if (line !== undefined) {
      this.#know(caption.id);
      this.#remove(line);
      return "none";
    }
    const cut = this.#lines.find(({ standing }) => standing !== null && isCorrectionOf(caption, standing));
    if (cut === undefined) return "none";
    this.#replace(closedBy(cut, caption));
    return "line_closed";
  }

  /** The connection is another one; this was said, and this is the line of one's own that ended last. */
  cameBack(history: readonly Caption[], ended: TypedEnd | null): TypingNews {
    // Where the server knows of nothing new, none of these has arrived.
    const news = ended !== null && ended.id.number > this.#knownUpTo ? ended : null;
    let isClosed = false;
    for (const line of this.#lines) {
      const after = afterComingBack(line, history, ended, news);
      if (after === null) this.#remove(line);
      else this.#replace(after);
      isClosed ||= after !== null && after.closed !== line.closed;
    }
    if (news !== null) this.#know(news.id);
    return isClosed ? "line_closed" : "none";
  }

  /** An order was refused. What can't be put right any more is said anew; a line that may not be is given up. */
  refused(request: number, code: ErrorCode): void {
    const line = this.#lines.find((one) => one.request === request);
    if (line === undefined) return;
    // Closed by others: their caption has come, or is about to, and what is left goes out with it.
    if (code === "changed_meanwhile") return;
    if (code === "not_found" && line.standing !== null) {
      this.#replace({ ...line, gone: "nothing", isSent: false, standing: null, request: null });
    } else if (line.done) {
      this.#remove(line);
    }
  }

  clear(): void {
    this.#lines = [];
    this.#outside = null;
  }

  /** Whether a caption is this line, whole. */
  #isOf(line: Written, caption: Caption, self: ParticipantId | null): boolean {
    if (caption.status !== "final" || !isSameText(wordsOf(line), caption.stable)) return false;
    if (line.standing !== null) return isSameId(caption.id, line.standing.id);
    const origin = line.speaker === undefined ? "typed" : "captioner";
    const isWriter = caption.origin === origin && caption.participant === (line.speaker ?? self);
    return isWriter && caption.id.number > this.#knownUpTo;
  }

  #know(...ids: readonly CaptionId[]): void {
    this.#knownUpTo = Math.max(this.#knownUpTo, ...ids.map(({ number }) => number));
  }

  #replace(by: Written): void {
    this.#lines = this.#lines.map((one) => (one.line === by.line ? by : one));
  }

  #remove({ line }: Written): void {
    this.#lines = this.#lines.filter((one) => one.line !== line);
  }
}

/**
 * What is left to do of a line, null if nothing, on another connection. `ended` is the line of one's own that ended
 * last, `news` the same if its caption was not known before: lines go out in their order, so those before it ended too.
 */
function afterComingBack(
  line: Written,
  history: readonly Caption[],
  ended: TypedEnd | null,
  news: TypedEnd | null,
): Written | null {
  const again: Written = { ...line, isSent: false };
  const isPassed = news !== null && news.line > line.line;
  const { standing } = line;
  if (standing === null) {
    if (line.gone === "whole" && (isPassed || (news?.line === line.line && news.done))) return null;
    if (line.gone === "nothing" || news?.line !== line.line) return again;
    const caption = history.find(({ id }) => isSameId(id, news.id));
    if (line.done && caption !== undefined && isSameText(caption.stable, wordsOf(line))) return null;
    if (caption?.corrected === true) return closedBy(again, caption);
    return { ...again, gone: "part", standing: { id: news.id, kept: caption ?? null } };
  }
  const caption = history.find(({ id }) => isSameId(id, standing.id));
  if (line.done && caption !== undefined && isSameText(caption.stable, wordsOf(line))) return null;
  const isCorrected = caption !== undefined && isCorrectionOf(caption, standing);
  if (line.gone !== "whole") return isCorrected ? closedBy(again, caption) : again;
  const isAccepted = ended !== null && isSameId(ended.id, standing.id) && ended.done;
  // If it was accepted, whoever changed it since had it before them.
  if (isAccepted || (isPassed && (caption === undefined || isCorrected))) return null;
  return isCorrected ? closedBy(again, caption) : again;
}

/** Whether somebody else has put a line right that was cut off. */
function isCorrectionOf({ id, revision }: Caption, { id: cut, kept }: Standing): boolean {
  return kept !== null && isSameId(id, cut) && revision > kept.revision;
}

/** Others put right what stood of a line: it stays so. What was written since begins anew. */
function closedBy(line: Written, { stable }: Caption): Written {
  const stood = line.standing?.kept?.stable ?? "";
  const closed = [stable, stood].map((text) => text.trim()).filter((text) => text !== "");
  return { ...line, gone: "nothing", isSent: false, standing: null, closed, request: null };
}

/** What of a line is to be said: all of it, or what follows that which others have put right. */
function wordsOf({ text, closed }: Written): string {
  const ends = closed
    .filter((stands) => text.trimStart().startsWith(stands))
    .map((stands) => text.trimStart().slice(stands.length))
    // Not from the middle of a word.
    .filter((rest) => rest === "" || /^\s/.test(rest));
  const rest = ends.sort((a, b) => a.length - b.length)[0];
  return rest === undefined ? text : rest.trimStart();
}

/** A caption that everybody keeps is not put right with words that nobody is to keep. */
function saidAnewIfSecret(line: Written): Written {
  const isKept = line.standing !== null && line.standing.kept !== null;
  return line.offRecord && isKept ? { ...line, standing: null, gone: "nothing" } : line;
}

/** What is to be sent of a line; null while that is nothing. */
function orderOf(written: Written): TypingOrder | null {
  const { line, done, speaker, offRecord, standing, gone } = written;
  const text = wordsOf(written);
  if (standing !== null) {
    if (!done) return null;
    const over = standing.kept === null ? {} : { over: standing.kept.revision };
    return { type: "correct", id: standing.id, text: text.trim(), ...over };
  }
  if (written.closed.length > 0 && gone === "nothing" && text === "") return null;
  return {
    type: "type",
    line,
    text,
    done,
    ...(speaker === undefined ? {} : { speaker }),
    ...(offRecord ? { off_record: true } : {}),
  };
}

function isSameId(a: CaptionId, b: CaptionId): boolean {
  return a.number === b.number && a.epoch === b.epoch;
}

/** The server puts spaces in place of tabs and their like. */
function isSameText(a: string, b: string): boolean {
  const plain = (text: string): string => text.replace(/\p{Cc}/gu, " ").trim();
  return plain(a) === plain(b);
}
