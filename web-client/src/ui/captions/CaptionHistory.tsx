// All that was said since one came in (and what the server still had), to read again at leisure, to search, to
// copy, and to put right.

import { memo, type RefObject, useCallback, useEffect, useRef, useState } from "react";
import { formatClock, t } from "../../i18n";
import type { Caption } from "../../protocol/generated";
import { captionKey } from "../../state/captions";
import { useClient } from "../client";
import { CopyButton } from "../common/CopyButton";
import { Panel } from "../common/Panel";
import { useKeptFocus } from "../common/useKeptFocus";
import { Button, TextInput } from "../common/widgets";
import { CaptionWords, SpeakerMark } from "./CaptionEntries";
import { CorrectionForm } from "./CorrectionForm";
import { asWanted } from "./entries";
import { asPlainText, correctableKeys, search, withLine } from "./history";
import { directionOf } from "./language";
import { useCaptionSettings } from "./useCaptionSettings";

/** Within this distance from the end the list follows what is new. */
const FOLLOW_WITHIN_PX = 48;

export function CaptionHistory({ onClose }: { onClose: () => void }) {
  const captions = useClient((state) => state.captions);
  const offset = useClient((state) => state.clockOffsetMs);
  const self = useClient((state) => state.seat?.participant ?? null);
  const captionsOthers = useClient((state) => state.seat?.permissions.includes("caption_others") ?? false);
  const settings = useCaptionSettings();
  const [following, setFollowing] = useState(true);
  const [query, setQuery] = useState("");
  const ref = useRef<HTMLElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  useKeptFocus(panel, ref);
  const { correcting, key: correctingKey, now, correct, end } = useCorrecting(captions.history, ref);
  const toNewest = (): void => {
    setQuery("");
    setFollowing(true);
    ref.current?.scrollTo({ top: ref.current.scrollHeight });
    // The button goes away with what it did.
    ref.current?.focus({ preventScroll: true });
  };
  const all = [...captions.history, ...captions.passing, ...captions.open].map((caption) =>
    asWanted(caption, settings),
  );
  const found = new Set(search(all, query));
  // What is being corrected stays, with what is written: it may be what nobody looks for any more, or be gone.
  const lines = correcting === null ? all : withLine(all, correcting);
  const shown = lines.filter((caption) => found.has(caption) || captionKey(caption) === correctingKey);
  const correctable = correctableKeys(captions.history, self, captionsOthers);
  const follows = following && query === "" && correcting === null;
  // After every drawing: new entries and growing ones alike.
  useEffect(() => {
    if (follows) {
      ref.current?.scrollTo({ top: ref.current.scrollHeight });
    }
  });
  return (
    <Panel heading={t.captions.history} closeLabel={t.captions.close} onClose={onClose}>
      <div ref={panel} className="history-panel">
        <p className="soft small">{t.captions.historyHint}</p>
        <TextInput name="caption-search" label={t.captions.search} value={query} onChange={setQuery} />
        <p role="status" className="soft small">
          {query.trim() === "" ? null : t.captions.found(found.size)}
        </p>
        <section
          ref={ref}
          className="history"
          aria-label={t.captions.historyList}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be within the keyboard's reach
          tabIndex={0}
          onScroll={({ currentTarget: list }) =>
            setFollowing(list.scrollHeight - list.scrollTop - list.clientHeight < FOLLOW_WITHIN_PX)
          }
        >
          {all.length === 0 ? <p className="soft">{t.captions.historyEmpty}</p> : null}
          {shown.map((caption) => {
            const key = captionKey(caption);
            return correcting !== null && key === correctingKey ? (
              <CorrectionForm key={key} opened={correcting} now={now} onDone={end} />
            ) : (
              <HistoryLine
                key={key}
                caption={caption}
                offset={offset}
                onCorrect={correctable.has(key) ? correct : null}
              />
            );
          })}
        </section>
        <div className="buttons">
          {follows ? null : (
            <Button icon="history" onPress={toNewest}>
              {t.captions.newest}
            </Button>
          )}
          <CopyButton text={asPlainText(all, offset)} what={t.captions.history}>
            {t.captions.copy}
          </CopyButton>
        </div>
      </div>
    </Panel>
  );
}

/** The line that is being put right, as it was when that began and as it is now: null once it is gone. */
function useCorrecting(history: readonly Caption[], list: RefObject<HTMLElement | null>) {
  const [correcting, setCorrecting] = useState<Caption | null>(null);
  const key = correcting === null ? null : captionKey(correcting);
  const giveFocusBackTo = useFocusAfterCorrection(key, list);
  // As it was said: what this reader does not want to read is everybody's all the same.
  const known = useRef(history);
  known.current = history;
  const correct = useCallback(
    (wanted: string): void =>
      setCorrecting(known.current.find((caption) => captionKey(caption) === wanted) ?? null),
    [],
  );
  const end = (): void => {
    giveFocusBackTo.current = key;
    setCorrecting(null);
  };
  const now = history.find((caption) => captionKey(caption) === key) ?? null;
  return { correcting, key, now, correct, end };
}

/** Where the focus goes when a correction is saved or given up: to the button that began it, if it is still there. */
function useFocusAfterCorrection(correcting: string | null, list: RefObject<HTMLElement | null>) {
  const key = useRef<string | null>(null);
  useEffect(() => {
    if (correcting !== null || key.current === null) return;
    const line = list.current?.querySelector(`[data-caption="${key.current}"]`);
    key.current = null;
    (line?.querySelector("button") ?? list.current)?.focus();
  }, [correcting, list]);
  return key;
}

interface HistoryLineProps {
  readonly caption: Caption;
  readonly offset: number;
  /** Null where it can't be corrected by this person. */
  readonly onCorrect: ((key: string) => void) | null;
}

const HistoryLine = memo(function HistoryLine({ caption, offset, onCorrect }: HistoryLineProps) {
  return (
    <div className="history-line" data-caption={captionKey(caption)}>
      <p className="history-head">
        <SpeakerMark participant={caption.participant} /> <strong>{caption.name}</strong>{" "}
        <span className="soft small">{formatClock(caption.started_at - offset)}</span>
      </p>
      <p dir={directionOf(caption.language)}>
        <CaptionWords caption={caption} />
      </p>
      {onCorrect === null ? null : (
        <Button
          look="quiet"
          name={t.captions.correctNamed(caption.stable)}
          onPress={() => onCorrect(captionKey(caption))}
        >
          {t.captions.correct}
        </Button>
      )}
    </div>
  );
});
