// Captions as this reader wants them: the last lines, each with its speaker, growing in place. Not a live region:
// a screen reader hears the finals through the log, when they will not change any more.

import { Fragment, type ReactNode, useEffect, useLayoutEffect, useRef, useState } from "react";
import { t } from "../../i18n";
import type { Caption } from "../../protocol/generated";
import { captionKey } from "../../state/captions";
import type { Captions } from "../../state/model";
import { useNow } from "../common/hooks";
import { asWanted, captionText, finishedEntries, shownEntries } from "./entries";
import { directionOf, joined, spokenIn } from "./language";
import { marks } from "./marks";
import type { CaptionSettings } from "./settings";
import { Standing } from "./standing";
import { GAP_SIGN, runsOf } from "./words";

interface CaptionEntriesProps {
  readonly captions: Captions;
  readonly settings: CaptionSettings;
  /** The server's clock minus ours. */
  readonly clockOffsetMs: number;
  /** So many lines as the reader wants, whatever of it they hold; or, of what nobody hears, whole entries. */
  readonly shows: "lines" | "entries";
}

/** Within this distance from the end of what scrolls the end is shown. */
const END_WITHIN_PX = 8;

/** From here on names stand above the words: beside them there would be room for two letters. */
const LARGE_PERCENT = 200;

export function CaptionEntries({ captions, settings, clockOffsetMs, shows }: CaptionEntriesProps) {
  const now = useNow(1000);
  const [standing] = useState(() => new Standing());
  const finished = finishedEntries(captions);
  // Seen twice is seen as before.
  standing.see(finished, Date.now(), clockOffsetMs);
  const holdMs = settings.holdSeconds * 1000;
  const isHeld = (caption: Caption): boolean => holdMs === 0 || standing.isHeld(caption, now, holdMs);
  const entries = shownEntries(captions, settings.lines, isHeld)
    .map((caption) => asWanted(caption, settings))
    .filter((caption) => captionText(caption) !== "");
  const { ref, scrolls, onScroll } = useEnd(shows, settings.lines);
  return (
    <div className="entries-frame">
      <div
        ref={ref}
        className="entries"
        // Who reads it keeps the focus when it need not scroll any more.
        {...(shows === "entries" ? { tabIndex: scrolls ? 0 : -1 } : {})}
        {...(scrolls ? { role: "group", "aria-label": t.captions.typedRegion } : {})}
        data-scrolls={scrolls || undefined}
        onScroll={onScroll}
        data-names={settings.names || undefined}
        data-named={settings.names || settings.marks || undefined}
        data-large={settings.size >= LARGE_PERCENT || undefined}
      >
        {entries.map((caption) => (
          <Entry key={captionKey(caption)} caption={caption} settings={settings} />
        ))}
      </div>
    </div>
  );
}

/** Shows the last lines: what grows does so at the end. Where whole entries are to stand it makes room for them. */
function useEnd(shows: "lines" | "entries", lines: number) {
  const ref = useRef<HTMLDivElement>(null);
  const [scrolls, setScrolls] = useState(false);
  /** Whoever has gone back to the beginning of a long line reads it. */
  const isRead = useRef(false);
  /** How far it was scrolled when it was last looked at, and how far it could be, in pixels. */
  const seen = useRef({ top: 0, end: 0 });
  // What scrolls was scrolled by its reader when it does not stand where it stood. One that became shorter than that
  // stands at its end.
  const look = (box: HTMLElement): void => {
    const end = box.scrollHeight - box.clientHeight;
    if (box.scrollTop !== seen.current.top)
      isRead.current = Math.min(end, seen.current.end) - box.scrollTop > END_WITHIN_PX;
    seen.current = { top: box.scrollTop, end };
  };
  const place = useRef<() => void>(() => undefined);
  place.current = () => {
    const box = ref.current;
    if (box === null) return;
    // Browsers tell of a scroll in the next frame: too late for what comes before that.
    look(box);
    // Empty, it is not shown any more.
    if (box.children.length === 0 && document.activeElement === box) box.closest("section")?.focus();
    const isLonger = shows === "entries" && makeRoom(box, lines);
    setScrolls(isLonger);
    if (!isLonger) isRead.current = false;
    if (!isRead.current) box.scrollTop = box.scrollHeight;
    seen.current = { top: box.scrollTop, end: box.scrollHeight - box.clientHeight };
  };
  useLayoutEffect(() => place.current());
  // Also when a notice or a line that is being typed leaves room for fewer.
  useEffect(() => {
    const box = ref.current;
    if (box === null) return;
    let frame = 0;
    const resized = new ResizeObserver(() => {
      // What is measured may change what is observed.
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => place.current());
    });
    resized.observe(box);
    return () => {
      cancelAnimationFrame(frame);
      resized.disconnect();
    };
  }, []);
  const onScroll = ({ currentTarget: box }: { currentTarget: HTMLElement }): void => look(box);
  return { ref, scrolls, onScroll };
}

