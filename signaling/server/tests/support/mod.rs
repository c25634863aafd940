//! A server on a free port with a real database, a media plane that only writes down its orders, and browsers
//! that speak the protocol.

#![allow(dead_code, clippy::unwrap_used)]

mod browser;
mod media;
mod store;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hearken_protocol::{
    CaptionEvent, CaptionId, CaptionNews, CaptionStatus, CaptionsState, MediaCommand, MediaEvent, Timestamp,
};
use hearken_signaling_server::{Asset, Assets, OperatorKey, Parts, Relay, SignalingServer, SqliteStore};
use prometheus::Registry;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub use browser::{Browser, Hello};
pub use media::RecordedMedia;
pub use store::FlakyStore;

/// The key of every test's operator.
pub const KEY: &str = "operator-key-of-the-tests";

/// Nothing that a test waits for takes this long, however busy the machine is.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Files of a web client.
struct TinyClient;

impl Assets for TinyClient {
    fn get(&self, path: &str) -> Option<Asset> {
        let (bytes, content_type): (&'static [u8], _) = match path {
            "index.html" => (b"<!doctype html><title>Hearken</title>", "text/html"),
            "assets/index-1a2b.js" => (b"export {}", "text/javascript"),
            "assets/index-1a2b.js.br" => (b"as br", "application/octet-stream"),
            "assets/index-1a2b.js.gz" => (b"as gzip", "application/octet-stream"),
            _ => return None,
        };
        Some(Asset {
            bytes: Cow::Borrowed(bytes),
            content_type: content_type.to_owned(),
        })
    }
}

/// One running server and what it keeps between its lives.
pub struct World {
    folder: tempfile::TempDir,
    pub store: Arc<FlakyStore>,
    pub media: Arc<RecordedMedia>,
    orders: mpsc::UnboundedReceiver<MediaCommand>,
    pub events: mpsc::Sender<MediaEvent>,
    pub captions: mpsc::Sender<CaptionNews>,
    pub registry: Registry,
    server: SignalingServer,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

/// What came back over HTTP.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Response {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The value of a header, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Status and error code.
    pub fn refusal(&self) -> (u16, String) {
        (
            self.status,
            self.json()["code"].as_str().unwrap_or_default().to_owned(),
        )
    }
}

/// A session as its maker sees it.
#[derive(Debug, Clone)]
pub struct Links {
    pub session: String,
    pub facilitator: String,
    pub member: String,
}

impl World {
    /// The caption worker is ready.
    pub async fn captions_begin(&self) {
        let news = CaptionNews::State(CaptionsState::On);
        self.captions.send(news).await.unwrap();
    }

    /// The caption worker has heard somebody say this.
    pub async fn hears(&self, speaker: &Browser, links: &Links, said: &str) {
        let event = CaptionEvent {
            session: links.session.parse().unwrap(),
            participant: speaker.id().parse().unwrap(),
            id: CaptionId { epoch: 1, number: 1 },
            revision: 1,
            status: CaptionStatus::Final,
            stable: said.into(),
            tentative: "".into(),
            started_at: Timestamp(1),
            ended_at: Timestamp(2),
            words: Vec::new(),
            after_gap: false,
            language: None,
        };
        let sent_at = event.ended_at;
        let news = CaptionNews::Event { event, sent_at };
        self.captions.send(news).await.unwrap();
    }
}

