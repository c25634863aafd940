//! `hearken serve`, from the settings to the last goodbye.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use axum::Router;
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::RustlsConfig;
use hearken_sfu_server::Announced;
use hearken_signaling_server::{MediaPlane, Parts, PublicUrl, SignalingServer, SqliteStore};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use nix::sys::resource::{Resource, setrlimit};
use prometheus::Registry;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::assets::WebClient;
use crate::captions::Captions;
use crate::cli::ServeFlags;
use crate::config::{Config, TlsSettings};
use crate::media::Media;
use crate::operator_key::Origin;
use crate::{addresses, listen, log, metrics, operator_key, terminal, tls};

/// How long browsers and requests in progress have to finish when the server stops.
const DRAIN: Duration = Duration::from_secs(5);

/// How long a request's headers may take to arrive.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);

/// Runs `hearken serve` until it is told to stop.
///
/// # Errors
///
/// If the settings make no sense or a part cannot start; the message says which and what to change.
pub fn main(flags: &ServeFlags) -> anyhow::Result<()> {
    log::start();
    forbid_core_dumps()?;
    let config = Config::load(flags, |name| std::env::var(name).ok())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(serve(config));
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let mut stop = StopSignals::new()?;
    let registry = Registry::new();
    make_data_dir(&config.data_dir)?;
    let (operator_key, key_origin) =
        operator_key::find_or_make(config.operator_key.as_ref(), &config.data_dir)?;
    let listener = listen::bind(config.listen, "HEARKEN_LISTEN")?;
    let metrics_listener = listen::bind(config.metrics_listen, "HEARKEN_METRICS_LISTEN")?;
    let place = Place::of(&config, listener.local_addr()?)?;
    let tls = tls_config(&config, &place)?;

    let database = config.data_dir.join("hearken.db");
    let store = SqliteStore::open(&database)
        .await
        .with_context(|| format!("the database {}", database.display()))?;
    let store = Arc::new(store);
    let media = Media::start(&config.media, place.announced.clone(), &registry)?;
    let captions = Captions::start(
        config.model.clone(),
        config.caption_threads,
        &registry,
        media.speech,
    )?;
    let plane = Arc::new(media.plane.with_captions(captions.supervisor));
    let signaling = SignalingServer::start(
        Parts {
            public_url: place.public_url.clone(),
            operator_key: operator_key.clone(),
            retention: config.retention,
            relay: config.relay.clone(),
            store: Arc::clone(&store) as _,
            media: Arc::clone(&plane) as Arc<dyn MediaPlane>,
            media_events: media.events,
            caption_news: captions.news,
            assets: Arc::new(WebClient),
        },
        &registry,
    )
    .await?;

    let handle = Handle::new();
    let mut server = tokio::spawn(serve_http(listener, tls, signaling.router(), handle.clone()));
    let metrics = tokio::spawn(metrics::serve(metrics_listener, registry));
    greet(&place, &key_origin, operator_key.reveal());
    if let Some(missing) = &captions.missing {
        terminal::say(&format!("\n  There are no captions: {missing}"));
    }

    let outcome = tokio::select! {
        () = stop.next() => Ok(()),
        ended = &mut server => Err(anyhow!("the web server ended: {ended:?}")),
        // Its calls are gone; whoever keeps this process running starts it again, and all calls come back.
        () = plane.failed() => Err(anyhow!("a part of the media plane ended by a fault (please report it)")),
    };
    terminal::say("Stopping; browsers are told to come back.");
    handle.graceful_shutdown(Some(DRAIN));
    tokio::select! {
        () = signaling.stop(DRAIN) => {}
        () = stop.next() => terminal::say("Stopping at once."),
    }
    metrics.abort();
    plane.stop();
    store.close().await;
    outcome
}

/// A crash leaves no image of the memory on the disk: what people say and show is in it. The captions process
/// inherits that.
fn forbid_core_dumps() -> anyhow::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0).context("core dumps cannot be forbidden")
}

fn make_data_dir(folder: &Path) -> anyhow::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| {
            format!(
                "the data folder {} cannot be made (HEARKEN_DATA_DIR)",
                folder.display()
            )
        })
}

