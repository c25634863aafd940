// Which captions stand on the screen, and how. Pure.

import type { Caption } from "../../protocol/generated";
import type { Captions } from "../../state/model";

/** Lines of earlier entries stay in the history panel. */
export const ENTRIES_SHOWN = 3;

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
export function shownEntries({ open, history }: Captions): readonly Caption[] {
  const growing = open.filter((caption) => captionText(caption) !== "").slice(-ENTRIES_SHOWN);
  const room = ENTRIES_SHOWN - growing.length;
  const finished = room > 0 ? history.slice(-room) : [];
  return [...finished, ...growing].sort((a, b) => a.started_at - b.started_at);
}
