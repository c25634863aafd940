// Copies a text and says so, to the eye on the button and to a screen reader beside it.

import { useEffect, useState } from "react";
import { t } from "../../i18n";
import { Button, ErrorText } from "./widgets";

const SHOWN_MS = 4000;

type Outcome = "none" | "copied" | "failed";

interface CopyButtonProps {
  readonly text: string;
  /** What is copied, for the announcement. */
  readonly what: string;
  readonly children: string;
}

export function CopyButton({ text, what, children }: CopyButtonProps) {
  const [outcome, setOutcome] = useState<Outcome>("none");
  useEffect(() => {
    if (outcome === "copied") {
      const timer = setTimeout(() => setOutcome("none"), SHOWN_MS);
      return () => clearTimeout(timer);
    }
    return undefined;
  }, [outcome]);
  const copy = (): void => {
    // Absent on pages that are not served securely.
    const clipboard: Clipboard | undefined = navigator.clipboard;
    if (clipboard === undefined) {
      setOutcome("failed");
      return;
    }
    clipboard.writeText(text).then(
      () => setOutcome("copied"),
      () => setOutcome("failed"),
    );
  };
  return (
    <span className="copy">
      <Button icon={outcome === "copied" ? "check" : "copy"} onPress={copy}>
        {children}
      </Button>
      <span role="status">
        {outcome === "copied" ? (
          <>
            <span aria-hidden="true">{t.copy.done}</span>
            <span className="visually-hidden">{t.copy.announced(what)}</span>
          </>
        ) : null}
        {outcome === "failed" ? <ErrorText>{t.copy.failed}</ErrorText> : null}
      </span>
    </span>
  );
}
