// The caption settings, applied while one looks at them.

import type { ReactNode } from "react";
import { t } from "../../i18n";
import type { Caption } from "../../protocol/generated";
import { DialogWindow } from "../common/dialogs";
import { Button, Checkbox, Chooser, TextInput } from "../common/widgets";
import { CaptionEntries } from "./CaptionEntries";
import {
  type CaptionSettings,
  COLOURS,
  DEFAULTS,
  EDGES,
  FONTS,
  HOLDS_SECONDS,
  LINES,
  OPACITIES,
  PARTIALS,
  POSITIONS,
  SIZES,
  styleOf,
} from "./settings";
import { changeCaptionSettings, useCaptionSettings } from "./useCaptionSettings";

interface DialogProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
}

/** Of a caption page. */
export function CaptionSettingsDialog({ isOpen, onClose }: DialogProps) {
  return (
    <DialogWindow
      isOpen={isOpen}
      onClose={onClose}
      heading={t.captionSettings.heading}
      closeLabel={t.devices.close}
    >
      <CaptionSettingsForm where="page" />
    </DialogWindow>
  );
}

interface FormProps {
  /** A page of captions alone fills its screen: nobody chooses their place and number there. */
  readonly where: "call" | "page";
}

export function CaptionSettingsForm({ where }: FormProps) {
  const settings = useCaptionSettings();
  const words = t.captionSettings;
  return (
    <div className="caption-settings">
      <p className="soft small">{where === "call" ? words.hint : words.pageHint}</p>
      <Preview settings={settings} />
      <Group heading={words.text}>
        <Choose label={words.size} field="size" choices={SIZES} name={words.percent} />
        <Choose label={words.font} field="font" choices={FONTS} name={(font) => words.fonts[font]} />
        <Choose label={words.edge} field="edge" choices={EDGES} name={(edge) => words.edges[edge]} />
      </Group>
      <Group heading={words.colours}>
        <Choose label={words.textColour} field="textColour" choices={COLOURS} name={colourName} />
        <Choose label={words.textOpacity} field="textOpacity" choices={OPACITIES} name={words.percent} />
        <Choose label={words.backgroundColour} field="backgroundColour" choices={COLOURS} name={colourName} />
        <Choose
          label={words.backgroundOpacity}
          field="backgroundOpacity"
          choices={OPACITIES}
          name={words.percent}
        />
        <Choose label={words.windowColour} field="windowColour" choices={COLOURS} name={colourName} />
        <Choose label={words.windowOpacity} field="windowOpacity" choices={OPACITIES} name={words.percent} />
      </Group>
      <Group heading={where === "call" ? words.place : words.pace}>
        {where === "call" ? (
          <>
            <Choose
              label={words.position}
              field="position"
              choices={POSITIONS}
              name={(position) => words.positions[position]}
            />
            <Choose label={words.lines} field="lines" choices={LINES} name={String} />
          </>
        ) : null}
        <Choose label={words.hold} field="holdSeconds" choices={HOLDS_SECONDS} name={words.holdSeconds} />
        <Choose
          label={words.partials}
          field="partials"
          choices={PARTIALS}
          name={(partials) => words.partialsNames[partials]}
        />
      </Group>
      <Group heading={words.speakers}>
        <Check field="names" label={words.names} />
        <Check field="marks" label={words.marks} hint={words.marksHint} />
      </Group>
      <Group heading={words.words}>
        <Check field="guesses" label={words.guesses} hint={words.guessesHint} />
        <Check field="filter" label={words.filter} hint={words.filterHint} />
        <TextInput
          name="ownWords"
          label={words.ownWords}
          hint={words.ownWordsHint}
          value={settings.ownWords}
          onChange={(ownWords) => changeCaptionSettings({ ownWords })}
        />
      </Group>
      <Button icon="renew" onPress={() => changeCaptionSettings(DEFAULTS)}>
        {words.reset}
      </Button>
    </div>
  );
}

function colourName(colour: CaptionSettings["textColour"]): string {
  return t.captionSettings.colourNames[colour];
}

function Group({ heading, children }: { heading: string; children: ReactNode }) {
  return (
    <fieldset className="settings-group">
      <legend>{heading}</legend>
      {children}
    </fieldset>
  );
}

interface ChooseProps<Field extends keyof CaptionSettings> {
  readonly label: string;
  readonly field: Field;
  readonly choices: readonly CaptionSettings[Field][];
  readonly name: (choice: CaptionSettings[Field]) => string;
}

function Choose<Field extends keyof CaptionSettings>({ label, field, choices, name }: ChooseProps<Field>) {
  const settings = useCaptionSettings();
  return (
    <Chooser
      label={label}
      choices={choices.map((choice) => ({ id: String(choice), label: name(choice) }))}
      selected={String(settings[field])}
      onSelect={(id) => {
        const chosen = choices.find((choice) => String(choice) === id);
        if (chosen !== undefined) changeCaptionSettings({ [field]: chosen });
      }}
    />
  );
}

interface CheckProps {
  readonly field: "names" | "marks" | "guesses" | "filter";
  readonly label: string;
  readonly hint?: string;
}

function Check({ field, label, hint }: CheckProps) {
  const settings = useCaptionSettings();
  return (
    <Checkbox
      name={`caption-${field}`}
      isSelected={settings[field]}
      onChange={(selected) => changeCaptionSettings({ [field]: selected })}
      {...(hint === undefined ? {} : { hint })}
    >
      {label}
    </Checkbox>
  );
}

/** Of the growing line, the third word is a guess. */
const PREVIEW_WORDS_SURE = [90, 90, 30, 90, 90, 90];

/** Two people and a growing line, with all signs there are, in the chosen dress. */
function Preview({ settings }: { settings: CaptionSettings }) {
  const now = Date.now();
  const caption = (number: number, changes: Partial<Caption>): Caption => ({
    id: { epoch: -1, number },
    participant: `preview-${number}`,
    name: t.captionSettings.previewNames[number % 2] ?? "",
    revision: 1,
    status: "final",
    stable: "",
    tentative: "",
    started_at: now + number,
    ended_at: now,
    ...changes,
  });
  const captions = {
    open: [
      caption(2, {
        status: "partial",
        stable: t.captionSettings.previewStable,
        tentative: t.captionSettings.previewTentative,
        words: PREVIEW_WORDS_SURE.map((sure, at) => ({ ended: at * 300, sure })),
        after_gap: true,
      }),
    ],
    passing: [],
    history: [caption(1, { stable: t.captionSettings.previewFinal })],
  };
  return (
    <div
      className="captions caption-preview"
      role="img"
      aria-label={t.captionSettings.preview}
      style={styleOf(settings)}
    >
      <CaptionEntries captions={captions} settings={settings} clockOffsetMs={0} shows="lines" />
    </div>
  );
}
