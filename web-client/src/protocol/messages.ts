// Reads what the server says. Only as much is checked as keeps a newer or broken server from harming the
// page: a known type and the fields that code relies on without asking. Unknown types are ignored, since a
// newer server may say more than this client knows.

import type { ServerMessage } from "./generated";

type Fields = Readonly<Record<string, unknown>>;
type Check = (fields: Fields) => boolean;

const text =
  (...names: string[]): Check =>
  (fields) =>
    names.every((name) => typeof fields[name] === "string");
const number =
  (...names: string[]): Check =>
  (fields) =>
    names.every((name) => typeof fields[name] === "number");
const flag =
  (...names: string[]): Check =>
  (fields) =>
    names.every((name) => typeof fields[name] === "boolean");
const list =
  (...names: string[]): Check =>
  (fields) =>
    names.every((name) => Array.isArray(fields[name]));
const object =
  (...names: string[]): Check =>
  (fields) =>
    names.every((name) => isObject(fields[name]));
const all =
  (...checks: Check[]): Check =>
  (fields) =>
    checks.every((check) => check(fields));
const nothing: Check = () => true;

const checks: { readonly [Type in ServerMessage["type"]]: Check } = {
  welcome: all(
    text("participant", "name", "role", "resume"),
    list("permissions"),
    number("server_time", "media_epoch"),
    object("session"),
  ),
  waiting: text("reason"),
  admitted: list("participants", "knocks", "captions"),
  denied: flag("blocked"),
  participant: all(text("participant", "name", "role", "microphone"), flag("camera", "screen", "connected")),
  participant_left: text("participant"),
  knock: all(text("participant", "name"), number("since", "denied")),
  knock_ended: text("participant"),
  session: all(
    text("session_id", "name", "captions", "transcript"),
    number("starts_at", "ends_at", "capacity"),
    flag("off_record"),
  ),
  muted: flag("may_unmute"),
  unmute_requested: nothing,
  camera_stopped: nothing,
  answer: all(text("sdp"), number("negotiation")),
  slot: all(text("mid"), number("generation"), ({ content }) => content === null || isObject(content)),
  speakers: list("speakers"),
  publish: all(text("source", "codec"), list("layers")),
  media_lost: nothing,
  ice_servers: list("ice_servers"),
  video_paused: all(text("participant", "source"), flag("paused")),
  statistics: all(text("quality"), object("sending", "receiving"), list("streams")),
  caption: all(
    object("id"),
    text("participant", "name", "status", "stable", "tentative"),
    number("revision", "started_at", "ended_at"),
  ),
  captions: text("state"),
  ending_soon: number("minutes"),
  member_link: text("url"),
  vocabulary: list("terms"),
  caption_link: text("url"),
  viewing: all(object("session"), number("server_time"), list("captions")),
  transcript: text("vtt"),
  taken_over: nothing,
  removed: nothing,
  ended: text("reason"),
  error: text("code"),
  pong: nothing,
};

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isServerMessage(value: unknown): value is ServerMessage {
  if (!isObject(value) || typeof value.type !== "string" || !Object.hasOwn(checks, value.type)) return false;
  return checks[value.type as ServerMessage["type"]](value);
}

/** The message in a WebSocket text, or null if it is none that this client knows. */
export function parseServerMessage(data: unknown): ServerMessage | null {
  if (typeof data !== "string") return null;
  try {
    const value: unknown = JSON.parse(data);
    return isServerMessage(value) ? value : null;
  } catch {
    return null;
  }
}
