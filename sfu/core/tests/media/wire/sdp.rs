//! Offers as a browser writes them, and what it reads in answers.

use std::collections::BTreeMap;
use std::fmt::Write;

use hearken_sfu_core::transport::{Fingerprint, IceCredentials};

use super::{AV1, DEPENDENCY, H264, LEVEL, MID, OPUS, RID, RRID, TWCC, VP8, VP9};

/// How a client's offer differs from the usual one.
#[derive(Debug, Clone, Copy)]
pub struct OfferStyle {
    pub pairs: usize,
    /// As Firefox has it: FID groups and SSRCs; else only MID and RID.
    pub ssrcs: Option<[(u32, u32); 2]>,
    pub opus: u8,
    pub vp8: u8,
    pub rtx: bool,
    /// The payload type of redundant audio.
    pub red: Option<u8>,
    pub others: OtherCodecs,
    /// Said beside the offer.
    pub is_end_to_end_encrypted: bool,
}

/// What a client knows of video besides VP8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherCodecs {
    None,
    /// VP9, H.264 and AV1.
    All,
    /// The same, without the dependency descriptor.
    WithoutDescriptor,
}

impl Default for OfferStyle {
    fn default() -> Self {
        Self {
            pairs: 3,
            ssrcs: None,
            opus: OPUS,
            vp8: VP8,
            rtx: true,
            red: None,
            others: OtherCodecs::None,
            is_end_to_end_encrypted: false,
        }
    }
}

impl OfferStyle {
    pub fn rtx_type(&self) -> u8 {
        self.vp8 + 1
    }
}

pub fn offer(ice: &IceCredentials, fingerprint: Fingerprint, style: &OfferStyle) -> String {
    let group = |pair: Option<(u32, u32)>| match pair {
        Some((media, rtx)) => {
            format!("a=ssrc-group:FID {media} {rtx}\r\na=ssrc:{media} cname:x\r\na=ssrc:{rtx} cname:x\r\n")
        }
        None => String::new(),
    };
    let simulcast = "a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f\r\n";
    let camera = style
        .ssrcs
        .map_or(simulcast.to_owned(), |ssrcs| group(Some(ssrcs[0])));
    let screen = group(style.ssrcs.map(|ssrcs| ssrcs[1]));
    let mut sections = vec![
        (audio(style), "sendonly", String::new()),
        (video(style), "sendonly", camera),
        (video(style), "sendonly", screen),
        (audio(style), "sendonly", String::new()),
    ];
    for _ in 0..style.pairs {
        sections.push((audio(style), "recvonly", String::new()));
        sections.push((video(style), "recvonly", String::new()));
    }
    let mids: Vec<String> = (0..sections.len()).map(|mid| mid.to_string()).collect();
    let mut offer = format!(
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\na=extmap-allow-mixed\r\n",
        mids.join(" ")
    );
    for (mid, (media, direction, streams)) in mids.iter().zip(sections) {
        let _ = write!(
            offer,
            "{media}c=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\n\
             a=fingerprint:{fingerprint}\r\na=setup:actpass\r\na=rtcp-mux\r\na=rtcp-rsize\r\na={direction}\r\n\
             a=extmap:{MID} urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
             a=extmap:{TWCC} http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n{streams}",
            ice.ufrag, ice.password,
        );
    }
    offer
}

/// What a section for sound begins with.
fn audio(style: &OfferStyle) -> String {
    let opus = style.opus;
    let formats = style.red.map(|red| format!(" {red}")).unwrap_or_default();
    let red = style.red.map_or(String::new(), |red| {
        format!("a=rtpmap:{red} red/48000/2\r\na=fmtp:{red} {opus}/{opus}\r\n")
    });
    format!(
        "m=audio 9 UDP/TLS/RTP/SAVPF {opus}{formats}\r\na=rtpmap:{opus} opus/48000/2\r\n{red}\
         a=rtcp-fb:{opus} transport-cc\r\na=rtcp-fb:{opus} nack\r\n\
         a=extmap:{LEVEL} urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
    )
}

