// A session, from its link to its end.

import { parseLink } from "../protocol/link";
import { createController } from "../state/controller";
import { ClientProvider } from "../ui/client";
import { IncompleteLinkPage } from "../ui/pages/IncompleteLinkPage";
import { SessionApp } from "../ui/SessionApp";
import { mount } from "./mount";

export function start(): void {
  const link = parseLink(window.location.href);
  mount(
    link === null ? (
      <IncompleteLinkPage />
    ) : (
      <ClientProvider controller={createController(link)}>
        <SessionApp />
      </ClientProvider>
    ),
  );
}
