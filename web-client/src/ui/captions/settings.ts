// How this reader wants captions: what can be chosen, what is chosen, and how it becomes style. Pure but for the
// storage it is given.

import type { CSSProperties } from "react";
import { blackOrWhite, blend, CONTRAST_MIN, contrastOf, PAGE, THEMES, type Theme } from "./contrast";

export const SIZES = [50, 75, 100, 125, 150, 175, 200, 250, 300] as const;
export const LINES = [1, 2, 3, 4, 5, 6] as const;
export const OPACITIES = [0, 25, 50, 75, 100] as const;
/** 0: until something new takes the place. */
export const HOLDS_SECONDS = [0, 5, 10, 20, 40] as const;
export const FONTS = ["standard", "serif", "monospaced", "distinct"] as const;
/** Those of FCC 79.103, and the page's own. */
export const COLOURS = [
  "standard",
  "white",
  "black",
  "yellow",
  "cyan",
  "green",
  "magenta",
  "red",
  "blue",
] as const;
export const EDGES = ["none", "outline", "shadow", "raised", "depressed"] as const;
export const POSITIONS = ["bottom", "top", "side", "free"] as const;
export const PARTIALS = ["live", "stable"] as const;

export type Font = (typeof FONTS)[number];
export type Colour = (typeof COLOURS)[number];
export type Edge = (typeof EDGES)[number];
export type Position = (typeof POSITIONS)[number];
export type Partials = (typeof PARTIALS)[number];

/** Everything a reader can choose. */
export interface CaptionSettings {
  /** Percent of the usual size. */
  readonly size: number;
  readonly font: Font;
  readonly textColour: Colour;
  readonly textOpacity: number;
  /** Behind the words. */
  readonly backgroundColour: Colour;
  readonly backgroundOpacity: number;
  /** The whole box. */
  readonly windowColour: Colour;
  readonly windowOpacity: number;
  readonly edge: Edge;
  readonly position: Position;
  /** Where a free box lies: in percent of the way from one side of the room to the other. */
  readonly freeX: number;
  readonly freeY: number;
  readonly lines: number;
  readonly names: boolean;
  /** A shape and a colour for each speaker. */
  readonly marks: boolean;
  readonly holdSeconds: number;
  readonly partials: Partials;
  /** Words that the machine was not sure of are underlined. */
  readonly guesses: boolean;
  readonly filter: boolean;
  /** Further words to hide, as the reader typed them, apart by commas. */
  readonly ownWords: string;
}

export const DEFAULTS: CaptionSettings = {
  size: 100,
  font: "standard",
  textColour: "standard",
  textOpacity: 100,
  backgroundColour: "standard",
  backgroundOpacity: 0,
  windowColour: "standard",
  windowOpacity: 100,
  edge: "none",
  position: "bottom",
  freeX: 50,
  freeY: 80,
  lines: 4,
  names: true,
  marks: true,
  holdSeconds: 0,
  partials: "live",
  guesses: true,
  filter: false,
  ownWords: "",
};

const OWN_WORDS_CHARACTERS_MAX = 500;

/** What was stored, each value that is not one of the choices replaced by the default. */
export function parseSettings(text: string | null): CaptionSettings {
  let stored: Partial<Record<keyof CaptionSettings, unknown>>;
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    stored = typeof value === "object" && value !== null ? value : {};
  } catch {
    stored = {};
  }
  const oneOf = <T>(choices: readonly T[], value: unknown, otherwise: T): T =>
    choices.find((choice) => choice === value) ?? otherwise;
  const flag = (value: unknown, otherwise: boolean): boolean =>
    typeof value === "boolean" ? value : otherwise;
  const percent = (value: unknown, otherwise: number): number =>
    typeof value === "number" && Number.isFinite(value) ? Math.min(100, Math.max(0, value)) : otherwise;
  const d = DEFAULTS;
  return {
    size: oneOf<number>(SIZES, stored.size, d.size),
    font: oneOf(FONTS, stored.font, d.font),
    textColour: oneOf(COLOURS, stored.textColour, d.textColour),
    textOpacity: oneOf<number>(OPACITIES, stored.textOpacity, d.textOpacity),
    backgroundColour: oneOf(COLOURS, stored.backgroundColour, d.backgroundColour),
    backgroundOpacity: oneOf<number>(OPACITIES, stored.backgroundOpacity, d.backgroundOpacity),
    windowColour: oneOf(COLOURS, stored.windowColour, d.windowColour),
    windowOpacity: oneOf<number>(OPACITIES, stored.windowOpacity, d.windowOpacity),
    edge: oneOf(EDGES, stored.edge, d.edge),
    position: oneOf(POSITIONS, stored.position, d.position),
    freeX: percent(stored.freeX, d.freeX),
    freeY: percent(stored.freeY, d.freeY),
    lines: oneOf<number>(LINES, stored.lines, d.lines),
    names: flag(stored.names, d.names),
    marks: flag(stored.marks, d.marks),
    holdSeconds: oneOf<number>(HOLDS_SECONDS, stored.holdSeconds, d.holdSeconds),
    partials: oneOf(PARTIALS, stored.partials, d.partials),
    guesses: flag(stored.guesses, d.guesses),
    filter: flag(stored.filter, d.filter),
    ownWords:
      typeof stored.ownWords === "string" ? stored.ownWords.slice(0, OWN_WORDS_CHARACTERS_MAX) : d.ownWords,
  };
}

