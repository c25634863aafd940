// One page per phase of a session.

import { useState } from "react";
import { CallPage } from "./call/CallPage";
import { useClient, useController } from "./client";
import { Announcer } from "./common/Announcer";
import { type JoinForm, JoinPage } from "./join/JoinPage";
import { ClosedPage } from "./pages/ClosedPage";
import { ConnectingPage } from "./pages/ConnectingPage";
import { WaitingPage } from "./pages/WaitingPage";

export function SessionApp() {
  const controller = useController();
  const [form, setForm] = useState<JoinForm>(() => ({
    name: controller.getSnapshot().knownName,
    agreed: false,
  }));
  return (
    <>
      <Announcer />
      <PageOfPhase form={form} onForm={setForm} />
    </>
  );
}

interface PageOfPhaseProps {
  readonly form: JoinForm;
  readonly onForm: (form: JoinForm) => void;
}

function PageOfPhase({ form, onForm }: PageOfPhaseProps) {
  const phase = useClient((state) => state.phase);
  switch (phase.kind) {
    case "join":
      return <JoinPage problem={phase.problem} form={form} onForm={onForm} />;
    case "connecting":
      return <ConnectingPage />;
    case "waiting":
      return <WaitingPage reason={phase.reason} />;
    case "call":
      return <CallPage />;
    case "left":
    case "denied":
    case "removed":
    case "taken_over":
    case "ended":
    case "failed":
      return <ClosedPage phase={phase} />;
  }
}
