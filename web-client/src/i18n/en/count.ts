// How many of something.

/** "1 person", "3 people": English has two forms. */
export function count(n: number, one: string, other: string): string {
  return `${n} ${n === 1 ? one : other}`;
}
