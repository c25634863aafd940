// Every string of the interface, in English. A text with a value in it is a function of that value, so a
// missing or superfluous value does not compile. Another language is another object of the same type.

import * as call from "./call";
import * as captions from "./captions";
import * as forms from "./forms";
import * as messages from "./messages";
import * as pages from "./pages";

export const en = {
  language: "en",
  direction: "ltr",
  product: "Hearken",
  ...pages,
  ...call,
  ...captions,
  ...messages,
  ...forms,
} as const;
