//! The HTTP API and the WebSocket, from a client's side.

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use hearken_protocol::{
    CaptionsState, ClientMessage, Hello, Importance, PROTOCOL_VERSION, ParticipantId, Request, Sensitive,
    ServerMessage, SessionId, TrackSource, ViewItem, ViewMode,
};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::ServerProcess;

/// The operator's side: makes sessions.
pub struct ApiClient<'a> {
    server: &'a ServerProcess,
}

/// What comes back for a new session.
#[derive(Debug, Clone, Deserialize)]
pub struct Links {
    /// The session.
    pub session_id: SessionId,
    /// Opens the session with the rights of a facilitator.
    pub facilitator_url: String,
    /// Opens it as a member.
    pub member_url: String,
}

impl Links {
    fn token(url: &str) -> Result<String> {
        Ok(url
            .split_once('#')
            .context("a link without a token")?
            .1
            .to_owned())
    }
}

impl<'a> ApiClient<'a> {
    /// For that server.
    pub fn new(server: &'a ServerProcess) -> Self {
        Self { server }
    }

    /// A session without a waiting room and without captions.
    pub fn create_session(&self, capacity: usize) -> Result<Links> {
        self.create(serde_json::json!({
            "name": "Load", "capacity": capacity, "waiting_room": false, "captions": false,
        }))
    }

    /// A session without a waiting room, with captions.
    pub fn create_captioned_session(&self, capacity: usize) -> Result<Links> {
        self.create(serde_json::json!({
            "name": "Captions", "capacity": capacity, "waiting_room": false, "captions": true,
        }))
    }

    fn create(&self, body: serde_json::Value) -> Result<Links> {
        let answer = ureq::post(format!("http://{}/api/v1/sessions", self.server.address))
            .header("Authorization", format!("Bearer {}", self.server.operator_key))
            .header("Content-Type", "application/json")
            .send(body.to_string())
            .context("POST /api/v1/sessions")?
            .body_mut()
            .read_to_string()?;
        Ok(serde_json::from_str(&answer)?)
    }
}

/// One participant's WebSocket.
pub struct Signaling {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// One's own seat.
    pub participant: ParticipantId,
    /// Who was inside at the time of joining, oneself too.
    pub present: Vec<ParticipantId>,
    /// Whether there were captions at the time of joining.
    pub captions: CaptionsState,
}

impl Signaling {
    /// Connects, says hello with the member link and waits until admitted.
    pub async fn join(server_address: &str, links: &Links, name: &str) -> Result<Self> {
        // Without delay, as browsers do.
        let address = format!("ws://{server_address}/api/v1/ws");
        let (socket, _) = tokio_tungstenite::connect_async_with_config(address, None, true).await?;
        let mut signaling = Self {
            socket,
            participant: ParticipantId(0),
            present: Vec::new(),
            captions: CaptionsState::Off,
        };
        signaling
            .send(ClientMessage::Hello(Hello {
                versions: vec![PROTOCOL_VERSION],
                session_id: links.session_id,
                token: Sensitive(Links::token(&links.member_url)?),
                name: Sensitive(name.to_owned()),
                guidelines_accepted: true,
                resume: None,
            }))
            .await?;
        loop {
            match signaling.receive().await? {
                ServerMessage::Welcome(welcome) => {
                    signaling.participant = welcome.participant;
                    signaling.captions = welcome.session.captions;
                }
                ServerMessage::Admitted(snapshot) => {
                    signaling.present = snapshot.participants.iter().map(|one| one.participant).collect();
                    return Ok(signaling);
                }
                ServerMessage::Error { code, message, .. } => bail!("{code:?}: {message}"),
                _ => {}
            }
        }
    }

    /// Sends an offer and waits for its answer.
    pub async fn negotiate(&mut self, sdp: String) -> Result<String> {
        self.send(ClientMessage::Offer {
            negotiation: 1,
            sdp: Sensitive(sdp),
            end_to_end_encrypted: false,
        })
        .await?;
        loop {
            match self.receive().await? {
                ServerMessage::Answer { sdp, .. } => return Ok(sdp.0),
                ServerMessage::Error { code, message, .. } => bail!("{code:?}: {message}"),
                _ => {}
            }
        }
    }

    /// Switches the microphone on.
    pub async fn unmute(&mut self) -> Result<()> {
        self.send(ClientMessage::SetMicrophone { on: true }).await
    }

    /// Switches microphone and camera on.
    pub async fn publish(&mut self) -> Result<()> {
        self.unmute().await?;
        self.send(ClientMessage::SetCamera { on: true }).await
    }

    /// Asks for everybody's camera at full size.
    pub async fn view_all(&mut self, people: &[ParticipantId]) -> Result<()> {
        let items = people
            .iter()
            .filter(|one| **one != self.participant)
            .map(|one| ViewItem {
                participant: *one,
                source: TrackSource::Camera,
                width: 1280,
                height: 720,
                importance: Importance::Normal,
            })
            .collect();
        self.send(ClientMessage::View {
            items,
            mode: ViewMode::Full,
        })
        .await
    }

    /// Keeps the connection alive until it is dropped: reads and forgets what comes.
    pub async fn idle(mut self) {
        while self.receive().await.is_ok() {}
    }

    async fn send(&mut self, message: ClientMessage) -> Result<()> {
        let text = serde_json::to_string(&Request {
            request: None,
            message,
        })?;
        Ok(self.socket.send(Message::text(text)).await?)
    }

    /// The next message.
    pub async fn receive(&mut self) -> Result<ServerMessage> {
        loop {
            match self
                .socket
                .next()
                .await
                .context("the server closed the connection")??
            {
                Message::Text(text) => return Ok(serde_json::from_str(&text)?),
                Message::Close(_) => bail!("the server closed the connection"),
                _ => {}
            }
        }
    }
}
