// The tab's title says that somebody waits: a knock must not go unnoticed in a tab in the background.

import { t } from "../../i18n";
import { useClient } from "../client";
import { useTitle } from "../common/hooks";

export function useKnockTitle(): void {
  const session = useClient((state) => state.session?.name ?? t.product);
  const knocks = useClient((state) => state.knocks.length);
  const title = t.titles.call(session);
  useTitle(knocks > 0 ? t.titles.knocking(knocks, title) : title);
}
