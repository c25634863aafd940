// The group's names and terms, to be changed while people meet: who is here tonight was not known when the session
// was made.

import { useRef, useState } from "react";
import { t } from "../../i18n";
import { VOCABULARY_CHARACTERS_MAX, VOCABULARY_TERMS_MAX } from "../../protocol/generated";
import { useClient, useController } from "../client";
import { DialogWindow } from "../common/dialogs";
import { charactersOf, checkTerms, termsOf } from "../common/vocabulary";
import { Button, TextInput } from "../common/widgets";

export function VocabularyDialog({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  return (
    <DialogWindow
      isOpen={isOpen}
      onClose={onClose}
      heading={t.vocabulary.heading}
      closeLabel={t.vocabulary.close}
    >
      {isOpen ? <VocabularyForm onDone={onClose} /> : null}
    </DialogWindow>
  );
}

function VocabularyForm({ onDone }: { onDone: () => void }) {
  const controller = useController();
  const known = useClient((state) => state.vocabulary);
  const [text, setText] = useState(() => (known ?? []).join("\n"));
  const [error, setError] = useState<string | null>(null);
  const form = useRef<HTMLFormElement>(null);
  const terms = termsOf(text);
  const save = (): void => {
    const found = checkTerms(terms);
    setError(found);
    if (found !== null) {
      form.current?.querySelector("textarea")?.focus();
    } else if (controller.setVocabulary(terms)) {
      onDone();
    }
  };
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
        value={text}
        onChange={setText}
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
      <div className="buttons end">
        <Button onPress={onDone}>{t.vocabulary.cancel}</Button>
        <Button type="submit" look="primary">
          {t.vocabulary.save}
        </Button>
      </div>
    </form>
  );
}
