// What else one can do about captions, in one's own settings: another screen, the transcript.

import { t } from "../../i18n";
import { useClient, useController } from "../client";
import { CopyButton } from "../common/CopyButton";
import { Button, NoticeBox } from "../common/widgets";

export function SecondScreen() {
  const controller = useController();
  const link = useClient((state) => state.captionLink);
  return (
    <section className="settings-section" aria-labelledby="second-screen-heading">
      <h3 id="second-screen-heading">{t.secondScreen.heading}</h3>
      <p className="soft small">{t.secondScreen.hint}</p>
      {link === null ? (
        <Button icon="screen" onPress={controller.getCaptionLink}>
          {t.secondScreen.get}
        </Button>
      ) : (
        <>
          <a href={link} target="_blank" rel="noreferrer">
            {t.secondScreen.link}
          </a>
          <code className="url">{link}</code>
          <CopyButton text={link} what={t.secondScreen.link}>
            {t.secondScreen.copy}
          </CopyButton>
        </>
      )}
    </section>
  );
}

/** One's word on the transcript can be taken back at any time, and given. */
export function TranscriptChoice() {
  const controller = useController();
  const state = useClient((one) => one.session?.transcript ?? "none");
  const agreed = useClient((one) => one.transcriptAgreed);
  if (state === "none") {
    return null;
  }
  return (
    <section className="settings-section" aria-labelledby="transcript-heading">
      <h3 id="transcript-heading">{t.transcript.heading}</h3>
      <NoticeBox>{t.announce.transcript[state]}</NoticeBox>
      {agreed === true ? (
        <Button onPress={() => controller.agreeToTranscript(false)}>{t.transcript.takeBack}</Button>
      ) : (
        <Button onPress={() => controller.agreeToTranscript(true)}>{t.transcript.agree}</Button>
      )}
      <p className="soft small">{t.transcript.takeBackHint}</p>
    </section>
  );
}
