// While the first connection is being made.

import { t } from "../../i18n";
import { useController } from "../client";
import { Page } from "../common/Page";
import { Button } from "../common/widgets";

export function ConnectingPage() {
  const controller = useController();
  return (
    <Page calm title={t.titles.connecting} heading={t.connecting.heading}>
      <div className="loader" aria-hidden="true" />
      <p className="soft">{t.connecting.text}</p>
      <Button onPress={controller.backToForm}>{t.connecting.cancel}</Button>
    </Page>
  );
}
