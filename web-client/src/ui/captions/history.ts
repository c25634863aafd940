// What can be done with what was said: searched, copied, put right. Pure.

import { formatClock } from "../../i18n";
import {
  ALL_CAPTIONS_CORRECTABLE,
  type Caption,
  OWN_CAPTIONS_CORRECTABLE,
  type ParticipantId,
} from "../../protocol/generated";
import { captionKey } from "../../state/captions";
import { captionText } from "./entries";
import { GAP_SIGN } from "./words";

/** The captions that say all words of the query, or whose speaker's name does; all of them for an empty one. */
export function search(captions: readonly Caption[], query: string): readonly Caption[] {
  const words = fold(query)
    .split(/\s+/)
    .filter((word) => word !== "");
  return captions.filter((caption) => {
    const text = fold(`${caption.name} ${captionText(caption)}`);
    return words.every((word) => text.includes(word));
  });
}

/** Without the difference of upper and lower case and of accents. */
function fold(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

/** One line for each caption that is finished and not off the record: "18:31 Ann: Good evening." */
export function asPlainText(captions: readonly Caption[], offset: number): string {
  return captions
    .filter((caption) => caption.status !== "partial" && caption.off_record !== true)
    .map((caption) => {
      const gap = caption.after_gap === true ? `${GAP_SIGN} ` : "";
      return `${formatClock(caption.started_at - offset)} ${caption.name}: ${gap}${captionText(caption)}`;
    })
    .join("\n");
}

/** What was said, with one line of it in its place though it may be gone. */
export function withLine(captions: readonly Caption[], line: Caption): readonly Caption[] {
  if (captions.some((caption) => captionKey(caption) === captionKey(line))) return captions;
  const next = captions.findIndex(({ started_at }) => started_at > line.started_at);
  return captions.toSpliced(next === -1 ? captions.length : next, 0, line);
}

/** Which of the history this person may put right. */
export function correctableKeys(
  history: readonly Caption[],
  self: ParticipantId | null,
  captionsOthers: boolean,
): ReadonlySet<string> {
  const mine = captionsOthers
    ? history.slice(-ALL_CAPTIONS_CORRECTABLE)
    : history
        .filter(({ participant, origin }) => participant === self && origin !== "captioner")
        .slice(-OWN_CAPTIONS_CORRECTABLE);
  return new Set(mine.map(captionKey));
}
