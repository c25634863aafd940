//! One WebSocket: reads what the browser says, within bounds, and writes what its session has for it.
//!
//! It knows nothing of what messages mean, except `hello`. A browser that reads too slowly or says nothing for
//! too long is given up: it comes back to its seat.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use hearken_protocol::{
    ClientMessage, ErrorCode, Hello, MESSAGE_BYTES_MAX, Request, SDP_MESSAGE_BYTES_MAX, ServerMessage,
};
use hearken_signaling_core::ConnectionId;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::WebSockets;
use super::hello::{Refused, enter};
use super::rate::{RateLimit, Verdict};
use crate::live::{Mail, Mailbox, Outbox, Outgoing, encode};
use crate::metrics::CloseCause;

/// How long a connection may take to say `hello`.
const HELLO_WITHIN: Duration = Duration::from_secs(10);

/// How often the browser is asked for a sign of life.
const PING_EVERY: Duration = Duration::from_secs(15);

/// How long nothing may be heard: one ping and the time to answer it.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// How long the network may take to accept a message.
const SEND_WITHIN: Duration = Duration::from_secs(10);

/// How long the browser may take to answer our goodbye.
const GOODBYE_WITHIN: Duration = Duration::from_secs(2);

/// One open WebSocket.
pub(super) struct Connection {
    id: ConnectionId,
    socket: WebSocket,
    sockets: Arc<WebSockets>,
    rate: RateLimit,
    heard_at: Instant,
}

/// What a message from the browser turned out to be.
enum Heard {
    Request(Request),
    /// Nothing for the session; whatever there was to answer is answered.
    Nothing,
}

/// Ends a connection.
struct Over(CloseCause);

impl Connection {
    /// A connection on which nothing was said yet.
    pub(super) fn new(id: ConnectionId, socket: WebSocket, sockets: Arc<WebSockets>) -> Self {
        let now = Instant::now();
        Self {
            id,
            socket,
            sockets,
            rate: RateLimit::new(now),
            heard_at: now,
        }
    }

    /// Runs until it is closed, and says why it was.
    pub(super) async fn run(mut self) -> CloseCause {
        let Over(cause) = match self.converse().await {
            Ok(never) => match never {},
            Err(over) => over,
        };
        self.say_goodbye(cause).await;
        cause
    }

    async fn converse(&mut self) -> Result<std::convert::Infallible, Over> {
        let (request, hello) = self.await_hello().await?;
        let (outbox, mut outgoing) = Outbox::new();
        let entered = enter(&self.sockets, self.id, request, hello, &outbox).await;
        drop(outbox); // from here on the session alone holds it: if it lets go, `outgoing` ends
        let mailbox = match entered {
            Ok(mailbox) => mailbox,
            Err(Refused { code, message }) => {
                self.refuse(request, code, message).await?;
                return Err(Over(CloseCause::Hello));
            }
        };
        let Err(over) = self.relay(&mailbox, &mut outgoing).await;
        let _ = mailbox.send(Mail::Disconnect { connection: self.id }).await;
        Err(over)
    }

    /// Before `hello` nothing else is heard.
    async fn await_hello(&mut self) -> Result<(Option<u32>, Hello), Over> {
        let deadline = Instant::now() + HELLO_WITHIN;
        let mut stop = self.sockets.stop.clone();
        loop {
            let incoming = tokio::select! {
                incoming = self.socket.recv() => incoming,
                () = sleep_until(deadline) => return Err(Over(CloseCause::Hello)),
                _ = stop.wait_for(|stop| *stop) => return Err(Over(CloseCause::Shutdown)),
            };
            match self.hear(incoming).await? {
                Heard::Nothing => {}
                Heard::Request(Request {
                    request,
                    message: ClientMessage::Hello(hello),
                }) => {
                    return Ok((request, hello));
                }
                Heard::Request(Request { request, .. }) => {
                    self.refuse(
                        request,
                        ErrorCode::OutOfOrder,
                        "The first message has to be `hello`.",
                    )
                    .await?;
                }
            }
        }
    }

