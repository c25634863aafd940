// Everybody in the circle's order, which is the same for all: the order in which they came. Where somebody
// shares a screen, it takes most of the room and the people stand beside it.

import { type CSSProperties, useRef } from "react";
import { t } from "../../i18n";
import type { Participant, Speaker } from "../../protocol/generated";
import { isInFront } from "../../state/front";
import { useClient } from "../client";
import { useSize } from "../common/hooks";
import { type Size, type Tiling, tile } from "./layout";
import { ScreenTile } from "./ScreenTile";
import { Tile } from "./Tile";
import { onTileKey } from "./tileKeys";

/** Louder than this counts as speaking, in −dBov: the media plane has its own threshold below it. */
const SPEAKING_LEVEL_MAX = 127;

export function Stage() {
  const participants = useClient((state) => state.participants);
  const self = useClient((state) => state.seat?.participant ?? null);
  const speakers = useClient((state) => state.speakers);
  const chosen = useClient((state) => state.front);
  const audioOnly = useClient((state) => state.viewMode === "audio_only");
  // In audio only a shared screen takes no room: the banner above says that there is one.
  const screens = participants.filter((one) => one.screen && one.participant !== self && !audioOnly);
  const front = participants.filter((one) => one.participant !== self && isInFront(chosen, one.participant));
  const others = participants.filter((one) => !front.includes(one));
  const beside = screens.length + front.length > 0;
  return (
    <div
      role="toolbar"
      className="stage"
      aria-label={t.call.stage}
      data-screens={beside || undefined}
      onKeyDownCapture={onTileKey}
    >
      {beside ? (
        <div className="screens">
          {screens.map((one) => (
            <ScreenTile key={one.participant} participant={one.participant} name={one.name} />
          ))}
          {front.map((one) => (
            <div key={one.participant} className="front">
              <Tile participant={one} isSelf={false} isSpeaking={isSpeaking(one, speakers)} />
            </div>
          ))}
        </div>
      ) : null}
      <Tiles participants={others} speakers={speakers} self={self} beside={beside} />
    </div>
  );
}

interface TilesProps {
  readonly participants: readonly Participant[];
  readonly speakers: readonly Speaker[];
  readonly self: string | null;
  /** Beside a shared screen, in a strip. */
  readonly beside: boolean;
}

function Tiles({ participants, speakers, self, beside }: TilesProps) {
  const ref = useRef<HTMLDivElement>(null);
  const size = useSize(ref);
  const tiling = size === null ? null : tilingOf(size, participants.length, beside);
  return (
    // A part of the page that scrolls has to be within the reach of the keyboard.
    <div
      ref={ref}
      className="tiles"
      {...(tiling?.scrolls ? { tabIndex: 0, role: "region", "aria-label": t.call.tiles } : {})}
    >
      <ul aria-label={t.call.tiles} style={tiling === null ? {} : styleOf(tiling)}>
        {participants.map((one) => (
          <li key={one.participant}>
            <Tile
              participant={one}
              isSelf={one.participant === self}
              isSpeaking={isSpeaking(one, speakers)}
            />
          </li>
        ))}
      </ul>
    </div>
  );
}

function tilingOf(size: Size, count: number, beside: boolean): Tiling {
  if (!beside) {
    return tile(size, count);
  }
  const tall = size.height > size.width;
  const width = Math.floor(tall ? size.width : (size.height * 4) / 3);
  const height = Math.floor(tall ? (size.width * 3) / 4 : size.height);
  const needed = count * ((tall ? height : width) + 8);
  return { columns: tall ? 1 : count, width, height, scrolls: needed > (tall ? size.height : size.width) };
}

function styleOf({ width, height }: Size): CSSProperties {
  return { "--tile-width": `${width}px`, "--tile-height": `${height}px` } as CSSProperties;
}

function isSpeaking(participant: Participant, speakers: readonly Speaker[]): boolean {
  return (
    participant.microphone === "on" &&
    speakers.some((one) => one.participant === participant.participant && one.level < SPEAKING_LEVEL_MAX)
  );
}
