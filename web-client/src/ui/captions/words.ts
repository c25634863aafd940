// Words that a reader does not want to read. Only where the reader asks for it: nothing is hidden by default, and
// nothing is hidden from anybody else. Pure.

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
