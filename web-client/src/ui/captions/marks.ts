// A shape and a colour for each speaker: told apart without reading the name, and without seeing the colour.

/** Shapes that stay apart when they are small. */
const SHAPES = ["●", "▲", "■", "◆", "★", "✚", "⬟", "◗"] as const;
/** As many colours as the style sheet has. */
const COLOURS = 7;

export interface Mark {
  readonly shape: string;
  /** 0 to 6: the style sheet's `--speaker-N`. */
  readonly colour: number;
}

const known = new Map<string, Mark>();

/** The mark of a speaker: given in the order in which they are first seen, and kept for the life of the page. */
export function markOf(participant: string): Mark {
  const mark = known.get(participant) ?? nextMark(known.size);
  known.set(participant, mark);
  return mark;
}

/** Shapes and colours go round at different paces: 56 speakers before a pair comes again. */
export function nextMark(count: number): Mark {
  return { shape: SHAPES[count % SHAPES.length] ?? "●", colour: count % COLOURS };
}
