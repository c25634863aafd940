//! An address that browsers are told: this machine's own, or that of a router in front of it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// An address, and a port where it differs from the one that is listened on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// As browsers see it.
    pub ip: IpAddr,
    /// The first shard's, as browsers see it; the other shards follow. The port listened on if absent.
    pub port: Option<u16>,
}

/// Neither an address nor one with a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address like 192.0.2.1, 192.0.2.1:40000 or [2001:db8::1]:40000")]
pub struct AnnouncedError;

impl Announced {
    /// What shard `shard` announces when it listens on `bound`; `None` beyond the last port.
    pub(crate) fn of_shard(self, shard: usize, bound: u16) -> Option<SocketAddr> {
        let port = match self.port {
            Some(first) => first.checked_add(u16::try_from(shard).ok()?)?,
            None => bound,
        };
        Some(SocketAddr::new(self.ip, port))
    }
}

impl From<IpAddr> for Announced {
    fn from(ip: IpAddr) -> Self {
        Self { ip, port: None }
    }
}

impl FromStr for Announced {
    type Err = AnnouncedError;

    fn from_str(text: &str) -> Result<Self, AnnouncedError> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(ip.into());
        }
        let address: SocketAddr = text.parse().map_err(|_| AnnouncedError)?;
        let port = Some(address.port()).filter(|port| *port != 0);
        Ok(Self {
            ip: address.ip(),
            port,
        })
    }
}

impl fmt::Display for Announced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => SocketAddr::new(self.ip, port).fmt(f),
            None => self.ip.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_a_port() {
        for text in ["192.0.2.1", "192.0.2.1:5000", "2001:db8::1", "[2001:db8::1]:5000"] {
            let announced: Announced = text.parse().unwrap();
            assert_eq!(announced.to_string(), text);
        }
        for text in ["", "nowhere", "192.0.2.1:", "192.0.2.1:99999", "[2001:db8::1]"] {
            assert_eq!(text.parse::<Announced>(), Err(AnnouncedError), "{text}");
        }
    }

    #[test]
    fn the_ports_of_the_shards_follow_each_other() {
        let own: Announced = "192.0.2.1".parse().unwrap();
        assert_eq!(own.of_shard(2, 40_002), "192.0.2.1:40002".parse().ok());
        let outside: Announced = "192.0.2.1:65534".parse().unwrap();
        assert_eq!(outside.of_shard(1, 40_001), "192.0.2.1:65535".parse().ok());
        assert_eq!(outside.of_shard(2, 40_002), None);
    }
}
