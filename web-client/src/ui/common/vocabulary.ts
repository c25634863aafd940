// A group's names and terms as somebody types them, and what is wrong with them. Pure.

import { t } from "../../i18n";
import {
  VOCABULARY_CHARACTERS_MAX,
  VOCABULARY_TERM_CHARACTERS_MAX,
  VOCABULARY_TERMS_MAX,
} from "../../protocol/generated";

/** The terms of a text with one on each line; each once. A term may have commas in it: "Smith, John". */
export function termsOf(text: string): readonly string[] {
  const terms = text.split(/[\n\r]/).map((term) => term.replace(/[\s\u0085]+/g, " ").trim());
  return [...new Set(terms.filter((term) => term !== ""))];
}

/** Characters of all terms, counted as the server counts them. */
export function charactersOf(terms: readonly string[]): number {
  return terms.reduce((sum, term) => sum + [...term].length, 0);
}

/** What to say about a vocabulary, or null where nothing is wrong. */
export function checkTerms(terms: readonly string[]): string | null {
  const long = terms.find((term) => [...term].length > VOCABULARY_TERM_CHARACTERS_MAX);
  if (long !== undefined) return t.vocabulary.termTooLong(VOCABULARY_TERM_CHARACTERS_MAX, long);
  if (terms.length > VOCABULARY_TERMS_MAX) return t.vocabulary.tooMany(VOCABULARY_TERMS_MAX);
  if (charactersOf(terms) <= VOCABULARY_CHARACTERS_MAX) return null;
  return t.vocabulary.tooLong(VOCABULARY_CHARACTERS_MAX);
}
