//! The media plane of this process, as signaling sees it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::Context;
use hearken_captions_worker::Supervisor;
use hearken_protocol::{MediaCommand, MediaEvent, SpeechPacket};
use hearken_sfu_server::{Announced, MediaConfig, MediaServer, SendError};
use hearken_signaling_server::{MediaPlane, MediaPlaneError};
use prometheus::Registry;
use tokio::sync::mpsc;

use crate::config::MediaSettings;

/// The media plane when it has just started.
pub struct Media {
    /// Takes orders.
    pub plane: Plane,
    /// News for signaling.
    pub events: mpsc::Receiver<MediaEvent>,
    /// Speech for the captions.
    pub speech: mpsc::Receiver<SpeechPacket>,
}

impl Media {
    /// Binds the sockets and starts the shards. Browsers are told the `announced` addresses.
    ///
    /// # Errors
    ///
    /// If a port is in use or an address is not ours.
    pub fn start(
        settings: &MediaSettings,
        announced: Vec<Announced>,
        registry: &Registry,
    ) -> anyhow::Result<Self> {
        let bind = match settings.bind {
            Some(address) => vec![address],
            None => families(&announced),
        };
        let config = MediaConfig {
            bind,
            announced,
            port: settings.port,
            shards: usize::from(settings.shards),
            video_codec: settings.video_codec,
            packets_per_second_max: settings.packets_per_second_max,
        };
        let (server, outputs) = MediaServer::start(&config, registry).context(
            "choose another port with HEARKEN_MEDIA_PORT or another address with HEARKEN_MEDIA_BIND",
        )?;
        let plane = Plane {
            server,
            captions: None,
        };
        Ok(Self {
            plane,
            events: outputs.events,
            speech: outputs.speech,
        })
    }
}

/// All addresses of each family that is announced.
fn families(announced: &[Announced]) -> Vec<IpAddr> {
    let all = [
        IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    ];
    all.into_iter()
        .filter(|all| announced.iter().any(|one| one.ip.is_ipv4() == all.is_ipv4()))
        .collect()
}

/// The media plane, and the captions process that has to hear when a session is over.
pub struct Plane {
    server: MediaServer,
    captions: Option<Supervisor>,
}

impl Plane {
    /// Tells this captions process when sessions are over.
    pub fn with_captions(self, captions: Supervisor) -> Self {
        Self {
            captions: Some(captions),
            ..self
        }
    }

    /// Waits until a part of the media plane has ended by a fault of ours.
    pub async fn failed(&self) {
        self.server.failed().await;
    }

    /// Ends the shards. The captions process ends when the last owner lets go.
    pub fn stop(&self) {
        self.server.shutdown();
    }
}

impl MediaPlane for Plane {
    fn send(&self, command: MediaCommand) -> Result<(), MediaPlaneError> {
        match (&command, &self.captions) {
            (MediaCommand::CloseSession { session }, Some(captions)) => captions.forget_session(*session),
            (MediaCommand::Listen { session, speech }, Some(captions)) => {
                captions.listen(*session, speech.clone());
                return Ok(());
            }
            _ => {}
        }
        self.server.send(command).map_err(|error| match error {
            SendError::Overloaded => MediaPlaneError::Overloaded,
            SendError::Stopped(_) => MediaPlaneError::Stopped,
        })
    }

    fn epoch(&self) -> u64 {
        self.server.epoch()
    }

    fn is_ready(&self) -> bool {
        self.server.is_running()
    }
}
