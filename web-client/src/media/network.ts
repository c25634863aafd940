// Tells when this machine may have come into another network.

/** What Chromium knows of the network, beyond what all browsers do. */
interface Connection extends EventTarget {
  /** `wifi`, `cellular` and so on; not on every device. */
  readonly type?: string;
}

/**
 * Calls `changed` when a network has come, or another kind of network: what was the best way for media may not be any
 * more, or may not work. Returns the undoing.
 */
export function watchNetwork(changed: () => void): () => void {
  const connection = (navigator as Navigator & { readonly connection?: Connection }).connection;
  let type = connection?.type;
  // Estimates of its speed change all the time; they are no other network.
  const connectionChanged = () => {
    if (connection?.type === type) return;
    type = connection?.type;
    changed();
  };
  globalThis.addEventListener("online", changed);
  connection?.addEventListener("change", connectionChanged);
  return () => {
    globalThis.removeEventListener("online", changed);
    connection?.removeEventListener("change", connectionChanged);
  };
}
