//! What a client needs of the server's SDP answer.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use hearken_sfu_core::transport::{Fingerprint, IceCredentials};

/// Where the server is and how to know it.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The server's ICE credentials.
    pub ice: IceCredentials,
    /// Its certificate.
    pub fingerprint: Fingerprint,
    /// Its UDP candidate: on loopback, if there is one.
    pub address: SocketAddr,
}

impl Answer {
    /// Reads an answer, or an offer; one without an IPv4 candidate is an error.
    pub fn parse(sdp: &str) -> Result<Self> {
        let line = |prefix: &str| {
            sdp.lines()
                .find_map(|line| line.strip_prefix(prefix))
                .with_context(|| format!("an answer without {prefix}"))
        };
        let candidates = sdp.lines().filter_map(|line| line.strip_prefix("a=candidate:"));
        let addresses = candidates.filter_map(|candidate| {
            // RFC 8839 §5.1: foundation, component, transport, priority, address, port.
            let fields: Vec<&str> = candidate.split(' ').collect();
            if !fields.get(2)?.eq_ignore_ascii_case("udp") {
                return None;
            }
            let ip: Ipv4Addr = fields.get(4)?.parse().ok()?;
            Some((ip, fields.get(5)?.parse().ok()?))
        });
        let address = addresses
            .min_by_key(|(ip, _): &(_, u16)| !ip.is_loopback())
            .context("an answer without an IPv4 candidate")?;
        Ok(Self {
            ice: IceCredentials {
                ufrag: line("a=ice-ufrag:")?.to_owned(),
                password: line("a=ice-pwd:")?.to_owned(),
            },
            fingerprint: Fingerprint::parse(line("a=fingerprint:")?)
                .context("a fingerprint of another kind")?,
            address: address.into(),
        })
    }
}
