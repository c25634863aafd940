// The start page, where operators make sessions.

import { StartPage } from "../ui/start/StartPage";
import { mount } from "./mount";

export function start(): void {
  mount(<StartPage />);
}
