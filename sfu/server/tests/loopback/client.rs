//! A client with a real socket: offers four sources and one slot pair, and keeps what comes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use hearken_sfu_core::client::{ClientConfig, ClientTransport};
use hearken_sfu_core::transport::{
    DisconnectReason, Fingerprint, IceCredentials, Identity, Incoming, SRTP_OVERHEAD_MAX, SrtpProfile,
    TransportEvent,
};

use super::line::{Line, Way};

pub const OPUS: u8 = 111;
pub const VP8: u8 = 96;

pub struct Client {
    way: Way,
    line: Option<Line>,
    /// What a router in between makes of an address.
    forwarded: Option<(SocketAddr, SocketAddr)>,
    reads: bool,
    identity: Arc<Identity>,
    ice: IceCredentials,
    pub transport: Option<ClientTransport>,
    /// SSRC, payload type and payload of what came.
    pub received: Vec<(u32, u8, Vec<u8>)>,
    pub disconnected: Option<DisconnectReason>,
    sequence: u16,
}

impl Client {
    pub fn new(seed: u8, way: Way) -> Self {
        Self {
            way,
            line: None,
            forwarded: None,
            reads: true,
            identity: Arc::new(Identity::generate().unwrap()),
            ice: IceCredentials::from_seed([seed; 32]),
            transport: None,
            received: Vec::new(),
            disconnected: None,
            sequence: 0,
        }
    }

    /// Four sources and one slot pair.
    pub fn offer(&self) -> String {
        let audio = format!(
            "m=audio 9 UDP/TLS/RTP/SAVPF {OPUS}\r\na=rtpmap:{OPUS} opus/48000/2\r\n\
             a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
        );
        let video = format!(
            "m=video 9 UDP/TLS/RTP/SAVPF {VP8} 97\r\na=rtpmap:{VP8} VP8/90000\r\na=rtcp-fb:{VP8} nack\r\n\
             a=rtcp-fb:{VP8} nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt={VP8}\r\n"
        );
        let sections = [&audio, &video, &video, &audio, &audio, &video];
        let mut sdp =
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2 3 4 5\r\n".to_owned();
        for (mid, section) in sections.into_iter().enumerate() {
            let direction = if mid < 4 { "sendonly" } else { "recvonly" };
            let IceCredentials { ufrag, password } = &self.ice;
            sdp += &format!(
                "{section}a=mid:{mid}\r\na={direction}\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\n\
                 a=fingerprint:{}\r\na=setup:actpass\r\na=rtcp-mux\r\n\
                 a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n",
                self.identity.fingerprint()
            );
        }
        sdp
    }

    /// A router takes what is sent to `outside` and sends it to `inside`.
    pub fn forward(&mut self, outside: SocketAddr, inside: SocketAddr) {
        self.forwarded = Some((outside, inside));
    }

    /// Takes an answer.
    pub fn connect(&mut self, answer: &str) {
        let value = |name: &str| answer.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let server = self.way.candidate(answer);
        let behind = self.forwarded.filter(|(outside, _)| *outside == server);
        let line = Line::open(self.way, behind.map_or(server, |(_, inside)| inside));
        let config = ClientConfig {
            local: self.ice.clone(),
            remote: IceCredentials {
                ufrag: value("a=ice-ufrag:").to_owned(),
                password: value("a=ice-pwd:").to_owned(),
            },
            local_address: line.local_address(),
            remote_address: server,
            remote_fingerprint: Fingerprint::parse(value("a=fingerprint:")).unwrap(),
            identity: Arc::clone(&self.identity),
            profiles: vec![SrtpProfile::Aes128CmSha1_80, SrtpProfile::AeadAes128Gcm],
        };
        self.transport = Some(ClientTransport::new(config, Instant::now()));
        self.line = Some(line);
    }

    /// Leaves what comes where it is.
    pub fn stop_reading(&mut self) {
        self.reads = false;
    }

    pub fn turn(&mut self) {
        let (Some(transport), Some(line)) = (&mut self.transport, &mut self.line) else {
            return;
        };
        transport.handle_timeout(Instant::now());
        loop {
            while let Some(transmit) = transport.poll_transmit() {
                line.send(&transmit.contents);
            }
            while let Some(event) = transport.poll_event() {
                if let TransportEvent::Disconnected(reason) = event {
                    self.disconnected = Some(reason);
                }
            }
            let Some(mut datagram) = self.reads.then(|| line.receive()).flatten() else {
                return;
            };
            if let Incoming::Rtp(packet) = transport.handle_datagram(Instant::now(), &mut datagram) {
                let ssrc = u32::from_be_bytes(packet[8..12].try_into().unwrap());
                let words = u16::from_be_bytes([packet[14], packet[15]]);
                let header = if packet[0] & 0x10 == 0 {
                    12
                } else {
                    16 + 4 * usize::from(words)
                };
                self.received
                    .push((ssrc, packet[1] & 0x7f, packet[header..].to_vec()));
            }
        }
    }

    pub fn send_audio(&mut self, payload: &[u8]) {
        // Section 0, and a level of −20 dBov with voice.
        self.send(OPUS, 1_000, &[0x40, b'0', 0x10, 0x80 | 20], payload);
    }

    /// A key frame of one packet.
    pub fn send_video(&mut self, mark: u8) {
        let picture = self.sequence.to_be_bytes();
        let mut payload = vec![0x90, 0x80, 0x80 | (picture[0] & 0x7f), picture[1]];
        payload.extend_from_slice(&[0x10, 2, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01]);
        payload.extend_from_slice(&[mark; 200]);
        self.send(VP8, 2_000, &[0x40, b'1', 0, 0], &payload);
    }

    fn send(&mut self, payload_type: u8, ssrc: u32, extensions: &[u8; 4], payload: &[u8]) {
        self.sequence += 1;
        let mut packet = vec![0x90, 0x80 | payload_type];
        packet.extend_from_slice(&self.sequence.to_be_bytes());
        packet.extend_from_slice(&(u32::from(self.sequence) * 960).to_be_bytes());
        packet.extend_from_slice(&ssrc.to_be_bytes());
        packet.extend_from_slice(&[0xbe, 0xde, 0, 1]);
        packet.extend_from_slice(extensions);
        let header = packet.len();
        packet.extend_from_slice(payload);
        let len = packet.len();
        packet.resize(len + SRTP_OVERHEAD_MAX, 0);
        let transport = self.transport.as_mut().unwrap();
        let total = transport
            .seal_rtp(&mut packet, header, len, u64::from(self.sequence))
            .unwrap();
        self.line.as_mut().unwrap().send(&packet[..total]);
    }

    pub fn heard(&self, payload: &[u8]) -> usize {
        self.received
            .iter()
            .filter(|(_, kind, got)| *kind == OPUS && got == payload)
            .count()
    }

    pub fn saw(&self, mark: u8) -> bool {
        self.received
            .iter()
            .any(|(_, kind, got)| *kind == VP8 && got.ends_with(&[mark; 200]))
    }
}
