// When the button that has the focus vanishes by its own doing (an admitted person's row), the focus would
// fall to the top of the page. It goes to the region's heading instead.

import { type RefObject, useEffect, useRef } from "react";

export function useKeptFocus(
  region: RefObject<HTMLElement | null>,
  heading: RefObject<HTMLElement | null>,
): void {
  const last = useRef<Element | null>(null);
  useEffect(() => {
    const remember = (): void => {
      const active = document.activeElement;
      last.current = active !== null && region.current?.contains(active) ? active : null;
    };
    document.addEventListener("focusin", remember);
    return () => document.removeEventListener("focusin", remember);
  }, [region]);
  // After every drawing: any of them can have taken the element away.
  useEffect(() => {
    if (last.current !== null && !last.current.isConnected) {
      last.current = null;
      if (document.activeElement === document.body) {
        heading.current?.focus();
      }
    }
  });
}
