import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";
import type { Caption } from "../../protocol/generated";
import type { ClientState } from "../../state/model";
import { ClientProvider } from "../client";
import { fakeController } from "../harness/fake";
import { caption, scenes } from "../harness/scenes";
import { CaptionArea } from "./CaptionArea";
import { CaptionLog } from "./CaptionLog";
import { captionKey, captionText, shownEntries } from "./entries";

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
      <CaptionLog />,
    );
    expect(html).toContain('role="log" aria-label="Captions"');
    expect(html).toContain("<p>Ann: First words.</p>");
    expect(html).not.toContain("Cut off");
    expect(html).not.toContain("I think");
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
      <CaptionArea />,
    );
    expect(html).toContain('aria-label="Live captions"');
    expect(html).not.toContain("aria-live");
    expect(html).toMatch(/data-state="interrupted"><span class="entry-name">Cleo</);
    expect(html).toMatch(/data-state="partial"><span class="entry-name">Ann</);
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