    /// Carries messages both ways.
    async fn relay(
        &mut self,
        mailbox: &Mailbox,
        outgoing: &mut mpsc::Receiver<Outgoing>,
    ) -> Result<std::convert::Infallible, Over> {
        let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                incoming = self.socket.recv() => {
                    if let Heard::Request(Request { request, message }) = self.hear(incoming).await? {
                        let mail = Mail::Message { connection: self.id, request, message };
                        mailbox.send(mail).await.map_err(|_| Over(CloseCause::Session))?;
                    }
                }
                outgoing = outgoing.recv() => match outgoing {
                    Some(Outgoing::Message(text)) => self.send(Message::Text(text)).await?,
                    Some(Outgoing::Close(cause)) => return Err(Over(cause)),
                    None => return Err(Over(CloseCause::Slow)),
                },
                _ = pings.tick() => {
                    if self.heard_at.elapsed() > SILENCE_MAX {
                        return Err(Over(CloseCause::Silent));
                    }
                    self.send(Message::Ping(Vec::new().into())).await?;
                }
            }
        }
    }

    /// Takes in one frame: bounds first, then meaning. What is refused is answered here.
    async fn hear(&mut self, incoming: Option<Result<Message, axum::Error>>) -> Result<Heard, Over> {
        let message = match incoming {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Err(self.read_failed(&error).await),
            None => return Err(Over(CloseCause::Client)),
        };
        self.heard_at = Instant::now();
        match message {
            Message::Text(text) => self.hear_text(&text).await,
            Message::Binary(_) => {
                let verdict = self.rate.judge(self.heard_at);
                self.refuse(None, ErrorCode::Malformed, "Messages are text.")
                    .await?;
                if verdict == Verdict::Hopeless {
                    Err(Over(CloseCause::Misbehaved))
                } else {
                    Ok(Heard::Nothing)
                }
            }
            Message::Close(_) => Err(Over(CloseCause::Client)),
            Message::Ping(_) | Message::Pong(_) => match self.rate.judge(self.heard_at) {
                Verdict::Hopeless => Err(Over(CloseCause::Misbehaved)),
                Verdict::Heard | Verdict::Refused => Ok(Heard::Nothing),
            },
        }
    }

    async fn hear_text(&mut self, text: &Utf8Bytes) -> Result<Heard, Over> {
        let verdict = self.rate.judge(self.heard_at);
        if text.len() > SDP_MESSAGE_BYTES_MAX {
            return Err(self.too_large(None).await);
        }
        if verdict != Verdict::Heard {
            // Whoever sent it has to know which: what they wrote is to be said again.
            self.refuse(
                Request::number_of(text),
                ErrorCode::TooManyMessages,
                "Too many messages; this one was not heard.",
            )
            .await?;
            return if verdict == Verdict::Hopeless {
                Err(Over(CloseCause::Misbehaved))
            } else {
                Ok(Heard::Nothing)
            };
        }
        match Request::parse(text) {
            Ok(request) => {
                let is_offer = matches!(request.message, ClientMessage::Offer { .. });
                if text.len() > MESSAGE_BYTES_MAX && !is_offer {
                    return Err(self.too_large(request.request).await);
                }
                self.sockets.metrics.received(&request.message);
                Ok(Heard::Request(request))
            }
            Err(_) if text.len() > MESSAGE_BYTES_MAX => Err(self.too_large(None).await),
            Err(error) => {
                let message = match error.code {
                    ErrorCode::UnknownMessage => "This server does not know messages of this type.",
                    _ => "This is not JSON, or lacks a field, or a field has the wrong kind of value.",
                };
                self.refuse(error.request, error.code, message).await?;
                Ok(Heard::Nothing)
            }
        }
    }

    async fn read_failed(&mut self, error: &axum::Error) -> Over {
        // The only failure that the browser can be told of: what it sent was too large to be read.
        if error.to_string().contains("too long") || error.to_string().contains("too big") {
            return self.too_large(None).await;
        }
        Over(CloseCause::Client)
    }

    async fn too_large(&mut self, request: Option<u32>) -> Over {
        let message = "The message is larger than allowed: 16 KB, or 256 KB for an offer.";
        match self.refuse(request, ErrorCode::TooLarge, message).await {
            Ok(()) => Over(CloseCause::TooLarge),
            Err(over) => over,
        }
    }

    async fn refuse(&mut self, request: Option<u32>, code: ErrorCode, message: &str) -> Result<(), Over> {
        let error = ServerMessage::Error {
            request,
            code,
            message: message.to_owned(),
        };
        self.sockets.metrics.sent(&error);
        self.send(Message::Text(encode(&error))).await
    }

    async fn send(&mut self, message: Message) -> Result<(), Over> {
        match timeout(SEND_WITHIN, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Over(CloseCause::Client)),
            Err(_) => Err(Over(CloseCause::Slow)),
        }
    }

    /// Closes properly: hanging up with unread data would throw away what was sent last.
    async fn say_goodbye(&mut self, cause: CloseCause) {
        if cause == CloseCause::Client {
            return;
        }
        let frame = CloseFrame {
            code: code_of(cause),
            reason: Utf8Bytes::default(),
        };
        if self.send(Message::Close(Some(frame))).await.is_ok() {
            let answered = async { while let Some(Ok(_)) = self.socket.recv().await {} };
            let _ = timeout(GOODBYE_WITHIN, answered).await;
        }
    }
}

/// What the close frame says (RFC 6455, section 7.4.1).
fn code_of(cause: CloseCause) -> u16 {
    match cause {
        CloseCause::Client | CloseCause::Session => close_code::NORMAL,
        CloseCause::Hello | CloseCause::Misbehaved => close_code::POLICY,
        CloseCause::TooLarge => close_code::SIZE,
        CloseCause::Silent => close_code::AWAY,
        CloseCause::Slow => close_code::AGAIN,
        CloseCause::Shutdown => close_code::RESTART,
    }
}
