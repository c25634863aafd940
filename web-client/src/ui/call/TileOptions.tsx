// What this person can do with somebody's picture: put it in front, or follow its owner as an interpreter.

import { Button, Menu, MenuItem, MenuTrigger, Popover, type Selection } from "react-aria-components";
import { t } from "../../i18n";
import { useClient, useController } from "../client";
import { Icon } from "../common/Icon";
import { TILE_OPTIONS_CLASS } from "./tileKeys";

interface TileOptionsProps {
  readonly participant: string;
  readonly name: string;
}

/** Whose options a button opens. */
const OPTIONS_OF = "data-options-of";

/** By then the menu that went with the old place has given the focus away. */
const FOCUS_AFTER_MS = 60;

const PIN = "pin";
const INTERPRETER = "interpreter";

export function TileOptions({ participant, name }: TileOptionsProps) {
  const controller = useController();
  const pinned = useClient((state) => state.front.pinned.includes(participant));
  const interpreter = useClient((state) => state.front.interpreter === participant);
  const selected = [...(pinned ? [PIN] : []), ...(interpreter ? [INTERPRETER] : [])];
  const change = (wanted: Selection): void => {
    const has = (key: string): boolean => wanted === "all" || wanted.has(key);
    if (has(PIN) !== pinned) {
      controller.pin(participant, !pinned);
    }
    if (has(INTERPRETER) !== interpreter) {
      controller.setInterpreter(interpreter ? null : participant);
    }
    keepFocus(participant);
  };
  return (
    <MenuTrigger>
      <Button
        className={TILE_OPTIONS_CLASS}
        aria-label={t.call.tileOptions(name)}
        {...{ [OPTIONS_OF]: participant }}
      >
        <Icon name="more" />
      </Button>
      <Popover className="popover" placement="bottom end">
        <Menu
          className="list-box"
          selectionMode="multiple"
          selectedKeys={selected}
          onSelectionChange={change}
        >
          <MenuItem id={PIN} className="list-box-item menu-item" textValue={t.call.pin}>
            <Icon name="check" />
            <span>{t.call.pin}</span>
          </MenuItem>
          <MenuItem id={INTERPRETER} className="list-box-item menu-item" textValue={t.call.interpreter}>
            <Icon name="check" />
            <span>{t.call.interpreter}</span>
          </MenuItem>
        </Menu>
      </Popover>
    </MenuTrigger>
  );
}

/** The tile has moved to its new place, and with it its button: the focus goes along. */
function keepFocus(participant: string): void {
  setTimeout(() => {
    if (
      document.activeElement === null ||
      document.activeElement.closest("[role=menu], [role=dialog]") === null
    ) {
      document.querySelector<HTMLElement>(`[${OPTIONS_OF}="${CSS.escape(participant)}"]`)?.focus();
    }
  }, FOCUS_AFTER_MS);
}
