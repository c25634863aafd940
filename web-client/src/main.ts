// Starts the client: the start page, a session or its captions alone, as the address says. Loads the code of that page
// and no other. Imports none itself, so that nothing is waited for before it is known what to load.

import "./ui/styles/tokens.css";
import "./ui/styles/base.css";
import "./ui/styles/pages.css";
import "./ui/styles/call.css";
import "./ui/styles/panel.css";
import "./ui/styles/captions.css";

/** What the code of a page gives away: it does nothing before it is started. */
interface Entry {
  readonly start: () => void;
}

function load(): Promise<Entry> {
  const { pathname } = window.location;
  if (pathname.startsWith("/c/")) return import("./entries/captions");
  if (pathname.startsWith("/s/")) return import("./entries/session");
  return import("./entries/start");
}

function show(id: "not-loaded" | "not-started"): void {
  const words = document.getElementById(id);
  words?.removeAttribute("hidden");
  words?.querySelector("button")?.addEventListener("click", () => window.location.reload());
}

async function main(): Promise<void> {
  let entry: Entry;
  try {
    entry = await load();
  } catch {
    // The network went, or the server was renewed in that moment.
    show("not-loaded");
    return;
  }
  try {
    entry.start();
  } catch (error) {
    show("not-started");
    throw error;
  }
}

// A link opened over another one in the same tab changes nothing but the fragment.
window.addEventListener("hashchange", () => window.location.reload());
void main();
