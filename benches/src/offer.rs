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

/// What identifies the offering client.
#[derive(Debug, Clone)]
pub struct Sections {
    /// ICE user fragment.
    pub ufrag: String,
    /// ICE password.
    pub password: String,
    /// Of the DTLS certificate.
    pub fingerprint: Fingerprint,
    /// SSRC of the microphone.
    pub audio_ssrc: u32,
    /// SSRC of the camera (one layer).
    pub video_ssrc: u32,
    /// How many receiving slot pairs.
    pub pairs: usize,
}

/// Microphone, camera, screen, screen audio, then the slot pairs. `mid` counts from 0.
pub fn offer(sections: &Sections) -> String {
    let count = 4 + 2 * sections.pairs;
    let mut sdp = String::from("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
    for mid in 0..count {
        let _ = write!(sdp, " {mid}");
    }
    sdp.push_str("\r\na=msid-semantic: WMS\r\n");
    for mid in 0..count {
        let audio = match mid {
            0 | 3 => true,
            1 | 2 => false,
            slot => slot % 2 == 0,
        };
        section(&mut sdp, sections, mid, audio);
    }
    sdp
}

fn section(sdp: &mut String, sections: &Sections, mid: usize, audio: bool) {
    let (kind, types) = if audio {
        ("audio", format!("{OPUS}"))
    } else {
        ("video", format!("{VP8} {VP8_RTX}"))
    };
    let direction = if mid < 4 { "sendonly" } else { "recvonly" };
    let Sections {
        ufrag,
        password,
        fingerprint,
        ..
    } = sections;
    let _ = write!(
        sdp,
        "m={kind} 9 UDP/TLS/RTP/SAVPF {types}\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
         a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\na=fingerprint:{fingerprint}\r\na=setup:actpass\r\n\
         a=mid:{mid}\r\na=extmap:{MID_EXTENSION} urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
         a=extmap:{TWCC_EXTENSION} \
         http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
         a={direction}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"
    );
    if audio {
        let _ = write!(
            sdp,
            "a=extmap:{LEVEL_EXTENSION} urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
             a=rtpmap:{OPUS} opus/48000/2\r\na=rtcp-fb:{OPUS} transport-cc\r\n\
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
    let ssrc = match mid {
        0 => Some(sections.audio_ssrc),
        1 => Some(sections.video_ssrc),
        _ => None,
    };
    if let Some(ssrc) = ssrc {
        let _ = write!(sdp, "a=msid:load track{mid}\r\na=ssrc:{ssrc} cname:load\r\n");
    }
}
