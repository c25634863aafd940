// Puts notices into words, and decides how loudly they are said and how long they are shown.

import { t } from "../i18n";
import type { NoticeMessage } from "../state/model";

/** How a screen reader says it: when it has finished, at once, or not at all. */
export type Urgency = "polite" | "assertive" | "silent";

/** How long it stands on the screen: not at all (the page shows it anyway), a while, until dismissed. */
export type Stay = "none" | "brief" | "until_dismissed";

export interface NoticeWords {
  readonly text: string;
  readonly urgency: Urgency;
  readonly stay: Stay;
}

function words(text: string, urgency: Urgency, stay: Stay): NoticeWords {
  return { text, urgency, stay };
}

export function describeNotice(message: NoticeMessage): NoticeWords {
  switch (message.kind) {
    case "waiting":
      // The page's heading says it, and takes the focus.
      return words(
        message.reason === "knocking" ? t.waiting.heading : t.waiting.notStarted,
        "silent",
        "none",
      );
    case "admitted":
      return words(t.announce.admitted, "polite", "none");
    case "participant_joined":
      return words(t.announce.joined(message.name), "polite", "brief");
    case "participant_left":
      return words(t.announce.left(message.name), "polite", "brief");
    case "knock":
      return words(t.announce.knock(message.name), "polite", "none");
    case "hand_raised":
      return words(t.announce.handRaised(message.name), "polite", "brief");
    case "hand_lowered_by_facilitator":
      return words(t.announce.handLowered, "polite", "brief");
    case "screen_started":
      return words(t.announce.screenStarted(message.name), "polite", "brief");
    case "screen_stopped":
      return words(t.announce.screenEnded(message.name), "polite", "brief");
    case "muted":
      return words(
        message.mayUnmute ? t.announce.muted : t.announce.mutedLocked,
        "assertive",
        "until_dismissed",
      );
    case "unmute_requested":
      return words(t.announce.unmuteRequested, "assertive", "none");
    case "camera_stopped":
      return words(t.announce.cameraStopped, "assertive", "until_dismissed");
    case "microphones_locked":
      return words(
        message.locked ? t.announce.microphonesLocked : t.announce.microphonesUnlocked,
        "polite",
        "brief",
      );
    case "session_locked":
      return words(message.locked ? t.announce.sessionLocked : t.announce.sessionUnlocked, "polite", "brief");
    case "captions":
      return describeCaptions(message.state);
    case "off_record":
      return words(message.on ? t.announce.offRecord : t.announce.onRecord, "polite", "brief");
    case "transcript":
      return words(t.announce.transcript[message.state], "polite", "brief");
    case "ending_soon":
      return words(t.announce.endingSoon(message.minutes), "polite", "until_dismissed");
    case "link_renewed":
      return words(t.facilitation.renewed, "polite", "brief");
    case "vocabulary_changed":
      return words(t.vocabulary.saved, "polite", "brief");
    case "own_line_corrected":
      return words(t.announce.ownLineCorrected, "polite", "until_dismissed");
    case "line_poor":
      return words(t.announce.linePoor, "polite", "brief");
    case "line_better":
      return words(t.announce.lineBetter, "polite", "brief");
    case "view_mode":
      return words(t.announce.viewMode[message.mode], "polite", "none");
    case "reconnecting":
      return words(t.announce.reconnecting, "assertive", "none");
    case "reconnected":
      return words(t.announce.reconnected, "polite", "brief");
    case "device_problem":
      return words(t.devices.problems[message.device][message.problem], "assertive", "none");
    case "sound_blocked":
      return words(t.call.hearGroupHint, "assertive", "none");
    case "not_connected":
      return words(t.announce.notConnected, "assertive", "brief");
    case "refused":
      return words(t.errors[message.code], "assertive", "until_dismissed");
  }
}

function describeCaptions(state: "off" | "starting" | "on" | "late" | "unavailable"): NoticeWords {
  switch (state) {
    case "off":
      return words(t.captions.notice.off, "polite", "none");
    case "starting":
      return words(t.announce.captionsStarting, "polite", "none");
    case "on":
      return words(t.announce.captionsOn, "polite", "brief");
    case "late":
      return words(t.announce.captionsLate, "polite", "none");
    case "unavailable":
      return words(t.announce.captionsUnavailable, "polite", "none");
  }
}

/** What several notices can be about, so that only the latest of them is shown. */
export type Matter = "own_microphone" | "own_camera" | "end" | "session_lock" | "connection";

export function matterOf(message: NoticeMessage): Matter | null {
  switch (message.kind) {
    case "muted":
    case "unmute_requested":
      return "own_microphone";
    case "refused":
      return message.code === "microphones_locked" ? "own_microphone" : null;
    case "camera_stopped":
      return "own_camera";
    case "ending_soon":
      return "end";
    case "session_locked":
      return "session_lock";
    case "reconnecting":
    case "reconnected":
    case "not_connected":
    case "line_poor":
    case "line_better":
      return "connection";
    case "view_mode":
    case "waiting":
    case "admitted":
    case "participant_joined":
    case "participant_left":
    case "knock":
    case "hand_raised":
    case "hand_lowered_by_facilitator":
    case "screen_started":
    case "screen_stopped":
    case "microphones_locked":
    case "captions":
    case "off_record":
    case "transcript":
    case "link_renewed":
    case "vocabulary_changed":
    case "own_line_corrected":
    case "device_problem":
    case "sound_blocked":
      return null;
  }
}
