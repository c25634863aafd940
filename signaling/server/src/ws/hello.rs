//! From a `hello` to a place in a session, or to a refusal.

use hearken_protocol::{ErrorCode, Hello, PROTOCOL_VERSION, ParticipantId, SessionId};
use hearken_signaling_core::{Connect, ConnectionId, SeatClaim, View};

use super::WebSockets;
use crate::live::{Mail, Mailbox, Outbox, StartError};

/// How often a session that ended its task just now is looked for again.
const ATTEMPTS: usize = 3;

/// Why somebody was not let through to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) code: ErrorCode,
    pub(super) message: &'static str,
}

fn refused(code: ErrorCode, message: &'static str) -> Refused {
    Refused { code, message }
}

/// Checks version and tokens and hands the connection to its session, which says `welcome` or why not.
pub(super) async fn enter(
    sockets: &WebSockets,
    connection: ConnectionId,
    request: Option<u32>,
    hello: Hello,
    outbox: &Outbox,
) -> Result<Mailbox, Refused> {
    if !hello.versions.contains(&PROTOCOL_VERSION) {
        return Err(refused(
            ErrorCode::UnsupportedVersion,
            "This server speaks version 1 of the protocol.",
        ));
    }
    let session = hello.session_id;
    if let Some(seat) = sockets.links.caption_page(&hello) {
        let view = View {
            connection,
            request,
            seat,
        };
        return deliver(sockets, session, || Mail::View {
            view,
            outbox: outbox.clone(),
        })
        .await;
    }
    let not_valid = |_| refused(ErrorCode::Unauthorized, "This link is not valid.");
    let claim = sockets.links.claim(&hello).map_err(not_valid)?;
    let connect = Connect {
        connection,
        request,
        role: claim.role,
        link_generation: claim.generation,
        seat: SeatClaim {
            resume: claim.resume,
            fresh: ParticipantId(rand::random()),
        },
        name: hello.name,
        guidelines_accepted: hello.guidelines_accepted,
    };
    deliver(sockets, claim.session, || Mail::Connect {
        connect: connect.clone(),
        outbox: outbox.clone(),
    })
    .await
}

/// Brings a newcomer's mail to the session, which is brought to life if need be.
async fn deliver(
    sockets: &WebSockets,
    session: SessionId,
    mail: impl Fn() -> Mail,
) -> Result<Mailbox, Refused> {
    for _ in 0..ATTEMPTS {
        let mailbox = sockets.live.find_or_start(session).await.map_err(no_session)?;
        if mailbox.send(mail()).await.is_ok() {
            return Ok(mailbox);
        }
    }
    Err(refused(ErrorCode::Internal, "The session could not be reached."))
}

fn no_session(error: StartError) -> Refused {
    match error {
        StartError::NotFound => refused(ErrorCode::NotFound, "There is no such session."),
        StartError::Ended => refused(ErrorCode::Ended, "The session is over."),
        StartError::Overloaded => refused(ErrorCode::Overloaded, "The server can carry no more sessions."),
        StartError::Store(error) => {
            tracing::error!(%error, "a session could not be loaded");
            refused(
                ErrorCode::StoreUnavailable,
                "The server cannot read the session at the moment.",
            )
        }
    }
}
