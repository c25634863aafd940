// Captions for screen readers and braille: finals only, each once, with the speaker's name. It comes and goes
// with the captions: who hears the speech and does not want it read a second time switches captions off.

import { memo } from "react";
import { t } from "../../i18n";
import type { Caption } from "../../protocol/generated";
import { useClient } from "../client";
import { HEARD_BEHIND_DIALOGS } from "../common/Announcer";
import { captionKey } from "./entries";

export function CaptionLog() {
  const history = useClient((state) => state.captions.history);
  return (
    <div {...HEARD_BEHIND_DIALOGS} role="log" aria-label={t.captions.log} className="visually-hidden">
      {history
        .filter((caption) => caption.status === "final")
        .map((caption) => (
          <Line key={captionKey(caption)} caption={caption} />
        ))}
    </div>
  );
}

/** A final never changes: drawn once. */
const Line = memo(function Line({ caption }: { caption: Caption }) {
  return <p>{t.captions.said(caption.name, caption.stable.trim())}</p>;
});
