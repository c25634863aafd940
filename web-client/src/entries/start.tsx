// The start page, where operators make sessions.

import { StartPage } from "../ui/start/StartPage";
import { mount } from "./mount";

mount(<StartPage />);
