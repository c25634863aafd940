//! The task of one live session: it alone holds the session's state, takes in mail and time one at a time, and
//! carries out what the core decides.
//!
//! ```text
//!  mail ─┐                    ┌─ changes ──► store (one transaction, first)
//!  time ─┴─► core.handle ─► batch ─ messages ► outboxes
//!                             └─ orders ───► media plane
//! ```
//!
//! What restricts somebody is ordered from the media plane before it is written, and is not undone if it cannot
//! be written (see [`super::ledger`]); everything else waits for the disk.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hearken_protocol::{
    ClientMessage, ErrorCode, MediaCommand, MediaEvent, ParticipantId, Role, ServerMessage, SessionId,
};
use hearken_signaling_core::{Change, ConnectionId, Input, Output, Session};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::dispatch::CaptionOutlook;
use super::ledger::{Ledger, NotSaved};
use super::mail::{Mail, Saved};
use super::orders::Orders;
use super::peers::Peers;
use crate::clock;
use crate::links::Links;
use crate::metrics::{CloseCause, JoinStep, Metrics};
use crate::relay::{RENEW_AFTER, Relay};

/// The longest sleep: the wall clock may be set while a session waits for its end.
const SLEEP_MAX: Duration = Duration::from_secs(30);

/// How long a session that has not begun stays live with nobody there.
const IDLE_MAX: Duration = Duration::from_secs(5 * 60);

/// What a session task works with.
pub(super) struct Workshop {
    pub(super) mail: mpsc::Receiver<Mail>,
    pub(super) captions: watch::Receiver<CaptionOutlook>,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) links: Arc<Links>,
    pub(super) relay: Option<Arc<Relay>>,
    pub(super) metrics: Arc<Metrics>,
}

/// One live session and everybody connected to it.
pub(super) struct SessionTask {
    core: Session,
    ledger: Ledger,
    orders: Orders,
    peers: Peers,
    /// Offers on their way, for the join times: at most one per person inside.
    offers: HashMap<ParticipantId, Instant>,
    /// When everybody inside gets new credentials for the relays; never if there are none.
    relay_due: Option<Instant>,
    workshop: Workshop,
}

/// Whose wish an input was, and what becomes of it when it cannot be saved.
#[derive(Clone, Copy)]
enum Wish {
    /// It happens all the same, and its media orders do not even wait for the disk. Nobody to tell if it was
    /// not asked for over a connection.
    Restrict(Option<Requester>),
    /// It does not happen.
    Open(Requester),
    /// It cannot be refused (time passes, connections drop), or changes nothing that lasts.
    Inevitable,
}

#[derive(Clone, Copy)]
struct Requester {
    connection: ConnectionId,
    request: Option<u32>,
}

enum Wake {
    Mail(Option<Mail>),
    Timer,
    Stop,
}

impl SessionTask {
    /// A task for this session; the core's first outputs are still to be carried out.
    pub(super) fn new(core: Session, ledger: Ledger, orders: Orders, workshop: Workshop) -> Self {
        let peers = Peers::new(Arc::clone(&workshop.metrics));
        Self {
            core,
            ledger,
            orders,
            peers,
            offers: HashMap::new(),
            relay_due: workshop.relay.as_ref().map(|_| Instant::now() + RENEW_AFTER),
            workshop,
        }
    }

    /// Which session it is.
    pub(super) fn id(&self) -> SessionId {
        self.core.id()
    }

    /// Runs until the session is over and saved, nobody needs it, or the server stops.
    pub(super) async fn run(mut self) {
        let captions = *self.workshop.captions.borrow_and_update();
        for news in captions.news() {
            self.take(Input::Captions(news), Wish::Inevitable).await;
        }
        while !self.is_done() {
            match self.wait().await {
                Wake::Mail(Some(mail)) => {
                    self.let_time_pass().await;
                    self.receive(mail).await;
                }
                Wake::Mail(None) => break,
                Wake::Timer => {}
                Wake::Stop => return self.stop().await,
            }
            self.catch_up().await;
        }
        if !self.core.is_over() {
            self.orders
                .give(MediaCommand::CloseSession { session: self.id() });
        }
    }

    /// Over and saved; or not begun, with nobody there for a while.
    fn is_done(&self) -> bool {
        if self.core.is_over() {
            return self.ledger.is_settled() && self.orders.retry_at().is_none();
        }
        let begun = self.core.settings().starts_at <= clock::now();
        !begun && self.peers.empty_for() >= IDLE_MAX && self.ledger.is_settled()
    }

    async fn wait(&mut self) -> Wake {
        let deadline = self.next_wake();
        tokio::select! {
            biased;
            _ = self.workshop.stop.wait_for(|stop| *stop) => Wake::Stop,
            mail = self.workshop.mail.recv() => Wake::Mail(mail),
            () = tokio::time::sleep_until(deadline) => Wake::Timer,
        }
    }

