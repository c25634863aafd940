// Which captions stand on the screen, and how. Pure.

import type { Caption } from "../../protocol/generated";
import { isWritten } from "../../state/captions";
import type { Captions } from "../../state/model";
import type { CaptionSettings } from "./settings";
import { filterWords } from "./words";

/** Everything known of what was said, as it stands. */
export function captionText(caption: Caption): string {
  return `${caption.stable.trimEnd()} ${caption.tentative.trimStart()}`.trim();
}

type Reading = Pick<CaptionSettings, "partials" | "guesses" | "filter" | "ownWords">;

/**
 * What this reader wants to see of a caption: perhaps only what will not change, perhaps without some words, or
 * without a sign of which words may be wrong.
 */
export function asWanted(caption: Caption, { partials, guesses, filter, ownWords }: Reading): Caption {
  // A typed line is all tentative until it is done: reading along is what it is for.
  const tentative = partials === "stable" && !isWritten(caption) ? "" : caption.tentative;
  const { words, ...rest } = caption;
  const wanted: Caption = guesses || words === undefined ? caption : rest;
  if (filter) {
    return {
      ...wanted,
      stable: filterWords(caption.stable, ownWords),
      tentative: filterWords(tentative, ownWords),
    };
  }
  return tentative === caption.tentative ? wanted : { ...wanted, tentative };
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
