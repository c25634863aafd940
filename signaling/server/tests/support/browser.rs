//! A browser as far as the protocol goes.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{Links, PATIENCE};

pub struct Browser {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// From `welcome`.
    pub welcome: Value,
}

/// What to say first.
#[derive(Debug, Clone)]
pub struct Hello {
    pub session: String,
    pub token: String,
    pub name: String,
    pub resume: Option<String>,
    pub versions: Vec<u32>,
}

impl Hello {
    pub fn new(links: &Links, token: &str, name: &str) -> Self {
        let (session, token, name) = (links.session.clone(), token.to_owned(), name.to_owned());
        Self {
            session,
            token,
            name,
            resume: None,
            versions: vec![1],
        }
    }

    pub fn text(&self) -> String {
        json!({
            "type": "hello", "request": 1, "versions": self.versions, "session_id": self.session,
            "token": self.token, "name": self.name, "guidelines_accepted": true, "resume": self.resume,
        })
        .to_string()
    }
}

impl Browser {
    pub async fn open(address: SocketAddr) -> Self {
        let (socket, _) = connect_async(format!("ws://{address}/api/v1/ws")).await.unwrap();
        Self {
            socket,
            welcome: Value::Null,
        }
    }

    pub async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Says the same many times, all at once.
    pub async fn flood(&mut self, text: &str, times: usize) {
        for _ in 0..times {
            self.socket.feed(Message::text(text)).await.unwrap();
        }
        self.socket.flush().await.unwrap();
    }

    pub async fn hello(&mut self, hello: Hello) {
        self.send(&hello.text()).await;
        self.welcome = self.until("welcome").await;
    }

    /// One's own seat.
    pub fn id(&self) -> String {
        self.welcome["participant"].as_str().unwrap().to_owned()
    }

    /// What brings one back to it.
    pub fn resume(&self) -> String {
        self.welcome["resume"].as_str().unwrap().to_owned()
    }

    /// The next message.
    pub async fn next(&mut self) -> Value {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.socket.next())
                .await
                .expect("a message in time");
            match frame.expect("an open connection").expect("a readable frame") {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Close(frame) => panic!("closed while a message was expected: {frame:?}"),
                _ => {}
            }
        }
    }

    /// The next message of this type; others are passed over.
    pub async fn until(&mut self, kind: &str) -> Value {
        loop {
            let message = self.next().await;
            if message["type"] == kind {
                return message;
            }
            assert_ne!(message["type"], "error", "{message} instead of {kind}");
        }
    }

    /// Everything until the connection closes, and the code it closes with.
    pub async fn rest(&mut self) -> (Vec<Value>, Option<u16>) {
        let mut messages = Vec::new();
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.socket.next())
                .await
                .expect("the end in time");
            match frame {
                Some(Ok(Message::Text(text))) => messages.push(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => {
                    return (messages, frame.map(|frame| u16::from(frame.code)));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return (messages, None),
            }
        }
    }

    /// Says something that is refused; the code of the refusal.
    pub async fn refusal(&mut self, text: &str) -> String {
        self.send(text).await;
        loop {
            let message = self.next().await;
            if message["type"] == "error" {
                return message["code"].as_str().unwrap().to_owned();
            }
        }
    }

    /// Everything that was sent before the answer to a `ping` sent now.
    pub async fn so_far(&mut self) -> Vec<Value> {
        self.send(r#"{"type":"ping"}"#).await;
        let mut messages = Vec::new();
        loop {
            let message = self.next().await;
            if message["type"] == "pong" {
                return messages;
            }
            messages.push(message);
        }
    }

    /// Hangs up without a word.
    pub fn drop_connection(self) {}
}