const FONT_STACKS: Record<Font, string> = {
  standard: "inherit",
  serif: 'Georgia, "Times New Roman", "Liberation Serif", serif',
  monospaced: 'ui-monospace, Menlo, Consolas, "Liberation Mono", monospace',
  // What readers with dyslexia have installed for themselves comes first, then what the page brings (captions.css).
  distinct:
    'OpenDyslexic, "Atkinson Hyperlegible", "Atkinson Hyperlegible Next", Lexend, "Open Sans", sans-serif',
};

/** How words are set, beside their typeface. */
interface Spacing {
  /** In em, beside what the letter takes. */
  readonly letters: number;
  /** In em, beside the space itself and the letters' spacing. */
  readonly words: number;
  /** How many times as high as usual a line is. */
  readonly line: number;
  /** Of words that may still change. */
  readonly tentative: "italic" | "normal";
}

const USUAL: Spacing = { letters: 0, words: 0, line: 1, tentative: "italic" };

/**
 * For readers with dyslexia. What has been shown to help is space, not letters of a special shape:
 * - 2.5 pt more between letters of 14 pt, which is 0.18 em, made children with dyslexia read faster and with half the
 *   mistakes (Zorzi et al., PNAS 109, 2012). The British Dyslexia Association's style guide asks for about 35% of a
 *   letter's mean width, which comes to the same in Open Sans, for 3.5 times that between words (0.63 em, of which the
 *   space and its letter spacing are 0.44), and for lines 1.5 times as high as the letters: ours are 1.41 to 1.46.
 * - Sans serif, upright faces are read faster than italic ones, and OpenDyslexic no faster than those (Rello and
 *   Baeza-Yates, ASSETS 2013); what made such a face faster was its spacing (Marinus et al., Dyslexia 22, 2016).
 */
const WIDE: Spacing = { letters: 0.18, words: 0.2, line: 1.07, tentative: "normal" };

const em = (amount: number): string => (amount === 0 ? "normal" : `${amount}em`);

const COLOUR_VALUES: Record<Exclude<Colour, "standard">, string> = {
  white: "#ffffff",
  black: "#000000",
  yellow: "#ffff00",
  cyan: "#00ffff",
  green: "#00ff00",
  magenta: "#ff00ff",
  red: "#ff0000",
  blue: "#0000ff",
};

const EDGE_SHADOWS: Record<Edge, string> = {
  none: "none",
  outline:
    "-0.06em 0 var(--caption-edge), 0.06em 0 var(--caption-edge), 0 -0.06em var(--caption-edge), 0 0.06em var(--caption-edge)",
  shadow: "0.09em 0.09em 0.12em var(--caption-edge)",
  raised: "0.05em 0.05em 0 var(--caption-edge), 0.09em 0.09em 0 var(--caption-edge)",
  depressed: "-0.05em -0.05em 0 var(--caption-edge), -0.09em -0.09em 0 var(--caption-edge)",
};

/** A colour at an opacity; `standard` is the page's own, which the style sheet names. */
function mixed(colour: Colour, standard: string, opacity: number): string {
  const value = colour === "standard" ? standard : COLOUR_VALUES[colour];
  return opacity === 100 ? value : `color-mix(in srgb, ${value} ${opacity}%, transparent)`;
}

/** Below this a ground does not count as one that the reader chose. */
const GROUND_OPACITY_MIN = 50;

/** A layer that text stands on. */
export interface Layer {
  readonly colour: Colour;
  /** Which of the page's own colours it has where none is chosen. */
  readonly standard: "surface" | "ground";
  /** In percent. */
  readonly opacity: number;
}

