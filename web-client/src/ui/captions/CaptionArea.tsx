// Live captions in the call: where and how this reader wants them, with what belongs to them in reach. Who has switched
// spoken ones off still sees what people type, and can type: nobody hears that (EN 301 549, section 6.2).

import { type PointerEvent, type RefObject, useEffect, useMemo, useRef, useState } from "react";
import { t } from "../../i18n";
import type { CaptionsState } from "../../protocol/generated";
import { useClient } from "../client";
import { Icon } from "../common/Icon";
import { Button, Toggle } from "../common/widgets";
import { CaptionEntries } from "./CaptionEntries";
import { Composer } from "./Composer";
import { typedOnly } from "./entries";
import { type CaptionSettings, styleOf } from "./settings";
import { changeCaptionSettings, useCaptionSettings } from "./useCaptionSettings";

/** Without spoken captions a typed line stands this long, if the reader has not said how long: time to notice it. */
const TYPED_STANDS_SECONDS = 40;
/** How far an arrow key moves a free box, in percent of the room. */
const STEP_PERCENT = 5;

interface CaptionAreaProps {
  /** False: what people type, and nothing else. */
  readonly spoken: boolean;
  readonly onSettings: () => void;
}

export function CaptionArea({ spoken, onSettings }: CaptionAreaProps) {
  const chosen = useCaptionSettings();
  const settings = spoken ? chosen : forTypedOnly(chosen);
  const all = useClient((state) => state.captions);
  const captions = useMemo(() => (spoken ? all : typedOnly(all)), [spoken, all]);
  const state = useClient((one) => one.session?.captions ?? "off");
  const clockOffsetMs = useClient((one) => one.clockOffsetMs);
  const [typing, setTyping] = useState(false);
  const ref = useRef<HTMLElement>(null);
  const yields = useYielding(ref, settings.position === "free");
  const isEmpty = captions.open.length + captions.passing.length + captions.history.length === 0;
  const notice = spoken ? noticeOf(state, !isEmpty) : null;
  return (
    <section
      ref={ref}
      className="captions"
      aria-label={spoken ? t.captions.region : t.captions.typedRegion}
      data-captions={state}
      data-spoken={spoken ? "on" : "off"}
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

/** A strip where captions usually are, that grows with what is typed and shrinks again. */
function forTypedOnly(settings: CaptionSettings): CaptionSettings {
  const holdSeconds = settings.holdSeconds === 0 ? TYPED_STANDS_SECONDS : settings.holdSeconds;
  return { ...settings, holdSeconds, position: settings.position === "top" ? "top" : "bottom" };
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
