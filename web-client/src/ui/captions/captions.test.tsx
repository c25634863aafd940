import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";
import type { Caption } from "../../protocol/generated";
import { captionKey } from "../../state/captions";
import type { ClientState } from "../../state/model";
import { ClientProvider, useClient } from "../client";
import { fakeController } from "../harness/fake";
import { caption, scenes, surenessOf } from "../harness/scenes";
import { CaptionArea } from "./CaptionArea";
import { LogBut } from "./CaptionLog";
import { asWanted, captionText, shownEntries } from "./entries";

const PARTIAL = caption(9, 1, {
  status: "partial",
  stable: "I think",
  tentative: "that we",
  started_at: 900,
});

function draw(captions: ClientState["captions"], element: React.ReactElement): string {
  const base = scenes.call?.state;
  if (base === undefined) {
    throw new Error("there is a scene named call");
  }
  return renderToStaticMarkup(
    <ClientProvider controller={fakeController({ ...base, captions })}>{element}</ClientProvider>,
  );
}

/** The lines of the log as they are read out. */
function linesOf(html: string): string[] {
  return [...html.matchAll(/<p>(.*?)<\/p>/g)].map(([, line]) => (line ?? "").replace(/<[^>]*>/g, ""));
}

/** As in the call of somebody else. */
function OwnLog() {
  return <LogBut captions={useClient((state) => state.captions)} self="p7" spoken before={new Set()} />;
}

describe("the captions' log", () => {
  it("receives finals only, each with its speaker's name", () => {
    const html = draw(
      {
        passing: [],
        history: [
          caption(1, 1, { stable: "First words." }),
          caption(2, 3, { status: "interrupted", stable: "Cut off" }),
        ],
        open: [PARTIAL],
      },
      <OwnLog />,
    );
    expect(html).toContain('role="log" aria-label="Captions"');
    expect(linesOf(html)).toEqual(["Ann: First words."]);
    expect(html).not.toContain("Cut off");
    expect(html).not.toContain("I think");
  });
});

describe("what is not sure", () => {
  const said = caption(1, 1, {
    stable: "Ask Doctor Eames",
    words: surenessOf(90, 20, 90),
    after_gap: true,
  });

  it("is underlined, and lost sound marked, for the eye and in words", () => {
    const html = draw(
      { passing: [], history: [said], open: [] },
      <CaptionArea spoken onSettings={() => undefined} />,
    );
    expect(html).toContain('Ask <span class="guess">Doctor</span> Eames');
    expect(html).toMatch(/<span aria-hidden="true">…<\/span><span[^>]*>\(some sound was lost\)<\/span>/);
  });

  it("is one text in the log", () => {
    const html = draw(
      { passing: [], history: [said, caption(2, 1, { ...said, corrected: true })], open: [] },
      <OwnLog />,
    );
    expect(linesOf(html)).toEqual([
      "Ann: (some sound was lost) Ask Doctor Eames",
      "Corrected, Ann: Ask Doctor Eames",
    ]);
  });
});

describe("the language of what was said", () => {
  const history = [
    caption(1, 1, { stable: "Guten Abend", tentative: "", language: "de", origin: "typed" }),
    caption(2, 3, { stable: "ערב טוב", language: "he" }),
    caption(3, 3, { stable: "Good evening" }),
  ];

  it("stands at the words alone, in the captions and in the log", () => {
    for (const element of [
      <CaptionArea key="area" spoken onSettings={() => undefined} />,
      <OwnLog key="log" />,
    ]) {
      const html = draw({ passing: [], history, open: [] }, element);
      expect(html).toMatch(/<span lang="de" dir="ltr">(<span>)?Guten Abend</);
      expect(html).toMatch(/<span lang="he" dir="rtl">(<span>)?ערב טוב</);
      expect(html).toMatch(/<span dir="auto">(<span>)?Good evening</);
      expect(html.match(/lang=/g)).toHaveLength(2);
    }
  });

  it("lets a line begin where its readers begin", () => {
    const html = draw(
      { passing: [], history, open: [] },
      <CaptionArea spoken onSettings={() => undefined} />,
    );
    expect(html).toContain('<p class="entry-text" dir="rtl">');
  });
});

