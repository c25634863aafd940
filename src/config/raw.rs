//! The settings as they are written, wherever that is. Every field may be absent.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use hearken_protocol::VideoCodec;
use hearken_sfu_server::Announced;
use hearken_signaling_server::{OperatorKey, PublicUrl, RelaySecret, RelayUrl};
use serde::de::{Deserialize, Deserializer, Error as _};

use super::ConfigError;
use crate::cli::ServeFlags;

/// A value that is read from a text.
#[derive(Debug)]
pub(super) struct Parsed<T>(pub(super) T);

/// Something that can be read from a text, without showing the text in the error.
trait Parse: Sized {
    fn parse(text: &str) -> Result<Self, String>;
}

impl Parse for Announced {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|error: <Self as FromStr>::Err| error.to_string())
    }
}

impl Parse for RelayUrl {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|error: <Self as FromStr>::Err| error.to_string())
    }
}

impl Parse for RelaySecret {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|error: <Self as FromStr>::Err| error.to_string())
    }
}

impl Parse for PublicUrl {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|error: <Self as FromStr>::Err| error.to_string())
    }
}

impl Parse for OperatorKey {
    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|error| error.to_string())
    }
}

impl Parse for VideoCodec {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "vp8" => Ok(Self::Vp8),
            "h264" => Ok(Self::H264),
            "vp9" => Ok(Self::Vp9),
            "av1" => Ok(Self::Av1),
            _ => Err("expected vp8, h264, vp9 or av1".to_owned()),
        }
    }
}

impl<'de, T: Parse> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        T::parse(&text).map(Self).map_err(D::Error::custom)
    }
}

macro_rules! raw_config {
    ($($(#[$doc:meta])* $field:ident: $kind:ty, $variable:literal, $read:expr;)*) => {
        /// All settings as written.
        #[derive(Debug, Default, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct RawConfig {
            $($(#[$doc])* pub(super) $field: Option<$kind>,)*
        }

        impl RawConfig {
            /// The names of all settings in the file.
            #[cfg(test)]
            pub(super) const FIELDS: &[&str] = &[$(stringify!($field)),*];

            /// What stands in variables. An empty one is as good as none.
            pub(super) fn from_environment(
                variable: impl Fn(&str) -> Option<String>,
            ) -> Result<Self, ConfigError> {
                Ok(Self {
                    $($field: match variable($variable).filter(|text| !text.trim().is_empty()) {
                        None => None,
                        Some(text) => Some($read(text.trim()).map_err(|problem: String| {
                            ConfigError::Variable { variable: $variable, problem }
                        })?),
                    },)*
                })
            }

            /// These settings, and those of `other` where there are none.
            pub(super) fn or(self, other: Self) -> Self {
                Self { $($field: self.$field.or(other.$field),)* }
            }
        }
    };
}

raw_config! {
    /// Address and port of the web client and its API.
    listen: SocketAddr, "HEARKEN_LISTEN", read_as("an address and a port like 127.0.0.1:8080");
    /// Where browsers reach the server.
    public_url: Parsed<PublicUrl>, "HEARKEN_PUBLIC_URL", parsed;
    /// Who may create sessions.
    operator_key: Parsed<OperatorKey>, "HEARKEN_OPERATOR_KEY", parsed;
    /// The folder for everything that lasts.
    data_dir: PathBuf, "HEARKEN_DATA_DIR", read_as("a folder");
    /// The caption model's name or path.
    model: String, "HEARKEN_MODEL", read_as("a name or a path");
    /// How many voices are transcribed at once.
    caption_threads: NonZero<u16>, "HEARKEN_CAPTION_THREADS", read_as("a number from 1 to 65535");
    /// The addresses that browsers send media to, with a port where a router has another.
    media_ip: Vec<Parsed<Announced>>, "HEARKEN_MEDIA_IP", list;
    /// The address that media sockets are bound to.
    media_bind: IpAddr, "HEARKEN_MEDIA_BIND", read_as("an address like 0.0.0.0");
    /// UDP and TCP port of the first shard; 0 is any.
    media_port: u16, "HEARKEN_MEDIA_PORT", read_as("a port from 0 to 65535");
    /// How many shards carry media.
    shards: NonZero<u16>, "HEARKEN_SHARDS", read_as("a number from 1 to 65535");
    /// What videos are encoded with while everybody in a session can decode it.
    video_codec: Parsed<VideoCodec>, "HEARKEN_VIDEO_CODEC", parsed;
    /// From so many packets sent per second on, a shard lets nobody else in.
    shard_packets_per_second: NonZero<u32>, "HEARKEN_SHARD_PACKETS_PER_SECOND",
        read_as("a number of packets, at least 1");
    /// Relays for media.
    turn_urls: Vec<Parsed<RelayUrl>>, "HEARKEN_TURN_URLS", list;
    /// What the relays and this server both know.
    turn_secret: Parsed<RelaySecret>, "HEARKEN_TURN_SECRET", parsed;
    /// Address and port of the metrics.
    metrics_listen: SocketAddr, "HEARKEN_METRICS_LISTEN", read_as("an address and a port like 127.0.0.1:9464");
    /// The certificate and its chain, PEM.
    tls_cert: PathBuf, "HEARKEN_TLS_CERT", read_as("a file");
    /// Its private key, PEM.
    tls_key: PathBuf, "HEARKEN_TLS_KEY", read_as("a file");
    /// Serves everybody in the house by HTTPS with a certificate made on the spot.
    lan: bool, "HEARKEN_LAN", switch;
    /// How long the audit log and ended sessions are kept, in days.
    retention_days: u32, "HEARKEN_RETENTION_DAYS", read_as("a number of days");
}

impl RawConfig {
    /// What stands in a file.
    pub(super) fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
            file: file.clone(),
            reason: error.to_string(),
        })?;
        toml::from_str(&text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start).min(text.len());
            let line = text[..start].matches('\n').count() + 1;
            let message = error.message();
            let field = text
                .lines()
                .nth(line - 1)
                .and_then(|line| line.split_once('='))
                .map(|(field, _)| field.trim());
            let problem = match field {
                Some(field) if !message.contains(field) => format!("`{field}`: {message}"),
                _ => message.to_owned(),
            };
            ConfigError::Line { file, line, problem }
        })
    }

    /// What stands on the command line.
    pub(super) fn from_flags(flags: &ServeFlags) -> Self {
        Self {
            listen: flags.listen,
            data_dir: flags.data_dir.clone(),
            lan: flags.lan.then_some(true),
            ..Self::default()
        }
    }
}

fn read_as<T: FromStr<Err: Display>>(expected: &'static str) -> impl Fn(&str) -> Result<T, String> {
    move |text| {
        text.parse()
            .map_err(|_| format!("expected {expected}, found `{text}`"))
    }
}

fn parsed<T: Parse>(text: &str) -> Result<Parsed<T>, String> {
    T::parse(text).map(Parsed)
}

fn list<T: Parse>(text: &str) -> Result<Vec<Parsed<T>>, String> {
    text.split(',').map(|one| parsed(one.trim())).collect()
}

fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(format!("expected 1 or 0, found `{text}`")),
    }
}
