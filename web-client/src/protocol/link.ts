// The link one comes by: `{origin}/s/{session_id}#{token}`. The token stays in the fragment, which browsers
// never send; it goes to the server in the first message on the WebSocket and nowhere else.

import type { Role, SessionId } from "./generated";

export interface SessionLink {
  readonly sessionId: SessionId;
  readonly token: string;
}

/** The link in an address, or null if it is not one of ours. */
export function parseLink(href: string): SessionLink | null {
  return parsePath(href, /^\/s\/([0-9a-f]{32})\/?$/);
}

/** The link of a caption page, `{origin}/c/{session_id}#{token}`. */
export function parseCaptionLink(href: string): SessionLink | null {
  return parsePath(href, /^\/c\/([0-9a-f]{32})\/?$/);
}

function parsePath(href: string, path: RegExp): SessionLink | null {
  const url = URL.canParse(href) ? new URL(href) : null;
  const sessionId = path.exec(url?.pathname ?? "")?.[1];
  const token = url?.hash.slice(1) ?? "";
  return sessionId === undefined || token === "" ? null : { sessionId, token };
}

/**
 * The role that a link says it gives, for the words on the join page only (*Join* or *Ask to join*): the
 * server checks the signature and decides by itself. Null if the token does not say.
 */
export function linkRole(link: SessionLink): Role | null {
  const claims = link.token.split(".")[1];
  if (claims === undefined) return null;
  try {
    const parsed: unknown = JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/")));
    const role = typeof parsed === "object" && parsed !== null && "role" in parsed ? parsed.role : null;
    return role === "facilitator" || role === "member" || role === "captioner" ? role : null;
  } catch {
    return null;
  }
}
