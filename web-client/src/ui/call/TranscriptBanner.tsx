// Asks whether one agrees to a transcript, in a session created with one. Until one has answered nothing of what
// anybody says is kept, so the question waits without pressing.

import { t } from "../../i18n";
import { useClient, useController } from "../client";
import { Icon } from "../common/Icon";
import { Button } from "../common/widgets";

export function TranscriptBanner() {
  const controller = useController();
  const state = useClient((one) => one.session?.transcript ?? "none");
  const agreed = useClient((one) => one.transcriptAgreed);
  if (state === "none" || agreed !== null) {
    return null;
  }
  return (
    <div className="banner plain">
      <Icon name="guidelines" />
      <span className="banner-text">{t.transcript.question}</span>
      <div className="buttons">
        <Button look="primary" onPress={() => controller.agreeToTranscript(true)}>
          {t.transcript.agree}
        </Button>
        <Button onPress={() => controller.agreeToTranscript(false)}>{t.transcript.disagree}</Button>
      </div>
    </div>
  );
}
