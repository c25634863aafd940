// Live captions in the call: where and how this reader wants them, with what belongs to them in reach. Who has switched
// spoken ones off still sees what people type, and can type: nobody hears that (EN 301 549, section 6.2).

import { type PointerEvent, type RefObject, useMemo, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { t } from "../../i18n";
import type { CaptionsState } from "../../protocol/generated";
import type { RefusedLine } from "../../state/model";
import { useClient } from "../client";
import { Icon } from "../common/Icon";
import { Button, Toggle } from "../common/widgets";
import { CaptionEntries } from "./CaptionEntries";
import { Composer, type ComposerHandle, type Draft } from "./Composer";
import { typedOnly } from "./entries";
import { marks } from "./marks";
import { RefusedLineBox } from "./RefusedLineBox";
import { type CaptionSettings, styleOf } from "./settings";
import { changeCaptionSettings, useCaptionSettings } from "./useCaptionSettings";
import { useFreePlace } from "./useFreePlace";

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
  marks.meet(all);
  const state = useClient((one) => one.session?.captions ?? "off");
  const clockOffsetMs = useClient((one) => one.clockOffsetMs);
  const [typing, setTyping] = useState(false);
  /** Who has finished a line knows how. */
  const [hasTyped, setHasTyped] = useState(false);
  const draft = useRef<Draft | null>(null);
  const composer = useRef<ComposerHandle>(null);
  /** Words that were refused are back in the field, which opens if it was closed. */
  const writeAgain = (refused: RefusedLine): boolean => {
    flushSync(() => setTyping(true));
    return composer.current?.takeBack(refused) ?? false;
  };
  const ref = useRef<HTMLElement>(null);
  const free = useFreePlace(ref, settings);
  const isEmpty = captions.open.length + captions.passing.length + captions.history.length === 0;
  const notice = spoken ? noticeOf(state, !isEmpty) : null;
  return (
    <section
      ref={ref}
      tabIndex={-1}
      className="captions"
      aria-label={spoken ? t.captions.region : t.captions.typedRegion}
      data-captions={state}
      data-spoken={spoken ? "on" : "off"}
      data-typed={hasTyped || undefined}
      data-position={free.isDocked ? "bottom" : settings.position}
      style={{ ...styleOf(settings), ...free.style }}
      onSubmit={() => setHasTyped(true)}
    >
      {notice === null ? null : (
        <p className="captions-notice">
          <Icon name={state === "on" ? "captions" : "info"} />
          <span>{notice}</span>
        </p>
      )}
      <CaptionEntries
        captions={captions}
        settings={settings}
        clockOffsetMs={clockOffsetMs}
        shows={spoken ? "lines" : "entries"}
      />
      <RefusedLineBox onBack={writeAgain} onClosed={() => (composer.current ?? ref.current)?.focus()} />
      {typing ? <Composer ref={composer} draft={draft} /> : null}
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
  /** Where a drag began: the pointer, and the place that was wanted then. */
  const began = useRef({ x: 0, y: 0, freeX, freeY });
  const place = (x: number, y: number): void =>
    changeCaptionSettings({ freeX: Math.min(100, Math.max(0, x)), freeY: Math.min(100, Math.max(0, y)) });
  const begin = (event: PointerEvent<HTMLButtonElement>): void => {
    event.currentTarget.setPointerCapture(event.pointerId);
    began.current = { x: event.clientX, y: event.clientY, freeX, freeY };
  };
  const drag = (event: PointerEvent<HTMLButtonElement>): void => {
    const room = box.current?.parentElement?.getBoundingClientRect();
    const own = box.current?.getBoundingClientRect();
    if (room === undefined || own === undefined) return;
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
    const { x, y, freeX: fromX, freeY: fromY } = began.current;
    const percentOf = (moved: number, way: number): number => (moved / Math.max(1, way)) * 100;
    place(
      fromX + percentOf(event.clientX - x, room.width - own.width),
      fromY + percentOf(event.clientY - y, room.height - own.height),
    );
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
      onPointerDown={begin}
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