async fn serve_http(
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    router: Router,
    handle: Handle<SocketAddr>,
) -> std::io::Result<()> {
    let service = router.into_make_service();
    // Captions and answers are small: they don't wait until what went before them was acknowledged.
    let at_once = NoDelayAcceptor::new();
    match tls {
        Some(tls) => {
            let server = axum_server::from_tcp_rustls(listener, tls)?.handle(handle);
            let mut server = server.map(|acceptor| acceptor.acceptor(at_once));
            limit_headers(server.http_builder());
            server.serve(service).await
        }
        None => {
            let mut server = axum_server::from_tcp(listener)?.handle(handle).acceptor(at_once);
            limit_headers(server.http_builder());
            server.serve(service).await
        }
    }
}

/// Whoever does not say what it wants in time is cut off.
fn limit_headers(builder: &mut Builder<TokioExecutor>) {
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN);
}

/// Where the server is to be found.
struct Place {
    /// What links begin with.
    public_url: PublicUrl,
    /// Where to open it, for whoever started it.
    origins: Vec<String>,
    /// Where browsers send media.
    announced: Vec<Announced>,
    interfaces: Vec<IpAddr>,
}

impl Place {
    fn of(config: &Config, listening: SocketAddr) -> anyhow::Result<Self> {
        let interfaces = addresses::of_interfaces();
        let scheme = if config.tls == TlsSettings::Off {
            "http"
        } else {
            "https"
        };
        let origin = |host: String| format!("{scheme}://{host}:{}", listening.port());
        let at = |address: &IpAddr| {
            origin(
                SocketAddr::new(*address, 0)
                    .to_string()
                    .trim_end_matches(":0")
                    .to_owned(),
            )
        };
        let ip = listening.ip();
        let origins: Vec<String> = if ip.is_loopback() {
            vec![origin("localhost".to_owned())]
        } else if ip.is_unspecified() {
            let reachable = interfaces
                .iter()
                .filter(|address| ip.is_ipv6() || address.is_ipv4());
            let mut origins: Vec<String> = reachable.map(at).collect();
            origins.push(origin("localhost".to_owned()));
            origins
        } else {
            vec![at(&ip)]
        };
        let public_url = match &config.public_url {
            Some(url) => url.clone(),
            None => origins[0].parse().context("public_url")?,
        };
        let announced = match &config.media.announce {
            Some(addresses) => addresses.clone(),
            // A machine without a network still serves itself.
            None if ip.is_loopback() || interfaces.is_empty() => interfaces
                .iter()
                .copied()
                .chain(addresses::loopback())
                .map(Announced::from)
                .collect(),
            None => interfaces.iter().copied().map(Announced::from).collect(),
        };
        Ok(Self {
            public_url,
            origins,
            announced,
            interfaces,
        })
    }
}

fn tls_config(config: &Config, place: &Place) -> anyhow::Result<Option<RustlsConfig>> {
    match &config.tls {
        TlsSettings::Off => Ok(None),
        TlsSettings::Files { certificate, key } => tls::from_files(certificate, key).map(Some),
        TlsSettings::SelfSigned => {
            let host_name = addresses::host_name();
            tls::self_signed(&config.data_dir, &place.interfaces, host_name.as_deref()).map(Some)
        }
    }
}

/// Says where to go, and once the operator's key.
fn greet(place: &Place, key_origin: &Origin, key: &str) {
    terminal::say("\n  Hearken is ready. Open in a browser:\n");
    for origin in &place.origins {
        terminal::say(&format!("    {origin}"));
    }
    if !place.origins.contains(&place.public_url.to_string()) {
        terminal::say(&format!("\n  Links begin with {}.", place.public_url));
    }
    terminal::say("");
    match key_origin {
        Origin::Given => terminal::say("  The operator key is the one in the settings."),
        Origin::Kept(path) => terminal::say(&format!("  The operator key is in {}.", path.display())),
        Origin::Made(path) => terminal::say(&format!(
            "  Operator key, needed to create sessions: {key}\n  It is kept in {}.",
            path.display()
        )),
    }
    if place.public_url.to_string().starts_with("http://")
        && !place.origins.iter().any(|o| o.contains("localhost"))
    {
        terminal::say(
            "\n  Browsers give camera and microphone on HTTPS only: set tls_cert and tls_key, or use --lan.",
        );
    }
}

/// SIGINT and SIGTERM.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
