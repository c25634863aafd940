// How well the own line carries the call: a sign and a word in the head of the page, and on demand the figures
// and what can be done.

import { t } from "../../i18n";
import type { LineQuality, Statistics } from "../../protocol/generated";
import { ownLine, pauseReason } from "../../state/selectors";
import { useClient } from "../client";
import { Icon, type IconName } from "../common/Icon";
import { ViewModeChoice } from "../common/ViewModeChoice";
import { Button } from "../common/widgets";

const ICONS: { readonly [Quality in LineQuality]: IconName } = {
  good: "lineGood",
  fair: "lineFair",
  poor: "linePoor",
  lost: "lineLost",
};

/** Not there before anything was measured. */
export function LineButton({ onPress }: { onPress: () => void }) {
  const quality = useClient(ownLine);
  if (quality === null) {
    return null;
  }
  return (
    <Button
      look="quiet"
      icon={ICONS[quality]}
      className={`line-button ${quality}`}
      name={t.line.button(t.line.words[quality])}
      onPress={onPress}
    >
      <span>
        <span className="head-words">{t.line.label} </span>
        {t.line.words[quality]}
      </span>
    </Button>
  );
}

export function LineDetails() {
  const quality = useClient(ownLine);
  const statistics = useClient((state) => state.statistics);
  const paused = useClient((state) => state.paused.length);
  const reason = useClient(pauseReason);
  return (
    <div className="stack line-details">
      <p className="line-verdict">
        <Icon name={quality === null ? "info" : ICONS[quality]} />
        <span>
          <strong>{quality === null ? t.line.unknown : t.line.verdicts[quality]}</strong>{" "}
          {statistics === null || statistics.trouble === null ? null : t.line.troubles[statistics.trouble]}
        </span>
      </p>
      {paused === 0 ? null : <p>{t.line.paused[reason](paused)}</p>}
      {statistics === null ? null : <Figures statistics={statistics} />}
      <ViewModeChoice />
    </div>
  );
}

function Figures({ statistics }: { statistics: Statistics }) {
  const { round_trip_ms, bandwidth_bps, sending, receiving } = statistics;
  const figures = [
    [t.line.roundTrip, round_trip_ms === null ? null : t.line.milliseconds(round_trip_ms)],
    [t.line.sending, t.line.flow(t.line.rate(sending.bitrate_bps), percent(sending.loss_permille))],
    [t.line.receiving, t.line.flow(t.line.rate(receiving.bitrate_bps), percent(receiving.loss_permille))],
    [t.line.carries, bandwidth_bps === null ? null : t.line.rate(bandwidth_bps)],
  ] as const;
  return (
    <dl className="figures">
      {figures.map(([label, value]) =>
        value === null ? null : (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ),
      )}
    </dl>
  );
}

/** Of a thousand, as people read it: 0, 0.4, 12. */
function percent(permille: number): string {
  return permille < 100 ? (permille / 10).toFixed(1).replace(/\.0$/, "") : String(Math.round(permille / 10));
}
