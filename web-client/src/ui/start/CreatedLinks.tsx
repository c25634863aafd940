// The links of a new session, what each is for, and copying them.

import { t } from "../../i18n";
import type { CreatedSession } from "../../protocol/http";
import { CopyButton } from "../common/CopyButton";
import { Page } from "../common/Page";
import { Button } from "../common/widgets";

interface CreatedLinksProps {
  readonly session: CreatedSession;
  readonly onAnother: () => void;
}

export function CreatedLinks({ session, onAnother }: CreatedLinksProps) {
  return (
    <Page title={t.titles.created} heading={t.start.created}>
      <p className="soft">{t.start.createdIntroduction}</p>
      <LinkCard
        label={t.start.facilitatorLink}
        hint={t.start.facilitatorLinkHint}
        copy={t.start.copyFacilitator}
        url={session.facilitator_url}
      />
      <LinkCard
        label={t.start.memberLink}
        hint={t.start.memberLinkHint}
        copy={t.start.copyMember}
        url={session.member_url}
      />
      <LinkCard
        label={t.start.captionerLink}
        hint={t.start.captionerLinkHint}
        copy={t.start.copyCaptioner}
        url={session.captioner_url}
      />
      <Button onPress={onAnother}>{t.start.another}</Button>
    </Page>
  );
}

interface LinkCardProps {
  readonly label: string;
  readonly hint: string;
  readonly copy: string;
  readonly url: string;
}

function LinkCard({ label, hint, copy, url }: LinkCardProps) {
  return (
    <div className="card">
      <a className="card-link" href={url} target="_blank" rel="noreferrer">
        {label}
      </a>
      <p className="soft small">{hint}</p>
      <code className="url">{url}</code>
      <CopyButton text={url} what={label}>
        {copy}
      </CopyButton>
    </div>
  );
}
