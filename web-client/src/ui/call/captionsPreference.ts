// Whether this reader wants captions, kept between visits. On unless switched off.

import { useState } from "react";

const KEY = "hearken.captions";

export function useCaptionsPreference(): [boolean, (shown: boolean) => void] {
  const [shown, setShown] = useState(read);
  return [
    shown,
    (wanted) => {
      setShown(wanted);
      write(wanted);
    },
  ];
}

function read(): boolean {
  try {
    return localStorage.getItem(KEY) !== "off";
  } catch {
    return true;
  }
}

function write(shown: boolean): void {
  try {
    localStorage.setItem(KEY, shown ? "on" : "off");
  } catch {
    // Storage is forbidden: the wish lasts as long as the page.
  }
}
