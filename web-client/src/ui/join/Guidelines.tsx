// The group's guidelines: at the door and, behind a button, in the call.

import { t } from "../../i18n";

export function Guidelines() {
  return (
    <ul className="guidelines">
      {t.guidelines.map((line) => (
        <li key={line}>{line}</li>
      ))}
    </ul>
  );
}