    fn next_wake(&self) -> Instant {
        let now = Instant::now();
        let due = self
            .core
            .next_deadline()
            .map(|time| now + time.saturating_since(clock::now()));
        let times = [
            due,
            self.ledger.retry_at(),
            self.orders.retry_at(),
            self.relay_due,
        ];
        times.into_iter().flatten().fold(now + SLEEP_MAX, Instant::min)
    }

    /// Does what is due, whatever woke the task: a flood of mail delays no deadline.
    async fn catch_up(&mut self) {
        while let Some(connection) = self.peers.next_lost() {
            self.take(Input::Disconnect { connection }, Wish::Inevitable)
                .await;
        }
        self.let_time_pass().await;
        if self.ledger.retry_at().is_some_and(|time| time <= Instant::now()) {
            self.ledger.settle().await;
        }
        self.orders.retry();
        if self.relay_due.is_some_and(|time| time <= Instant::now()) {
            self.renew_relays();
        }
    }

    fn renew_relays(&mut self) {
        self.relay_due = Some(Instant::now() + RENEW_AFTER);
        let Some(relay) = &self.workshop.relay else {
            return;
        };
        for connection in self.peers.inside() {
            let ice_servers = relay.credentials(clock::now());
            self.peers
                .send(connection, &ServerMessage::IceServers { ice_servers });
        }
    }

    async fn let_time_pass(&mut self) {
        if self
            .core
            .next_deadline()
            .is_some_and(|deadline| deadline <= clock::now())
        {
            self.take(Input::Time, Wish::Inevitable).await;
        }
    }

    async fn receive(&mut self, mail: Mail) {
        match mail {
            Mail::Connect { connect, outbox } => {
                let requester = Requester {
                    connection: connect.connection,
                    request: connect.request,
                };
                self.peers.arrive(connect.connection, outbox);
                self.take(Input::Connect(connect), Wish::Open(requester)).await;
                self.peers.close_if_unwelcome(requester.connection);
            }
            Mail::View { view, outbox } => {
                self.peers.arrive(view.connection, outbox);
                self.take(Input::View(view), Wish::Inevitable).await;
                self.peers.close_if_unwelcome(view.connection);
            }
            Mail::Message {
                connection,
                request,
                message,
            } => {
                let wish = wish(Requester { connection, request }, &message);
                self.take(
                    Input::Message {
                        connection,
                        request,
                        message,
                    },
                    wish,
                )
                .await;
            }
            Mail::Disconnect { connection } => {
                self.peers.gone(connection);
                self.take(Input::Disconnect { connection }, Wish::Inevitable)
                    .await;
            }
            Mail::Media(event) => {
                self.note_media(&event);
                self.take(Input::Media(event), Wish::Inevitable).await;
            }
            Mail::Captions(news) => self.take(Input::Captions(news), Wish::Inevitable).await,
            Mail::EndByOperator { done } => self.end_by_operator(done).await,
        }
    }

    async fn end_by_operator(&mut self, done: oneshot::Sender<Saved>) {
        self.take(Input::EndByOperator, Wish::Restrict(None)).await;
        let saved = if self.ledger.is_settled() {
            Saved::Yes
        } else {
            Saved::NotYet
        };
        let _ = done.send(saved);
    }

