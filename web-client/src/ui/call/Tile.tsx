// One person: their picture or initials, their name, and in signs and words how they stand. Video is covered
// until the first frame that is certainly theirs: nobody is ever seen under another's name.

import { memo, useEffect, useRef, useState } from "react";
import { t } from "../../i18n";
import type { Microphone, Participant } from "../../protocol/generated";
import type { VideoShown } from "../../state/model";
import { type PauseReason, pauseOf } from "../../state/selectors";
import { useClient, useController } from "../client";
import { Icon, type IconName } from "../common/Icon";
import { TileOptions } from "./TileOptions";

interface TileProps {
  readonly participant: Participant;
  readonly isSelf: boolean;
  readonly isSpeaking: boolean;
}

export const Tile = memo(function Tile({ participant, isSelf, isSpeaking }: TileProps) {
  const { name, camera, connected } = participant;
  const paused = useClient((state) =>
    pauseOf(state, { participant: participant.participant, source: "camera" }),
  );
  const audioOnly = useClient((state) => state.viewMode === "audio_only");
  const withoutPicture = audioOnly && !isSelf;
  const note = isSelf ? null : noteOf(participant, camera ? paused : null, audioOnly && camera);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a group of what belongs to a person, not of form fields
    <div
      role="group"
      aria-label={name}
      className="tile"
      data-speaking={isSpeaking || undefined}
      data-away={!connected || undefined}
    >
      {camera && !withoutPicture ? (
        <Video participant={participant.participant} name={name} isSelf={isSelf} isPaused={paused !== null} />
      ) : (
        <Cover name={name} />
      )}
      {note === null ? null : (
        <p className="tile-note">
          <Icon name={note.icon} />
          <span>{note.words}</span>
        </p>
      )}
      <div className="tile-label">
        <span className="tile-name">{isSelf ? t.call.isYou(name) : name}</span>
        <Signs participant={participant} isSpeaking={isSpeaking} />
      </div>
      {isSelf ? null : <TileOptions participant={participant.participant} name={name} />}
    </div>
  );
});

/** What keeps this person's picture or sound away: one thing, the one that matters most. */
function noteOf(
  { connected, line }: Participant,
  paused: PauseReason | null,
  audioOnly: boolean,
): Sign | null {
  if (!connected || line === "lost") {
    return { icon: "lineLost", words: t.call.awayShort };
  }
  if (audioOnly) {
    return { icon: "cameraOff", words: t.call.audioOnlyShort };
  }
  if (paused !== null) {
    return { icon: "pause", words: t.call.pausedShort[paused] };
  }
  return line === "poor" ? { icon: "linePoor", words: t.call.weakShort } : null;
}

/** Opaque, over the whole tile. */
function Cover({ name }: { name: string }) {
  return (
    <div className="cover" aria-hidden="true">
      <span className="initials">{initials(name)}</span>
    </div>
  );
}

interface VideoProps {
  readonly participant: string;
  readonly name: string;
  readonly isSelf: boolean;
  /** Its last picture stands still: it is covered, and the tile says why. */
  readonly isPaused: boolean;
}

function Video({ participant, name, isSelf, isPaused }: VideoProps) {
  const controller = useController();
  const ref = useRef<HTMLVideoElement>(null);
  const [shown, setShown] = useState<VideoShown>("covered");
  useEffect(() => {
    if (ref.current === null) {
      return undefined;
    }
    if (isSelf) {
      setShown("shown");
      return controller.attachOwnVideo(ref.current, "camera");
    }
    return controller.attachVideo(ref.current, { participant, source: "camera" }, setShown);
  }, [controller, participant, isSelf]);
  return (
    <>
      <video
        ref={ref}
        className={isSelf ? "mirrored" : ""}
        aria-hidden="true"
        tabIndex={-1}
        autoPlay
        muted
        playsInline
      />
      {isPaused ? <Cover name={name} /> : null}
      {shown === "covered" && !isPaused ? (
        <>
          <Cover name={name} />
          <span className="visually-hidden">{t.call.state.loading}</span>
        </>
      ) : null}
    </>
  );
}

interface Sign {
  readonly icon: IconName;
  readonly words: string;
}

function Signs({ participant, isSpeaking }: { participant: Participant; isSpeaking: boolean }) {
  const pinned = useClient((state) => state.front.pinned.includes(participant.participant));
  const interpreter = useClient((state) => state.front.interpreter === participant.participant);
  const chosen: Sign[] = [
    ...(pinned ? [{ icon: "pin", words: t.call.state.pinned } as const] : []),
    ...(interpreter ? [{ icon: "interpreter", words: t.call.state.interpreter } as const] : []),
  ];
  return (
    <span className="signs">
      {[...chosen, ...signsOf(participant, isSpeaking)].map(({ icon, words }) => (
        <span key={icon} className={`sign ${icon}`}>
          <Icon name={icon} />
          <span className="visually-hidden">, {words}</span>
        </span>
      ))}
    </span>
  );
}

function signsOf(participant: Participant, isSpeaking: boolean): readonly Sign[] {
  const signs: Sign[] = [];
  if (participant.hand_raised_at !== null) {
    signs.push({ icon: "hand", words: t.call.state.handRaised });
  }
  if (isSpeaking) {
    signs.push({ icon: "speaking", words: t.call.state.speaking });
  }
  const muted = mutedWords(participant.microphone);
  if (muted !== null) {
    signs.push({ icon: "microphoneOff", words: muted });
  }
  if (!participant.camera) {
    signs.push({ icon: "cameraOff", words: t.call.state.cameraOff });
  }
  return signs;
}

/** Null while somebody is heard. */
export function mutedWords(microphone: Microphone): string | null {
  switch (microphone) {
    case "on":
      return null;
    case "off":
      return t.call.state.muted;
    case "muted":
    case "locked":
      return t.call.state.mutedByFacilitator;
  }
}

/** The first letters of the first and the last word of a name. */
export function initials(name: string): string {
  const words = name.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const first = words.at(0);
  const last = words.length > 1 ? words.at(-1) : undefined;
  return [first, last]
    .map((word) => [...(word ?? "").replace(/^[^\p{L}\p{N}]+/u, "")].at(0) ?? "")
    .join("")
    .toUpperCase();
}
