// What has just happened, for the eye; the announcer says the same to a screen reader, so this is hidden from
// it except for the button. What concerns oneself stays until dismissed.

import { useCallback, useEffect, useState } from "react";
import { t } from "../../i18n";
import type { Notice } from "../../state/model";
import { microphoneView } from "../../state/selectors";
import { useClient } from "../client";
import { Button } from "../common/widgets";
import { describeNotice, matterOf, type NoticeWords } from "../notices";

const BRIEF_MS = 10_000;
/** More than these would cover the tiles of a phone. */
const SHOWN_MAX = 3;

export function Toasts() {
  const notices = useClient((state) => state.notices);
  // What was said before this page appeared is past.
  const [goneUpTo] = useState(() => notices.at(-1)?.id ?? 0);
  const [gone, setGone] = useState<ReadonlySet<number>>(new Set());
  const microphoneOn = useClient((state) => microphoneView(state).on);
  const shown = notices
    .filter(({ id }) => id > goneUpTo && !gone.has(id))
    .map((notice) => ({ notice, words: describeNotice(notice.message) }))
    .filter(({ notice }, index, all) => !isOutdated(notice, all.slice(index + 1), microphoneOn))
    .filter(({ words }) => words.stay !== "none")
    .slice(-SHOWN_MAX);
  // The same from drawing to drawing: a new one would start the clocks of all toasts anew.
  const dismiss = useCallback((id: number) => setGone((old) => new Set(old).add(id)), []);
  return (
    <div className="toasts">
      {shown.map(({ notice, words }) => (
        <Toast key={notice.id} notice={notice} words={words} onGone={dismiss} />
      ))}
    </div>
  );
}

/** A later word on the same matter, or the matter being settled, takes an earlier one away. */
function isOutdated(
  notice: Notice,
  later: readonly { readonly notice: Notice }[],
  microphoneOn: boolean,
): boolean {
  const matter = matterOf(notice.message);
  if (matter === null) {
    return false;
  }
  return (
    (matter === "own_microphone" && microphoneOn) ||
    later.some((other) => matterOf(other.notice.message) === matter)
  );
}

interface ToastProps {
  readonly notice: Notice;
  readonly words: NoticeWords;
  readonly onGone: (id: number) => void;
}

function Toast({ notice, words, onGone }: ToastProps) {
  const [held, setHeld] = useState(false);
  useEffect(() => {
    if (words.stay !== "brief" || held) {
      return undefined;
    }
    const timer = setTimeout(() => onGone(notice.id), BRIEF_MS);
    return () => clearTimeout(timer);
  }, [words.stay, held, notice.id, onGone]);
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
      <Button
        look="quiet"
        icon="close"
        name={t.call.dismissNotice(words.text)}
        onPress={() => onGone(notice.id)}
      >
        {null}
      </Button>
    </div>
  );
}
