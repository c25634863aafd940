// Where an address belongs to a session and nothing can be shown of it.

import { t } from "../../i18n";
import { Page } from "../common/Page";

/** For a path that belongs to a session but has no token. */
export function IncompleteLinkPage() {
  return (
    <Page calm title={t.titles.closed} heading={t.closed.refused.heading}>
      <p>{t.join.linkIncomplete}</p>
    </Page>
  );
}
