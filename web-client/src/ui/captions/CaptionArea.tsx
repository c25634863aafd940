// Live captions in the call: where and how this reader wants them, with what belongs to them in reach.

import { type PointerEvent, type RefObject, useEffect, useRef, useState } from "react";
import { t } from "../../i18n";
import type { CaptionsState } from "../../protocol/generated";
import { useClient } from "../client";
import { Icon } from "../common/Icon";
import { Button, Toggle } from "../common/widgets";
import { CaptionEntries } from "./CaptionEntries";
import { Composer } from "./Composer";
import { type CaptionSettings, styleOf } from "./settings";
import { changeCaptionSettings, useCaptionSettings } from "./useCaptionSettings";

/** How far an arrow key moves a free box, in percent of the room. */
const STEP_PERCENT = 5;

interface CaptionAreaProps {
  readonly onSettings: () => void;
}

export function CaptionArea({ onSettings }: CaptionAreaProps) {
  const settings = useCaptionSettings();
  const captions = useClient((state) => state.captions);
  const state = useClient((one) => one.session?.captions ?? "off");
  const clockOffsetMs = useClient((one) => one.clockOffsetMs);
  const [typing, setTyping] = useState(false);
  const ref = useRef<HTMLElement>(null);
  const yields = useYielding(ref, settings.position === "free");
  const isEmpty = captions.open.length + captions.passing.length + captions.history.length === 0;
  const notice = noticeOf(state, !isEmpty);
  return (
    <section
      ref={ref}
      className="captions"
      aria-label={t.captions.region}
      data-captions={state}
      data-position={settings.position}
      data-yields={yields || undefined}
      style={styleOf(settings)}
    >
      {notice === null ? null : (
        <p className="captions-notice">
          <Icon name={state === "on" ? "captions" : "info"} />
          <span>{notice}</span>
        </p>
      )}
      <CaptionEntries captions={captions} settings={settings} clockOffsetMs={clockOffsetMs} />
      {typing ? <Composer /> : null}
      <div className="captions-tools">
        {settings.position === "free" ? <MoveHandle box={ref} settings={settings} /> : null}
        <Toggle label={t.captions.type} icon="keyboard" isOn={typing} onChange={setTyping} />
        <Button look="quiet" icon="settings" onPress={onSettings}>
          <span>{t.captions.settings}</span>
        </Button>
      </div>
    </section>
  );
}

function noticeOf(state: CaptionsState, hasEntries: boolean): string | null {
  if (state !== "on") {
    return t.captions.notice[state];
  }
  return hasEntries ? null : t.captions.notice.on;
}

interface MoveHandleProps {
  readonly box: RefObject<HTMLElement | null>;
  readonly settings: CaptionSettings;
}

/** Moves a free box: by dragging, or by the arrow keys while it has the focus. */
function MoveHandle({ box, settings: { freeX, freeY } }: MoveHandleProps) {
  const place = (x: number, y: number): void =>
    changeCaptionSettings({ freeX: Math.min(100, Math.max(0, x)), freeY: Math.min(100, Math.max(0, y)) });
  const drag = (event: PointerEvent<HTMLButtonElement>): void => {
    const room = box.current?.parentElement?.getBoundingClientRect();
    if (room === undefined || !event.currentTarget.hasPointerCapture(event.pointerId)) return;
    place(((event.clientX - room.left) / room.width) * 100, ((event.clientY - room.top) / room.height) * 100);
  };
  const steps: Record<string, readonly [number, number]> = {
    ArrowLeft: [-STEP_PERCENT, 0],
    ArrowRight: [STEP_PERCENT, 0],
    ArrowUp: [0, -STEP_PERCENT],
    ArrowDown: [0, STEP_PERCENT],
  };
  return (
    <button
      type="button"
      className="button quiet move-handle"
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={drag}
      onKeyDown={(event) => {
        const step = steps[event.key];
        if (step === undefined) return;
        event.preventDefault();
        place(freeX + step[0], freeY + step[1]);
      }}
    >
      <Icon name="move" />
      <span>{t.captions.move}</span>
      <span className="visually-hidden">{t.captions.moveHint}</span>
    </button>
  );
}

/** A free box makes way for what has the keyboard's focus under it. */
function useYielding(ref: RefObject<HTMLElement | null>, isFree: boolean): boolean {
  const [yields, setYields] = useState(false);
  useEffect(() => {
    if (!isFree) return undefined;
    const look = (): void => {
      const box = ref.current;
      const focused = document.activeElement;
      if (box === null || focused === null || focused === document.body || box.contains(focused)) {
        setYields(false);
        return;
      }
      const isInRoom = box.parentElement?.contains(focused) === true && focused !== box.parentElement;
      setYields(isInRoom && overlap(box.getBoundingClientRect(), focused.getBoundingClientRect()));
    };
    document.addEventListener("focusin", look);
    document.addEventListener("focusout", look);
    return () => {
      document.removeEventListener("focusin", look);
      document.removeEventListener("focusout", look);
    };
  }, [ref, isFree]);
  return isFree && yields;
}

function overlap(a: DOMRect, b: DOMRect): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
