// How well text can be read on a ground: WCAG 2's contrast. Colours are `#rrggbb`. Pure.

export const THEMES = ["light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

/** What text must have at least (WCAG 2.2, 1.4.3). */
export const CONTRAST_MIN = 4.5;

/** The page's own colours that captions stand on and have: as in `tokens.css`, which a test compares. */
export const PAGE = {
  light: { ground: "#f2f5f4", surface: "#ffffff", text: "#182125", accent: "#11695a" },
  dark: { ground: "#12181b", surface: "#1b2327", text: "#eef3f3", accent: "#83d0bf" },
} as const satisfies Record<Theme, Record<"ground" | "surface" | "text" | "accent", string>>;

type Channels = readonly [number, number, number];

function channelsOf(colour: string): Channels {
  const value = Number.parseInt(colour.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** A colour over another one; opacity in percent. */
export function blend(below: string, above: string, opacity: number): string {
  const [low, high] = [channelsOf(below), channelsOf(above)];
  const hex = low.map((channel, at) => {
    const mixed = Math.round(channel + (((high[at] ?? 0) - channel) * opacity) / 100);
    return mixed.toString(16).padStart(2, "0");
  });
  return `#${hex.join("")}`;
}

function luminanceOf(colour: string): number {
  const [red, green, blue] = channelsOf(colour).map((channel) => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as unknown as Channels;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** From 1 to 21. */
export function contrastOf(one: string, other: string): number {
  const [a, b] = [luminanceOf(one), luminanceOf(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

/** Which of the two can be read better. On every ground one of them has at least 4.58:1. */
export function blackOrWhite(ground: string): "#000000" | "#ffffff" {
  return contrastOf("#000000", ground) >= contrastOf("#ffffff", ground) ? "#000000" : "#ffffff";
}
