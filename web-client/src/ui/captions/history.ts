// What can be done with what was said: searched, copied, put right. Pure.

import { formatClock } from "../../i18n";
import type { Caption, ParticipantId } from "../../protocol/generated";
import { captionKey, captionText } from "./entries";

/** As the server allows: one's own last ones, captioners the last of all. */
const OWN_CORRECTABLE = 5;
const ALL_CORRECTABLE = 20;

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
    .map((caption) => `${formatClock(caption.started_at - offset)} ${caption.name}: ${captionText(caption)}`)
    .join("\n");
}

/** Which of the history this person may put right. */
export function correctableKeys(
  history: readonly Caption[],
  self: ParticipantId | null,
  captionsOthers: boolean,
): ReadonlySet<string> {
  const mine = captionsOthers
    ? history.slice(-ALL_CORRECTABLE)
    : history
        .filter(({ participant, origin }) => participant === self && origin !== "captioner")
        .slice(-OWN_CORRECTABLE);
  return new Set(mine.map(captionKey));
}