const isPagesOwn = ({ colour, opacity }: Layer): boolean => colour === "standard" || opacity === 0;

const isChosen = ({ colour, opacity }: Layer): boolean =>
  colour !== "standard" && opacity >= GROUND_OPACITY_MIN;

/**
 * The colour that text of no chosen colour has on these layers, the lowest first: the page's own, or black or white,
 * whichever can be read on what the layers make of the page's ground. That may differ between the themes.
 */
function textOn(layers: readonly Layer[], own: "text" | "accent"): string {
  const isOwnReadable = THEMES.every(
    (theme) => contrastOf(PAGE[theme][own], blended(layers, theme)) >= CONTRAST_MIN,
  );
  if (isOwnReadable && !layers.some(isChosen)) return `var(--${own})`;
  const [light, dark] = THEMES.map((theme) => blackOrWhite(blended(layers, theme))) as [string, string];
  return light === dark ? light : `light-dark(${light}, ${dark})`;
}

/** What a theme's ground looks like under these layers. What stands in the room instead of it is not known. */
export function blended(layers: readonly Layer[], theme: Theme): string {
  return layers.reduce<string>((below, { colour, standard, opacity }) => {
    const value = colour === "standard" ? PAGE[theme][standard] : COLOUR_VALUES[colour];
    return blend(below, value, opacity);
  }, PAGE[theme].ground);
}

/** The colour of the letters' edges: apart from the letters. */
function edgeOf(text: string): string {
  const { black, white } = COLOUR_VALUES;
  if (text === "var(--text)") return "var(--edge)";
  if (text === `light-dark(${black}, ${white})`) return `light-dark(${white}, ${black})`;
  if (text === `light-dark(${white}, ${black})`) return `light-dark(${black}, ${white})`;
  return text === black || text === COLOUR_VALUES.blue ? white : black;
}

/** Colours of everything that stands on grounds of the reader's choice, where the page's own might not be readable. */
function coloursOf(settings: CaptionSettings): Record<`--${string}`, string | number> {
  const { textColour, backgroundColour, backgroundOpacity, windowColour, windowOpacity } = settings;
  const window: Layer = { colour: windowColour, standard: "surface", opacity: windowOpacity };
  const background: Layer = { colour: backgroundColour, standard: "ground", opacity: backgroundOpacity };
  const standard = textOn([window, background], "text");
  const text = mixed(textColour, standard, 100);
  const isPlain = textColour === "standard" && [window, background].every(isPagesOwn);
  const windowGround = mixed(windowColour, "var(--surface)", windowOpacity);
  // Names have no background of their own: they stand on the window.
  const hasTextsColour = textColour !== "standard" && isChosen(window) && !isChosen(background);
  return {
    "--caption-text": mixed(textColour, standard, settings.textOpacity),
    "--caption-name": hasTextsColour ? text : textOn([window], "accent"),
    "--caption-sign": isPlain ? "var(--text-soft)" : text,
    "--caption-sign-warning": isPlain ? "var(--warning-text)" : text,
    "--caption-tentative": isPlain ? 0.82 : 1,
    "--caption-mark-ground": isChosen(window) ? "var(--surface)" : "transparent",
    "--caption-background": mixed(backgroundColour, "var(--ground)", backgroundOpacity),
    "--caption-window": windowGround,
    // Where names hide what scrolls below them: not the window's colour over itself, which is another one.
    "--caption-name-ground": isPagesOwn(window)
      ? windowGround
      : `linear-gradient(${windowGround}, ${windowGround}) var(--ground)`,
    "--caption-edge": edgeOf(textColour === "standard" ? standard : text),
  };
}

/** The settings as custom properties, for the style sheet. */
export function styleOf(settings: CaptionSettings): CSSProperties {
  const spacing = settings.font === "distinct" ? WIDE : USUAL;
  const style: Record<`--${string}`, string | number> = {
    ...coloursOf(settings),
    "--caption-scale": settings.size / 100,
    "--caption-font": FONT_STACKS[settings.font],
    "--caption-letter-spacing": em(spacing.letters),
    "--caption-word-spacing": em(spacing.words),
    "--caption-line-factor": spacing.line,
    "--caption-tentative-style": spacing.tentative,
    "--caption-shadow": EDGE_SHADOWS[settings.edge],
    "--caption-lines": settings.lines,
  };
  return style as CSSProperties;
}