/** Asks for the room that whole entries need; whether there is less. */
function makeRoom(box: HTMLElement, lines: number): boolean {
  const wanted = wholeHeight([...box.children], lines);
  box.parentElement?.style.setProperty("--caption-whole", `${wanted}px`);
  return box.clientHeight < Math.floor(wanted);
}

/**
 * How high the latest entry is and those that still grow, and before them as many as have no more lines of text, all
 * together, than the reader wants.
 */
function wholeHeight(entries: readonly Element[], lines: number): number {
  const owed = entries.findIndex((entry) => entry.getAttribute("data-state") === "partial");
  const owedFrom = owed === -1 ? entries.length - 1 : owed;
  let [height, rows] = [0, 0];
  for (const [at, entry] of [...entries.entries()].reverse()) {
    const text = entry.querySelector(".entry-text");
    if (text === null) continue;
    rows += Math.round(text.clientHeight / Number.parseFloat(getComputedStyle(text).lineHeight));
    if (at < owedFrom && rows > lines) break;
    height += entry.getBoundingClientRect().height;
  }
  return height;
}

function Entry({ caption, settings }: { caption: Caption; settings: CaptionSettings }) {
  return (
    <div className="entry" data-state={caption.status} data-origin={caption.origin}>
      {settings.names || settings.marks ? (
        <span className="entry-name">
          {settings.marks ? <SpeakerMark participant={caption.participant} /> : null}
          <span className={settings.names ? "entry-name-words" : "visually-hidden"} {...joined(caption.name)}>
            {caption.name}
          </span>
        </span>
      ) : null}
      <p className="entry-text" dir={directionOf(caption.language)}>
        <CaptionWords caption={caption} />
      </p>
    </div>
  );
}

/** For the eye only: the name stands beside it. */
export function SpeakerMark({ participant }: { participant: string }) {
  const { shape, colour } = marks.of(participant);
  return (
    <span className="speaker-mark" data-colour={colour} aria-hidden="true">
      {shape}
    </span>
  );
}

/**
 * What is agreed, its guesses underlined, then, lighter, what may still change; and how the text came about. The
 * underlines are for the eye alone: to a screen reader the words are one text.
 */
export function CaptionWords({ caption }: { caption: Caption }) {
  const stable = caption.stable.trim();
  const tentative = caption.tentative.trim();
  return (
    <span className="words">
      {caption.after_gap === true ? <Gap /> : null}
      <span {...spokenIn(caption.language)} {...joined(stable + tentative)}>
        {stable === "" ? null : <span>{guessesMarked(caption)}</span>}
        {stable !== "" && tentative !== "" ? " " : null}
        {tentative === "" ? null : <span className="tentative">{tentative}</span>}
      </span>
      {signsOf(caption).map((sign) => (
        <Fragment key={sign}>
          {" "}
          <span className="caption-sign" dir="auto">
            ({sign})
          </span>
        </Fragment>
      ))}
    </span>
  );
}

/** Some of the speaker's sound got lost before these words. */
function Gap() {
  return (
    <>
      <span aria-hidden="true">{GAP_SIGN}</span>
      <span className="visually-hidden">{t.captions.gap}</span>{" "}
    </>
  );
}

function guessesMarked({ stable, words }: Caption): ReactNode {
  return runsOf(stable.trim(), words).map(({ text, isGuess }, at) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: runs never change places, they grow at the end
    <Fragment key={at}>
      {at === 0 ? null : " "}
      {isGuess ? <span className="guess">{text}</span> : text}
    </Fragment>
  ));
}

/** What stands in brackets behind a caption. */
export function signsOf({ status, origin, corrected, off_record }: Caption): readonly string[] {
  const signs: string[] = [];
  if (origin === "typed") signs.push(t.captions.typed);
  if (origin === "captioner") signs.push(t.captions.byCaptioner);
  if (corrected === true) signs.push(t.captions.corrected);
  if (off_record === true) signs.push(t.captions.offRecord);
  if (status === "interrupted") signs.push(t.captions.interrupted);
  return signs;
}
