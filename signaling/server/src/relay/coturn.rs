//! What a real relay makes of our credentials: Debian's coturn, with the configuration of `deploy/turn`, on loopback.

use std::net::{Ipv4Addr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use super::*;
use crate::clock;

const CONFIGURATION: &str = include_str!("../../../../deploy/turn/turnserver.conf");
const CONFIGURATION_PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/turn/turnserver.conf");

/// It is up within a moment. What takes longer never comes.
const START_MAX: Duration = Duration::from_secs(60);
/// Between two questions whether it is up.
const ANSWER_MAX: Duration = Duration::from_millis(200);

/// Ends with the test.
struct Coturn {
    child: Child,
    port: u16,
    /// Where it keeps what it writes.
    _folder: TempDir,
}

impl Coturn {
    /// On a port of loopback, which it denies by itself, without the certificate that the file names.
    fn start() -> Self {
        let port = free_port();
        let folder = TempDir::new().unwrap();
        let file = |name| folder.path().join(name).display().to_string();
        let child = Command::new("turnserver")
            .args(["-c", CONFIGURATION_PATH, "--no-tls", "--no-dtls"])
            .args(["--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1"])
            .args(["--allow-loopback-peers", "--allowed-peer-ip=127.0.0.1"])
            .arg(format!("--listening-port={port}"))
            .arg(format!("--pidfile={}", file("pid")))
            .arg(format!("--userdb={}", file("db")))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("coturn is installed with what tests need");
        let mut relay = Self {
            child,
            port,
            _folder: folder,
        };
        relay.wait();
        relay
    }

    /// Until it answers a binding request (RFC 8489 §2).
    fn wait(&mut self) {
        let began = Instant::now();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        socket.set_read_timeout(Some(ANSWER_MAX)).unwrap();
        let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        request.extend([7; 12]);
        let mut answer = [0; 1500];
        loop {
            assert_eq!(self.child.try_wait().unwrap(), None, "it ended by itself");
            assert!(began.elapsed() < START_MAX, "it does not answer");
            let waits = Instant::now();
            // Nobody there yet is said at once.
            if socket.send(&request).is_ok() && socket.recv(&mut answer).is_ok() {
                return;
            }
            std::thread::park_timeout(ANSWER_MAX.saturating_sub(waits.elapsed()));
        }
    }

    /// Whether it gives clients with these credentials an address each; else what the client says.
    fn allocate(&self, server: &IceServer, clients: usize) -> Result<(), String> {
        let outcome = Command::new("timeout")
            .args(["60", "turnutils_uclient", "-c", "-n", "0", "-e", "127.0.0.1"])
            .args(["-p", &self.port.to_string(), "-m", &clients.to_string()])
            .args([
                "-u",
                server.username.0.as_str(),
                "-w",
                server.credential.0.as_str(),
            ])
            .arg("127.0.0.1")
            .output()
            .unwrap();
        if outcome.status.success() {
            return Ok(());
        }
        let said = [outcome.stdout, outcome.stderr].concat();
        Err(String::from_utf8_lossy(&said).into_owned())
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// It takes no port 0.
fn free_port() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.local_addr().unwrap().port()
}

#[test]
fn a_real_relay_takes_our_credentials_until_they_expire_and_so_many_times_at_once() {
    let secret = CONFIGURATION
        .lines()
        .find_map(|line| line.strip_prefix("static-auth-secret="))
        .unwrap();
    let ours = |secret: &str| {
        let urls = vec!["turn:127.0.0.1".parse().unwrap()];
        Relay::new(urls, secret.parse().unwrap()).unwrap()
    };
    let (relay, coturn) = (ours(secret), Coturn::start());
    let now = clock::now();
    let minute = 60_000;
    let refused = |server, clients| coturn.allocate(&server, clients).unwrap_err();
    let expired = Timestamp(now.0 - minute) - CREDENTIALS_LIFETIME;
    let forged = ours("of-another-relay");
    for server in [relay.server(expired, 2), forged.server(now, 3)] {
        let said = refused(server, 1);
        assert!(said.contains("Cannot complete Allocation"), "{said}");
        assert!(!said.contains("486"), "{said}");
    }
    // More than the file's `user-quota`.
    let said = refused(relay.server(now, 4), 13);
    assert!(said.contains("486 (Allocation Quota Reached)"), "{said}");
    // That one has too many is nobody else's loss.
    let last_good = Timestamp(now.0 + minute) - CREDENTIALS_LIFETIME;
    assert_eq!(coturn.allocate(&relay.server(last_good, 1), 1), Ok(()));
}
