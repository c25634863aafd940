// Shows one scene: `harness.html?scene=NAME`. `start` and `created` need no session.

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ClientProvider } from "../client";
import { IncompleteLinkPage } from "../pages/ClosedPage";
import { SessionApp } from "../SessionApp";
import { CreatedLinks } from "../start/CreatedLinks";
import { StartPage } from "../start/StartPage";
import "../styles/tokens.css";
import "../styles/base.css";
import "../styles/pages.css";
import "../styles/call.css";
import "../styles/panel.css";
import { fakeController } from "./fake";
import { scenes } from "./scenes";

function content(name: string) {
  if (name === "start") {
    return <StartPage />;
  }
  if (name === "created") {
    const link = `https://calls.example.org/s/${"0".repeat(32)}#${"eyJhbGciOiJIUzI1NiJ9.".repeat(6)}`;
    return (
      <CreatedLinks
        session={{ session_id: "0".repeat(32), facilitator_url: link, member_url: link }}
        onAnother={() => undefined}
      />
    );
  }
  if (name === "incomplete") {
    return <IncompleteLinkPage />;
  }
  const scene = scenes[name];
  if (scene === undefined) {
    return (
      <ul>
        {["start", "created", "incomplete", ...Object.keys(scenes)].map((one) => (
          <li key={one}>
            <a href={`?scene=${one}`}>{one}</a>
          </li>
        ))}
      </ul>
    );
  }
  const controller = fakeController(scene.state);
  const { later } = scene;
  if (later !== undefined) {
    setTimeout(() => controller.show(later), 300);
  }
  return (
    <ClientProvider controller={controller}>
      <SessionApp />
    </ClientProvider>
  );
}

const root = document.getElementById("root");
const name = new URLSearchParams(window.location.search).get("scene") ?? "";
if (root !== null) {
  createRoot(root).render(<StrictMode>{content(name)}</StrictMode>);
}
