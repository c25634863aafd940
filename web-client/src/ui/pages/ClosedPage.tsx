// Every way in which a session can be over for one, in plain words, with what can be done next.

import { useEffect, useState } from "react";
import { t } from "../../i18n";
import type { Phase } from "../../state/model";
import { useClient, useController } from "../client";
import { Page } from "../common/Page";
import { Button, NoticeBox } from "../common/widgets";

/** The phases after which nothing of the session is left on this page. */
export type ClosedPhase = Extract<
  Phase,
  { kind: "left" | "denied" | "removed" | "taken_over" | "ended" | "failed" }
>;

type Next = "rejoin" | "ask_again" | "take_back" | "none";

interface Words {
  readonly heading: string;
  readonly lines: readonly string[];
  readonly next: Next;
}

function wordsOf(phase: ClosedPhase): Words {
  // biome-ignore lint/nursery/useExhaustiveSwitchCases: it is; Biome does not work out `Extract`, tsc does.
  switch (phase.kind) {
    case "left":
      return { heading: t.closed.left.heading, lines: [t.closed.left.text], next: "rejoin" };
    case "denied":
      return phase.blocked
        ? { heading: t.closed.denied.heading, lines: [t.closed.denied.blocked], next: "none" }
        : { heading: t.closed.denied.heading, lines: [t.closed.denied.text], next: "ask_again" };
    case "removed":
      return { heading: t.closed.removed.heading, lines: [t.closed.removed.text], next: "none" };
    case "taken_over":
      return { heading: t.closed.takenOver.heading, lines: [t.closed.takenOver.text], next: "take_back" };
    case "ended":
      return phase.reason === null
        ? { heading: t.closed.gone.heading, lines: [t.closed.gone.text], next: "none" }
        : {
            heading: t.closed.ended.heading,
            lines: [t.closed.ended[phase.reason], t.closed.ended.text],
            next: "none",
          };
    case "failed":
      return { heading: t.closed.refused.heading, lines: [t.errors[phase.code]], next: "none" };
  }
}

export function ClosedPage({ phase }: { phase: ClosedPhase }) {
  const controller = useController();
  const { heading, lines, next } = wordsOf(phase);
  return (
    <Page key={phase.kind} calm title={t.titles.closed} heading={heading}>
      {lines.map((line) => (
        <p key={line}>{line}</p>
      ))}
      <TranscriptDownload />
      <NextStep next={next} onForm={controller.backToForm} onTakeBack={controller.takeBack} />
    </Page>
  );
}

/** The server has forgotten it already: it is in this page alone. */
function TranscriptDownload() {
  const transcript = useClient((state) => state.transcript);
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    if (transcript === null) return undefined;
    const made = URL.createObjectURL(new Blob([transcript], { type: "text/vtt" }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [transcript]);
  if (url === null) {
    return null;
  }
  return (
    <NoticeBox>
      <span>{t.transcript.ready}</span>
      <a href={url} download={t.transcript.fileName}>
        {t.transcript.download}
      </a>
    </NoticeBox>
  );
}

interface NextStepProps {
  readonly next: Next;
  readonly onForm: () => void;
  readonly onTakeBack: () => void;
}

function NextStep({ next, onForm, onTakeBack }: NextStepProps) {
  switch (next) {
    case "rejoin":
      return (
        <Button look="primary" onPress={onForm}>
          {t.closed.rejoin}
        </Button>
      );
    case "ask_again":
      return (
        <Button look="primary" onPress={onForm}>
          {t.closed.askAgain}
        </Button>
      );
    case "take_back":
      return (
        <Button look="primary" onPress={onTakeBack}>
          {t.closed.takeBack}
        </Button>
      );
    case "none":
      return null;
  }
}
