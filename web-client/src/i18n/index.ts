// The message catalogue in use, and how times and spans are written in its language.

import { en } from "./en";

/** The same shape with every literal text widened, so that another language can be assigned to it. */
type Widened<T> = T extends string
  ? string
  : T extends (...args: infer A) => string
    ? (...args: A) => string
    : { readonly [K in keyof T]: Widened<T[K]> };

/** A catalogue of messages. */
export type Messages = Widened<typeof en>;

/** The messages of the interface. */
export const t: Messages = en;

const MINUTE_MS = 60_000;

/** A span of time in hours and minutes, rounded up to a whole minute; in seconds below one. */
export function formatSpan(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  if (seconds < 60) {
    return t.time.seconds(seconds);
  }
  const minutes = Math.ceil(ms / MINUTE_MS);
  return minutes < 60 ? t.time.minutes(minutes) : t.time.hoursMinutes(Math.floor(minutes / 60), minutes % 60);
}

/** A point in time as people of this language write it: the day only if it is not today. */
export function formatMoment(at: number, now: number): string {
  const date = new Date(at);
  const time = new Intl.DateTimeFormat(t.language, { hour: "2-digit", minute: "2-digit" }).format(date);
  if (date.toDateString() === new Date(now).toDateString()) {
    return t.time.today(time);
  }
  return new Intl.DateTimeFormat(t.language, { dateStyle: "long", timeStyle: "short" }).format(date);
}

/** The time of day, for the caption history. */
export function formatClock(at: number): string {
  return new Intl.DateTimeFormat(t.language, { hour: "2-digit", minute: "2-digit" }).format(new Date(at));
}

/** "Ann", "Ann and Bob", "Ann, Bob and Cem". */
export function formatNames(names: readonly string[]): string {
  const last = names.at(-1);
  if (last === undefined) {
    return "";
  }
  const rest = names.slice(0, -1);
  return rest.length === 0 ? last : t.list.and(rest.join(", "), last);
}
