// All that was said since one came in (and what the server still had), to read again at leisure, to search, to
// copy, and to put right.

import { memo, type RefObject, useEffect, useReducer, useRef, useState } from "react";
import { formatClock, t } from "../../i18n";
import { type Caption, TYPED_CHARACTERS_MAX } from "../../protocol/generated";
import { captionKey } from "../../state/captions";
import { useClient, useController } from "../client";
import { CopyButton } from "../common/CopyButton";
import { Panel } from "../common/Panel";
import { useKeptFocus } from "../common/useKeptFocus";
import { Button, NoticeBox, TextInput } from "../common/widgets";
import { CaptionWords, SpeakerMark } from "./CaptionEntries";
import { type CorrectionEdit, editCorrection, openCorrection } from "./correctionEdit";
import { asWanted } from "./entries";
import { asPlainText, correctableKeys, search } from "./history";
import { directionOf, spokenIn } from "./language";
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
  const [correcting, setCorrecting] = useState<string | null>(null);
  const ref = useRef<HTMLElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  useKeptFocus(panel, ref);
  const giveFocusBackTo = useFocusAfterCorrection(correcting, ref);
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
  // What is being corrected stays, with what is written: it may be what nobody looks for any more.
  const shown = all.filter((caption) => found.has(caption) || captionKey(caption) === correcting);
  const correctable = correctableKeys(captions.history, self, captionsOthers);
  // As it was said: what this reader does not want to read is everybody's all the same.
  const corrected = captions.history.find((caption) => captionKey(caption) === correcting) ?? null;
  const follows = following && query === "" && corrected === null;
  const endCorrection = (): void => {
    giveFocusBackTo.current = correcting;
    setCorrecting(null);
  };
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
            return corrected !== null && key === correcting ? (
              <CorrectionForm key={key} caption={corrected} onDone={endCorrection} />
            ) : (
              <HistoryLine
                key={key}
                caption={caption}
                offset={offset}
                onCorrect={correctable.has(key) ? setCorrecting : null}
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

function CorrectionForm({ caption, onDone }: { caption: Caption; onDone: () => void }) {
  const controller = useController();
  const isConnected = useClient((state) => state.link === "up");
  const { edit, dispatch } = useCorrectionEdit(caption, onDone);
  const isAsked = edit.saving.kind === "asked";
  const save = (): void => {
    if (isAsked) return;
    const text = edit.text.trim().slice(0, TYPED_CHARACTERS_MAX);
    // Until there is an answer the form stays, with what was written; without a connection, too.
    if (caption.revision !== edit.over) dispatch({ kind: "held" });
    else if (controller.correctCaption(caption, text)) dispatch({ kind: "asked", text });
  };
  const problem = problemOf(edit, isConnected);
  return (
    <form
      className="history-line correction"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        // The correction is given up, not the panel.
        event.stopPropagation();
        onDone();
      }}
    >
      <TextInput
        autoFocus
        name="correction"
        label={t.captions.correctionLabel(caption.name)}
        hint={t.captions.correctionHint}
        written={spokenIn(caption.language)}
        value={edit.text}
        onChange={(text) => dispatch({ kind: "typed", text })}
      />
      <div role="alert">
        {problem === null ? null : (
          <NoticeBox kind="warning">
            <p>{problem}</p>
          </NoticeBox>
        )}
      </div>
      <div className="buttons">
        <Button type="submit" look="primary">
          {isAsked ? t.captions.savingCorrection : t.captions.saveCorrection}
        </Button>
        <Button onPress={onDone}>{t.facilitation.cancel}</Button>
      </div>
    </form>
  );
}

/** What has to be known before it is saved. */
function problemOf({ saving, byOthers, over, latest }: CorrectionEdit, isConnected: boolean): string | null {
  if (saving.kind === "refused")
    return saving.code === "not_found" ? t.captions.correctionTooLate : t.errors[saving.code];
  if (byOthers !== null && saving.kind === "held" && over === latest)
    return t.captions.correctionHeld(byOthers);
  if (byOthers !== null) return t.captions.changedMeanwhile(byOthers);
  if (!isConnected) return t.vocabulary.noConnection;
  return saving.kind === "lost" ? t.vocabulary.lost : null;
}

/** The correction as it is written, with what becomes of the caption meanwhile; `onDone` once it is saved. */
function useCorrectionEdit(caption: Caption, onDone: () => void) {
  const refusal = useClient((state) => state.correctionRefusal);
  const link = useClient((state) => state.link);
  const [edit, dispatch] = useReducer(editCorrection, caption, openCorrection);
  const done = useRef(onDone);
  done.current = onDone;
  useEffect(() => dispatch({ kind: "told", caption }), [caption]);
  useEffect(() => {
    if (refusal !== null) dispatch({ kind: "refused", code: refusal.code });
  }, [refusal]);
  useEffect(() => {
    if (link !== "up") dispatch({ kind: "line_gone" });
  }, [link]);
  const isDone = edit.saving.kind === "done";
  useEffect(() => {
    if (isDone) done.current();
  }, [isDone]);
  return { edit, dispatch };
}
