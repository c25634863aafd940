// The words of captions: which of them may be wrong, and which a reader does not want to read. Those are hidden only
// where the reader asks for it: nothing is hidden by default, and nothing from anybody else. Pure.

import { type CaptionWord, WORD_SURE_MIN } from "../../protocol/generated";

/** Stands for sound that got lost on its way. */
export const GAP_SIGN = "…";

/** Words one after the other that are all sure, or all guesses. */
export interface Run {
  readonly text: string;
  readonly isGuess: boolean;
}

/** A text in runs, by what is known of its words. Where that does not fit the text, nothing counts as a guess. */
export function runsOf(text: string, known: readonly CaptionWord[] = []): readonly Run[] {
  const words = text.split(" ").filter((word) => word !== "");
  if (words.length > known.length) return words.length === 0 ? [] : [{ text, isGuess: false }];
  const runs: Run[] = [];
  words.forEach((word, at) => {
    const isGuess = (known[at]?.sure ?? 100) < WORD_SURE_MIN;
    const last = runs.at(-1);
    if (last?.isGuess === isGuess) runs.splice(-1, 1, { text: `${last.text} ${word}`, isGuess });
    else runs.push({ text: word, isGuess });
  });
  return runs;
}

/** Word beginnings; what follows in the same word is hidden with them. */
const STRONG_WORDS = [
  "fuck",
  "shit",
  "cunt",
  "bitch",
  "bastard",
  "asshole",
  "arsehole",
  "motherfuck",
  "dickhead",
  "wank",
];

/** Hides a text's strong words and the reader's own behind their first letter. */
export function filterWords(text: string, ownWords: string): string {
  const own = ownWords
    .split(",")
    .map((word) => word.trim().toLowerCase())
    .filter((word) => word !== "");
  return text.replace(/[\p{L}\p{N}'’]+/gu, (word) => {
    const plain = word.toLowerCase();
    const hidden = own.includes(plain) || STRONG_WORDS.some((start) => plain.startsWith(start));
    return hidden ? `${word.slice(0, 1)}${"•".repeat(Math.max(1, word.length - 1))}` : word;
  });
}
