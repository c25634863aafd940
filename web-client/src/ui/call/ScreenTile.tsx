// A shared screen, as large as can be and never cut.

import { memo, useEffect, useRef, useState } from "react";
import { t } from "../../i18n";
import type { VideoShown } from "../../state/model";
import { pauseOf } from "../../state/selectors";
import { useClient, useController } from "../client";
import { Icon } from "../common/Icon";

interface ScreenTileProps {
  readonly participant: string;
  readonly name: string;
}

export const ScreenTile = memo(function ScreenTile({ participant, name }: ScreenTileProps) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a group of what belongs to a person, not of form fields
    <div role="group" aria-label={t.call.screenOf(name)} className="tile screen-tile">
      <Picture participant={participant} />
      <div className="tile-label">
        <span className="tile-name">{t.call.screenOf(name)}</span>
      </div>
    </div>
  );
});

function Picture({ participant }: { participant: string }) {
  const paused = useClient((state) => pauseOf(state, { participant, source: "screen" }));
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
    <>
      <video ref={ref} aria-hidden="true" tabIndex={-1} autoPlay muted playsInline />
      {shown === "covered" || paused !== null ? (
        <p className="cover screen-coming">
          <Icon name={paused === null ? "screen" : "pause"} />
          {paused === null ? t.call.state.loading : t.call.pausedShort[paused]}
        </p>
      ) : null}
    </>
  );
}
