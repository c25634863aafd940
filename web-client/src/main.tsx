// Starts the client: the start page, or the session that the address names.

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { parseCaptionLink, parseLink } from "./protocol/link";
import { createController } from "./state/controller";
import { CaptionViewer } from "./state/viewer";
import { CaptionsPage } from "./ui/captions_page/CaptionsPage";
import { ClientProvider } from "./ui/client";
import { IncompleteLinkPage } from "./ui/pages/ClosedPage";
import { SessionApp } from "./ui/SessionApp";
import { StartPage } from "./ui/start/StartPage";
import "./ui/styles/tokens.css";
import "./ui/styles/base.css";
import "./ui/styles/pages.css";
import "./ui/styles/call.css";
import "./ui/styles/panel.css";
import "./ui/styles/captions.css";

function content() {
  if (window.location.pathname.startsWith("/c/")) {
    const link = parseCaptionLink(window.location.href);
    return link === null ? (
      <IncompleteLinkPage />
    ) : (
      <CaptionsPage viewer={new CaptionViewer(link, window.location.href)} />
    );
  }
  if (!window.location.pathname.startsWith("/s/")) {
    return <StartPage />;
  }
  const link = parseLink(window.location.href);
  if (link === null) {
    return <IncompleteLinkPage />;
  }
  return (
    <ClientProvider controller={createController(link)}>
      <SessionApp />
    </ClientProvider>
  );
}

const root = document.getElementById("root");
if (root === null) {
  throw new Error("index.html has an element named root");
}
// A link opened over another one in the same tab changes nothing but the fragment.
window.addEventListener("hashchange", () => window.location.reload());
createRoot(root).render(<StrictMode>{content()}</StrictMode>);
