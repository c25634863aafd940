// What words are marked with for those who don't read them with their eyes, and for the direction in which they run:
// a screen reader takes the voice of the language, a braille display its table (WCAG 3.1.2). Pure.

/** Of the languages that speech models know, those written from right to left. */
const FROM_THE_RIGHT: ReadonlySet<string> = new Set(["ar", "fa", "he", "ps", "sd", "ur", "yi"]);

/** Where documents have another tag (BCP 47) than the models have codes. */
const TAGS: Readonly<Record<string, string>> = { jw: "jv" };

/** Scripts whose letters hold on to each other, by a stroke or by a line above. */
const JOINED =
  /[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Mongolian}\p{Script=Nko}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Gurmukhi}\p{Script=Tibetan}]/u;

export type Direction = "ltr" | "rtl" | "auto";

/** The direction of a text; where the language is not known, its first letters tell. */
export function directionOf(language: string | undefined): Direction {
  if (language === undefined) return "auto";
  return FROM_THE_RIGHT.has(language) ? "rtl" : "ltr";
}

/** Marks text of a script whose letters join, for the style sheet: they are not drawn apart. */
export function joined(text: string): { readonly "data-joined"?: true } {
  return JOINED.test(text) ? { "data-joined": true } : {};
}

/** The attributes of an element that holds words of this language and nothing else. */
export function spokenIn(language: string | undefined): { readonly lang?: string; readonly dir: Direction } {
  const dir = directionOf(language);
  return language === undefined ? { dir } : { lang: TAGS[language] ?? language, dir };
}
