//! The sessions that are live in this process: one task each, and the ways to them.

mod dispatch;
mod ledger;
mod mail;
mod orders;
mod outbox;
mod peers;
mod registry;
mod session;

pub(crate) use dispatch::{CaptionOutlook, pass_on_captions, pass_on_media};
pub(crate) use mail::{Mail, Mailbox, Saved};
pub(crate) use outbox::{Outbox, Outgoing, encode};
pub(crate) use registry::{LiveSessions, StartError};
