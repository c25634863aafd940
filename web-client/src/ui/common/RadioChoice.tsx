// One out of a few, all of them in sight, each with a sentence about it.

import { Label, Radio, RadioGroup } from "react-aria-components";

export interface RadioOption<Id extends string> {
  readonly id: Id;
  readonly label: string;
  readonly hint: string;
}

interface RadioChoiceProps<Id extends string> {
  readonly label: string;
  readonly options: readonly RadioOption<Id>[];
  readonly selected: Id;
  readonly onSelect: (id: Id) => void;
}

export function RadioChoice<Id extends string>({ label, options, selected, onSelect }: RadioChoiceProps<Id>) {
  return (
    <RadioGroup
      className="field radio-group"
      value={selected}
      onChange={(value) => {
        const option = options.find(({ id }) => id === value);
        if (option !== undefined) {
          onSelect(option.id);
        }
      }}
    >
      <Label>{label}</Label>
      {options.map(({ id, label: name, hint }) => (
        <Radio key={id} className="radio" value={id}>
          <span className="dot" />
          <span className="radio-words">
            <span>{name}</span>
            <span className="hint">{hint}</span>
          </span>
        </Radio>
      ))}
    </RadioGroup>
  );
}
