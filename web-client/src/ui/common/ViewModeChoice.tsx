// How much video one wants: in the device check, in the call's settings and beside the figures of the line.

import { t } from "../../i18n";
import type { ViewMode } from "../../state/model";
import { VIEW_MODES } from "../../state/view_mode";
import { useClient, useController } from "../client";
import { RadioChoice } from "./RadioChoice";

export function ViewModeChoice() {
  const controller = useController();
  const mode = useClient((state) => state.viewMode);
  const option = (id: ViewMode) => ({ id, ...t.viewMode.options[id] });
  return (
    <RadioChoice
      label={t.viewMode.label}
      options={VIEW_MODES.map(option)}
      selected={mode}
      onSelect={controller.setViewMode}
    />
  );
}