describe("the live captions", () => {
  it("show the speaker's name and how far an entry has come, and are no live region", () => {
    const html = draw(
      {
        passing: [],
        history: [caption(2, 3, { status: "interrupted", stable: "Cut off", started_at: 1 })],
        open: [PARTIAL],
      },
      <CaptionArea spoken onSettings={() => undefined} />,
    );
    expect(html).toContain('aria-label="Live captions"');
    expect(html).not.toContain("aria-live");
    expect(html).toMatch(
      /data-state="interrupted"><span class="entry-name"><span[^>]*>[^<]*<\/span><span class="entry-name-words">Cleo</,
    );
    expect(html).toMatch(
      /data-state="partial"><span class="entry-name"><span[^>]*>[^<]*<\/span><span class="entry-name-words">Ann</,
    );
    expect(html).toContain('<span class="tentative">that we</span>');
  });
});

describe("shownEntries", () => {
  it("keeps what still grows when there is not room for all", () => {
    const history = [1, 2, 3].map((number) => caption(number, 0, { started_at: number }));
    expect(shownEntries({ passing: [], history, open: [PARTIAL] }, 2).map(captionKey)).toEqual([
      "1.3",
      "1.9",
    ]);
  });

  it("stands in the order in which people began to speak", () => {
    const early = caption(1, 0, { status: "partial", started_at: 10 });
    const finished: Caption = caption(2, 1, { started_at: 20 });
    expect(shownEntries({ passing: [], history: [finished], open: [early] }, 3).map(captionKey)).toEqual([
      "1.1",
      "1.2",
    ]);
  });

  it("waits for the first word", () => {
    const empty = caption(1, 0, { status: "partial", stable: "", tentative: " " });
    expect(shownEntries({ passing: [], history: [], open: [empty] }, 3)).toEqual([]);
  });
});

describe("captionText", () => {
  it("puts one space between what is agreed and what is not", () => {
    expect(captionText({ ...PARTIAL, stable: "I think ", tentative: " that" })).toBe("I think that");
    expect(captionText({ ...PARTIAL, stable: "", tentative: "that" })).toBe("that");
  });
});

describe("asWanted", () => {
  const wishes = { partials: "stable", guesses: true, filter: false, ownWords: "" } as const;

  it("leaves out what may still change where the reader wants only what will not", () => {
    expect(captionText(asWanted(PARTIAL, wishes))).toBe("I think");
    const typed: Caption = { ...PARTIAL, origin: "typed", stable: "" };
    expect(captionText(asWanted(typed, wishes))).toBe("that we");
  });

  it("changes nothing by default", () => {
    const asIs = { partials: "live", guesses: true, filter: false, ownWords: "think" } as const;
    expect(asWanted(PARTIAL, asIs)).toBe(PARTIAL);
  });

  it("tells nothing of guesses where the reader does not want it", () => {
    const known = { ...PARTIAL, words: [{ ended: 1, sure: 10 }] };
    expect(asWanted(known, { ...wishes, partials: "live", guesses: false })).toEqual(PARTIAL);
  });
});

describe("shownEntries with a hold", () => {
  it("lets finished entries go when they have stood for long enough, but never one that grows", () => {
    const old = caption(1, 0);
    const late = caption(2, 0);
    const captions = { passing: [], history: [old, late], open: [PARTIAL] };
    expect(shownEntries(captions, 5, (one) => one !== old).map(captionKey)).toEqual(["1.9", "1.2"]);
  });

  it("show one that was finished last even where many others began after it", () => {
    const history = [1, 2, 3, 4, 5].map((number) => caption(number, 0, { started_at: number }));
    const captions = { passing: [], history, open: [] };
    expect(shownEntries(captions, 2, (one) => one === history[0]).map(captionKey)).toEqual(["1.1"]);
  });
});
