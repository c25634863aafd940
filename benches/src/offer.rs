//! The SDP offer of a participant of the load generator: the sections of PROTOCOL.md, trimmed to what it uses.

use std::fmt::Write as _;

use hearken_sfu_core::transport::Fingerprint;

/// Payload types and header extensions that the generator offers.
pub const OPUS: u8 = 111;
/// VP8.
pub const VP8: u8 = 96;
/// Retransmissions of VP8.
pub const VP8_RTX: u8 = 97;
/// The id of the `sdes:mid` header extension.
pub const MID_EXTENSION: u8 = 4;
/// The id of the audio-level header extension (RFC 6464).
pub const LEVEL_EXTENSION: u8 = 1;
/// The id of the transport-wide sequence number.
pub const TWCC_EXTENSION: u8 = 3;
/// What the transport-wide sequence number is called.
pub const TWCC_URI: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// The SSRCs that a participant sends.
#[derive(Debug, Clone, Copy)]
pub struct Ssrcs {
    /// Of the microphone.
    pub audio: u32,
    /// Of the camera (one layer).
    pub video: u32,
    /// Of what is sent of it again (RFC 4588).
    pub repair: u32,
}

impl Ssrcs {
    /// Of the participant with that number, which is unique in a run.
    pub fn new(number: u32) -> Self {
        Self {
            audio: 0x1000_0000 + number,
            video: 0x2000_0000 + number,
            repair: 0x3000_0000 + number,
        }
    }
}

/// What identifies the offering client.
#[derive(Debug, Clone)]
pub struct Sections {
    /// ICE user fragment.
    pub ufrag: String,
    /// ICE password.
    pub password: String,
    /// Of the DTLS certificate.
    pub fingerprint: Fingerprint,
    /// What it sends.
    pub ssrcs: Ssrcs,
    /// Of its socket, on this machine.
    pub port: u16,
}

impl Sections {
    /// The one candidate, for servers that wait for one. It need not be right to the last: they learn the true
    /// address from the checks.
    pub fn candidates(&self) -> String {
        format!(
            "a=candidate:1 1 udp 2130706431 127.0.0.1 {} typ host\r\na=end-of-candidates\r\n",
            self.port
        )
    }
}

/// One `m=` section.
struct Section<'a> {
    mid: usize,
    audio: bool,
    direction: &'a str,
    setup: &'a str,
    is_sent: bool,
}

/// Microphone, camera, screen, screen audio, then `pairs` of receiving slots. `mid` counts from 0.
pub fn offer(sections: &Sections, pairs: usize) -> String {
    let count = 4 + 2 * pairs;
    let mut sdp = head(count);
    for mid in 0..count {
        let audio = match mid {
            0 | 3 => true,
            1 | 2 => false,
            slot => slot % 2 == 0,
        };
        let section = Section {
            mid,
            audio,
            direction: if mid < 4 { "sendonly" } else { "recvonly" },
            setup: "actpass",
            is_sent: mid < 2,
        };
        write_section(&mut sdp, sections, &section);
    }
    sdp
}

/// Microphone and camera only, for a server that offers what it sends itself; it is to be the DTLS server.
pub fn publisher_offer(sections: &Sections) -> String {
    let mut sdp = head(2);
    for mid in 0..2 {
        let section = Section {
            mid,
            audio: mid == 0,
            direction: "sendonly",
            setup: "active",
            is_sent: true,
        };
        write_section(&mut sdp, sections, &section);
        sdp.push_str(&sections.candidates());
    }
    sdp
}

fn head(count: usize) -> String {
    let mut sdp = String::from("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
    for mid in 0..count {
        let _ = write!(sdp, " {mid}");
    }
    sdp.push_str("\r\na=msid-semantic: WMS\r\n");
    sdp
}

fn write_section(sdp: &mut String, sections: &Sections, section: &Section<'_>) {
    let Section {
        mid,
        audio,
        direction,
        setup,
        is_sent,
    } = *section;
    let (kind, types) = if audio {
        ("audio", format!("{OPUS}"))
    } else {
        ("video", format!("{VP8} {VP8_RTX}"))
    };
    let Sections {
        ufrag,
        password,
        fingerprint,
        ssrcs,
        ..
    } = sections;
    let _ = write!(
        sdp,
        "m={kind} 9 UDP/TLS/RTP/SAVPF {types}\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
         a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\na=fingerprint:{fingerprint}\r\na=setup:{setup}\r\n\
         a=mid:{mid}\r\na=extmap:{MID_EXTENSION} urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
         a=extmap:{TWCC_EXTENSION} {TWCC_URI}\r\na={direction}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"
    );
    if audio {
        let _ = write!(
            sdp,
            "a=extmap:{LEVEL_EXTENSION} urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
             a=rtpmap:{OPUS} opus/48000/2\r\na=rtcp-fb:{OPUS} transport-cc\r\na=rtcp-fb:{OPUS} nack\r\n\
             a=fmtp:{OPUS} minptime=10;useinbandfec=1\r\n"
        );
    } else {
        let _ = write!(
            sdp,
            "a=rtpmap:{VP8} VP8/90000\r\na=rtcp-fb:{VP8} transport-cc\r\na=rtcp-fb:{VP8} ccm fir\r\n\
             a=rtcp-fb:{VP8} nack\r\na=rtcp-fb:{VP8} nack pli\r\na=rtpmap:{VP8_RTX} rtx/90000\r\n\
             a=fmtp:{VP8_RTX} apt={VP8}\r\n"
        );
    }
    if !is_sent {
        return;
    }
    let _ = write!(sdp, "a=msid:load track{mid}\r\n");
    if audio {
        let _ = write!(sdp, "a=ssrc:{} cname:load\r\n", ssrcs.audio);
    } else {
        let Ssrcs { video, repair, .. } = ssrcs;
        let _ = write!(
            sdp,
            "a=ssrc-group:FID {video} {repair}\r\na=ssrc:{video} cname:load\r\na=ssrc:{repair} cname:load\r\n"
        );
    }
}
