// How times, spans and lists are written.

export const time = {
  hoursMinutes: (hours: number, minutes: number) =>
    minutes === 0 ? `${hours} h` : `${hours} h ${minutes} min`,
  minutes: (minutes: number) => `${minutes} min`,
  seconds: (seconds: number) => `${seconds} s`,
  inSpan: (span: string) => `in ${span}`,
  today: (time: string) => `today at ${time}`,
} as const;

export const list = {
  and: (first: string, last: string) => `${first} and ${last}`,
} as const;
