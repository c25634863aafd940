// Where a line goes on that stands in part, perhaps put right by others. Pure.

const WORDS = new Intl.Segmenter(undefined, { granularity: "word" });

/**
 * What of a line is not said yet, if this was: all that comes after its longest beginning that it shares with any of
 * these texts. It begins with a word: one that goes on differently than it stood is said as a whole.
 */
export function beyond(line: string, said: readonly string[]): string {
  const text = line.trimStart();
  const ends = said.map((one) => wordStart(text, sharedLength(plain(text), plain(one).trimStart())));
  return text.slice(Math.max(0, ...ends)).trimStart();
}

/** The server puts spaces in place of tabs and their like. */
export function isSameText(a: string, b: string): boolean {
  return plain(a).trim() === plain(b).trim();
}

/** Whether a text says no more than the beginning of another. */
export function isBeginning(text: string, whole: string): boolean {
  return plain(whole).trimStart().startsWith(plain(text).trim());
}

/** As the server writes it, of the same length. */
function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, " ");
}

function sharedLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return length;
}

/** The last place at or before this one where a word begins, or what is between words; the end is one, too. */
function wordStart(text: string, at: number): number {
  return at >= text.length ? text.length : (WORDS.segment(text).containing(at)?.index ?? 0);
}
