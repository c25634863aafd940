//! The settings: file, then environment, then command line, into one raw struct; then one conversion into the
//! typed one. A mistake is reported with where it stands: file and line, or the variable's name.

mod raw;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use hearken_protocol::VideoCodec;
use hearken_sfu_server::{Announced, PACKETS_PER_SECOND_MAX};
use hearken_signaling_server::{OperatorKey, PublicUrl, Relay};

use self::raw::RawConfig;
use crate::cli::ServeFlags;

/// Where a single machine serves itself.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

/// Where a machine serves the house: all addresses, IPv4 ones too.
const LISTEN_LAN: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 8443);

/// Where Prometheus finds the metrics.
const METRICS_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9464);

/// The first shard's UDP and TCP port.
const MEDIA_PORT: u16 = 40_000;

/// How long the audit log and ended sessions are kept, in days.
const RETENTION_DAYS: u32 = 30;

/// Everything that can be set, checked.
#[derive(Debug)]
pub struct Config {
    /// Address and port of the web client and its API.
    pub listen: SocketAddr,
    /// Where browsers reach the server; the listen origin if absent.
    pub public_url: Option<PublicUrl>,
    /// Who may create sessions; made at the first start if absent.
    pub operator_key: Option<OperatorKey>,
    /// The folder for everything that lasts.
    pub data_dir: PathBuf,
    /// The caption model: a name or a path; the default model if absent.
    pub model: Option<String>,
    /// How many voices are transcribed at once; by the cores of the machine if absent.
    pub caption_threads: Option<NonZero<u16>>,
    /// Where media goes.
    pub media: MediaSettings,
    /// Relays for media, if there are any.
    pub relay: Option<Relay>,
    /// Address and port of the metrics.
    pub metrics_listen: SocketAddr,
    /// How browsers connect.
    pub tls: TlsSettings,
    /// How long the audit log and ended sessions are kept.
    pub retention: Duration,
}

/// Where media goes.
#[derive(Debug)]
pub struct MediaSettings {
    /// The addresses that browsers are told; those of the interfaces if absent.
    pub announce: Option<Vec<Announced>>,
    /// The address the sockets are bound to; all if absent.
    pub bind: Option<IpAddr>,
    /// UDP and TCP port of the first shard; the others follow. 0: any.
    pub port: u16,
    /// How many shards, each a thread with a socket.
    pub shards: u16,
    /// What videos are encoded with while everybody in a session can decode it; otherwise VP8.
    pub video_codec: VideoCodec,
    /// From so many packets sent per second on, a shard lets nobody else in.
    pub packets_per_second_max: u64,
}

