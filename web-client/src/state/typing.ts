// Lines that a person types, each kept until it is known to stand in the captions: over a bad connection nothing is
// lost and nothing is said twice. Pure: no clock, no network.
//
// When a connection is lost the server ends the line that was being typed as it stood. Whoever comes back is told what
// became of each of their lines, and so each is in one of three ways:
//
//   unknown  the server knows nothing of it: all of it goes out
//   cut      it ended as it stood: its end puts that right
//   closed   what stood is no longer its typist's to end, most often since somebody else has put it right: it stays as
//            it is, and what was written beyond it goes out as a line of its own, which may be cut in turn
//
// Of what was written off the record nothing is ever kept: it says so itself, whenever it arrives.

import { isPassing } from "../protocol/connection";
import type {
  Caption,
  CaptionId,
  ClientMessage,
  ErrorCode,
  ParticipantId,
  TypedEnd,
} from "../protocol/generated";
import { beyond, isBeginning, isSameText } from "./beyond";

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

/** What comes of a refusal. */
export type Refused =
  /** It is to be sent again after a pause. */
  | { readonly kind: "for_now" }
  /** It has gone out newer already. */
  | { readonly kind: "superseded" }
  /** It never will stand; `lost`: a whole line of which that is true, for its writer to have back. */
  | { readonly kind: "for_good"; readonly lost: Pick<TypedLine, "text" | "offRecord"> | null };

/** The caption as which the server has ended a line before it was done. */
interface Cut {
  readonly id: CaptionId;
  /** What everybody keeps of it; null off the record. */
  readonly kept: { readonly text: string; readonly revision: number } | null;
  /** Its typist puts it right beside the line, and has no answer yet: until then nothing follows. */
  readonly beside: { readonly text: string; readonly request: number } | null;
}

/** A caption that is a beginning of a line, and not its typist's to end any more. */
interface Closed {
  readonly id: CaptionId;
  /** As it stood, and as others made it: what of the line agrees with either is said already. */
  readonly texts: readonly string[];
}

interface Written extends TypedLine {
  /** Whether it has gone out over this connection as it is now. */
  readonly isSent: boolean;
  /** Whether any of what is to be said has ever gone out: there may be something to blank. */
  readonly isBegun: boolean;
  readonly cut: Cut | null;
  readonly closed: readonly Closed[];
  readonly request: number | null;
}

const NOTHING_LOST: Refused = { kind: "for_good", lost: null };

const FRESH = { isSent: false, isBegun: false, cut: null, request: null } as const;

export class TypedLines {
  #lines: readonly Written[] = [];
  /** The line that was not taken, and is still to come. */
  #outside: Pick<Written, "line" | "offRecord"> | null = null;

  /** Takes over how a line stands now. False if too many wait already: this one is not taken. */
  write(typed: TypedLine): boolean {
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
    this.#lines = [...this.#lines, { ...typed, ...FRESH, closed: [], offRecord: isSecret }];
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
      if (hasBeside(unsent)) continue;
      const line = closedIfSecret(unsent);
      if (isSettled(line)) {
        this.#remove(line);
        continue;
      }
      const order = orderOf(line);
      if (order === null) continue;
      const request = send(order);
      if (request === null) return;
      this.#replace({ ...line, isSent: true, isBegun: true, request });
    }
  }

  /** A caption has come: perhaps a line of one's own, which stands now. */
  heard(caption: Caption, self: ParticipantId | null): TypingNews {
    const line = this.#lines.find((one) => isEndOf(one, caption, self));
    if (line !== undefined) {
      this.#settle(line);
      return "none";
    }
    const changed = this.#lines.find((one) => isChangeOf(one, caption));
    if (changed === undefined) return "none";
    this.#close(changed, caption.stable);
    const beside = changed.cut?.beside?.text;
    return beside !== undefined && isSameText(beside, caption.stable) ? "none" : "line_closed";
  }

  /**
   * One has asked to put a caption right oneself, beside the line: if it is one that was cut, the line waits for what
   * comes of that.
   */
  correcting(id: CaptionId, text: string, request: number): void {
    // A line that has ended was there first.
    const line = this.#lines.find((one) => !(one.done && one.isSent) && isSameId(one.cut?.id, id));
    if (line !== undefined) this.#replace(withBeside(line, { text, request }));
  }

  /** The connection is another one: this was said, and this has become of what one typed. */
  cameBack(history: readonly Caption[], ends: readonly TypedEnd[]): TypingNews {
    let news: TypingNews = "none";
    for (const known of this.#lines) {
      const line = { ...withBeside(known, null), isSent: false, request: null };
      this.#replace(line);
      const end = ends.find((one) => one.line === line.line);
      // Of what is beyond it, nothing is known.
      if (end === undefined || line.closed.some(({ id }) => isSameId(id, end.id))) continue;
      const { id, fate } = end;
      switch (fate.kind) {
        case "done":
          this.#remove(line);
          break;
        case "cut":
          this.#replace({ ...line, cut: { id, kept: fate, beside: null } });
          break;
        case "unkept":
          this.#replace({ ...line, cut: { id, kept: null, beside: null } });
          break;
        case "mended":
          // By its end; or by something else, in the history or on another page of the same seat.
          if (line.done && isSameText(wordsOf(line), fate.to)) this.#remove(line);
          else this.#replace(closed(line, id, [fate.text, fate.to, textOf(history, id)]));
          break;
        case "changed":
          this.#replace(closed(line, id, [fate.text, textOf(history, id)]));
          news = "line_closed";
          break;
      }
    }
    return news;
  }

  /**
   * An order was refused. What is only refused for now goes out again; a line that can't be put right is closed; one that
   * may not be is given up, and its writer has its words back.
   */
  refused(request: number, code: ErrorCode): Refused {
    const waiting = this.#lines.find(({ cut }) => cut?.beside?.request === request);
    if (waiting !== undefined) this.#replace(withBeside(waiting, null));
    const line = this.#lines.find((one) => one.request === request);
    if (line === undefined)
      return isPassing(code) && waiting === undefined ? { kind: "superseded" } : NOTHING_LOST;
    if (isPassing(code)) {
      this.#replace({ ...line, isSent: false, request: null });
      return { kind: "for_now" };
    }
    const isMissed = code === "not_found" || code === "changed_meanwhile";
    if (line.cut !== null && isMissed) {
      // Nobody has anything of what was off the record.
      if (line.cut.kept === null) this.#replace({ ...line, ...FRESH });
      else this.#close(line);
    } else if (line.done) {
      this.#remove(line);
      const text = wordsOf(line).trim();
      if (text !== "") return { kind: "for_good", lost: { text, offRecord: line.offRecord } };
    }
    return NOTHING_LOST;
  }

  clear(): void {
    this.#lines = [];
    this.#outside = null;
  }

  /** It stands; and so nothing stands of those before it in which nothing was left: no answer need come to that. */
  #settle(line: Written): void {
    const { request } = line;
    const isBlanked = (one: Written): boolean =>
      one.cut === null &&
      isTakenBack(one) &&
      one.request !== null &&
      request !== null &&
      one.request < request;
    this.#lines = this.#lines.filter((one) => one.line !== line.line && !isBlanked(one));
  }

  #close(line: Written, now?: string): void {
    if (line.cut === null) return;
    const { id, kept } = line.cut;
    const texts = [kept?.text, now].filter((text) => text !== undefined);
    this.#replace(closed(line, id, texts));
  }

  #replace(by: Written): void {
    this.#lines = this.#lines.map((one) => (one.line === by.line ? by : one));
  }

  #remove({ line }: Written): void {
    this.#lines = this.#lines.filter((one) => one.line !== line);
  }
}

