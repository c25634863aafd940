//! Transport against client in virtual time: handshakes, forgeries, restarts, and peers that go.

#![expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]

mod forgeries;
mod handshakes;
mod presence;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::client::{ClientConfig, ClientTransport};

/// A server, a client and the wire between them.
struct World {
    now: Instant,
    server: Transport,
    client: ClientTransport,
    server_events: Vec<TransportEvent>,
    client_events: Vec<TransportEvent>,
    /// Datagrams of the client pass through here on their way.
    uplink: Box<dyn FnMut(Vec<u8>) -> Vec<Vec<u8>>>,
    downlink: Box<dyn FnMut(Vec<u8>) -> Vec<Vec<u8>>>,
    drops: DropCounts,
    /// Where the client's datagrams come from, whatever it thinks.
    client_address: SocketAddr,
}

struct Options {
    profiles: Vec<SrtpProfile>,
    fingerprints: Option<Vec<Fingerprint>>,
}

impl Default for Options {
    fn default() -> Self {
        // Chromium's order: the slow one first.
        Self {
            profiles: vec![SrtpProfile::Aes128CmSha1_80, SrtpProfile::AeadAes128Gcm],
            fingerprints: None,
        }
    }
}

fn credentials(name: &str) -> IceCredentials {
    IceCredentials {
        ufrag: name.to_owned(),
        password: format!("the-password-of-{name}-1234"),
    }
}

fn server_address() -> SocketAddr {
    ([192, 0, 2, 1], 40_000).into()
}

fn address(port: u16) -> SocketAddr {
    ([198, 51, 100, 7], port).into()
}

fn from(source: SocketAddr) -> Pair {
    Pair {
        remote: source,
        local: server_address(),
        protocol: Protocol::Udp,
    }
}

impl World {
    fn new() -> Self {
        Self::with(Options::default())
    }

    fn with(options: Options) -> Self {
        let now = Instant::now();
        let server_identity = Arc::new(Identity::generate().unwrap());
        let client_identity = Arc::new(Identity::generate().unwrap());
        let remote_fingerprints = options
            .fingerprints
            .unwrap_or_else(|| vec![client_identity.fingerprint()]);
        let remote_fingerprint = server_identity.fingerprint();
        let config = TransportConfig {
            local: credentials("sfu0"),
            remote: credentials("web0"),
            remote_fingerprints,
            identity: server_identity,
            challenge_secret: [3; CHALLENGE_SECRET_BYTES],
        };
        let client_config = ClientConfig {
            local: credentials("web0"),
            remote: credentials("sfu0"),
            local_address: address(1),
            remote_address: server_address(),
            remote_fingerprint,
            identity: client_identity,
            profiles: options.profiles,
        };
        Self {
            now,
            server: Transport::new(config, now),
            client: ClientTransport::new(client_config, now),
            server_events: Vec::new(),
            client_events: Vec::new(),
            uplink: Box::new(|datagram| vec![datagram]),
            downlink: Box::new(|datagram| vec![datagram]),
            drops: DropCounts::default(),
            client_address: address(1),
        }
    }

    fn connected() -> Self {
        let mut world = Self::new();
        world.run(Duration::from_secs(1));
        assert!(world.server.is_connected() && world.client.is_connected());
        world.server_events.clear();
        world
    }

    /// Delivers everything that is under way.
    fn exchange(&mut self) {
        loop {
            let mut idle = true;
            while let Some(transmit) = self.client.poll_transmit() {
                idle = false;
                assert_eq!(transmit.destination, server_address());
                for mut datagram in (self.uplink)(transmit.contents) {
                    if let Incoming::Dropped(reason) =
                        self.server
                            .handle_datagram(self.now, from(self.client_address), &mut datagram)
                    {
                        self.drops.add(reason);
                    }
                }
            }
            while let Some(transmit) = self.server.poll_transmit() {
                idle = false;
                assert_eq!(transmit.local, server_address());
                if transmit.destination != self.client_address {
                    continue;
                }
                for mut datagram in (self.downlink)(transmit.contents) {
                    self.client.handle_datagram(self.now, &mut datagram);
                }
            }
            self.server_events
                .extend(std::iter::from_fn(|| self.server.poll_event()));
            self.client_events
                .extend(std::iter::from_fn(|| self.client.poll_event()));
            if idle {
                return;
            }
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        self.exchange();
        while let Some(next) = [self.server.poll_timeout(), self.client.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
        {
            if next > end {
                break;
            }
            self.now = self.now.max(next);
            self.server.handle_timeout(self.now);
            self.client.handle_timeout(self.now);
            self.exchange();
        }
        self.now = end;
        self.server.handle_timeout(end);
        self.client.handle_timeout(end);
        self.exchange();
    }

    /// An RTP packet of the client, sealed.
    fn client_packet(&mut self, sequence: u16) -> Vec<u8> {
        let mut packet = vec![0x80, 111, 0, 0, 0, 0, 3, 0xc0, 0, 0, 0, 9];
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(b"voice");
        let len = packet.len();
        packet.resize(len + SRTP_OVERHEAD_MAX, 0);
        let total = self
            .client
            .seal_rtp(&mut packet, 12, len, u64::from(sequence))
            .unwrap();
        packet.truncate(total);
        packet
    }

    fn deliver(&mut self, source: SocketAddr, datagram: &[u8]) -> Result<Vec<u8>, DropReason> {
        let mut datagram = datagram.to_vec();
        match self.server.handle_datagram(self.now, from(source), &mut datagram) {
            Incoming::Rtp(packet) => Ok(packet.to_vec()),
            Incoming::Rtcp(compound) => Ok(compound.to_vec()),
            Incoming::Handled | Incoming::Answered => Ok(Vec::new()),
            Incoming::Dropped(reason) => Err(reason),
        }
    }
}
