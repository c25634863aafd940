// How loud the microphone is: a bar for the eye, a meter for assistive technology, and words for both.

import { useEffect, useState } from "react";
import { Label, Meter } from "react-aria-components";
import { t } from "../../i18n";
import { useClient, useController } from "../client";

/** Speech at a usual distance is above this; the noise of a quiet room is below. */
const HEARD_FROM = 0.08;
/** A pause between words does not take the words back. */
const HEARD_FOR_MS = 3000;

export function MicrophoneLevel() {
  const controller = useController();
  const live = useClient((state) => state.devices.microphone.capture.kind === "live");
  const [level, setLevel] = useState(0);
  const [heardAt, setHeardAt] = useState(Number.NEGATIVE_INFINITY);
  useEffect(() => {
    if (!live) {
      return undefined;
    }
    return controller.observeMicrophoneLevel((loudness) => {
      setLevel(loudness);
      if (loudness >= HEARD_FROM) {
        setHeardAt(Date.now());
      }
    });
  }, [controller, live]);
  const percent = live ? Math.round(Math.min(1, Math.max(0, level)) * 100) : 0;
  const heard = live && Date.now() - heardAt < HEARD_FOR_MS;
  return (
    <div className="level">
      <Meter value={percent} valueLabel={t.devices.levelPercent(percent)}>
        <Label className="field-label">{t.devices.level}</Label>
        <div className="level-track">
          <div className="level-fill" style={{ inlineSize: `${percent}%` }} />
        </div>
      </Meter>
      <p className="soft small" role="status">
        {levelWords(live, heard)}
      </p>
    </div>
  );
}

function levelWords(live: boolean, heard: boolean): string {
  if (!live) {
    return t.devices.levelOff;
  }
  return heard ? t.devices.levelHeard : t.devices.levelSilent;
}
