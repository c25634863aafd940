//! One UDP socket of a shard: binding, buffers, and receiving in batches.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};

use libc::c_int;
use quinn_udp::{RecvMeta, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};

/// Asked of the kernel for each direction: a second of a large group. Stock Debian grants about 208 KB.
const SOCKET_BUFFER_BYTES: usize = 4 << 20;

/// Buffers given to one receive call. More save system calls under load and cost 64 KiB each.
const RECEIVE_BATCH: usize = 8;

/// Room for a whole batch of segments that the kernel has coalesced (GRO).
const RECEIVE_BUFFER_BYTES: usize = 64 * 1024;

/// A bound socket.
#[derive(Debug)]
pub(crate) struct MediaSocket {
    socket: Socket,
    state: UdpSocketState,
    bound: SocketAddr,
}

/// What the kernel granted, in bytes as it counts them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BufferSizes {
    pub(crate) receive: usize,
    pub(crate) send: usize,
}

/// Memory for one receive call, used again and again.
pub(crate) struct ReceiveBuffers {
    bytes: Vec<u8>,
    meta: [RecvMeta; RECEIVE_BATCH],
}

impl ReceiveBuffers {
    pub(crate) fn new() -> Self {
        Self {
            bytes: vec![0; RECEIVE_BATCH * RECEIVE_BUFFER_BYTES],
            meta: [RecvMeta::default(); RECEIVE_BATCH],
        }
    }
}

impl MediaSocket {
    /// Binds to that address; port 0 takes any. An IPv6 socket takes IPv6 only, so that both can share a port.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let state = UdpSocketState::new((&socket).into())?;
        for (level, option) in unused_notes(address) {
            switch_off(&socket, level, option);
        }
        // Best effort: what was granted is read back, warned about and exported.
        let _ = state.set_recv_buffer_size((&socket).into(), SOCKET_BUFFER_BYTES);
        let _ = state.set_send_buffer_size((&socket).into(), SOCKET_BUFFER_BYTES);
        let bound = socket
            .local_addr()?
            .as_socket()
            .ok_or_else(|| io::Error::other("not an IP socket"))?;
        Ok(Self { socket, state, bound })
    }

    /// Where it is bound.
    pub(crate) fn bound(&self) -> SocketAddr {
        self.bound
    }

    /// Whether a datagram that is to leave from `local` leaves by this socket.
    pub(crate) fn serves(&self, local: SocketAddr) -> bool {
        self.bound.port() == local.port()
            && self.bound.is_ipv4() == local.is_ipv4()
            && (self.bound.ip() == local.ip() || self.is_wildcard())
    }

    /// Whether it is bound to all addresses of its family, so that each datagram has to say where it leaves.
    pub(crate) fn is_wildcard(&self) -> bool {
        match self.bound.ip() {
            IpAddr::V4(ip) => ip == Ipv4Addr::UNSPECIFIED,
            IpAddr::V6(ip) => ip == Ipv6Addr::UNSPECIFIED,
        }
    }

    /// What the kernel granted. Linux doubles the number it is asked for, for its own book-keeping.
    pub(crate) fn buffer_sizes(&self) -> io::Result<BufferSizes> {
        Ok(BufferSizes {
            receive: self.socket.recv_buffer_size()?,
            send: self.socket.send_buffer_size()?,
        })
    }

    /// How many datagrams one segmented send may carry; 1 without GSO.
    pub(crate) fn max_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// Receives one batch and hands it over by source: where from, to which address, the datagrams one behind the
    /// other, and how long each of them is but the last, which may be shorter. Returns whether there may be more.
    pub(crate) fn receive(
        &self,
        buffers: &mut ReceiveBuffers,
        mut each: impl FnMut(SocketAddr, SocketAddr, &mut [u8], usize),
    ) -> io::Result<bool> {
        let mut chunks = buffers.bytes.chunks_exact_mut(RECEIVE_BUFFER_BYTES);
        let mut slices: [IoSliceMut<'_>; RECEIVE_BATCH] = std::array::from_fn(|_| {
            IoSliceMut::new(chunks.next().expect("the buffer holds RECEIVE_BATCH chunks"))
        });
        let received = match self
            .state
            .recv((&self.socket).into(), &mut slices, &mut buffers.meta)
        {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        let used = buffers.bytes.chunks_exact_mut(RECEIVE_BUFFER_BYTES);
        for (meta, chunk) in buffers.meta.iter().zip(used).take(received) {
            let ip = if self.is_wildcard() { meta.dst_ip } else { None };
            let local = SocketAddr::new(ip.unwrap_or(self.bound.ip()), self.bound.port());
            let len = meta.len.min(chunk.len());
            if len > 0 {
                each(meta.addr, local, &mut chunk[..len], meta.stride.max(1));
            }
        }
        Ok(received == RECEIVE_BATCH)
    }
}

/// What the kernel is asked to note with each datagram though nobody reads it: the time (which it then takes for every
/// packet of the machine), the class of traffic, and where it came to if that can be one address only.
fn unused_notes(bound: SocketAddr) -> impl Iterator<Item = (c_int, c_int)> {
    let time = (libc::SOL_SOCKET, libc::SO_TIMESTAMPNS);
    let (class, came_to) = if bound.is_ipv4() {
        (
            (libc::IPPROTO_IP, libc::IP_RECVTOS),
            (libc::IPPROTO_IP, libc::IP_PKTINFO),
        )
    } else {
        (
            (libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS),
            (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
        )
    };
    let came_to = (!bound.ip().is_unspecified()).then_some(came_to);
    [time, class].into_iter().chain(came_to)
}

/// Best effort: left on, it costs a little.
fn switch_off(socket: &Socket, level: c_int, option: c_int) {
    let off: c_int = 0;
    let len = libc::socklen_t::try_from(size_of::<c_int>()).expect("a small number");
    // SAFETY: `off` lives until the call returns, and `len` is its size; the descriptor is open.
    let _ = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const off).cast(), len) };
}

impl AsRawFd for MediaSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poller::Poller;

    #[test]
    fn a_datagram_arrives_with_its_source_and_the_address_it_came_to() {
        let server = MediaSocket::bind("0.0.0.0:0".parse().unwrap()).unwrap();
        let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        client
            .send_to(b"hello", ("127.0.0.1", server.bound().port()))
            .unwrap();
        // A busy kernel may hand it over a moment later.
        let poller = Poller::new().unwrap();
        poller.add(&server, 0).unwrap();
        assert!(poller.becomes_ready(std::time::Duration::from_secs(30)));
        let mut seen = Vec::new();
        server
            .receive(&mut ReceiveBuffers::new(), |source, local, datagrams, size| {
                seen.push((source, local, datagrams[..size].to_vec()));
            })
            .unwrap();
        let local = SocketAddr::from(([127, 0, 0, 1], server.bound().port()));
        assert_eq!(seen, [(client.local_addr().unwrap(), local, b"hello".to_vec())]);
        assert!(server.serves(local));
    }

    #[test]
    fn the_granted_buffers_can_be_read_back() {
        let sizes = MediaSocket::bind("127.0.0.1:0".parse().unwrap())
            .unwrap()
            .buffer_sizes()
            .unwrap();
        assert!(sizes.receive > 0 && sizes.send > 0);
    }
}
