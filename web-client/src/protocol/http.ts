// The one thing a browser asks of the HTTP API: a new session, with the operator's key.

import type { ErrorCode, SessionId } from "./generated";

export interface NewSession {
  readonly name: string;
  /** RFC 3339, UTC. */
  readonly starts_at?: string;
  readonly ends_at?: string;
  readonly capacity?: number;
  readonly waiting_room?: boolean;
  readonly captions?: boolean;
  readonly transcript?: boolean;
  /** A code, or "detect"; English if absent. */
  readonly language?: string;
  readonly translate?: boolean;
  readonly vocabulary?: readonly string[];
}

export interface CreatedSession {
  readonly session_id: SessionId;
  readonly facilitator_url: string;
  readonly member_url: string;
  readonly captioner_url: string;
}

export type CreateSessionResult =
  | { readonly kind: "created"; readonly session: CreatedSession }
  /** `message` is the server's English explanation: for `invalid_value` it names the field. */
  | { readonly kind: "refused"; readonly code: ErrorCode; readonly message: string }
  /** The server could not be reached, or what answered is not Hearken. */
  | { readonly kind: "unreachable" };

/** Makes a session. Never throws. */
export async function createSession(
  operatorKey: string,
  session: NewSession,
  fetcher: typeof fetch = fetch,
): Promise<CreateSessionResult> {
  let body: unknown;
  let created: boolean;
  try {
    const response = await fetcher("/api/v1/sessions", {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${headerValue(operatorKey)}` },
      body: JSON.stringify(session),
    });
    created = response.status === 201;
    body = await response.json();
  } catch {
    return { kind: "unreachable" };
  }
  if (created && isCreated(body)) return { kind: "created", session: body };
  if (isApiError(body)) return { kind: "refused", code: body.code, message: body.message };
  return { kind: "unreachable" };
}

/** A header cannot carry everything that can be pasted into a field; such a key is wrong anyway. */
function headerValue(key: string): string {
  return key.replaceAll(/[^\x21-\x7e]/g, "");
}

function isCreated(value: unknown): value is CreatedSession {
  return hasTexts(value, ["session_id", "facilitator_url", "member_url", "captioner_url"]);
}

function isApiError(value: unknown): value is { code: ErrorCode; message: string } {
  return hasTexts(value, ["code", "message"]);
}

function hasTexts(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== "object" || value === null) return false;
  const entries = new Map(Object.entries(value));
  return names.every((name) => typeof entries.get(name) === "string");
}
