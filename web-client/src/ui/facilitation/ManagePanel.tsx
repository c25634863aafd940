// The facilitator's panel. Each part shows only what one may do.

import { t } from "../../i18n";
import { useClient } from "../client";
import { Panel } from "../common/Panel";
import { People } from "./People";
import { Inviting, SessionControls } from "./SessionControls";
import { WaitingRoom } from "./WaitingRoom";

export function ManagePanel({ onClose }: { onClose: () => void }) {
  const permissions = useClient((state) => state.seat?.permissions ?? null);
  return (
    <Panel heading={t.facilitation.heading} closeLabel={t.facilitation.close} onClose={onClose}>
      {permissions?.includes("manage_waiting_room") ? <WaitingRoom /> : null}
      <People />
      {permissions?.includes("manage_session") ? (
        <>
          <SessionControls />
          <Inviting />
        </>
      ) : null}
    </Panel>
  );
}
