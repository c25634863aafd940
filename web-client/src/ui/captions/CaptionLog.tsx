// Captions for screen readers and braille: finals only, each once, with the speaker's name; what was put right is
// said again. What was there before this log is no news, and stays in the history. Who hears the speech and does not
// want it read a second time switches spoken captions off: what people typed is read out all the same.

import { memo, useState } from "react";
import { t } from "../../i18n";
import type { Caption, ParticipantId } from "../../protocol/generated";
import { captionKey } from "../../state/captions";
import type { Captions } from "../../state/model";
import { HEARD_BEHIND_DIALOGS } from "../common/Announcer";
import { asWanted, typedOnly } from "./entries";
import { spokenIn } from "./language";
import { useCaptionSettings } from "./useCaptionSettings";

interface CaptionLogProps {
  readonly captions: Captions;
  /** Whose own typed lines are no news; null for who has no seat. */
  readonly self: ParticipantId | null;
  /** False: what people typed, and nothing else. */
  readonly spoken: boolean;
}

export function CaptionLog(props: CaptionLogProps) {
  // Switched on again, it begins anew: what was said meanwhile is not read out all at once.
  return <LogFromNow key={props.spoken ? "all" : "typed"} {...props} />;
}

function LogFromNow(props: CaptionLogProps) {
  const [before] = useState(
    () => new Set([...props.captions.history, ...props.captions.passing].map(newsKey)),
  );
  return <LogBut {...props} before={before} />;
}

/** The log without what was there before. */
export function LogBut({
  captions,
  self,
  spoken,
  before,
}: CaptionLogProps & { before: ReadonlySet<string> }) {
  const settings = useCaptionSettings();
  const { history, passing } = spoken ? captions : typedOnly(captions);
  // What one typed oneself has been read out while it was typed.
  const isNews = (caption: Caption): boolean =>
    caption.status === "final" &&
    !(caption.origin === "typed" && caption.participant === self) &&
    !before.has(newsKey(caption));
  return (
    <div {...HEARD_BEHIND_DIALOGS} role="log" aria-label={t.captions.log} className="visually-hidden">
      {[...history, ...passing].filter(isNews).map((caption) => (
        <Line key={newsKey(caption)} caption={asWanted(caption, settings)} />
      ))}
    </div>
  );
}

/** The same for a caption as long as it need not be said again. */
function newsKey(caption: Caption): string {
  return `${captionKey(caption)}.${caption.corrected === true ? caption.revision : 0}`;
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
