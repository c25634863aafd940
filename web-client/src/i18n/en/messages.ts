// What is said when something happens or goes wrong.

import { count } from "./count";

export const announce = {
  joined: (name: string) => `${name} came in.`,
  left: (name: string) => `${name} left.`,
  knock: (name: string) => `${name} is waiting to come in.`,
  admitted: "You are in the session.",
  handRaised: (name: string) => `${name} raised a hand.`,
  handLowered: "Your hand was lowered.",
  screenStarted: (name: string) => `${name} shares a screen.`,
  screenEnded: (name: string) => `${name} stopped sharing the screen.`,
  muted: "A facilitator muted you. You may unmute yourself when you want to speak.",
  mutedLocked: "A facilitator muted you, and microphones are locked. Raise your hand if you want to speak.",
  unmuteRequested: "A facilitator asks you to unmute.",
  cameraStopped: "A facilitator switched your camera off. You may switch it on again.",
  microphonesLocked: "The facilitator locked microphones.",
  microphonesUnlocked: "Microphones are no longer locked.",
  sessionLocked: "The session is locked: nobody new comes in.",
  sessionUnlocked: "The session is no longer locked.",
  endingSoon: (minutes: number) => `The session ends in ${count(minutes, "minute", "minutes")}.`,
  captionsStarting: "Captions are interrupted and will be back shortly. The call goes on.",
  captionsLate: "Captions come late: the server has too much to do. None are lost.",
  captionsUnavailable: "Captions are not available at the moment. The call goes on.",
  captionsOn: "Captions are on.",
  offRecord: "The group is off the record: captions go on, and nothing of them is kept.",
  onRecord: "The group is on the record again.",
  transcript: {
    none: "No transcript is kept.",
    paused: "The transcript is paused: nothing of what is said is kept.",
    running: "Everybody has agreed: a transcript is kept from now on.",
  },
  linePoor: "Your connection is weak. Sound comes first; pictures may pause.",
  lineBetter: "Your connection is better again.",
  viewMode: {
    full: "Full video.",
    low_data: "Low data: small pictures.",
    audio_only: "Audio only: pictures are off, you hear everybody.",
  },
  reconnecting: "The connection was lost. Getting back; your seat is kept.",
  notConnected: "There is no connection at the moment, so that was not done. Try again in a moment.",
  reconnected: "You are back in the session.",
  ownLineCorrected:
    "Somebody corrected the line that you were writing. It stays like that; what you write now comes as a new line.",
} as const;

export const errors = {
  malformed: "The server did not understand this page. Reload it and try again.",
  unknown_message:
    "The server does not know what this page asked for. Reload the page: there may be a newer version.",
  too_large: "That was too large for the server.",
  too_many_messages: "That was too much at once. Wait a moment and try again.",
  unsupported_version:
    "This page and the server do not fit together. Reload the page to get the current version.",
  out_of_order: "Something got out of order. Reload the page and try again.",
  unauthorized:
    "This link is not valid, or it was replaced by a newer one. Ask whoever sent it for the current link.",
  forbidden: "You are not allowed to do that.",
  not_found: "There is no such session or person.",
  ended: "This session is over.",
  session_locked:
    "The session is locked: nobody new can come in at the moment. Try again later or ask the facilitator.",
  session_full: "The session is full. Try again later or ask the facilitator.",
  blocked: "You can't come back into this session.",
  microphones_locked: "Microphones are locked by the facilitator. Raise your hand if you want to speak.",
  screen_taken: "Somebody else is sharing a screen. You can share yours when they have stopped.",
  changed_meanwhile: "Somebody else changed it just before you. Have a look, and change it again if need be.",
  invalid_name: "This name can't be used. Choose one of 1 to 40 characters.",
  guidelines_not_accepted: "Please agree to the group guidelines first.",
  invalid_value: "The server did not accept a value.",
  invalid_offer: "Sound and picture could not be set up with this browser.",
  session_outgrown:
    "This session has grown as large as the server can carry: others cannot hear or see you. If somebody leaves, it is tried again.",
  overloaded: "The server can carry no more at the moment. Try again in a few minutes.",
  store_unavailable: "The server could not save this, so nothing was changed. Try again in a moment.",
  internal: "Something went wrong at the server. Try again in a moment.",
  network: "The server can't be reached. Check your connection and try again.",
} as const;
