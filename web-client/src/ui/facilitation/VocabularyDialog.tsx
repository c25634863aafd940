// The group's names and terms, to be changed while people meet: who is here tonight was not known when the session
// was made.

import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "react";
import { t } from "../../i18n";
import { VOCABULARY_CHARACTERS_MAX, VOCABULARY_TERMS_MAX } from "../../protocol/generated";
import { useClient, useController } from "../client";
import { Confirmation, DialogWindow } from "../common/dialogs";
import { charactersOf, checkTerms, termsOf } from "../common/vocabulary";
import { Button, NoticeBox, TextInput } from "../common/widgets";
import {
  type AtStake,
  atStake,
  caretIn,
  editVocabulary,
  opened,
  type VocabularyEdit,
} from "./vocabularyEdit";

export function VocabularyDialog({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const [stake, setStake] = useState<AtStake>("nothing");
  const [asking, setAsking] = useState(false);
  const close = (): void => {
    if (stake === "nothing") onClose();
    else setAsking(true);
  };
  // A question that has no object any more is not asked again later.
  useEffect(() => {
    if (stake === "nothing") setAsking(false);
  }, [stake]);
  const isAnswer = stake === "answer";
  return (
    <DialogWindow
      isOpen={isOpen}
      onClose={close}
      heading={t.vocabulary.heading}
      closeLabel={t.vocabulary.close}
      closesOutside={false}
    >
      {isOpen ? <VocabularyForm onStake={setStake} onCancel={close} onDone={onClose} /> : null}
      <Confirmation
        isOpen={isOpen && asking}
        onClose={() => setAsking(false)}
        heading={isAnswer ? t.vocabulary.unansweredHeading : t.vocabulary.discardHeading}
        text={isAnswer ? t.vocabulary.unansweredText : t.vocabulary.discardText}
        confirm={isAnswer ? t.vocabulary.closeAnyway : t.vocabulary.discard}
        cancel={t.vocabulary.goOn}
        onConfirm={onClose}
      />
    </DialogWindow>
  );
}

interface VocabularyFormProps {
  /** What whoever closes the dialog now gives up. */
  readonly onStake: (stake: AtStake) => void;
  readonly onCancel: () => void;
  readonly onDone: () => void;
}

function VocabularyForm({ onStake, onCancel, onDone }: VocabularyFormProps) {
  const controller = useController();
  const isConnected = useClient((state) => state.link === "up");
  const form = useRef<HTMLFormElement>(null);
  const { edit, type, ask } = useVocabularyEdit(form, onDone);
  const [error, setError] = useState<string | null>(null);
  const stake = atStake(edit);
  useEffect(() => {
    onStake(stake);
    return () => onStake("nothing");
  }, [onStake, stake]);
  const terms = termsOf(edit.text);
  const isAsked = edit.saving.kind === "asked";
  const save = (): void => {
    const found = checkTerms(terms);
    setError(found);
    if (found !== null) {
      form.current?.querySelector("textarea")?.focus();
    } else if (!isAsked && isConnected && controller.setVocabulary(terms)) {
      ask();
    }
  };
  const problem = isConnected ? problemOf(edit) : t.vocabulary.noConnection;
  return (
    <form
      ref={form}
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <TextInput
        name="vocabulary"
        label={t.vocabulary.label}
        hint={t.vocabulary.hint}
        rows={6}
        value={edit.text}
        onChange={type}
        error={error}
      />
      <p className="soft small">
        {t.vocabulary.used(
          terms.length,
          VOCABULARY_TERMS_MAX,
          charactersOf(terms),
          VOCABULARY_CHARACTERS_MAX,
        )}
      </p>
      <div role="status">
        <ByOthers edit={edit} />
      </div>
      <div className="dialog-foot">
        <div role="alert">
          {problem === null ? null : (
            <NoticeBox kind="error">
              <p>{problem}</p>
            </NoticeBox>
          )}
        </div>
        <div className="buttons end">
          <Button onPress={onCancel}>{t.vocabulary.cancel}</Button>
          <Button type="submit" look="primary">
            {isAsked ? t.vocabulary.saving : t.vocabulary.save}
          </Button>
        </div>
      </div>
    </form>
  );
}

/** What was done to the list while it stood open here. */
function ByOthers({ edit }: { edit: VocabularyEdit }) {
  const { added, removed } = edit.byOthers;
  if (added.length + removed.length === 0) return null;
  return (
    <NoticeBox>
      <p>{t.vocabulary.byOthers}</p>
      <p>
        {[
          ...(added.length === 0 ? [] : [t.vocabulary.added(added)]),
          ...(removed.length === 0 ? [] : [t.vocabulary.removed(removed)]),
        ].join(" ")}
      </p>
    </NoticeBox>
  );
}

function problemOf({ saving }: VocabularyEdit): string | null {
  switch (saving.kind) {
    case "no":
    case "asked":
    case "unanswered":
    case "done":
      return null;
    case "half":
      return t.vocabulary.bothAtOnce;
    case "lost":
      return t.vocabulary.lost;
    case "refused":
      return t.errors[saving.code];
  }
}

/** The list as it is written, with what the server says about it meanwhile; `onDone` once it is saved. */
function useVocabularyEdit(form: { readonly current: HTMLFormElement | null }, onDone: () => void) {
  const known = useClient((state) => state.vocabulary);
  const refusal = useClient((state) => state.vocabularyRefusal);
  const link = useClient((state) => state.link);
  const [edit, dispatch] = useReducer(editVocabulary, known ?? [], opened);
  const caret = useRef<number | null>(null);
  const current = useRef(edit);
  current.current = edit;
  const done = useRef(onDone);
  done.current = onDone;
  useEffect(() => {
    if (link !== "up") dispatch({ kind: "line_gone" });
  }, [link]);
  useEffect(() => {
    if (refusal !== null) dispatch({ kind: "refused", code: refusal.code });
  }, [refusal]);
  useEffect(() => {
    if (known === null) return;
    const field = form.current?.querySelector("textarea");
    if (field !== null && field !== undefined) {
      const next = editVocabulary(current.current, { kind: "told", terms: known }).text;
      if (next !== field.value) caret.current = caretIn(next, field.value, field.selectionStart);
    }
    dispatch({ kind: "told", terms: known });
  }, [known, form]);
  // A field whose text is set puts its caret to the end.
  useLayoutEffect(() => {
    if (caret.current === null || edit.base !== known) return;
    form.current?.querySelector("textarea")?.setSelectionRange(caret.current, caret.current);
    caret.current = null;
  }, [edit, known, form]);
  const isDone = edit.saving.kind === "done";
  useEffect(() => {
    if (isDone) done.current();
  }, [isDone]);
  return {
    edit,
    type: (text: string): void => dispatch({ kind: "typed", text }),
    ask: (): void => dispatch({ kind: "asked" }),
  };
}
