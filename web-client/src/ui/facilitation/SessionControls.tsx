// What concerns everybody at once: muting, locks, the end, and the link by which members come.

import { useState } from "react";
import { t } from "../../i18n";
import { useClient, useController } from "../client";
import { CopyButton } from "../common/CopyButton";
import { Confirmation } from "../common/dialogs";
import { Button, NoticeBox, Toggle } from "../common/widgets";
import { VocabularyDialog } from "./VocabularyDialog";

export function SessionControls() {
  const controller = useController();
  const microphonesLocked = useClient((state) => state.session?.microphones_locked ?? false);
  const locked = useClient((state) => state.session?.locked ?? false);
  const offRecord = useClient((state) => state.session?.off_record ?? false);
  const captions = useClient((state) => state.session?.captions ?? "off");
  const [ending, setEnding] = useState(false);
  const [naming, setNaming] = useState(false);
  return (
    <section className="panel-section" aria-labelledby="session-heading">
      <h3 id="session-heading">{t.facilitation.session}</h3>
      <Button icon="microphoneOff" onPress={controller.muteEveryone}>
        {t.facilitation.muteEveryone}
      </Button>
      <p className="soft small">{t.facilitation.muteEveryoneHint}</p>
      <Toggle
        label={t.facilitation.lockMicrophones}
        icon="lock"
        isOn={microphonesLocked}
        onChange={controller.lockMicrophones}
      />
      <p className="soft small">{t.facilitation.lockMicrophonesHint}</p>
      <Toggle
        label={t.facilitation.lockSession}
        icon="door"
        isOn={locked}
        onChange={controller.lockSession}
      />
      <p className="soft small">{t.facilitation.lockSessionHint}</p>
      <Toggle
        label={t.facilitation.offRecord}
        icon="offRecord"
        isOn={offRecord}
        onChange={controller.setOffRecord}
      />
      <p className="soft small">{t.facilitation.offRecordHint}</p>
      {captions === "off" ? null : (
        <>
          <Button icon="captions" onPress={() => setNaming(true)}>
            {t.facilitation.vocabulary}
          </Button>
          <p className="soft small">{t.facilitation.vocabularyHint}</p>
        </>
      )}
      <VocabularyDialog isOpen={naming} onClose={() => setNaming(false)} />
      <Button look="danger" icon="stop" onPress={() => setEnding(true)}>
        {t.facilitation.end}
      </Button>
      <Confirmation
        isOpen={ending}
        onClose={() => setEnding(false)}
        heading={t.facilitation.endHeading}
        text={t.facilitation.endText}
        confirm={t.facilitation.endConfirm}
        cancel={t.facilitation.cancel}
        onConfirm={controller.endSession}
      />
    </section>
  );
}

export function Inviting() {
  const controller = useController();
  const link = useClient((state) => state.memberLink);
  return (
    <section className="panel-section" aria-labelledby="inviting-heading">
      <h3 id="inviting-heading">{t.facilitation.invite}</h3>
      {link === null ? null : (
        <>
          <a href={link} target="_blank" rel="noreferrer">
            {t.facilitation.memberLink}
          </a>
          <code className="url">{link}</code>
          <CopyButton text={link} what={t.facilitation.memberLink}>
            {t.facilitation.copyLink}
          </CopyButton>
        </>
      )}
      <Button icon="renew" onPress={controller.renewLink}>
        {t.facilitation.renewLink}
      </Button>
      <p className="soft small">{t.facilitation.renewHint}</p>
      <NoticeBox>
        <span className="small">{t.facilitation.sharedLink}</span>
      </NoticeBox>
    </section>
  );
}
