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

/** As many finished captions are looked at: more than any screen shows. */
const FINISHED_MAX = 60;

/** The finished captions that may be shown: the latest, what passes by among them. */
export function finishedEntries({ passing, history }: Captions): readonly Caption[] {
  return inOrder([...history.slice(-FINISHED_MAX), ...passing]);
}

/**
 * The entries to show: all that still grow, up to the number of entries, filled up with the latest finished ones that
 * are held; in the order in which they began, so that an entry never moves past another.
 */
export function shownEntries(
  captions: Captions,
  room: number,
  isHeld: (finished: Caption) => boolean = () => true,
): readonly Caption[] {
  const growing = captions.open.filter((caption) => captionText(caption) !== "").slice(-room);
  const left = room - growing.length;
  const finished = left > 0 ? finishedEntries(captions).filter(isHeld).slice(-left) : [];
  return inOrder([...finished, ...growing]);
}

function inOrder(captions: Caption[]): readonly Caption[] {
  return captions.sort((a, b) => a.started_at - b.started_at);
}

/** What people typed instead of saying it: nobody heard that. */
export function typedOnly({ open, passing, history }: Captions): Captions {
  const isTyped = ({ origin }: Caption): boolean => origin === "typed";
  return { open: open.filter(isTyped), passing: passing.filter(isTyped), history: history.filter(isTyped) };
}
