// How much time is left. Not a live region: the warnings at 10, 5 and 1 minutes are announced as notices.

import { formatSpan, t } from "../../i18n";
import { useClient } from "../client";
import { useNow } from "../common/hooks";
import { Icon } from "../common/Icon";

/** From here on the clock stands out. */
const SOON_MS = 10 * 60_000;

export function SessionClock() {
  const endsAt = useClient((state) => state.session?.ends_at ?? null);
  const offset = useClient((state) => state.clockOffsetMs);
  const now = useNow(1000);
  if (endsAt === null) {
    return null;
  }
  const left = endsAt - (now + offset);
  return (
    <p className="clock" data-soon={left <= SOON_MS || undefined}>
      <Icon name="clock" />
      {left > 0 ? t.call.remainingValue(formatSpan(left)) : t.call.overdue}
    </p>
  );
}
