// Gives the controller and its state to every component of a session. Components hold no call logic: they
// show the state and pass orders on.

import { createContext, type ReactNode, useContext, useSyncExternalStore } from "react";
import type { ClientState, Controller } from "../state/model";

const ControllerContext = createContext<Controller | null>(null);

export function ClientProvider({ controller, children }: { controller: Controller; children: ReactNode }) {
  return <ControllerContext value={controller}>{children}</ControllerContext>;
}

export function useController(): Controller {
  const controller = useContext(ControllerContext);
  if (controller === null) {
    throw new Error("a ClientProvider stands around every component of a session");
  }
  return controller;
}

/** A part of the state. `select` returns something that stands in the state, never something made anew. */
export function useClient<T>(select: (state: ClientState) => T): T {
  const controller = useController();
  const get = (): T => select(controller.getSnapshot());
  return useSyncExternalStore(controller.subscribe, get, get);
}
