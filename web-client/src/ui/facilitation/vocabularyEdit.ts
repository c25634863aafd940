// A change of the group's names and terms, from opening them to the server's answer. Others may change them meanwhile:
// both changes are kept. Pure.

import type { ErrorCode } from "../../protocol/generated";
import { termsOf } from "../common/vocabulary";

type Terms = readonly string[];

export type Saving =
  | { readonly kind: "no" }
  /** The server was asked and has not answered; over what another saved just before, perhaps. */
  | { readonly kind: "asked"; readonly terms: Terms; readonly isOver: boolean }
  /** The line went before an answer came: it may have been done. */
  | { readonly kind: "unanswered"; readonly terms: Terms }
  /** It was done, and another's change that came first was written over: both together are still to be saved. */
  | { readonly kind: "half" }
  /** It was not done. */
  | { readonly kind: "lost" }
  | { readonly kind: "refused"; readonly code: ErrorCode }
  | { readonly kind: "done" };

/** What others did while the list stood open. */
export interface ByOthers {
  readonly added: Terms;
  readonly removed: Terms;
}

export interface VocabularyEdit {
  readonly text: string;
  /** What the server had when the text was last brought together with it. */
  readonly base: Terms;
  readonly saving: Saving;
  readonly byOthers: ByOthers;
}

export type EditEvent =
  | { readonly kind: "typed"; readonly text: string }
  | { readonly kind: "asked" }
  | { readonly kind: "refused"; readonly code: ErrorCode }
  | { readonly kind: "line_gone" }
  /** The server said what the terms are: an answer, what another facilitator did, or after the line was gone. */
  | { readonly kind: "told"; readonly terms: Terms };

export function opened(known: Terms): VocabularyEdit {
  return {
    text: known.join("\n"),
    base: known,
    saving: { kind: "no" },
    byOthers: { added: [], removed: [] },
  };
}

/**
 * What whoever closes the list gives up: something that the server does not have, or the answer to what it was asked,
 * which it does all the same.
 */
export type AtStake = "nothing" | "changes" | "answer";

export function atStake({ text, base, saving }: VocabularyEdit): AtStake {
  if (saving.kind === "asked" || saving.kind === "unanswered") return "answer";
  return areSame(termsOf(text), base) ? "nothing" : "changes";
}

export function editVocabulary(edit: VocabularyEdit, event: EditEvent): VocabularyEdit {
  const { saving } = edit;
  switch (event.kind) {
    case "typed":
      return { ...edit, text: event.text };
    case "asked":
      return { ...edit, saving: { kind: "asked", terms: termsOf(edit.text), isOver: false } };
    case "refused":
      return saving.kind === "asked" ? { ...edit, saving: { kind: "refused", code: event.code } } : edit;
    case "line_gone":
      return saving.kind === "asked"
        ? { ...edit, saving: { kind: "unanswered", terms: saving.terms } }
        : edit;
    case "told":
      return told(edit, event.terms);
  }
}

const LOST: Saving = { kind: "lost" };

const isOver = (saving: Saving): boolean => saving.kind === "asked" && saving.isOver;

function told(edit: VocabularyEdit, terms: Terms): VocabularyEdit {
  const { saving, base } = edit;
  const asked = saving.kind === "asked" || saving.kind === "unanswered" ? saving.terms : null;
  if (asked !== null && areSame(asked, terms)) {
    // What was written or came in since is still to be saved.
    const isAll = areSame(termsOf(edit.text), terms);
    return { ...edit, base: terms, saving: { kind: isAll ? "done" : isOver(saving) ? "half" : "no" } };
  }
  if (areSame(base, terms)) return saving.kind === "unanswered" ? { ...edit, saving: LOST } : edit;
  const added = terms.filter((term) => !base.includes(term));
  const removed = base.filter((term) => !terms.includes(term));
  return {
    ...edit,
    base: terms,
    saving:
      saving.kind === "unanswered" ? LOST : saving.kind === "asked" ? { ...saving, isOver: true } : saving,
    text: merged(edit.text, added, removed),
    byOthers: {
      added: joined(edit.byOthers.added, added, removed),
      removed: joined(edit.byOthers.removed, removed, added),
    },
  };
}

/** The text without the lines that others removed, and with what they added at its end. */
function merged(text: string, added: Terms, removed: Terms): string {
  const kept = text.split("\n").filter((line) => !removed.includes(termsOf(line)[0] ?? ""));
  const known = termsOf(kept.join("\n"));
  const more = added.filter((term) => !known.includes(term));
  if (more.length === 0) return kept.join("\n");
  // Not under an empty last line.
  const whole = kept.join("\n").replace(/\n+$/, "");
  return [...(whole === "" ? [] : [whole]), ...more].join("\n");
}

/** Where the caret at a place in the text before stands in a text that others changed: in the same line. */
export function caretIn(next: string, before: string, caret: number): number {
  const lines = before.slice(0, caret).split("\n");
  const column = lines.pop()?.length ?? 0;
  const stay = new Set(next.split("\n"));
  const above = lines.filter((line) => stay.has(line)).reduce((sum, line) => sum + line.length + 1, 0);
  return Math.min(next.length, above + column);
}

const joined = (before: Terms, more: Terms, taken: Terms): Terms => [
  ...before.filter((term) => !taken.includes(term) && !more.includes(term)),
  ...more,
];

const areSame = (one: Terms, other: Terms): boolean =>
  one.length === other.length && one.every((term, at) => term === other[at]);
