// The frame of every page but the call: one column, a heading that takes the focus when the page appears.

import type { ReactNode } from "react";
import { t } from "../../i18n";
import { useFocusOnArrival, useTitle } from "./hooks";

interface PageProps {
  readonly title: string;
  readonly heading: string;
  /** In the middle of the screen, for pages that only say something. */
  readonly calm?: boolean;
  /** Broader, for pages with two columns. */
  readonly broad?: boolean;
  readonly children: ReactNode;
}

export function Page({ title, heading, calm = false, broad = false, children }: PageProps) {
  useTitle(title);
  const headingRef = useFocusOnArrival<HTMLHeadingElement>();
  return (
    <main className={`page ${calm ? "calm" : ""} ${broad ? "broad" : ""}`}>
      <p className="brand" aria-hidden="true">
        {t.product}
      </p>
      <h1 ref={headingRef} tabIndex={-1}>
        {heading}
      </h1>
      {children}
    </main>
  );
}