impl World {
    pub async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap()).await
    }

    async fn start_in(folder: tempfile::TempDir) -> Self {
        let store = SqliteStore::open(&folder.path().join("hearken.db"))
            .await
            .unwrap();
        let store = Arc::new(FlakyStore::new(store));
        let (media, orders) = RecordedMedia::new();
        let (events, media_events) = mpsc::channel(100);
        let (captions, caption_news) = mpsc::channel(100);
        let registry = Registry::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let parts = Parts {
            public_url: format!("http://{address}").parse().unwrap(),
            operator_key: OperatorKey::parse(KEY).unwrap(),
            retention: Duration::from_secs(24 * 60 * 60),
            relay: Some(relay()),
            store: Arc::clone(&store) as _,
            media: Arc::clone(&media) as _,
            media_events,
            caption_news,
            assets: Arc::new(TinyClient),
        };
        let server = SignalingServer::start(parts, &registry).await.unwrap();
        let router = server.router();
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            folder,
            store,
            media,
            orders,
            events,
            captions,
            registry,
            server,
            address,
            serving,
        }
    }

    /// The process ends and another one starts on the same database.
    pub async fn restart(self) -> Self {
        self.server.stop(PATIENCE).await;
        self.serving.abort();
        self.store.close().await;
        Self::start_in(self.folder).await
    }

    /// Where pages of this server come from.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where its WebSocket is.
    pub fn socket_url(&self) -> String {
        format!("ws://{}/api/v1/ws", self.address)
    }

    /// The next order to the media plane.
    pub async fn order(&mut self) -> MediaCommand {
        tokio::time::timeout(PATIENCE, self.orders.recv())
            .await
            .expect("an order in time")
            .unwrap()
    }

    /// The next order that is one of these; others are passed over.
    pub async fn order_like(&mut self, like: impl Fn(&MediaCommand) -> bool) -> MediaCommand {
        loop {
            let order = self.order().await;
            if like(&order) {
                return order;
            }
        }
    }

    /// All orders so far that were not looked at.
    pub fn orders(&mut self) -> Vec<MediaCommand> {
        std::iter::from_fn(|| self.orders.try_recv().ok()).collect()
    }

    /// A request, as it is written.
    pub async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            self.address
        );
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A server that refuses a large body may hang up before it has read all of it.
        let _ = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut answer))
            .await
            .expect("an answer in time");
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no HTTP: {answer:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Response {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// A request by the operator.
    pub async fn api(&self, method: &str, path: &str, body: &str) -> Response {
        let authorization = format!("Bearer {KEY}");
        let headers = [
            ("Authorization", authorization.as_str()),
            ("Content-Type", "application/json"),
        ];
        self.request(method, path, &headers, body).await
    }

    /// A new session; `body` is that of the request.
    pub async fn session(&self, body: &str) -> Links {
        let response = self.api("POST", "/api/v1/sessions", body).await;
        assert_eq!(response.status, 201, "{response:?}");
        let links = response.json();
        let token = |field: &str| {
            links[field]
                .as_str()
                .unwrap()
                .split_once('#')
                .unwrap()
                .1
                .to_owned()
        };
        Links {
            session: links["session_id"].as_str().unwrap().to_owned(),
            facilitator: token("facilitator_url"),
            member: token("member_url"),
        }
    }

    /// A connection on which nothing was said yet.
    pub async fn browser(&self) -> Browser {
        Browser::open(self.address).await
    }

    /// Somebody who says `hello` and is in, as a facilitator is.
    pub async fn facilitator(&self, links: &Links, name: &str) -> Browser {
        let mut browser = self.browser().await;
        browser.hello(Hello::new(links, &links.facilitator, name)).await;
        browser.until("admitted").await;
        browser
    }

    /// Somebody who says `hello` and waits.
    pub async fn member(&self, links: &Links, name: &str) -> Browser {
        let mut browser = self.browser().await;
        browser.hello(Hello::new(links, &links.member, name)).await;
        browser.until("waiting").await;
        browser
    }

    /// A facilitator and a member who was let in.
    pub async fn meeting(&self, links: &Links) -> (Browser, Browser) {
        let mut facilitator = self.facilitator(links, "Fay").await;
        let mut member = self.member(links, "Mia").await;
        facilitator.until("knock").await;
        facilitator
            .send(&format!(r#"{{"type":"admit","participant":"{}"}}"#, member.id()))
            .await;
        member.until("admitted").await;
        facilitator.until("participant").await;
        (facilitator, member)
    }
}

/// What every test's server shares with a relay that is never asked.
pub const RELAY_SECRET: &str = "north-south-east-west";

fn relay() -> Relay {
    let urls = vec!["turn:turn.example.org:3478?transport=udp".parse().unwrap()];
    Relay::new(urls, RELAY_SECRET.parse().unwrap()).unwrap()
}
