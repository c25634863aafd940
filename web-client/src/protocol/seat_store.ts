// What this browser remembers of a seat, so that a reload or a crash brings one back to it: kept in
// localStorage by session and role. A second tab with the same link finds it too and takes the seat over.

import { NAME_CHARACTERS_MAX, type Role, type SessionId } from "./generated";

/** For how long the server holds the seat of whoever is not connected. */
export const SEAT_HELD_MS = 120_000;

export interface SeatRecord {
  /** From the last `welcome`. */
  readonly resume: string;
  /** The name that was asked for, before the server made it unique. */
  readonly name: string;
  /** When the connection was last known to be up, by this browser's clock. */
  readonly seenAt: number;
  /** False after leaving, being denied or removed: the form comes first, but the server knows the seat. */
  readonly comeBack: boolean;
}

export class SeatStore {
  readonly #key: string;

  constructor(
    sessionId: SessionId,
    role: Role | null,
    private readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem"> | null = browserStorage(),
  ) {
    this.#key = `hearken.seat.${sessionId}.${role ?? "unknown"}`;
  }

  read(): SeatRecord | null {
    try {
      const value: unknown = JSON.parse(this.storage?.getItem(this.#key) ?? "null");
      return isSeatRecord(value) ? value : null;
    } catch {
      return null;
    }
  }

  write(record: SeatRecord): void {
    try {
      this.storage?.setItem(this.#key, JSON.stringify(record));
    } catch {
      // Storage is full or forbidden: a reload will ask at the door again.
    }
  }

  /** Changes what is kept, if anything is. */
  update(change: Partial<SeatRecord>): void {
    const record = this.read();
    if (record !== null) this.write({ ...record, ...change });
  }

  clear(): void {
    try {
      this.storage?.removeItem(this.#key);
    } catch {
      // As above.
    }
  }
}

/** Whether a seat is likely to be held still, so that one goes straight back to it. */
export function isHeld(record: SeatRecord, now: number): boolean {
  return record.comeBack && now - record.seenAt < SEAT_HELD_MS;
}

function isSeatRecord(value: unknown): value is SeatRecord {
  if (typeof value !== "object" || value === null) return false;
  const { resume, name, seenAt, comeBack } = value as Partial<Record<keyof SeatRecord, unknown>>;
  return (
    typeof resume === "string" &&
    typeof name === "string" &&
    name.length <= NAME_CHARACTERS_MAX * 4 &&
    typeof seenAt === "number" &&
    typeof comeBack === "boolean"
  );
}

function browserStorage(): Storage | null {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null;
  }
}
