// Small widgets in the dress of this product, around those of React Aria.

import type { ReactNode } from "react";
import {
  Button as AriaButton,
  Checkbox as AriaCheckbox,
  ToggleButton as AriaToggleButton,
  type ButtonProps,
  FieldError,
  Input,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
  Select,
  SelectValue,
  Text,
  TextArea,
  TextField,
} from "react-aria-components";
import { t } from "../../i18n";
import { Icon, type IconName } from "./Icon";

type Look = "plain" | "primary" | "danger" | "quiet";

interface PlainButtonProps {
  readonly children: ReactNode;
  readonly onPress?: () => void;
  readonly look?: Look;
  readonly icon?: IconName;
  /** The name for assistive technology where the visible words are shorter; contains them. */
  readonly name?: string;
  readonly type?: "button" | "submit";
  readonly className?: string;
  readonly isDisabled?: boolean;
  readonly isPending?: boolean;
  readonly autoFocus?: boolean;
}

export function Button({
  look = "plain",
  icon,
  name,
  className,
  children,
  onPress,
  ...rest
}: PlainButtonProps) {
  const props: ButtonProps = {
    ...rest,
    className: `button ${look} ${className ?? ""}`,
    ...(name === undefined ? {} : { "aria-label": name }),
    ...(onPress === undefined ? {} : { onPress: () => onPress() }),
  };
  return (
    <AriaButton {...props}>
      {icon === undefined ? null : <Icon name={icon} />}
      {children}
    </AriaButton>
  );
}

interface ToggleProps {
  readonly label: string;
  readonly icon: IconName;
  readonly isOn: boolean;
  readonly onChange: (on: boolean) => void;
  readonly isDisabled?: boolean;
}

/** A switch as a button: its name stays, `aria-pressed` says how it stands, and so does a word for the eye. */
export function Toggle({ label, icon, isOn, onChange, isDisabled = false }: ToggleProps) {
  return (
    <AriaToggleButton
      className="button toggle"
      aria-label={label}
      isSelected={isOn}
      onChange={onChange}
      isDisabled={isDisabled}
    >
      <Icon name={icon} />
      <span>{label}</span>
      {/* By the style sheet: for the eye only, `aria-pressed` says it otherwise. */}
      <span className="toggle-state" data-words={isOn ? t.call.on : t.call.off} />
    </AriaToggleButton>
  );
}

/** What is wrong with a field, in words and with a sign. */
export function ErrorText({ children }: { children: ReactNode }) {
  return (
    <span className="field-error">
      <Icon name="warning" />
      <span>{children}</span>
    </span>
  );
}

interface TextInputProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly hint?: string;
  /** Null while nothing is wrong. */
  readonly error?: string | null;
  readonly type?: "text" | "password" | "number" | "datetime-local";
  readonly name: string;
  readonly autoComplete?: string;
  readonly isRequired?: boolean;
  /** So many rows, for more than a line. */
  readonly rows?: number;
  /** The language and direction of what is written in it, where that is not the page's. */
  readonly written?: { readonly lang?: string; readonly dir: "ltr" | "rtl" | "auto" };
  readonly autoFocus?: boolean;
}

export function TextInput({
  label,
  hint,
  error = null,
  type = "text",
  autoComplete = "off",
  rows,
  written,
  ...rest
}: TextInputProps) {
  return (
    <TextField
      {...rest}
      className="field"
      type={type === "text" || type === "password" ? type : "text"}
      autoComplete={autoComplete}
      isInvalid={error !== null}
      validationBehavior="aria"
    >
      <Label>{label}</Label>
      {rows === undefined ? (
        <Input
          className="input"
          {...written}
          {...(type === "datetime-local" ? { type } : {})}
          {...(type === "number" ? { inputMode: "numeric" } : {})}
        />
      ) : (
        <TextArea className="input" rows={rows} {...written} />
      )}
      {hint === undefined ? null : (
        <Text slot="description" className="hint">
          {hint}
        </Text>
      )}
      <FieldError>{error === null ? null : <ErrorText>{error}</ErrorText>}</FieldError>
    </TextField>
  );
}

interface CheckboxProps {
  readonly children: string;
  readonly isSelected: boolean;
  readonly onChange: (selected: boolean) => void;
  readonly hint?: string;
  readonly error?: string | null;
  readonly name: string;
}

export function Checkbox({ children, hint, error = null, ...rest }: CheckboxProps) {
  const hintId = `${rest.name}-hint`;
  const errorId = `${rest.name}-error`;
  const described = [hint === undefined ? null : hintId, error === null ? null : errorId].filter(
    (id) => id !== null,
  );
  return (
    <div className="field">
      <AriaCheckbox
        {...rest}
        className="checkbox"
        isInvalid={error !== null}
        {...(described.length === 0 ? {} : { "aria-describedby": described.join(" ") })}
      >
        <span className="box">
          <Icon name="check" />
        </span>
        <span>{children}</span>
      </AriaCheckbox>
      {hint === undefined ? null : (
        <span id={hintId} className="hint checkbox-hint">
          {hint}
        </span>
      )}
      {error === null ? null : (
        <span id={errorId}>
          <ErrorText>{error}</ErrorText>
        </span>
      )}
    </div>
  );
}

export interface Choice {
  readonly id: string;
  readonly label: string;
}

interface ChooserProps {
  readonly label: string;
  readonly choices: readonly Choice[];
  readonly selected: string | null;
  readonly onSelect: (id: string) => void;
}

/** One out of a list. */
export function Chooser({ label, choices, selected, onSelect }: ChooserProps) {
  return (
    <Select
      className="field"
      value={selected}
      onChange={(key) => {
        if (key !== null) {
          onSelect(String(key));
        }
      }}
    >
      <Label>{label}</Label>
      <AriaButton className="button select-button">
        <SelectValue />
        <Icon name="chevron" />
      </AriaButton>
      <Popover className="popover">
        <ListBox className="list-box" items={choices}>
          {(choice) => (
            <ListBoxItem className="list-box-item" id={choice.id} textValue={choice.label}>
              <Icon name="check" />
              <span>{choice.label}</span>
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </Select>
  );
}

interface NoticeBoxProps {
  readonly kind?: "info" | "warning" | "error";
  readonly icon?: IconName;
  readonly children: ReactNode;
}

/** A message that stays where it stands. */
export function NoticeBox({ kind = "info", icon, children }: NoticeBoxProps) {
  return (
    <div className={`notice ${kind}`}>
      <Icon name={icon ?? (kind === "info" ? "info" : "warning")} />
      <div className="notice-body">{children}</div>
    </div>
  );
}
