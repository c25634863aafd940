//! One section (`m=`) of an offer.

use hearken_protocol::TrackSource;

use super::codec::{ChosenCodecs, Codec, Feedback, OfferedCodec};
use super::extension::HeaderExtension;

/// What the lists of one section hold at most; what goes beyond is passed over. An untrimmed Chromium
/// offers 45 codecs and 16 extensions.
const CODECS_MAX: usize = 64;
const EXTENSIONS_MAX: usize = 32;
const RIDS_MAX: usize = 3;
const SSRCS_MAX: usize = 16;

/// Characters of a `mid` or `rid`; browsers use one or two, `{…}` of 38 in old Firefox.
const IDENTIFIER_CHARACTERS_MAX: usize = 40;

const FMTP_CHARACTERS_MAX: usize = 512;

/// What a section is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
    /// Anything else (data channels): always rejected.
    Other,
}

/// Which way media flows, seen from whoever says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// Out only.
    SendOnly,
    /// In only.
    RecvOnly,
    /// Not at all.
    Inactive,
}

impl Direction {
    /// Whether whoever says it sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether whoever says it receives.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// What a section means to Hearken, told by its place (see [`super::Offer::roles`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SectionRole {
    /// The client sends this here.
    Source(TrackSource),
    /// The client receives here; the audio and the video section of a pair have the same number.
    Slot {
        /// Counts the pairs from 0.
        pair: usize,
    },
    /// Rejected, or of no use.
    Unused,
}

/// One section of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferSection {
    /// Unique among the sections.
    pub mid: String,
    /// Sound or pictures.
    pub kind: MediaKind,
    /// Seen from the client.
    pub direction: Direction,
    /// In the client's order of preference.
    pub codecs: Vec<OfferedCodec>,
    /// Id and meaning of those that are known here.
    pub extensions: Vec<(u8, HeaderExtension)>,
    /// Simulcast layers that the client sends, in its order; empty without simulcast.
    pub rids: Vec<String>,
    /// SSRCs that the client announces; with simulcast there are often none.
    pub ssrcs: Vec<u32>,
    /// SSRCs of media with those of their retransmissions (RFC 4588 §8.8).
    pub fid_groups: Vec<(u32, u32)>,
    /// The client has stopped it for good, or it is of a kind that nobody here knows.
    pub rejected: bool,
    /// Media type, protocol and first format, for an answer that rejects it.
    pub(super) header: [String; 3],
    pub(super) transport: TransportLines,
    /// Ids of extensions for one way only.
    one_way: Vec<(u8, Direction)>,
}

/// Attributes that belong to the transport: with BUNDLE those of the first section count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TransportLines {
    pub(super) ufrag: Option<String>,
    pub(super) password: Option<String>,
    pub(super) fingerprints: Vec<String>,
    pub(super) setup: Option<String>,
    pub(super) rtcp_mux: bool,
    pub(super) bundle_only: bool,
    pub(super) direction: Option<Direction>,
}

/// Fingerprint lines that are looked at.
const FINGERPRINTS_MAX: usize = 8;

impl TransportLines {
    /// Takes an attribute if it is one of these.
    pub(super) fn read(&mut self, name: &str, value: &str) {
        match name {
            "ice-ufrag" => self.ufrag = Some(value.to_owned()),
            "ice-pwd" => self.password = Some(value.to_owned()),
            "fingerprint" if self.fingerprints.len() < FINGERPRINTS_MAX => {
                self.fingerprints.push(value.to_owned());
            }
            "setup" => self.setup = Some(value.to_owned()),
            "rtcp-mux" => self.rtcp_mux = true,
            "bundle-only" => self.bundle_only = true,
            "sendrecv" => self.direction = Some(Direction::SendRecv),
            "sendonly" => self.direction = Some(Direction::SendOnly),
            "recvonly" => self.direction = Some(Direction::RecvOnly),
            "inactive" => self.direction = Some(Direction::Inactive),
            _ => {}
        }
    }
}

