//! The client's side of Janus's VideoRoom, over its WebSocket: one session for each participant, with a handle that
//! publishes and one that subscribes to everybody else.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::JanusProcess;
use crate::offer::Sections;

/// One participant's connection.
pub struct JanusClient {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: u64,
    transactions: u64,
}

/// One peer connection's handle.
#[derive(Debug, Clone, Copy)]
pub struct Handle(u64);

impl JanusClient {
    /// Connects and opens a session.
    pub async fn connect(server: &JanusProcess) -> Result<Self> {
        let mut request = format!("ws://{}/", server.address).into_client_request()?;
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", "janus-protocol".parse()?);
        let (socket, _) = tokio_tungstenite::connect_async_with_config(request, None, true).await?;
        let mut client = Self {
            socket,
            session: 0,
            transactions: 0,
        };
        client.session = client.request(json!({"janus": "create"})).await?;
        Ok(client)
    }

    /// A handle of the VideoRoom.
    pub async fn attach(&mut self) -> Result<Handle> {
        let request =
            json!({"janus": "attach", "plugin": "janus.plugin.videoroom", "session_id": self.session});
        Ok(Handle(self.request(request).await?))
    }

    /// Makes a room.
    pub async fn create_room(&mut self, handle: Handle, room: usize, publishers: usize) -> Result<()> {
        let body = json!({
            "request": "create", "room": room, "publishers": publishers, "bitrate": 0, "fir_freq": 0,
            "audiocodec": "opus", "videocodec": "vp8", "opus_fec": true,
        });
        self.message(handle, body, None, "created").await?;
        Ok(())
    }

    /// Joins as a publisher without media yet, and returns the number that others subscribe to.
    pub async fn join(&mut self, handle: Handle, room: usize) -> Result<u64> {
        let body = json!({"request": "join", "ptype": "publisher", "room": room, "display": "Load"});
        let event = self.message(handle, body, None, "joined").await?;
        event.data["id"].as_u64().context("a publisher without an id")
    }

    /// Publishes with that offer and returns the answer.
    pub async fn publish(&mut self, handle: Handle, offer: String) -> Result<String> {
        let body = json!({"request": "publish"});
        let jsep = json!({"type": "offer", "sdp": offer});
        let event = self.message(handle, body, Some(jsep), "event").await?;
        event.sdp.context("no answer")
    }

    /// Joins as a subscriber of these publishers and returns the offer.
    pub async fn subscribe(&mut self, handle: Handle, room: usize, feeds: &[u64]) -> Result<String> {
        let streams: Vec<Value> = feeds.iter().map(|feed| json!({"feed": feed})).collect();
        let body = json!({"request": "join", "ptype": "subscriber", "room": room, "streams": streams});
        let event = self.message(handle, body, None, "attached").await?;
        event.sdp.context("no offer")
    }

    /// Answers a subscription's offer.
    pub async fn start(&mut self, handle: Handle, room: usize, answer: String) -> Result<()> {
        let body = json!({"request": "start", "room": room});
        let jsep = json!({"type": "answer", "sdp": answer});
        self.message(handle, body, Some(jsep), "event").await?;
        Ok(())
    }

    /// Keeps the connection alive until it is dropped: reads and forgets what comes.
    pub async fn idle(mut self) {
        while self.receive().await.is_ok() {}
    }

    /// A request that is answered with an id.
    async fn request(&mut self, mut request: Value) -> Result<u64> {
        let transaction = self.transaction();
        request["transaction"] = json!(transaction);
        self.send(request).await?;
        loop {
            let answer = self.receive().await?;
            if answer["transaction"] != json!(transaction) {
                continue;
            }
            ensure!(answer["janus"] == "success", "Janus: {answer}");
            return answer["data"]["id"].as_u64().context("an answer without an id");
        }
    }

    /// A request to the plugin; waits for its answer of that kind.
    async fn message(
        &mut self,
        handle: Handle,
        body: Value,
        jsep: Option<Value>,
        kind: &str,
    ) -> Result<PluginEvent> {
        let transaction = self.transaction();
        let mut request = json!({
            "janus": "message", "session_id": self.session, "handle_id": handle.0,
            "transaction": transaction, "body": body,
        });
        if let Some(jsep) = jsep {
            request["jsep"] = jsep;
        }
        self.send(request).await?;
        loop {
            let mut answer = self.receive().await?;
            if answer["transaction"] != json!(transaction) || answer["janus"] == "ack" {
                continue;
            }
            let data = answer["plugindata"]["data"].take();
            ensure!(
                answer["janus"] != "error" && data.get("error").is_none(),
                "Janus: {answer} {data}"
            );
            if data["videoroom"] == kind {
                let sdp = answer["jsep"]["sdp"].as_str().map(str::to_owned);
                return Ok(PluginEvent { data, sdp });
            }
        }
    }

    fn transaction(&mut self) -> String {
        self.transactions += 1;
        format!("t{}", self.transactions)
    }

    async fn send(&mut self, request: Value) -> Result<()> {
        Ok(self.socket.send(Message::text(request.to_string())).await?)
    }

    async fn receive(&mut self) -> Result<Value> {
        loop {
            match self
                .socket
                .next()
                .await
                .context("Janus closed the connection")??
            {
                Message::Text(text) => return Ok(serde_json::from_str(&text)?),
                Message::Close(_) => bail!("Janus closed the connection"),
                _ => {}
            }
        }
    }
}

struct PluginEvent {
    data: Value,
    sdp: Option<String>,
}

/// An answer that receives everything a subscription's offer has, as the DTLS client.
pub fn subscriber_answer(offer: &str, sections: &Sections) -> String {
    let Sections {
        ufrag,
        password,
        fingerprint,
        ..
    } = sections;
    let mut sdp = String::from("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n");
    let kept = ["a=mid:", "a=rtpmap:", "a=fmtp:", "a=rtcp-fb:", "a=extmap:"];
    for line in offer.lines() {
        if line.starts_with("a=group:") || kept.iter().any(|prefix| line.starts_with(prefix)) {
            let _ = write!(sdp, "{line}\r\n");
        } else if line.starts_with("m=") {
            let _ = write!(
                sdp,
                "{line}\r\nc=IN IP4 127.0.0.1\r\na=recvonly\r\na=rtcp-mux\r\na=ice-ufrag:{ufrag}\r\n\
                 a=ice-pwd:{password}\r\na=fingerprint:{fingerprint}\r\na=setup:active\r\n{}",
                sections.candidates()
            );
        }
    }
    sdp
}