/// How browsers connect.
#[derive(Debug, PartialEq, Eq)]
pub enum TlsSettings {
    /// By HTTP: on this machine only, or behind a proxy that speaks HTTPS.
    Off,
    /// By HTTPS with one's own certificate.
    Files {
        /// The certificate and its chain, PEM.
        certificate: PathBuf,
        /// Its private key, PEM.
        key: PathBuf,
    },
    /// By HTTPS with a certificate made on the spot.
    SelfSigned,
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The settings file cannot be read.
    #[error("the settings file {file} cannot be read: {reason}")]
    Unreadable {
        /// Its path.
        file: String,
        /// Why.
        reason: String,
    },
    /// A line of the settings file makes no sense.
    #[error("{file}, line {line}: {problem}")]
    Line {
        /// Its path.
        file: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong, naming the field.
        problem: String,
    },
    /// A variable makes no sense.
    #[error("{variable}: {problem}")]
    Variable {
        /// Its name.
        variable: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// Settings do not fit each other.
    #[error("{fields}: {problem}")]
    Conflict {
        /// Which, by their names in the file.
        fields: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
}

impl Config {
    /// Reads all settings. `variable` looks up the environment.
    ///
    /// # Errors
    ///
    /// If any cannot be read or used; says where it stands.
    pub fn load(flags: &ServeFlags, variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let file = match &flags.config {
            Some(path) => RawConfig::from_file(path)?,
            None => RawConfig::default(),
        };
        let environment = RawConfig::from_environment(&variable)?;
        let raw = RawConfig::from_flags(flags).or(environment).or(file);
        Self::from_raw(raw, variable("HOME"))
    }

    fn from_raw(raw: RawConfig, home: Option<String>) -> Result<Self, ConfigError> {
        let conflict = |fields, problem| Err(ConfigError::Conflict { fields, problem });
        let lan = raw.lan.unwrap_or(false);
        let tls = match (raw.tls_cert, raw.tls_key) {
            (Some(certificate), Some(key)) => TlsSettings::Files { certificate, key },
            (None, None) if lan => TlsSettings::SelfSigned,
            (None, None) => TlsSettings::Off,
            _ => return conflict("tls_cert and tls_key", "both or none have to be given"),
        };
        let data_dir = match (raw.data_dir, home) {
            (Some(folder), _) => folder,
            (None, Some(home)) => PathBuf::from(home).join(".local/share/hearken"),
            (None, None) => return conflict("data_dir", "has to be given, since there is no HOME"),
        };
        let port = raw.media_port.unwrap_or(MEDIA_PORT);
        let shards = raw.shards.map_or_else(default_shards, NonZero::get);
        if port != 0 && port.checked_add(shards - 1).is_none() {
            return conflict(
                "media_port and shards",
                "the last shard's port would be above 65535",
            );
        }
        let announce: Option<Vec<Announced>> = raw
            .media_ip
            .filter(|addresses| !addresses.is_empty())
            .map(|addresses| addresses.into_iter().map(|address| address.0).collect());
        if announce.iter().flatten().any(|one| one.ip.is_unspecified()) {
            return conflict(
                "media_ip",
                "0.0.0.0 and :: are no addresses that a browser could send to",
            );
        }
        let urls: Vec<_> = raw.turn_urls.into_iter().flatten().map(|url| url.0).collect();
        let relay = match (urls.is_empty(), raw.turn_secret) {
            (true, None) => None,
            (false, Some(secret)) => match Relay::new(urls, secret.0) {
                Ok(relay) => Some(relay),
                Err(_) => return conflict("turn_urls", "too many addresses: every browser tries them all"),
            },
            _ => return conflict("turn_urls and turn_secret", "both or none have to be given"),
        };
        Ok(Self {
            listen: raw.listen.unwrap_or(if lan { LISTEN_LAN } else { LISTEN }),
            public_url: raw.public_url.map(|url| url.0),
            operator_key: raw.operator_key.map(|key| key.0),
            data_dir,
            model: raw.model,
            caption_threads: raw.caption_threads,
            media: MediaSettings {
                announce,
                bind: raw.media_bind,
                port,
                shards,
                video_codec: raw.video_codec.map_or(VideoCodec::Vp8, |codec| codec.0),
                packets_per_second_max: raw
                    .shard_packets_per_second
                    .map_or(PACKETS_PER_SECOND_MAX, |most| most.get().into()),
            },
            relay,
            metrics_listen: raw.metrics_listen.unwrap_or(METRICS_LISTEN),
            tls,
            retention: Duration::from_secs(
                u64::from(raw.retention_days.unwrap_or(RETENTION_DAYS)) * 24 * 60 * 60,
            ),
        })
    }
}

/// All cores but one, which is left to everything that is not media.
fn default_shards() -> u16 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    u16::try_from(cores.saturating_sub(1).max(1)).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn load(file: &str, variables: &[(&str, &str)], flags: ServeFlags) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hearken.toml");
        std::fs::write(&path, file).unwrap();
        let flags = ServeFlags {
            config: Some(path),
            ..flags
        };
        Config::load(&flags, |name| {
            let home = (name == "HOME").then(|| "/home/ann".to_owned());
            home.or_else(|| {
                variables
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, value)| (*value).to_owned())
            })
        })
    }

    fn problem(file: &str, variables: &[(&str, &str)]) -> String {
        load(file, variables, ServeFlags::default())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn without_settings_the_defaults_hold() {
        let config = load("", &[], ServeFlags::default()).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.metrics_listen.to_string(), "127.0.0.1:9464");
        assert_eq!(config.data_dir, Path::new("/home/ann/.local/share/hearken"));
        assert_eq!((config.media.port, config.tls), (40_000, TlsSettings::Off));
        assert_eq!(config.media.packets_per_second_max, PACKETS_PER_SECOND_MAX);
        assert!(config.media.shards >= 1 && config.public_url.is_none() && config.operator_key.is_none());
    }

    #[test]
    fn flags_win_over_variables_and_variables_over_the_file() {
        let file = "listen = '127.0.0.1:1'\nmetrics_listen = '127.0.0.1:1'\ndata_dir = '/file'";
        let variables = [
            ("HEARKEN_LISTEN", "127.0.0.1:2"),
            ("HEARKEN_DATA_DIR", "/variable"),
        ];
        let flags = ServeFlags {
            listen: Some("127.0.0.1:3".parse().unwrap()),
            ..ServeFlags::default()
        };
        let config = load(file, &variables, flags).unwrap();
        assert_eq!(config.listen.port(), 3);
        assert_eq!(config.data_dir, Path::new("/variable"));
        assert_eq!(config.metrics_listen.port(), 1);
    }

    #[test]
    fn every_variable_is_heard() {
        let variables = [
            ("HEARKEN_LISTEN", "[::1]:1"),
            ("HEARKEN_PUBLIC_URL", "https://call.example.org"),
            ("HEARKEN_OPERATOR_KEY", "0123456789abcdef"),
            ("HEARKEN_DATA_DIR", "/data"),
            ("HEARKEN_MODEL", "base.en"),
            ("HEARKEN_MEDIA_IP", "192.0.2.1, [2001:db8::1]:5000"),
            ("HEARKEN_MEDIA_BIND", "0.0.0.0"),
            ("HEARKEN_MEDIA_PORT", "5000"),
            ("HEARKEN_SHARDS", "3"),
            ("HEARKEN_VIDEO_CODEC", "av1"),
            ("HEARKEN_SHARD_PACKETS_PER_SECOND", "90000"),
            (
                "HEARKEN_TURN_URLS",
                "turn:turn.example.org, turns:turn.example.org:443?transport=tcp",
            ),
            ("HEARKEN_TURN_SECRET", "north-south-east-west"),
            ("HEARKEN_METRICS_LISTEN", "127.0.0.1:0"),
            ("HEARKEN_TLS_CERT", "/c"),
            ("HEARKEN_TLS_KEY", "/k"),
            ("HEARKEN_RETENTION_DAYS", "7"),
        ];
        let config = load("", &variables, ServeFlags::default()).unwrap();
        assert_eq!(config.listen.to_string(), "[::1]:1");
        assert_eq!(config.public_url.unwrap().to_string(), "https://call.example.org");
        assert_eq!(config.operator_key.unwrap().reveal(), "0123456789abcdef");
        assert_eq!(config.model.as_deref(), Some("base.en"));
        assert_eq!(config.media.announce.unwrap().len(), 2);
        assert_eq!((config.media.port, config.media.shards), (5000, 3));
        assert_eq!(config.media.bind.unwrap().to_string(), "0.0.0.0");
        assert!(config.relay.is_some());
        assert_eq!(config.media.video_codec, VideoCodec::Av1);
        assert_eq!(config.media.packets_per_second_max, 90_000);
        assert_eq!(
            config.tls,
            TlsSettings::Files {
                certificate: "/c".into(),
                key: "/k".into()
            }
        );
        assert_eq!(config.retention, Duration::from_secs(7 * 24 * 60 * 60));
    }

    #[test]
    fn serving_the_house_means_all_addresses_and_https() {
        for (variables, flags) in [
            (&[("HEARKEN_LAN", "1")][..], ServeFlags::default()),
            (
                &[][..],
                ServeFlags {
                    lan: true,
                    ..ServeFlags::default()
                },
            ),
        ] {
            let config = load("", variables, flags).unwrap();
            assert_eq!(
                (config.listen.to_string().as_str(), config.tls),
                ("[::]:8443", TlsSettings::SelfSigned)
            );
        }
    }

    #[test]
    fn a_mistake_in_the_file_is_named_with_its_line_and_field() {
        for (file, expected) in [
            ("\nlisten = 'somewhere'", "line 2: `listen`"),
            ("# x\n\nmedia_port = 99999", "line 3: `media_port`"),
            ("colour = 'red'", "line 1: unknown field `colour`"),
            ("lan = true\nlisten = ", "line 2:"),
            ("operator_key = 'short'", "line 1: `operator_key`"),
            ("media_ip = ['nowhere']", "line 1: `media_ip`"),
        ] {
            let problem = problem(file, &[]);
            assert!(
                problem.contains("hearken.toml, ") && problem.contains(expected),
                "{problem}"
            );
        }
        assert!(!problem("operator_key = 'shortsecret'", &[]).contains("shortsecret"));
    }

    #[test]
    fn a_mistake_in_a_variable_is_named() {
        for (variable, value) in [
            ("HEARKEN_LISTEN", "8080"),
            ("HEARKEN_PUBLIC_URL", "call.example.org"),
            ("HEARKEN_OPERATOR_KEY", "shortsecret"),
            ("HEARKEN_MEDIA_IP", "192.0.2.1,nowhere"),
            ("HEARKEN_SHARDS", "0"),
            ("HEARKEN_TURN_URLS", "turn.example.org"),
            ("HEARKEN_TURN_SECRET", "shortsecret"),
            ("HEARKEN_LAN", "perhaps"),
        ] {
            let problem = problem("", &[(variable, value)]);
            assert!(
                problem.starts_with(&format!("{variable}: ")) && !problem.contains("shortsecret"),
                "{problem}"
            );
        }
    }

    #[test]
    fn a_shard_that_may_send_nothing_is_a_mistake_that_is_named() {
        for text in ["0", "many", "-1", "99999999999"] {
            let problem = problem("", &[("HEARKEN_SHARD_PACKETS_PER_SECOND", text)]);
            let expected = "HEARKEN_SHARD_PACKETS_PER_SECOND: expected a number of packets, at least 1";
            assert!(problem.starts_with(expected), "{problem}");
        }
        assert!(problem("shard_packets_per_second = 0", &[]).contains("shard_packets_per_second"));
    }

    #[test]
    fn settings_that_do_not_fit_each_other_are_refused() {
        assert!(problem("tls_cert = '/c'", &[]).contains("tls_key"));
        assert!(problem("turn_urls = ['turn:a']", &[]).contains("turn_secret"));
        assert!(problem("media_port = 65535\nshards = 2", &[]).contains("media_port"));
        assert!(problem("media_ip = ['0.0.0.0']", &[]).contains("media_ip"));
    }

    #[test]
    fn an_unreadable_file_is_named() {
        let flags = ServeFlags {
            config: Some("/no/such/file.toml".into()),
            ..ServeFlags::default()
        };
        assert!(
            Config::load(&flags, |_| None)
                .unwrap_err()
                .to_string()
                .contains("/no/such/file.toml")
        );
    }

    /// Every setting stands in the sample, commented out, with its default.
    #[test]
    fn the_sample_file_is_complete_and_says_the_defaults() {
        let sample = include_str!("../deploy/hearken.toml");
        let active = load(sample, &[], ServeFlags::default()).unwrap();
        let is_setting =
            |line: &&str| line.starts_with("#") && line.contains(" = ") && !line.starts_with("# ");
        let settings: String = sample
            .lines()
            .filter(is_setting)
            .map(|line| format!("{}\n", &line[1..]))
            .collect();
        let shown: toml::Table = toml::from_str(&settings).unwrap();
        let mut names: Vec<&str> = shown.keys().map(String::as_str).collect();
        let mut expected: Vec<&str> = RawConfig::FIELDS.to_vec();
        names.sort_unstable();
        expected.sort_unstable();
        assert_eq!(names, expected);
        let spelt_out = load(&settings, &[], ServeFlags::default()).unwrap();
        assert_eq!(spelt_out.listen, active.listen);
        assert_eq!(spelt_out.metrics_listen, active.metrics_listen);
        assert_eq!(
            spelt_out.media.packets_per_second_max,
            active.media.packets_per_second_max
        );
        assert_eq!(
            (spelt_out.media.port, spelt_out.retention),
            (active.media.port, active.retention)
        );
    }
}
