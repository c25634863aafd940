//! Where a peer can reach us, and how: the host candidates of our answers.

use std::fmt;
use std::net::SocketAddr;

/// What carries datagrams between two addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Protocol {
    /// Each is a UDP datagram.
    #[default]
    Udp,
    /// Each is a frame in a TCP connection (RFC 4571) that the peer has opened (RFC 6544, `passive`).
    Tcp,
}

/// An address that answers announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// What is spoken there.
    pub protocol: Protocol,
    /// As the peer sees it.
    pub address: SocketAddr,
}

impl Candidate {
    /// An address that takes UDP.
    pub fn udp(address: SocketAddr) -> Self {
        let protocol = Protocol::Udp;
        Self { protocol, address }
    }

    /// An address that takes TCP connections.
    pub fn tcp(address: SocketAddr) -> Self {
        let protocol = Protocol::Tcp;
        Self { protocol, address }
    }

    /// The value of its `candidate` attribute as number `index`, counted from 0; earlier ones are preferred,
    /// and every UDP one before every TCP one.
    pub(crate) fn attribute(self, index: usize) -> impl fmt::Display {
        Attribute {
            candidate: self,
            index: u32::try_from(index).unwrap_or(u32::MAX),
        }
    }

    /// RFC 8445 §5.1.2.1 for component 1; for TCP with the preferences of RFC 6544 §4.2.
    fn priority(self, index: u32) -> u32 {
        let (type_preference, local_preference) = match self.protocol {
            Protocol::Udp => (126, 65_535 - index.min(65_535)),
            Protocol::Tcp => (90, (4 << 13) + 8_191 - index.min(8_191)),
        };
        (type_preference << 24) + (local_preference << 8) + 255
    }
}

struct Attribute {
    candidate: Candidate,
    index: u32,
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Candidate { protocol, address } = self.candidate;
        let (name, ending) = match protocol {
            Protocol::Udp => ("udp", ""),
            Protocol::Tcp => ("tcp", " tcptype passive"),
        };
        let (foundation, priority) = (u64::from(self.index) + 1, self.candidate.priority(self.index));
        let (ip, port) = (address.ip(), address.port());
        write!(f, "{foundation} 1 {name} {priority} {ip} {port} typ host{ending}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_udp_candidate_is_preferred_to_every_tcp_candidate() {
        let address = SocketAddr::from(([192, 0, 2, 1], 40_000));
        let (udp, tcp) = (Candidate::udp(address), Candidate::tcp(address));
        assert!(udp.priority(0) > udp.priority(1));
        assert!(udp.priority(100_000) > tcp.priority(0));
        assert!(tcp.priority(0) > tcp.priority(1));
        assert!(tcp.priority(100_000) > 0);
    }

    #[test]
    fn a_tcp_candidate_says_that_it_waits() {
        let address = "[2001:db8::1]:443".parse().unwrap();
        let expected = "3 1 tcp 1520434687 2001:db8::1 443 typ host tcptype passive";
        assert_eq!(Candidate::tcp(address).attribute(2).to_string(), expected);
    }
}
