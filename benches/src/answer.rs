//! What a client needs of the server's SDP answer.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result};
use hearken_sfu_core::transport::{Fingerprint, IceCredentials};

/// Where the server is and how to know it.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The server's ICE credentials.
    pub ice: IceCredentials,
    /// Its certificate.
    pub fingerprint: Fingerprint,
    /// Its candidate on loopback.
    pub address: SocketAddr,
}

impl Answer {
    /// Reads an answer; one without a candidate on loopback is an error.
    pub fn parse(sdp: &str) -> Result<Self> {
        let line = |prefix: &str| {
            sdp.lines()
                .find_map(|line| line.strip_prefix(prefix))
                .with_context(|| format!("an answer without {prefix}"))
        };
        let candidates = sdp.lines().filter_map(|line| line.strip_prefix("a=candidate:"));
        let address = candidates
            .filter_map(|candidate| {
                // RFC 8839 §5.1: foundation, component, transport, priority, address, port.
                let fields: Vec<&str> = candidate.split(' ').collect();
                let ip: IpAddr = fields.get(4)?.parse().ok()?;
                let port = fields.get(5)?.parse().ok()?;
                ip.is_loopback().then_some(SocketAddr::new(ip, port))
            })
            .find(SocketAddr::is_ipv4)
            .context("an answer without a candidate on loopback")?;
        Ok(Self {
            ice: IceCredentials {
                ufrag: line("a=ice-ufrag:")?.to_owned(),
                password: line("a=ice-pwd:")?.to_owned(),
            },
            fingerprint: Fingerprint::parse(line("a=fingerprint:")?)
                .context("a fingerprint of another kind")?,
            address,
        })
    }
}