/** What a caption says now: nothing, if it was taken back. */
function textOf(history: readonly Caption[], id: CaptionId): string {
  return history.find((one) => isSameId(one.id, id))?.stable ?? "";
}

function closed(line: Written, id: CaptionId, texts: readonly string[]): Written {
  return { ...line, ...FRESH, closed: [...line.closed, { id, texts }] };
}

/** What of a line is to be said: all of it, or what is beyond that which is closed. */
function wordsOf({ text, closed }: Written): string {
  return closed.reduce((rest, { texts }) => beyond(rest, texts), text);
}

/** Whether all of a line stands that is ever to stand. */
function isSettled(line: Written): boolean {
  if (!line.done) return false;
  if (line.cut !== null) return line.cut.kept !== null && isSameText(wordsOf(line), line.cut.kept.text);
  return !line.isBegun && isTakenBack(line);
}

/** Whether nothing is left of it: if any of it had gone out, it is known to be blank once the server says so. */
function isTakenBack(line: Written): boolean {
  return line.done && wordsOf(line).trim() === "";
}

/**
 * A caption that everybody keeps is not put right with words that nobody is to keep: those follow it. If its last words
 * were deleted and nothing else was written, those are taken out when the line is done; where anything was written in
 * their place, or beyond them first, the caption stays as it was cut.
 */
function closedIfSecret(line: Written): Written {
  const { cut, offRecord } = line;
  if (!offRecord || cut === null || cut.kept === null) return line;
  return isBeginning(wordsOf(line), cut.kept.text) ? line : closed(line, cut.id, [cut.kept.text]);
}

function hasBeside({ cut }: Written): boolean {
  return cut !== null && cut.beside !== null;
}

function withBeside(line: Written, beside: Cut["beside"]): Written {
  return line.cut === null ? line : { ...line, cut: { ...line.cut, beside } };
}

/** Whether a caption is this line, whole. */
function isEndOf(line: Written, caption: Caption, self: ParticipantId | null): boolean {
  const { done, isSent, cut, speaker } = line;
  if (!done || !isSent || caption.status !== "final") return false;
  if (!isSameText(wordsOf(line), caption.stable)) return false;
  if (cut !== null) return isSameId(cut.id, caption.id);
  const origin = speaker === undefined ? "typed" : "captioner";
  return caption.origin === origin && caption.participant === (speaker ?? self) && caption.corrected !== true;
}

/** Whether somebody has put a line right that was cut. */
function isChangeOf({ cut }: Written, { id, revision }: Caption): boolean {
  return cut !== null && cut.kept !== null && isSameId(id, cut.id) && revision > cut.kept.revision;
}

/** What is to be sent of a line; null while that is nothing. */
function orderOf(written: Written): TypingOrder | null {
  const { line, done, speaker, offRecord, cut, closed, isBegun } = written;
  const text = wordsOf(written);
  if (cut !== null) {
    // What others have read up to here is put right when it is done, and not at every letter.
    if (!done) return null;
    const over = cut.kept === null ? {} : { over: cut.kept.revision };
    return { type: "correct", id: cut.id, text: text.trim(), ...over };
  }
  if (closed.length > 0 && !isBegun && text === "") return null;
  return {
    type: "type",
    line,
    text,
    done,
    ...(speaker === undefined ? {} : { speaker }),
    ...(offRecord ? { off_record: true } : {}),
  };
}

function isSameId(a: CaptionId | undefined, b: CaptionId): boolean {
  return a?.number === b.number && a.epoch === b.epoch;
}
