// What the form on the start page holds, and what is wrong with it. Pure.

import { t } from "../../i18n";
import { LANGUAGES, NAME_CHARACTERS_MAX } from "../../protocol/generated";
import type { NewSession } from "../../protocol/http";
import { checkTerms, termsOf } from "../common/vocabulary";

export const CAPACITY_MIN = 2;
export const CAPACITY_MAX = 25;

/** The fields as they stand; times as `datetime-local` gives them, in the browser's time zone. */
export interface StartForm {
  readonly name: string;
  readonly operatorKey: string;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly capacity: string;
  readonly waitingRoom: boolean;
  readonly captions: boolean;
  readonly transcript: boolean;
  /** A code, or {@link DETECT}. */
  readonly language: string;
  readonly translate: boolean;
  /** Terms with commas between them. */
  readonly vocabulary: string;
}

export const EMPTY_FORM: StartForm = {
  name: "",
  operatorKey: "",
  startsAt: "",
  endsAt: "",
  capacity: String(CAPACITY_MAX),
  waitingRoom: true,
  captions: true,
  transcript: false,
  language: "en",
  translate: false,
  vocabulary: "",
};

/** What stands for finding the language out. */
export const DETECT = "detect";

/** All languages by their English names, English and detection first. */
export function languageChoices(): readonly { readonly id: string; readonly label: string }[] {
  const names = new Intl.DisplayNames("en", { type: "language" });
  const others = LANGUAGES.filter((code) => code !== "en").map((code) => ({
    id: code,
    label: names.of(code) ?? code,
  }));
  others.sort((one, other) => one.label.localeCompare(other.label));
  return [{ id: "en", label: names.of("en") ?? "en" }, { id: DETECT, label: t.start.detect }, ...others];
}

type Field = "name" | "operatorKey" | "startsAt" | "endsAt" | "capacity" | "vocabulary";

/** What to say about each field; absent where nothing is wrong. */
export type StartErrors = Partial<Record<Field, string>>;

export function checkForm(form: StartForm, now: number): StartErrors {
  const errors: StartErrors = {};
  const name = form.name.trim();
  if (name === "") {
    errors.name = t.start.errors.nameMissing;
  } else if ([...name].length > NAME_CHARACTERS_MAX) {
    errors.name = t.start.errors.nameTooLong;
  }
  if (form.operatorKey.trim() === "") {
    errors.operatorKey = t.start.errors.keyMissing;
  }
  const vocabulary = form.captions ? checkTerms(termsOf(form.vocabulary)) : null;
  if (vocabulary !== null) {
    errors.vocabulary = vocabulary;
  }
  const capacity = Number(form.capacity);
  if (!Number.isInteger(capacity) || capacity < CAPACITY_MIN || capacity > CAPACITY_MAX) {
    errors.capacity = t.start.errors.capacity;
  }
  const start = form.startsAt === "" ? now : Date.parse(form.startsAt);
  const end = form.endsAt === "" ? Number.POSITIVE_INFINITY : Date.parse(form.endsAt);
  if (Number.isNaN(start)) {
    errors.startsAt = t.start.errors.timeInvalid;
  }
  if (Number.isNaN(end)) {
    errors.endsAt = t.start.errors.timeInvalid;
  } else if (end <= start || end <= now) {
    errors.endsAt = t.start.errors.endBeforeStart;
  }
  return errors;
}

/** The request that a form without errors makes. */
export function toRequest(form: StartForm): NewSession {
  return {
    name: form.name.trim(),
    capacity: Number(form.capacity),
    waiting_room: form.waitingRoom,
    captions: form.captions,
    transcript: form.captions && form.transcript,
    ...(form.captions ? speechOf(form) : {}),
    ...(form.startsAt === "" ? {} : { starts_at: new Date(form.startsAt).toISOString() }),
    ...(form.endsAt === "" ? {} : { ends_at: new Date(form.endsAt).toISOString() }),
  };
}

/** How the group speaks, as far as it is not English without terms of its own. */
function speechOf(form: StartForm): Pick<NewSession, "language" | "translate" | "vocabulary"> {
  const vocabulary = termsOf(form.vocabulary);
  return {
    ...(form.language === "en" ? {} : { language: form.language, translate: form.translate }),
    ...(vocabulary.length === 0 ? {} : { vocabulary }),
  };
}
