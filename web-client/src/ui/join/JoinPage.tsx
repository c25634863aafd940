// The door: device check, name, guidelines, and the button that asks to come in.

import { useRef, useState } from "react";
import { Form } from "react-aria-components";
import { t } from "../../i18n";
import { type ErrorCode, NAME_CHARACTERS_MAX } from "../../protocol/generated";
import { useClient, useController } from "../client";
import { Page } from "../common/Page";
import { Button, Checkbox, NoticeBox, TextInput } from "../common/widgets";
import { DeviceCheck } from "./DeviceCheck";
import { Guidelines } from "./Guidelines";

/** What was entered; kept by whoever shows this page, so that it survives a refused attempt. */
export interface JoinForm {
  readonly name: string;
  readonly agreed: boolean;
}

interface JoinPageProps {
  readonly problem: ErrorCode | null;
  readonly form: JoinForm;
  readonly onForm: (form: JoinForm) => void;
}

export function JoinPage({ problem, form, onForm }: JoinPageProps) {
  const session = useClient((state) => state.session);
  const role = useClient((state) => state.linkRole);
  return (
    <Page
      broad
      title={t.titles.join}
      heading={session === null ? t.join.heading : t.join.headingNamed(session.name)}
    >
      <p className="soft">
        {t.join.introduction} {role === "facilitator" ? t.join.asFacilitator : null}
      </p>
      <div role="alert">
        {problem === null ? null : (
          <NoticeBox kind="error">
            <span>{t.errors[problem]}</span>
          </NoticeBox>
        )}
      </div>
      <div className="join-columns">
        <section aria-labelledby="devices-heading" className="stack">
          <h2 id="devices-heading">{t.devices.heading}</h2>
          <DeviceCheck />
        </section>
        <EntryForm form={form} onForm={onForm} isFacilitator={role === "facilitator"} />
      </div>
    </Page>
  );
}

interface EntryFormProps {
  readonly form: JoinForm;
  readonly onForm: (form: JoinForm) => void;
  readonly isFacilitator: boolean;
}

interface EntryErrors {
  readonly name: string | null;
  readonly agreed: string | null;
}

function EntryForm({ form, onForm, isFacilitator }: EntryFormProps) {
  const controller = useController();
  const [errors, setErrors] = useState<EntryErrors>({ name: null, agreed: null });
  const formRef = useRef<HTMLFormElement>(null);
  const submit = (): void => {
    const found = { name: nameError(form.name), agreed: form.agreed ? null : t.join.errors.agree };
    setErrors(found);
    if (found.name === null && found.agreed === null) {
      controller.join(form.name.trim(), form.agreed);
      return;
    }
    requestAnimationFrame(() => formRef.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
  };
  return (
    <Form
      ref={formRef}
      className="form"
      validationBehavior="aria"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <TextInput
        name="name"
        label={t.join.name}
        hint={t.join.nameHint}
        value={form.name}
        onChange={(name) => onForm({ ...form, name })}
        error={errors.name}
        autoComplete="nickname"
      />
      <section aria-labelledby="guidelines-heading" className="stack">
        <h2 id="guidelines-heading">{t.join.guidelines}</h2>
        <Guidelines />
      </section>
      <NoticeBox icon="captions">
        <span>{t.join.captionsNotice.text}</span>
      </NoticeBox>
      <Checkbox
        name="agreed"
        isSelected={form.agreed}
        onChange={(agreed) => onForm({ ...form, agreed })}
        error={errors.agreed}
      >
        {t.join.agree}
      </Checkbox>
      <Button type="submit" look="primary" className="wide">
        {isFacilitator ? t.join.join : t.join.ask}
      </Button>
    </Form>
  );
}

function nameError(name: string): string | null {
  const characters = [...name.trim()].length;
  if (characters === 0) {
    return t.join.errors.name;
  }
  return characters > NAME_CHARACTERS_MAX ? t.join.errors.nameTooLong : null;
}
