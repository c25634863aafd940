// Shows one scene: `harness.html#NAME`; without a name, the list of them. `start`, `created` and `incomplete`
// need no session.

import { StrictMode, useEffect } from "react";
import { createRoot } from "react-dom/client";
import type { ViewerState } from "../../state/viewer";
import { CaptionsPage } from "../captions_page/CaptionsPage";
import { ClientProvider } from "../client";
import { IncompleteLinkPage } from "../pages/IncompleteLinkPage";
import { SessionApp } from "../SessionApp";
import { CreatedLinks } from "../start/CreatedLinks";
import { StartPage } from "../start/StartPage";
import "../styles/tokens.css";
import "../styles/base.css";
import "../styles/pages.css";
import "../styles/call.css";
import "../styles/panel.css";
import "../styles/captions.css";
import { fakeController } from "./fake";
import { type Scene, SESSION, scenes, UNSURE_CAPTIONS } from "./scenes";

const LINK = `https://calls.example.org/s/${"0".repeat(32)}#${"eyJhbGciOiJIUzI1NiJ9.".repeat(6)}`;
const CREATED = { session_id: "0".repeat(32), facilitator_url: LINK, member_url: LINK, captioner_url: LINK };
const WITHOUT_SESSION = ["start", "created", "incomplete", "captions-page", "captions-page-over"];
const VIEWING: ViewerState = {
  phase: { kind: "viewing" },
  session: SESSION,
  captions: UNSURE_CAPTIONS,
  clockOffsetMs: 0,
};

function Content({ name }: { name: string }) {
  switch (name) {
    case "start":
      return <StartPage />;
    case "created":
      return <CreatedLinks session={CREATED} onAnother={() => undefined} />;
    case "incomplete":
      return <IncompleteLinkPage />;
    case "captions-page":
      Object.assign(globalThis, { shownInHarness: CAPTION_PAGE });
      return <CaptionsPage viewer={CAPTION_PAGE} />;
    case "captions-page-over":
      return <CaptionsPage viewer={viewing({ ...VIEWING, phase: { kind: "over" } })} />;
    default: {
      const scene = scenes[name];
      return scene === undefined ? <List /> : <Session scene={scene} />;
    }
  }
}

/** What a caption page shows, to be changed by whoever drives the page. */
function viewing(first: ViewerState) {
  let state = first;
  const listeners = new Set<() => void>();
  return {
    getSnapshot: () => state,
    subscribe: (listener: () => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    show: (next: ViewerState) => {
      state = next;
      for (const listener of listeners) listener();
    },
  };
}

const CAPTION_PAGE = viewing(VIEWING);

function Session({ scene }: { scene: Scene }) {
  const controller = fakeController(scene.state);
  const { later } = scene;
  useEffect(() => {
    Object.assign(globalThis, { shownInHarness: controller });
    if (later !== undefined) {
      controller.show(later);
    }
  }, [controller, later]);
  return (
    <ClientProvider controller={controller}>
      <SessionApp />
    </ClientProvider>
  );
}

function List() {
  return (
    <ul>
      {[...WITHOUT_SESSION, ...Object.keys(scenes)].map((one) => (
        <li key={one}>
          <a href={`#${one}`}>{one}</a>
        </li>
      ))}
    </ul>
  );
}

/** Tells whoever drives the page which scene stands. */
function Shown({ name }: { name: string }) {
  useEffect(() => {
    document.documentElement.dataset.scene = name;
  }, [name]);
  return <Content name={name} />;
}

const element = document.getElementById("root");
if (element !== null) {
  const root = createRoot(element);
  const draw = (): void => {
    const name = window.location.hash.slice(1);
    root.render(
      <StrictMode key={name}>
        <Shown name={name} />
      </StrictMode>,
    );
  };
  window.addEventListener("hashchange", draw);
  draw();
}
