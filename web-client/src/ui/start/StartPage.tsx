// The operator's page: makes a session and hands out its links.

import { useRef, useState } from "react";
import { Form } from "react-aria-components";
import { t } from "../../i18n";
import { type CreatedSession, createSession } from "../../protocol/http";
import { Page } from "../common/Page";
import { Button, Checkbox, Chooser, NoticeBox, TextInput } from "../common/widgets";
import { CreatedLinks } from "./CreatedLinks";
import { checkForm, EMPTY_FORM, languageChoices, type StartErrors, type StartForm, toRequest } from "./form";

const LANGUAGE_CHOICES = languageChoices();

export function StartPage() {
  const [created, setCreated] = useState<CreatedSession | null>(null);
  return created === null ? (
    <CreateForm onCreated={setCreated} />
  ) : (
    <CreatedLinks session={created} onAnother={() => setCreated(null)} />
  );
}

function CreateForm({ onCreated }: { onCreated: (session: CreatedSession) => void }) {
  const [form, setForm] = useState<StartForm>(EMPTY_FORM);
  const [errors, setErrors] = useState<StartErrors>({});
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const formRef = useRef<HTMLFormElement>(null);

  const submit = async (): Promise<void> => {
    const found = checkForm(form, Date.now());
    setErrors(found);
    if (Object.keys(found).length > 0) {
      setProblem(t.start.errors.summary);
      focusFirstInvalid(formRef.current);
      return;
    }
    setProblem(null);
    setBusy(true);
    const result = await createSession(form.operatorKey.trim(), toRequest(form));
    setBusy(false);
    switch (result.kind) {
      case "created":
        onCreated(result.session);
        return;
      case "refused":
        if (result.code === "unauthorized") {
          setErrors({ operatorKey: t.start.errors.key });
          setProblem(t.start.errors.summary);
          focusFirstInvalid(formRef.current);
        } else {
          setProblem(result.code === "invalid_value" ? result.message : t.errors[result.code]);
        }
        return;
      case "unreachable":
        setProblem(t.errors.network);
        return;
    }
  };

  const text = (field: keyof StartErrors) => ({
    name: field,
    value: form[field],
    error: errors[field] ?? null,
    onChange: (value: string) => setForm((old) => ({ ...old, [field]: value })),
  });
  const flag = (field: "waitingRoom" | "captions" | "transcript" | "translate") => ({
    name: field,
    isSelected: form[field],
    onChange: (value: boolean) => setForm((old) => ({ ...old, [field]: value })),
  });

  return (
    <Page title={t.titles.start} heading={t.start.heading}>
      <p className="soft">{t.start.introduction}</p>
      <Form
        ref={formRef}
        className="form"
        validationBehavior="aria"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <div role="alert">
          {problem === null ? null : (
            <NoticeBox kind="error">
              <strong>{t.start.errors.heading}</strong>
              <span>{problem}</span>
            </NoticeBox>
          )}
        </div>
        <TextInput {...text("name")} label={t.start.name} hint={t.start.nameHint} />
        <TextInput
          {...text("operatorKey")}
          label={t.start.operatorKey}
          hint={t.start.operatorKeyHint}
          type="password"
        />
        <div className="pair">
          <TextInput
            {...text("startsAt")}
            label={t.start.startsAt}
            hint={t.start.startsAtHint}
            type="datetime-local"
          />
          <TextInput
            {...text("endsAt")}
            label={t.start.endsAt}
            hint={t.start.endsAtHint}
            type="datetime-local"
          />
        </div>
        <TextInput {...text("capacity")} label={t.start.capacity} hint={t.start.capacityHint} type="number" />
        <Checkbox {...flag("waitingRoom")} hint={t.start.waitingRoomHint}>
          {t.start.waitingRoom}
        </Checkbox>
        <Checkbox {...flag("captions")} hint={t.start.captionsHint}>
          {t.start.captions}
        </Checkbox>
        {form.captions ? (
          <>
            <Chooser
              label={t.start.language}
              choices={LANGUAGE_CHOICES}
              selected={form.language}
              onSelect={(language) => setForm((old) => ({ ...old, language }))}
            />
            {form.language === "en" ? null : (
              <Checkbox {...flag("translate")} hint={t.start.translateHint}>
                {t.start.translate}
              </Checkbox>
            )}
            <TextInput
              {...text("vocabulary")}
              rows={4}
              label={t.start.vocabulary}
              hint={t.start.vocabularyHint}
            />
            <Checkbox {...flag("transcript")} hint={t.start.transcriptHint}>
              {t.start.transcript}
            </Checkbox>
          </>
        ) : null}
        <Button type="submit" look="primary" className="wide" isPending={busy}>
          {busy ? t.start.submitting : t.start.submit}
        </Button>
      </Form>
    </Page>
  );
}

/** After the errors have been drawn. */
function focusFirstInvalid(form: HTMLFormElement | null): void {
  requestAnimationFrame(() => form?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
}
