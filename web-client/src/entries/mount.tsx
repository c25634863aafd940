// Puts a page into the document.

import { type ReactNode, StrictMode } from "react";
import { createRoot } from "react-dom/client";

export function mount(page: ReactNode): void {
  const root = document.getElementById("root");
  if (root === null) {
    throw new Error("index.html has an element named root");
  }
  createRoot(root).render(<StrictMode>{page}</StrictMode>);
}
