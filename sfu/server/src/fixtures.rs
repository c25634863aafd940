//! What the tests of several modules begin with: a core, and somebody who connects to it without a socket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearken_protocol::{MediaCommand, MediaEvent, MediaGrants, ParticipantId, SessionId, VideoCodec};
use hearken_sfu_core::client::{ClientConfig, ClientTransport};
use hearken_sfu_core::transport::{
    Candidate, Fingerprint, IceCredentials, Identity, Pair, Protocol, SrtpProfile,
};
use hearken_sfu_core::{Core, CoreConfig};

pub(crate) const SESSION: SessionId = SessionId(7);
pub(crate) const ANN: ParticipantId = ParticipantId(1);

/// A core with an open session, in which Ann has her place.
pub(crate) fn core(now: Instant) -> Core {
    let mut core = Core::new(CoreConfig {
        identity: Arc::new(Identity::generate().unwrap()),
        candidates: vec![Candidate::udp(SocketAddr::from(([127, 0, 0, 1], 9)))],
        seed: [7; 32],
        started: now,
        unix_time: Duration::ZERO,
        video_codec: VideoCodec::Vp8,
    });
    core.handle_command(
        now,
        MediaCommand::OpenSession {
            session: SESSION,
            captions: false,
        },
    );
    core.handle_command(
        now,
        MediaCommand::Admit {
            session: SESSION,
            participant: ANN,
            grants: MediaGrants {
                microphone: true,
                camera: true,
                screen: true,
            },
        },
    );
    core
}

/// What Ann's browser knows of itself.
pub(crate) struct Ann {
    identity: Arc<Identity>,
    ice: IceCredentials,
}

impl Ann {
    pub(crate) fn new() -> Self {
        Self {
            identity: Arc::new(Identity::generate().unwrap()),
            ice: IceCredentials::from_seed([1; 32]),
        }
    }

    /// One microphone.
    pub(crate) fn offer(&self) -> MediaCommand {
        let IceCredentials { ufrag, password } = &self.ice;
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
             m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\na=mid:0\r\na=sendonly\r\n\
             a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\na=fingerprint:{}\r\na=setup:actpass\r\n\
             a=rtcp-mux\r\n",
            self.identity.fingerprint()
        );
        MediaCommand::Offer {
            session: SESSION,
            participant: ANN,
            negotiation: 1,
            sdp: sdp.into(),
            end_to_end_encrypted: false,
        }
    }

    /// Takes the answer that is among the core's events.
    pub(crate) fn take_answer(
        &self,
        core: &mut Core,
        local: SocketAddr,
        server: SocketAddr,
        now: Instant,
    ) -> ClientTransport {
        let answers = std::iter::from_fn(|| core.poll_event()).filter_map(|event| match event {
            MediaEvent::Answer { sdp, .. } => Some(sdp.0),
            _ => None,
        });
        let answer = answers.last().expect("the offer was answered");
        let value = |name: &str| answer.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let config = ClientConfig {
            local: self.ice.clone(),
            remote: IceCredentials {
                ufrag: value("a=ice-ufrag:").to_owned(),
                password: value("a=ice-pwd:").to_owned(),
            },
            local_address: local,
            remote_address: server,
            remote_fingerprint: Fingerprint::parse(value("a=fingerprint:")).unwrap(),
            identity: Arc::clone(&self.identity),
            profiles: vec![SrtpProfile::AeadAes128Gcm],
        };
        ClientTransport::new(config, now)
    }
}

/// Carries datagrams to and fro until Ann is connected.
pub(crate) fn connect(core: &mut Core, client: &mut ClientTransport, local: SocketAddr, now: Instant) {
    for _ in 0..20 {
        while let Some(transmit) = client.poll_transmit() {
            let pair = Pair {
                remote: local,
                local: client.remote_address(),
                protocol: Protocol::Udp,
            };
            core.handle_packet(now, pair, &mut transmit.contents.clone());
        }
        let outbox = core.outbox();
        let datagrams = outbox.datagrams().iter();
        let datagrams: Vec<Vec<u8>> = datagrams
            .map(|datagram| outbox.bytes(datagram).to_vec())
            .collect();
        outbox.clear();
        for mut datagram in datagrams {
            client.handle_datagram(now, &mut datagram);
        }
    }
    assert!(core.is_connected(SESSION, ANN));
}
