// The waiting room: calm, and clear about what happens next. Nothing of the session is known here.

import { formatMoment, formatSpan, t } from "../../i18n";
import type { WaitingReason } from "../../protocol/generated";
import { useClient, useController } from "../client";
import { useNow } from "../common/hooks";
import { Page } from "../common/Page";
import { Button, NoticeBox } from "../common/widgets";

export function WaitingPage({ reason }: { reason: WaitingReason }) {
  const controller = useController();
  const seat = useClient((state) => state.seat);
  const link = useClient((state) => state.link);
  return (
    <Page
      // A page of its own for each reason: the heading that takes the focus is another.
      key={reason}
      calm
      title={t.titles.waiting}
      heading={reason === "not_started" ? t.waiting.notStarted : t.waiting.heading}
    >
      {reason === "not_started" ? <UntilStart /> : <p>{t.waiting.knocking}</p>}
      <p className="soft">{t.waiting.calm}</p>
      {seat === null ? null : <p className="soft">{t.waiting.asName(seat.name)}</p>}
      {link === "reconnecting" ? (
        <NoticeBox kind="warning">
          <span>{t.waiting.connectionLost}</span>
        </NoticeBox>
      ) : null}
      <Button icon="leave" onPress={controller.leave}>
        {t.waiting.leave}
      </Button>
    </Page>
  );
}

function UntilStart() {
  const startsAt = useClient((state) => state.session?.starts_at ?? null);
  const offset = useClient((state) => state.clockOffsetMs);
  const now = useNow(1000);
  if (startsAt === null) {
    return null;
  }
  const left = startsAt - (now + offset);
  return (
    <>
      <p>
        {left > 0
          ? t.waiting.startsAt(formatMoment(startsAt - offset, now), t.time.inSpan(formatSpan(left)))
          : t.waiting.startsSoon}
      </p>
      <p>{t.waiting.afterStart}</p>
    </>
  );
}
