//! Where a shard listens, and what browsers are told of it.

use std::io;
use std::net::{IpAddr, SocketAddr};

use hearken_sfu_core::transport::Candidate;

use crate::announced::Announced;
use crate::metrics::Metrics;
use crate::server::{MediaConfig, StartError};
use crate::socket::{BufferSizes, MediaSocket};
use crate::tcp::MediaListener;

/// A buffer below this loses packets when a large group's key frames meet.
const SOCKET_BUFFER_COMFORTABLE_BYTES: usize = 1 << 20;

/// Attempts to find one free port that all addresses of a shard can share, when any port will do.
const ANY_PORT_ATTEMPTS: usize = 32;

/// What one shard listens on.
pub(crate) struct Bound {
    pub(crate) sockets: Vec<MediaSocket>,
    pub(crate) listeners: Vec<MediaListener>,
}

/// Binds one UDP and one TCP socket per address, all on one port.
pub(crate) fn bind_shard(config: &MediaConfig, index: usize) -> Result<Bound, StartError> {
    if config.port != 0 {
        let port = u16::try_from(index)
            .ok()
            .and_then(|offset| config.port.checked_add(offset))
            .ok_or(StartError::Config(
                "the media ports of all shards must be below 65536",
            ))?;
        let bound = Bound {
            sockets: Vec::new(),
            listeners: Vec::new(),
        };
        return bind_rest(&config.bind, port, bound);
    }
    let mut last = None;
    for _ in 0..ANY_PORT_ATTEMPTS {
        let first = MediaSocket::bind(SocketAddr::new(config.bind[0], 0))?;
        let port = first.bound().port();
        let bound = Bound {
            sockets: vec![first],
            listeners: Vec::new(),
        };
        match bind_rest(&config.bind, port, bound) {
            Ok(bound) => return Ok(bound),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or(StartError::Config("no free media port was found")))
}

/// Binds what is not bound yet.
fn bind_rest(addresses: &[IpAddr], port: u16, mut bound: Bound) -> Result<Bound, StartError> {
    let refused = |protocol, address| {
        move |source| StartError::Bind {
            protocol,
            address,
            source,
        }
    };
    for ip in &addresses[bound.sockets.len()..] {
        let address = SocketAddr::new(*ip, port);
        bound
            .sockets
            .push(MediaSocket::bind(address).map_err(refused("UDP", address))?);
    }
    for ip in addresses {
        let address = SocketAddr::new(*ip, port);
        bound
            .listeners
            .push(MediaListener::bind(address).map_err(refused("TCP", address))?);
    }
    Ok(bound)
}

/// The announced addresses that a bound socket of their family can serve, all by UDP before any by TCP. An address
/// that is not this machine's own (a public address in front of a NAT) goes with any socket of its family.
pub(crate) fn candidates(
    announced: &[Announced],
    shard: usize,
    bound: &[SocketAddr],
) -> Result<Vec<Candidate>, StartError> {
    let mut addresses = Vec::with_capacity(announced.len());
    for one in announced {
        let is_own = bound.iter().find(|socket| socket.ip() == one.ip);
        let of_its_family = bound.iter().find(|socket| socket.is_ipv4() == one.ip.is_ipv4());
        if let Some(socket) = is_own.or(of_its_family) {
            let address = one.of_shard(shard, socket.port());
            addresses.push(address.ok_or(StartError::Config(
                "the announced media ports of all shards must be below 65536",
            ))?);
        }
    }
    let udp = addresses.iter().copied().map(Candidate::udp);
    let tcp = addresses.iter().copied().map(Candidate::tcp);
    Ok(udp.chain(tcp).collect())
}

pub(crate) fn report_buffers(metrics: &Metrics, shard: &str, sockets: &[MediaSocket]) -> io::Result<()> {
    let mut least = BufferSizes {
        receive: usize::MAX,
        send: usize::MAX,
    };
    for socket in sockets {
        let sizes = socket.buffer_sizes()?;
        least.receive = least.receive.min(sizes.receive);
        least.send = least.send.min(sizes.send);
    }
    metrics.set_buffers(shard, least);
    if least.receive.min(least.send) < SOCKET_BUFFER_COMFORTABLE_BYTES {
        tracing::warn!(
            receive_bytes = least.receive,
            send_bytes = least.send,
            "small socket buffers: large groups may lose packets; raise net.core.rmem_max and net.core.wmem_max"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_address_goes_with_a_socket_of_its_family() {
        let bound = ["0.0.0.0:40000".parse().unwrap()];
        let announced = ["203.0.113.5".parse().unwrap(), "2001:db8::1".parse().unwrap()];
        let expected: SocketAddr = "203.0.113.5:40000".parse().unwrap();
        assert_eq!(
            candidates(&announced, 0, &bound).unwrap(),
            [Candidate::udp(expected), Candidate::tcp(expected)]
        );
        let forwarded = ["203.0.113.5:443".parse().unwrap()];
        let expected: SocketAddr = "203.0.113.5:444".parse().unwrap();
        assert_eq!(
            candidates(&forwarded, 1, &bound).unwrap()[0],
            Candidate::udp(expected)
        );
    }
}
