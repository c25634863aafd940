// Captions for screen readers and braille: finals only, each once, with the speaker's name; what was put right is
// said again. It comes and goes with the captions: who hears the speech and does not want it read a second time
// switches captions off.

import { memo } from "react";
import { t } from "../../i18n";
import type { Caption } from "../../protocol/generated";
import { useClient } from "../client";
import { HEARD_BEHIND_DIALOGS } from "../common/Announcer";
import { asWanted, captionKey } from "./entries";
import { useCaptionSettings } from "./useCaptionSettings";

export function CaptionLog() {
  const { history, passing } = useClient((state) => state.captions);
  const self = useClient((state) => state.seat?.participant ?? null);
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
  const text = caption.stable.trim();
  return (
    <p>
      {caption.corrected === true
        ? t.captions.saidCorrected(caption.name, text)
        : t.captions.said(caption.name, text)}
    </p>
  );
});
