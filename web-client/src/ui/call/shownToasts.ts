// Which notices stand as toasts. Pure.

import type { Notice } from "../../state/model";
import { describeNotice, matterOf, type NoticeWords } from "../notices";

/** More than these of either kind would cover the tiles of a phone. */
const SHOWN_MAX = 2;

export interface ShownToast {
  readonly id: number;
  readonly words: NoticeWords;
}

/**
 * The latest of those that stay and the latest of those that pass, without what is dismissed or outdated. One
 * that had to make room does not come back.
 */
export function shownToasts(notices: readonly Notice[], gone: ReadonlySet<number>): readonly ShownToast[] {
  const valid = notices
    .filter((notice, index) => !isOutdated(notice, notices.slice(index + 1)))
    .map(({ id, message }) => ({ id, words: describeNotice(message) }));
  const latest = (stay: NoticeWords["stay"]): readonly ShownToast[] =>
    valid.filter(({ words }) => words.stay === stay).slice(-SHOWN_MAX);
  return [...latest("until_dismissed"), ...latest("brief")]
    .filter(({ id }) => !gone.has(id))
    .sort((a, b) => a.id - b.id);
}

/** A later word on the same matter takes an earlier one away. */
function isOutdated(notice: Notice, later: readonly Notice[]): boolean {
  const matter = matterOf(notice.message);
  return matter !== null && later.some((other) => matterOf(other.message) === matter);
}
