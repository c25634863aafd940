// Starts the client: the start page, a session or its captions alone, as the address says. Loads the code of that page
// and no other. Imports none itself, so that nothing is waited for before it is known what to load.

import "./ui/styles/tokens.css";
import "./ui/styles/base.css";
import "./ui/styles/pages.css";
import "./ui/styles/call.css";
import "./ui/styles/panel.css";
import "./ui/styles/captions.css";

function load(): Promise<unknown> {
  const { pathname } = window.location;
  if (pathname.startsWith("/c/")) return import("./entries/captions");
  if (pathname.startsWith("/s/")) return import("./entries/session");
  return import("./entries/start");
}

/** The network went, or the server was renewed in that moment. */
function showNotLoaded(): void {
  const notLoaded = document.getElementById("not-loaded");
  notLoaded?.removeAttribute("hidden");
  notLoaded?.querySelector("button")?.addEventListener("click", () => window.location.reload());
}

// A link opened over another one in the same tab changes nothing but the fragment.
window.addEventListener("hashchange", () => window.location.reload());
load().catch(showNotLoaded);
