// Which captions stand on the screen, and how. Pure.

import type { Caption } from "../../protocol/generated";
import type { Captions } from "../../state/model";

/** How many entries have room: an entry is shown with its name or not at all. The rest is in the history. */
export const ENTRIES_WIDE = 3;
export const ENTRIES_NARROW = 2;

/** A text that stays the same over all revisions of a caption. */
export function captionKey({ id }: Caption): string {
  return `${id.epoch}.${id.number}`;
}

/** Everything known of what was said, as it stands. */
export function captionText(caption: Caption): string {
  return `${caption.stable.trimEnd()} ${caption.tentative.trimStart()}`.trim();
}

/**
 * The entries to show: all that still grow, up to the number of entries, filled up with the latest finished
 * ones; in the order in which they began, so that an entry never moves past another.
 */
export function shownEntries({ open, history }: Captions, room: number): readonly Caption[] {
  const growing = open.filter((caption) => captionText(caption) !== "").slice(-room);
  const left = room - growing.length;
  const finished = left > 0 ? history.slice(-left) : [];
  return [...finished, ...growing].sort((a, b) => a.started_at - b.started_at);
}
