// Who waits, since when, and letting them in or not.

import { useRef } from "react";
import { formatSpan, t } from "../../i18n";
import type { Knock } from "../../protocol/generated";
import { useClient, useController } from "../client";
import { useNow } from "../common/hooks";
import { useKeptFocus } from "../common/useKeptFocus";
import { Button } from "../common/widgets";

/** The id of the heading, for those who bring the focus here. */
export const WAITING_ROOM_HEADING = "waiting-room-heading";

const MINUTE_MS = 60_000;

export function WaitingRoom() {
  const controller = useController();
  const knocks = useClient((state) => state.knocks);
  const region = useRef<HTMLElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  useKeptFocus(region, heading);
  return (
    <section ref={region} className="panel-section" aria-labelledby={WAITING_ROOM_HEADING}>
      <h3 id={WAITING_ROOM_HEADING} ref={heading} tabIndex={-1}>
        {t.facilitation.waitingRoom}
      </h3>
      {knocks.length === 0 ? (
        <p className="soft small">{t.facilitation.waitingEmpty}</p>
      ) : (
        <>
          <p className="small">{t.facilitation.waitingCount(knocks.length)}</p>
          <ul className="rows">
            {knocks.map((knock) => (
              <KnockRow key={knock.participant} knock={knock} />
            ))}
          </ul>
          <Button look="primary" onPress={controller.admitAll}>
            {t.facilitation.admitAll}
          </Button>
          <p className="soft small">
            {t.facilitation.waitingHint} {t.facilitation.denyHint}
          </p>
        </>
      )}
    </section>
  );
}

function KnockRow({ knock }: { knock: Knock }) {
  const controller = useController();
  const offset = useClient((state) => state.clockOffsetMs);
  const now = useNow(MINUTE_MS / 4);
  const waited = Math.max(0, now + offset - knock.since);
  return (
    <li className="row">
      <div className="row-text">
        <span className="row-name">{knock.name}</span>
        <span className="soft small">
          {waited < MINUTE_MS
            ? t.facilitation.justNow
            : t.facilitation.since(formatSpan(waited - (waited % MINUTE_MS)))}
          {knock.denied > 0 ? `, ${t.facilitation.deniedBefore(knock.denied)}` : null}
        </span>
      </div>
      <div className="buttons">
        <Button
          look="primary"
          name={t.facilitation.admit(knock.name)}
          onPress={() => controller.admit(knock.participant)}
        >
          {t.facilitation.admitShort}
        </Button>
        <Button name={t.facilitation.deny(knock.name)} onPress={() => controller.deny(knock.participant)}>
          {t.facilitation.denyShort}
        </Button>
      </div>
    </li>
  );
}
