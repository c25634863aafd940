// A line of the history while one of those who may puts it right. What is written stays until it is saved or given up.

import { useEffect, useReducer, useRef } from "react";
import { t } from "../../i18n";
import { type Caption, TYPED_CHARACTERS_MAX } from "../../protocol/generated";
import { useClient, useController } from "../client";
import { CopyButton } from "../common/CopyButton";
import { Button, NoticeBox, TextInput } from "../common/widgets";
import { type CorrectionEdit, editCorrection, openCorrection } from "./correctionEdit";
import { spokenIn } from "./language";

interface CorrectionFormProps {
  readonly opened: Caption;
  /** The line as it is now; null once it is gone. */
  readonly now: Caption | null;
  readonly onDone: () => void;
}

export function CorrectionForm({ opened, now, onDone }: CorrectionFormProps) {
  const controller = useController();
  const isConnected = useClient((state) => state.link === "up");
  const { edit, dispatch } = useCorrectionEdit(opened, now, onDone);
  const form = useRef<HTMLFormElement>(null);
  const isAsked = edit.saving.kind === "asked";
  const isGone = edit.saving.kind === "gone";
  const save = (): void => {
    if (isAsked || now === null) return;
    const text = edit.text.trim().slice(0, TYPED_CHARACTERS_MAX);
    // Until there is an answer the form stays, with what was written; without a connection, too.
    if (now.revision !== edit.over) dispatch({ kind: "held" });
    else if (controller.correctCaption(now, text)) dispatch({ kind: "asked", text });
  };
  /** Whether the focus was on the button that goes away: who was elsewhere stays there. */
  const isOnSave = useRef(false);
  useEffect(() => {
    if (isGone && isOnSave.current && document.activeElement === document.body)
      form.current?.querySelector("input")?.focus();
  }, [isGone]);
  const problem = problemOf(edit, isConnected);
  return (
    <form
      ref={form}
      className="history-line correction"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
      onFocus={({ target }) => {
        isOnSave.current = target instanceof HTMLButtonElement && target.type === "submit";
      }}
      onBlur={() => {
        isOnSave.current = false;
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
        label={t.captions.correctionLabel(opened.name)}
        {...(isGone ? {} : { hint: t.captions.correctionHint })}
        written={spokenIn(opened.language)}
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
        {isGone ? (
          <CopyButton text={edit.text} what={t.captions.copiedCorrection}>
            {t.captions.copyCorrection}
          </CopyButton>
        ) : (
          <Button type="submit" look="primary">
            {isAsked ? t.captions.savingCorrection : t.captions.saveCorrection}
          </Button>
        )}
        <Button onPress={onDone}>{isGone ? t.captions.closeCorrection : t.facilitation.cancel}</Button>
      </div>
    </form>
  );
}

/** What has to be known before it is saved. */
function problemOf({ saving, byOthers, over, latest }: CorrectionEdit, isConnected: boolean): string | null {
  if (saving.kind === "gone") return t.captions.correctionGone;
  if (saving.kind === "refused" && saving.code === "not_found") return t.captions.correctionTooLate;
  if (saving.kind === "refused") return t.captions.correctionRefused(t.errors[saving.code]);
  if (byOthers !== null && saving.kind === "held" && over === latest)
    return t.captions.correctionHeld(byOthers);
  if (byOthers !== null) return t.captions.changedMeanwhile(byOthers);
  if (!isConnected) return t.vocabulary.noConnection;
  return saving.kind === "lost" ? t.vocabulary.lost : null;
}

/** The correction as it is written, with what becomes of the caption meanwhile; `onDone` once it is saved. */
function useCorrectionEdit(opened: Caption, now: Caption | null, onDone: () => void) {
  const refusal = useClient((state) => state.correctionRefusal);
  const link = useClient((state) => state.link);
  const [edit, dispatch] = useReducer(editCorrection, opened, openCorrection);
  const done = useRef(onDone);
  done.current = onDone;
  useEffect(() => dispatch(now === null ? { kind: "gone" } : { kind: "told", caption: now }), [now]);
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
