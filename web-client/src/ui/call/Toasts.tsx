// What has just happened, for the eye; the announcer says the same to a screen reader, so this is hidden from
// it except for the button. What concerns oneself stays until dismissed.

import { useCallback, useEffect, useRef, useState } from "react";
import { t } from "../../i18n";
import type { Notice } from "../../state/model";
import { microphoneView } from "../../state/selectors";
import { useClient } from "../client";
import { Button } from "../common/widgets";
import { matterOf, type NoticeWords } from "../notices";
import { shownToasts } from "./shownToasts";

const BRIEF_MS = 10_000;

export function Toasts() {
  const notices = useClient((state) => state.notices);
  // What was said before this page appeared is past.
  const [goneUpTo] = useState(() => notices.at(-1)?.id ?? 0);
  const [gone, setGone] = useState<ReadonlySet<number>>(new Set());
  const shown = shownToasts(
    notices.filter(({ id }) => id > goneUpTo),
    gone,
  );
  // The same from drawing to drawing: a new one would start the clocks of all toasts anew.
  const dismiss = useCallback((id: number) => setGone((old) => new Set(old).add(id)), []);
  const dismissAll = useCallback((ids: readonly number[]) => setGone((old) => new Set([...old, ...ids])), []);
  useSettledByUnmuting(notices, dismissAll);
  return (
    <div className="toasts">
      {shown.map(({ id, words }) => (
        <Toast key={id} id={id} words={words} onGone={dismiss} />
      ))}
    </div>
  );
}

/** Switching the microphone on settles what was said about it before; what comes later is new. */
function useSettledByUnmuting(notices: readonly Notice[], onSettled: (ids: readonly number[]) => void): void {
  const on = useClient((state) => microphoneView(state).on);
  const wasOn = useRef(on);
  useEffect(() => {
    if (on && !wasOn.current) {
      onSettled(notices.filter(({ message }) => matterOf(message) === "own_microphone").map(({ id }) => id));
    }
    wasOn.current = on;
  }, [on, notices, onSettled]);
}

interface ToastProps {
  readonly id: number;
  readonly words: NoticeWords;
  readonly onGone: (id: number) => void;
}

function Toast({ id, words, onGone }: ToastProps) {
  const [held, setHeld] = useState(false);
  useEffect(() => {
    if (words.stay !== "brief" || held) {
      return undefined;
    }
    const timer = setTimeout(() => onGone(id), BRIEF_MS);
    return () => clearTimeout(timer);
  }, [words.stay, held, id, onGone]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: only keeps a text from vanishing while it is read
    <div
      className="toast"
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <span aria-hidden="true">{words.text}</span>
      <Button look="quiet" icon="close" name={t.call.dismissNotice(words.text)} onPress={() => onGone(id)}>
        {null}
      </Button>
    </div>
  );
}