/// What a section for pictures begins with.
fn video(style: &OfferStyle) -> String {
    let (vp8, rtx) = (style.vp8, style.rtx_type());
    let mut formats = vp8.to_string();
    if style.rtx {
        let _ = write!(formats, " {rtx}");
    }
    if style.others != OtherCodecs::None {
        for number in [VP9, H264, AV1] {
            let _ = write!(formats, " {number} {}", number + 1);
        }
    }
    let mut section = format!("m=video 9 UDP/TLS/RTP/SAVPF {formats}\r\na=rtpmap:{vp8} VP8/90000\r\n");
    for feedback in ["nack", "nack pli", "ccm fir", "transport-cc"] {
        let _ = write!(section, "a=rtcp-fb:{vp8} {feedback}\r\n");
    }
    if style.others != OtherCodecs::None {
        section.push_str(&others());
    }
    if style.others == OtherCodecs::All {
        let uri = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
        let _ = write!(section, "a=extmap:{DEPENDENCY} {uri}\r\n");
    }
    if style.rtx {
        let _ = write!(section, "a=rtpmap:{rtx} rtx/90000\r\na=fmtp:{rtx} apt={vp8}\r\n");
    }
    for (id, name) in [(RID, "rtp-stream-id"), (RRID, "repaired-rtp-stream-id")] {
        let _ = write!(
            section,
            "a=extmap:{id} urn:ietf:params:rtp-hdrext:sdes:{name}\r\n"
        );
    }
    section
}

/// The codecs besides VP8.
fn others() -> String {
    let known = [
        (VP9, "VP9", "profile-id=0"),
        (H264, "H264", "packetization-mode=1;profile-level-id=42e01f"),
        (AV1, "AV1", "profile=0"),
    ];
    let described = known.map(|(number, name, parameters)| {
        let rtx = number + 1;
        format!(
            "a=rtpmap:{number} {name}/90000\r\na=fmtp:{number} {parameters}\r\na=rtcp-fb:{number} nack\r\n\
             a=rtpmap:{rtx} rtx/90000\r\na=fmtp:{rtx} apt={number}\r\n"
        )
    });
    described.concat()
}

/// What a client needs of an answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub ice: IceCredentials,
    pub fingerprint: Fingerprint,
    /// By SSRC: the section, and whether it carries repairs.
    pub ssrcs: BTreeMap<u32, (String, bool)>,
    /// By section: the media stream.
    pub streams: BTreeMap<String, String>,
}

pub fn read_answer(sdp: &str) -> Answer {
    let value = |name: &str| {
        let line = sdp.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.to_owned()
    };
    let mut ssrcs = BTreeMap::new();
    let mut streams = BTreeMap::new();
    let mut mid = String::new();
    for line in sdp.lines() {
        if let Some(value) = line.strip_prefix("a=mid:") {
            mid = value.to_owned();
        } else if let Some(value) = line.strip_prefix("a=ssrc-group:FID ") {
            let mut numbers = value.split(' ').map(|number| number.parse().unwrap());
            ssrcs.insert(numbers.next().unwrap(), (mid.clone(), false));
            ssrcs.insert(numbers.next().unwrap(), (mid.clone(), true));
        } else if let Some(value) = line.strip_prefix("a=ssrc:") {
            let ssrc = value.split(' ').next().unwrap().parse().unwrap();
            ssrcs.entry(ssrc).or_insert((mid.clone(), false));
        } else if let Some(value) = line.strip_prefix("a=msid:") {
            streams.insert(mid.clone(), value.split(' ').next().unwrap().to_owned());
        }
    }
    Answer {
        ice: IceCredentials {
            ufrag: value("a=ice-ufrag:"),
            password: value("a=ice-pwd:"),
        },
        fingerprint: Fingerprint::parse(&value("a=fingerprint:")).unwrap(),
        ssrcs,
        streams,
    }
}
