// Captions for screen readers and braille: finals only, each once, with the speaker's name; what was put right is
// said again. It comes and goes with the captions: who hears the speech and does not want it read a second time
// switches captions off.

import { memo } from "react";
import { t } from "../../i18n";
import type { Caption, ParticipantId } from "../../protocol/generated";
import { captionKey } from "../../state/captions";
import type { Captions } from "../../state/model";
import { HEARD_BEHIND_DIALOGS } from "../common/Announcer";
import { asWanted } from "./entries";
import { spokenIn } from "./language";
import { useCaptionSettings } from "./useCaptionSettings";

interface CaptionLogProps {
  readonly captions: Pick<Captions, "history" | "passing">;
  /** Whose own typed lines are no news; null for who has no seat. */
  readonly self: ParticipantId | null;
}

export function CaptionLog({ captions: { history, passing }, self }: CaptionLogProps) {
  const settings = useCaptionSettings();
  // What one typed oneself has been read out while it was typed.
  const isNews = (caption: Caption): boolean =>
    caption.status === "final" && !(caption.origin === "typed" && caption.participant === self);
  return (
    <div {...HEARD_BEHIND_DIALOGS} role="log" aria-label={t.captions.log} className="visually-hidden">
      {[...history, ...passing].filter(isNews).map((caption) => (
        <Line
          key={`${captionKey(caption)}.${caption.corrected === true ? caption.revision : 0}`}
          caption={asWanted(caption, settings)}
        />
      ))}
    </div>
  );
}

/** A final never changes: drawn once. */
const Line = memo(function Line({ caption }: { caption: Caption }) {
  const { name, corrected, after_gap, language, stable } = caption;
  return (
    <p>
      {corrected === true ? t.captions.saidCorrected(name) : t.captions.said(name)}{" "}
      {after_gap === true && corrected !== true ? `${t.captions.gap} ` : null}
      <span {...spokenIn(language)}>{stable.trim()}</span>
    </p>
  );
});
