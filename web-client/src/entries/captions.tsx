// A page with nothing but captions.

import { parseCaptionLink } from "../protocol/link";
import { CaptionViewer } from "../state/viewer";
import { keepSettingsOfPage } from "../ui/captions/useCaptionSettings";
import { CaptionsPage } from "../ui/captions_page/CaptionsPage";
import { IncompleteLinkPage } from "../ui/pages/IncompleteLinkPage";
import { mount } from "./mount";

export function start(): void {
  keepSettingsOfPage();
  const { href } = window.location;
  const link = parseCaptionLink(href);
  mount(link === null ? <IncompleteLinkPage /> : <CaptionsPage viewer={new CaptionViewer(link, href)} />);
}