    /// Lets the core decide, saves, and carries out.
    async fn take(&mut self, input: Input, wish: Wish) {
        let before = matches!(wish, Wish::Open(_)).then(|| self.core.clone());
        self.core.handle(clock::now(), input);
        let mut batch: Vec<Output> = std::iter::from_fn(|| self.core.poll_output()).collect();
        let changes: Vec<Change> = batch
            .extract_if(.., |output| matches!(output, Output::Persist(_)))
            .map(change)
            .collect();

        if matches!(wish, Wish::Restrict(_)) || self.core.is_over() {
            for order in batch.extract_if(.., |output| matches!(output, Output::Media(_))) {
                self.carry_out(order);
            }
        }
        let saved = if changes.is_empty() {
            Ok(())
        } else {
            self.ledger.write(&changes).await
        };
        if let (Err(NotSaved), Wish::Open(requester), Some(before)) = (saved, wish, before) {
            self.core = before;
            return self.refuse(
                requester,
                "The server cannot save this at the moment; nothing was changed.",
            );
        }
        for output in batch {
            self.carry_out(output);
        }
        if saved.is_err() {
            self.ledger.owe(changes);
            if let Wish::Restrict(Some(requester)) = wish {
                self.refuse(
                    requester,
                    "This is in force, but cannot be saved at the moment; a restart would undo it.",
                );
            }
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Persist(_) => {} // taken out of every batch before
            Output::Media(command) => {
                self.note_order(&command);
                self.orders.give(command);
            }
            Output::Send { connection, message } => self.peers.send(connection, &message),
            Output::Close { connection } => self.peers.close(connection, CloseCause::Session),
            Output::Welcome {
                connection,
                mut welcome,
            } => {
                let settings = self.core.settings();
                match self
                    .workshop
                    .links
                    .resume_token(settings, welcome.participant, welcome.role)
                {
                    Ok(token) => welcome.resume = token,
                    Err(error) => tracing::error!(%error, "a seat goes without a token to come back"),
                }
                self.peers.welcomed(connection, welcome.role);
                self.peers.send(connection, &ServerMessage::Welcome(welcome));
            }
            Output::Admitted {
                connection,
                mut snapshot,
                link_generation,
            } => {
                if let Some(generation) = link_generation {
                    snapshot.member_link = self.member_link(generation);
                }
                if let Some(relay) = &self.workshop.relay {
                    snapshot.ice_servers = relay.credentials(clock::now());
                }
                self.peers.admitted(connection);
                self.peers.send(connection, &ServerMessage::Admitted(snapshot));
            }
            Output::CaptionLink {
                connection,
                participant,
            } => match self
                .workshop
                .links
                .caption_link(self.core.settings(), participant)
            {
                Ok(url) => self.peers.send(connection, &ServerMessage::CaptionLink { url }),
                Err(error) => tracing::error!(%error, "no link to a caption page"),
            },
            Output::Viewing { connection, viewing } => {
                self.peers.viewing(connection);
                self.peers.send(connection, &ServerMessage::Viewing(viewing));
            }
            Output::MemberLink {
                connection,
                generation,
            } => {
                if let Some(url) = self.member_link(generation) {
                    self.peers.send(connection, &ServerMessage::MemberLink { url });
                }
            }
        }
    }

    fn member_link(&self, generation: u32) -> Option<hearken_protocol::Sensitive<String>> {
        let link = self
            .workshop
            .links
            .link(self.core.settings(), Role::Member, generation);
        link.inspect_err(|error| tracing::error!(%error, "no member link"))
            .ok()
    }

    fn refuse(&mut self, to: Requester, message: &str) {
        let code = ErrorCode::StoreUnavailable;
        let error = ServerMessage::Error {
            request: to.request,
            code,
            message: message.to_owned(),
        };
        self.peers.send(to.connection, &error);
    }

    fn note_order(&mut self, command: &MediaCommand) {
        match command {
            MediaCommand::Offer { participant, .. } => {
                self.offers.insert(*participant, Instant::now());
            }
            MediaCommand::Leave { participant, .. } => {
                self.offers.remove(participant);
            }
            _ => {}
        }
    }

    fn note_media(&mut self, event: &MediaEvent) {
        let metrics = &self.workshop.metrics;
        match event {
            MediaEvent::Answer { participant, .. } => {
                if let Some(offered_at) = self.offers.get(participant) {
                    metrics.joined(JoinStep::Answer, offered_at.elapsed());
                }
            }
            MediaEvent::Connected { participant, .. } => {
                if let Some(offered_at) = self.offers.remove(participant) {
                    metrics.joined(JoinStep::Connected, offered_at.elapsed());
                }
            }
            MediaEvent::OfferRefused { participant, .. } | MediaEvent::Disconnected { participant, .. } => {
                self.offers.remove(participant);
            }
            _ => {}
        }
    }

    /// The server stops: browsers are told to come back, seats stay as they are in the store.
    async fn stop(mut self) {
        self.peers.close_all(CloseCause::Shutdown);
        self.ledger.settle().await;
    }
}

fn change(output: Output) -> Change {
    match output {
        Output::Persist(change) => change,
        _ => unreachable!("only changes are taken out"),
    }
}

/// What a message is after. Whatever is not named here opens something, and may have to be taken back.
fn wish(requester: Requester, message: &ClientMessage) -> Wish {
    use ClientMessage as M;
    match message {
        M::Mute { .. }
        | M::MuteEveryone
        | M::LockMicrophones { locked: true }
        | M::StopCamera { .. }
        | M::Deny { .. }
        | M::Remove { .. }
        | M::LockSession { locked: true }
        | M::EndSession
        | M::Leave
        | M::SetMicrophone { on: false }
        | M::SetCamera { on: false }
        | M::SetScreen { on: false }
        | M::SetOffRecord { on: true } => Wish::Restrict(Some(requester)),
        M::Ping
        | M::Offer { .. }
        | M::View { .. }
        | M::RaiseHand
        | M::LowerHand { .. }
        | M::Type { .. }
        | M::Correct { .. }
        | M::AgreeToTranscript { .. }
        | M::GetCaptionLink => Wish::Inevitable,
        _ => Wish::Open(requester),
    }
}
