// A shared screen, as large as can be and never cut.

import { memo, useEffect, useRef, useState } from "react";
import { t } from "../../i18n";
import type { VideoShown } from "../../state/model";
import { useController } from "../client";
import { Icon } from "../common/Icon";

interface ScreenTileProps {
  readonly participant: string;
  readonly name: string;
}

export const ScreenTile = memo(function ScreenTile({ participant, name }: ScreenTileProps) {
  const controller = useController();
  const ref = useRef<HTMLVideoElement>(null);
  const [shown, setShown] = useState<VideoShown>("covered");
  useEffect(
    () =>
      ref.current === null
        ? undefined
        : controller.attachVideo(ref.current, { participant, source: "screen" }, setShown),
    [controller, participant],
  );
  return (
    // biome-ignore lint/a11y/useSemanticElements: a group of what belongs to a person, not of form fields
    <div role="group" aria-label={t.call.screenOf(name)} className="tile screen-tile">
      <video ref={ref} aria-hidden="true" tabIndex={-1} autoPlay muted playsInline />
      {shown === "covered" ? (
        <p className="cover screen-coming">
          <Icon name="screen" />
          {t.call.state.loading}
        </p>
      ) : null}
      <div className="tile-label">
        <span className="tile-name">{t.call.screenOf(name)}</span>
      </div>
    </div>
  );
});
