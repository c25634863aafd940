//! A client's way to the server: a UDP socket, or a TCP connection with frames (RFC 4571).

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use hearken_sfu_core::transport::{Deframer, Protocol, frame_header};

/// How long one look at a socket waits.
const LOOK: Duration = Duration::from_millis(2);

/// Which way to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    pub protocol: Protocol,
    pub is_ipv6: bool,
}

impl Way {
    pub const UDP: Self = Self {
        protocol: Protocol::Udp,
        is_ipv6: false,
    };
    pub const TCP: Self = Self {
        protocol: Protocol::Tcp,
        is_ipv6: false,
    };

    pub fn over_ipv6(self) -> Self {
        Self {
            is_ipv6: true,
            ..self
        }
    }

    /// The first candidate of an answer that lies on this way.
    pub fn candidate(self, answer: &str) -> SocketAddr {
        let name = match self.protocol {
            Protocol::Udp => "udp",
            Protocol::Tcp => "tcp",
        };
        let candidates = answer
            .lines()
            .filter_map(|line| line.strip_prefix("a=candidate:"));
        let mut addresses = candidates.filter_map(|candidate| {
            let words: Vec<&str> = candidate.split(' ').collect();
            let ip: IpAddr = words[4].parse().unwrap();
            let is_passive = words.ends_with(&["tcptype", "passive"]);
            assert_eq!(is_passive, words[2] == "tcp");
            (words[2] == name).then(|| SocketAddr::new(ip, words[5].parse().unwrap()))
        });
        addresses
            .find(|address| address.is_ipv6() == self.is_ipv6)
            .expect("the answer has a candidate on this way")
    }
}

pub enum Line {
    Udp(UdpSocket, SocketAddr),
    Tcp {
        stream: TcpStream,
        deframer: Deframer,
        frames: VecDeque<Vec<u8>>,
    },
}

impl Line {
    pub fn open(way: Way, server: SocketAddr) -> Self {
        let ip: IpAddr = if way.is_ipv6 {
            Ipv6Addr::LOCALHOST.into()
        } else {
            Ipv4Addr::LOCALHOST.into()
        };
        match way.protocol {
            Protocol::Udp => {
                let socket = UdpSocket::bind((ip, 0)).unwrap();
                socket.set_read_timeout(Some(LOOK)).unwrap();
                Self::Udp(socket, server)
            }
            Protocol::Tcp => {
                let stream = TcpStream::connect(server).unwrap();
                stream.set_nodelay(true).unwrap();
                stream.set_read_timeout(Some(LOOK)).unwrap();
                Self::Tcp {
                    stream,
                    deframer: Deframer::default(),
                    frames: VecDeque::new(),
                }
            }
        }
    }

    pub fn local_address(&self) -> SocketAddr {
        match self {
            Self::Udp(socket, _) => socket.local_addr().unwrap(),
            Self::Tcp { stream, .. } => stream.local_addr().unwrap(),
        }
    }

    pub fn send(&mut self, datagram: &[u8]) {
        match self {
            Self::Udp(socket, server) => {
                socket.send_to(datagram, *server).unwrap();
            }
            Self::Tcp { stream, .. } => {
                let mut framed = frame_header(datagram.len()).unwrap().to_vec();
                framed.extend_from_slice(datagram);
                stream.write_all(&framed).unwrap();
            }
        }
    }

    /// The next datagram, if there is one.
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::Udp(socket, _) => {
                let mut buffer = [0; 2048];
                let length = read(socket.recv(&mut buffer))?;
                Some(buffer[..length].to_vec())
            }
            Self::Tcp {
                stream,
                deframer,
                frames,
            } => {
                if frames.is_empty() {
                    let mut buffer = [0; 16 * 1024];
                    let length = read(stream.read(&mut buffer))?;
                    let each = |frame: &mut [u8]| frames.push_back(frame.to_vec());
                    deframer.push(&mut buffer[..length], each).unwrap();
                }
                frames.pop_front()
            }
        }
    }
}

fn read(result: std::io::Result<usize>) -> Option<usize> {
    match result {
        Ok(length) => Some(length),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
        Err(error) => panic!("{error}"),
    }
}
