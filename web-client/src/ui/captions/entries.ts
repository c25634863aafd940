// Which captions stand on the screen, and how. Pure.

import type { Caption } from "../../protocol/generated";
import type { Captions } from "../../state/model";
import type { CaptionSettings } from "./settings";
import { filterWords } from "./words";

/** A text that stays the same over all revisions of a caption. */
export function captionKey({ id }: Caption): string {
  return `${id.epoch}.${id.number}`;
}

/** Everything known of what was said, as it stands. */
export function captionText(caption: Caption): string {
  return `${caption.stable.trimEnd()} ${caption.tentative.trimStart()}`.trim();
}

type Reading = Pick<CaptionSettings, "partials" | "filter" | "ownWords">;

/** What this reader wants to see of a caption: perhaps only what will not change, perhaps without some words. */
export function asWanted(caption: Caption, { partials, filter, ownWords }: Reading): Caption {
  // A typed line is all tentative until it is done: reading along is what it is for.
  const isSpeech = caption.origin === undefined || caption.origin === "speech";
  const tentative = partials === "stable" && isSpeech ? "" : caption.tentative;
  const shown = filter ? (text: string) => filterWords(text, ownWords) : (text: string) => text;
  if (!filter && tentative === caption.tentative) return caption;
  return { ...caption, stable: shown(caption.stable), tentative: shown(tentative) };
}

/**
 * The entries to show: all that still grow, up to the number of entries, filled up with the latest finished
 * ones; in the order in which they began, so that an entry never moves past another. `notBefore` leaves out
 * what was finished earlier, in the server's time.
 */
export function shownEntries(
  { open, passing, history }: Captions,
  room: number,
  notBefore = Number.NEGATIVE_INFINITY,
): readonly Caption[] {
  const growing = open.filter((caption) => captionText(caption) !== "").slice(-room);
  const left = room - growing.length;
  const past = [...history.slice(-room), ...passing].sort((a, b) => a.started_at - b.started_at);
  const finished = left > 0 ? past.filter((caption) => caption.ended_at >= notBefore).slice(-left) : [];
  return [...finished, ...growing].sort((a, b) => a.started_at - b.started_at);
}