impl OfferSection {
    /// Reads an `m=` line; `None` when it is not one.
    pub(super) fn open(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let (media, port, protocol) = (words.next()?, words.next()?, words.next()?);
        let port: u16 = port.parse().ok()?;
        let formats: Vec<&str> = words.take(CODECS_MAX).collect();
        let kind = match media {
            _ if !protocol.ends_with("/SAVPF") => MediaKind::Other,
            "audio" => MediaKind::Audio,
            "video" => MediaKind::Video,
            _ => MediaKind::Other,
        };
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic()) && text.len() <= 64;
        if !plain(media) || !plain(protocol) {
            return None;
        }
        let first_format = formats
            .first()
            .copied()
            .filter(|format| plain(format))
            .unwrap_or("0");
        let codec = |format: &str| {
            let payload_type = format.parse().ok().filter(|number: &u8| *number < 128)?;
            let (clock_rate, fmtp, feedback) = (0, String::new(), Vec::new());
            Some(OfferedCodec {
                payload_type,
                codec: Codec::Other,
                clock_rate,
                channels: 1,
                fmtp,
                feedback,
            })
        };
        let codecs = match kind {
            MediaKind::Audio | MediaKind::Video => {
                formats.iter().filter_map(|format| codec(format)).collect()
            }
            MediaKind::Other => Vec::new(),
        };
        Some(Self {
            mid: String::new(),
            kind,
            direction: Direction::SendRecv,
            codecs,
            extensions: Vec::new(),
            rids: Vec::new(),
            ssrcs: Vec::new(),
            fid_groups: Vec::new(),
            // Port 0 is a rejection unless the section is bundle-only (RFC 8843 §6).
            rejected: port == 0,
            header: [media.to_owned(), protocol.to_owned(), first_format.to_owned()],
            transport: TransportLines::default(),
            one_way: Vec::new(),
        })
    }

    /// Reads one of its `a=` lines. What is malformed or not known is passed over, as RFC 8866 §5.13 has it.
    pub(super) fn read(&mut self, name: &str, value: &str) {
        // A line that is not understood changes nothing.
        let _ = match name {
            "mid" => self.read_mid(value),
            "rtpmap" => self.read_rtpmap(value),
            "fmtp" => self.read_fmtp(value),
            "rtcp-fb" => self.read_feedback(value),
            "extmap" => self.read_extension(value),
            "rid" => self.read_rid(value),
            "ssrc" => self.read_ssrc(value),
            "ssrc-group" => self.read_group(value),
            _ => {
                self.transport.read(name, value);
                None
            }
        };
    }

    /// Settles what depends on several lines.
    pub(super) fn close(&mut self, session_direction: Option<Direction>) {
        let default = session_direction.unwrap_or(Direction::SendRecv);
        self.direction = self.transport.direction.unwrap_or(default);
        self.rejected = match self.kind {
            MediaKind::Audio | MediaKind::Video => self.rejected && !self.transport.bundle_only,
            MediaKind::Other => true,
        };
        let flows = |id: u8| {
            let is_useless = |(one_way, way): &(u8, Direction)| {
                *one_way == id
                    && !(way.sends() && self.direction.sends() || way.receives() && self.direction.receives())
            };
            !self.one_way.iter().any(is_useless)
        };
        self.extensions.retain(|(id, _)| flows(*id));
        // The fmtp of a retransmission may stand in front of its rtpmap.
        for codec in &mut self.codecs {
            if let Codec::Rtx { apt } = &mut codec.codec {
                *apt = parameter(&codec.fmtp, "apt")
                    .and_then(|apt| apt.parse().ok())
                    .unwrap_or(u8::MAX);
            }
        }
    }

    /// What the section is used with first: Opus for sound, one of the video codecs for pictures; `None` when it
    /// has none of them.
    pub fn chosen(&self) -> Option<ChosenCodecs<'_>> {
        self.all_chosen().into_iter().next()
    }

    /// All codecs the section is used with, each with its retransmissions: VP8 before the others, since browsers
    /// send the first of an answer, then in the order of the offer.
    pub fn all_chosen(&self) -> Vec<ChosenCodecs<'_>> {
        let usable = self
            .codecs
            .iter()
            .enumerate()
            .filter(|(_, offered)| offered.is_usable_for(self.kind));
        // Of several of one kind the client's favourite counts.
        let mut media: Vec<_> = usable
            .filter(|(index, offered)| {
                let earlier = self.codecs[..*index].iter();
                !earlier
                    .into_iter()
                    .any(|other| other.codec == offered.codec && other.is_usable_for(self.kind))
            })
            .map(|(_, offered)| offered)
            .collect();
        media.sort_by_key(|offered| offered.codec != Codec::Vp8);
        media.into_iter().map(|media| self.with_repairs(media)).collect()
    }

    fn with_repairs<'a>(&'a self, media: &'a OfferedCodec) -> ChosenCodecs<'a> {
        let repeats = |offered: &&OfferedCodec| {
            offered.codec
                == Codec::Rtx {
                    apt: media.payload_type,
                }
        };
        let rtx = self
            .codecs
            .iter()
            .find(repeats)
            .map(|offered| offered.payload_type);
        ChosenCodecs {
            media,
            rtx: rtx.filter(|_| media.has(Feedback::Nack)),
            red: self.redundant(media),
        }
    }

    /// The payload type of redundant audio that copies this codec.
    fn redundant(&self, media: &OfferedCodec) -> Option<u8> {
        let number = media.payload_type.to_string();
        let copies = |offered: &&OfferedCodec| {
            let is_red = offered.codec == Codec::Red && offered.clock_rate == media.clock_rate;
            is_red
                && offered.channels == media.channels
                && offered.fmtp.split('/').all(|block| block == number)
        };
        let red = self.codecs.iter().find(copies)?;
        Some(red.payload_type)
    }

    /// Under which id the section has this extension.
    pub fn extension_id(&self, wanted: HeaderExtension) -> Option<u8> {
        self.extensions
            .iter()
            .find(|(_, extension)| *extension == wanted)
            .map(|(id, _)| *id)
    }

    /// The SSRC of the retransmissions of this stream, if the offer names it.
    pub fn rtx_ssrc(&self, ssrc: u32) -> Option<u32> {
        self.fid_groups
            .iter()
            .find(|(media, _)| *media == ssrc)
            .map(|(_, rtx)| *rtx)
    }

    fn read_mid(&mut self, value: &str) -> Option<()> {
        self.mid = identifier(value)?.to_owned();
        Some(())
    }

    fn read_rtpmap(&mut self, value: &str) -> Option<()> {
        let (payload_type, encoding) = value.split_once(' ')?;
        let mut parts = encoding.trim().split('/');
        let (name, clock_rate) = (parts.next()?, parts.next()?.parse().ok()?);
        let channels = parts
            .next()
            .and_then(|channels| channels.parse().ok())
            .unwrap_or(1);
        let codec = match name.to_ascii_lowercase().as_str() {
            "opus" => Codec::Opus,
            "red" => Codec::Red,
            "vp8" => Codec::Vp8,
            "vp9" => Codec::Vp9,
            "h264" => Codec::H264,
            "av1" => Codec::Av1,
            "rtx" => Codec::Rtx { apt: u8::MAX },
            _ => Codec::Other,
        };
        let offered = self.codec_mut(payload_type)?;
        (offered.codec, offered.clock_rate, offered.channels) = (codec, clock_rate, channels);
        Some(())
    }

    fn read_fmtp(&mut self, value: &str) -> Option<()> {
        let (payload_type, parameters) = value.split_once(' ')?;
        if parameters.len() > FMTP_CHARACTERS_MAX {
            return None;
        }
        self.codec_mut(payload_type)?.fmtp = parameters.trim().to_owned();
        Some(())
    }

    fn read_feedback(&mut self, value: &str) -> Option<()> {
        let (payload_type, name) = value.split_once(' ')?;
        let feedback = Feedback::from_name(name.trim())?;
        let add = |offered: &mut OfferedCodec| {
            if !offered.has(feedback) {
                offered.feedback.push(feedback);
            }
        };
        if payload_type == "*" {
            self.codecs.iter_mut().for_each(add);
        } else {
            add(self.codec_mut(payload_type)?);
        }
        Some(())
    }

    fn read_extension(&mut self, value: &str) -> Option<()> {
        let mut words = value.split_ascii_whitespace();
        let (id, direction) = match words.next()?.split_once('/') {
            Some((id, direction)) => (id, Some(direction)),
            None => return self.add_extension(value.split_ascii_whitespace().next()?, words.next()?),
        };
        // Firefox offers some that it only sends or only receives: of no use in a section that flows the other way.
        let way = match direction {
            Some("sendonly") => Direction::SendOnly,
            Some("recvonly") => Direction::RecvOnly,
            Some("inactive") => return None,
            _ => Direction::SendRecv,
        };
        self.add_extension(id, words.next()?)?;
        self.one_way.push((id.parse().ok()?, way));
        Some(())
    }

    fn add_extension(&mut self, id: &str, uri: &str) -> Option<()> {
        let id: u8 = id.parse().ok().filter(|id| *id > 0 && *id != 15)?;
        let extension = HeaderExtension::from_uri(uri)?;
        let known = self
            .extensions
            .iter()
            .any(|(other, of)| *other == id || *of == extension);
        if known || self.extensions.len() >= EXTENSIONS_MAX {
            return None;
        }
        self.extensions.push((id, extension));
        Some(())
    }

    fn read_rid(&mut self, value: &str) -> Option<()> {
        let mut words = value.split_ascii_whitespace();
        let rid = identifier(words.next()?)?;
        if words.next()? == "send"
            && self.rids.len() < RIDS_MAX
            && !self.rids.iter().any(|other| other == rid)
        {
            self.rids.push(rid.to_owned());
        }
        Some(())
    }

    fn read_ssrc(&mut self, value: &str) -> Option<()> {
        let ssrc = value.split_ascii_whitespace().next()?.parse().ok()?;
        if !self.ssrcs.contains(&ssrc) && self.ssrcs.len() < SSRCS_MAX {
            self.ssrcs.push(ssrc);
        }
        Some(())
    }

    fn read_group(&mut self, value: &str) -> Option<()> {
        let mut words = value.split_ascii_whitespace();
        if words.next()? != "FID" {
            return None;
        }
        let pair = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        if self.fid_groups.len() < SSRCS_MAX {
            self.fid_groups.push(pair);
        }
        Some(())
    }

    fn codec_mut(&mut self, payload_type: &str) -> Option<&mut OfferedCodec> {
        let payload_type: u8 = payload_type.parse().ok()?;
        self.codecs
            .iter_mut()
            .find(|offered| offered.payload_type == payload_type)
    }
}

/// A `mid` or `rid`: printable, no blank, not long.
fn identifier(text: &str) -> Option<&str> {
    let text = text.trim();
    let good =
        (1..=IDENTIFIER_CHARACTERS_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    // `;` and `,` separate layers in a=simulcast.
    (good && !text.contains([';', ','])).then_some(text)
}

/// The value of one parameter of an `a=fmtp` line.
pub(super) fn parameter<'a>(fmtp: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = fmtp.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}
