//! Offers of real browsers in, answers out.

use hearken_protocol::TrackSource;

use super::*;
use crate::transport::{Candidate, Fingerprint, IceCredentials};

/// Recorded from Chromium 156: four sending sections (camera with three layers) and three slot pairs.
const CHROMIUM: &str = include_str!("fixtures/chromium_156.sdp");

/// Recorded from Firefox ESR 153 as our client makes it, with the addresses changed: bundle-only sections on port 0,
/// directions on extensions, one fingerprint for all, feedback of codecs that are not offered.
const FIREFOX: &str = include_str!("fixtures/firefox_153.sdp");

fn answer() -> Answer {
    Answer {
        ice: IceCredentials::from_seed([3; 32]),
        fingerprint: Fingerprint([0xab; 32]),
        candidates: vec![
            Candidate::udp("192.0.2.7:40000".parse().unwrap()),
            Candidate::udp("[2001:db8::7]:40000".parse().unwrap()),
            Candidate::tcp("192.0.2.7:40000".parse().unwrap()),
        ],
        session: 77,
        version: 1,
    }
}

pub(super) fn write(offer: &Offer) -> String {
    let sections: Vec<_> = offer
        .roles()
        .into_iter()
        .enumerate()
        .map(|(index, role)| match role {
            SectionRole::Source(_) => AnswerSection::Receive,
            SectionRole::Slot { pair } => AnswerSection::Send(OutgoingStream {
                ssrc: 1_000 + index as u32,
                rtx_ssrc: Some(2_000 + index as u32),
                stream: format!("slot{pair}"),
            }),
            SectionRole::Unused => AnswerSection::Reject,
        })
        .collect();
    answer().write(offer, &sections)
}

pub(super) fn section(sdp: &str, index: usize) -> Vec<&str> {
    sdp.split("m=").nth(index + 1).unwrap().lines().collect()
}

fn both() -> [(&'static str, Offer); 2] {
    [CHROMIUM, FIREFOX].map(|sdp| (sdp, Offer::parse(sdp).unwrap()))
}

#[test]
fn both_browsers_are_understood() {
    let [(_, chromium), (_, firefox)] = both();
    assert_eq!(chromium.sections.len(), 10);
    assert_eq!(firefox.sections.len(), 10);
    for (offer, audio, video, rtx) in [(&chromium, 111, 96, 97), (&firefox, 109, 120, 124)] {
        let microphone = offer.sections[0].chosen().unwrap();
        assert_eq!((microphone.media.payload_type, microphone.rtx), (audio, None));
        let camera = offer.sections[1].chosen().unwrap();
        assert_eq!((camera.media.payload_type, camera.rtx), (video, Some(rtx)));
        assert_eq!(offer.sections[1].rids, ["q", "h", "f"]);
        assert_eq!(offer.sections[1].direction, Direction::SendOnly);
        assert_eq!(offer.sections[4].direction, Direction::RecvOnly);
        assert!(offer.sections.iter().all(|section| !section.rejected));
    }
    assert_eq!(chromium.sections[2].fid_groups.len(), 1);
    assert_eq!(firefox.sections[1].fid_groups.len(), 3);
    assert_eq!(firefox.sections[1].rtx_ssrc(1_490_566_773), Some(2_859_635_831));
    assert_eq!(firefox.sections[1].extension_id(HeaderExtension::Rid), Some(9));
    // It sends the dependency descriptor, and does not take it.
    let descriptor =
        |index: usize| firefox.sections[index].extension_id(HeaderExtension::DependencyDescriptor);
    assert_eq!((descriptor(1), descriptor(5)), (Some(8), None));
    assert_eq!(
        chromium.sections[1].extension_id(HeaderExtension::RepairedRid),
        Some(11)
    );
    assert_eq!(firefox.ice.ufrag, "5f3cd311");
}

#[test]
fn sections_have_their_roles_by_their_place() {
    use SectionRole::{Slot, Source};
    let [(_, chromium), (_, firefox)] = both();
    let sources = [
        Source(TrackSource::Microphone),
        Source(TrackSource::Camera),
        Source(TrackSource::Screen),
        Source(TrackSource::ScreenAudio),
    ];
    for offer in [chromium, firefox] {
        let slots = (0..3).flat_map(|pair| [Slot { pair }, Slot { pair }]);
        assert_eq!(
            offer.roles(),
            sources.into_iter().chain(slots).collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_microphone_is_answered_with_the_numbers_of_the_offer() {
    let sdp = write(&Offer::parse(FIREFOX).unwrap());
    let lines = section(&sdp, 0);
    let expected = [
        "audio 9 UDP/TLS/RTP/SAVPF 109",
        "c=IN IP4 0.0.0.0",
        "a=mid:0",
        "a=ice-ufrag:DDDDDDDD",
        "a=ice-pwd:DDDDDDDDDDDDDDDDDDDDDDDD",
        &format!("a=fingerprint:{}", Fingerprint([0xab; 32])),
        "a=setup:passive",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        "a=rtpmap:109 opus/48000/2",
        "a=fmtp:109 minptime=10;useinbandfec=1;usedtx=1",
        "a=rtcp-fb:109 nack",
        "a=rtcp-fb:109 transport-cc",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=extmap:7 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        "a=recvonly",
        "a=candidate:1 1 udp 2130706431 192.0.2.7 40000 typ host",
        "a=candidate:2 1 udp 2130706175 2001:db8::7 40000 typ host",
        "a=candidate:3 1 tcp 1520434687 192.0.2.7 40000 typ host tcptype passive",
        "a=end-of-candidates",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn simulcast_is_taken_layer_by_layer() {
    let sdp = write(&Offer::parse(CHROMIUM).unwrap());
    let lines = section(&sdp, 1);
    assert_eq!(lines[0], "video 9 UDP/TLS/RTP/SAVPF 96 97");
    for wanted in [
        "a=rtcp-fb:96 nack",
        "a=rtcp-fb:96 nack pli",
        "a=rtcp-fb:96 ccm fir",
        "a=rtcp-fb:96 transport-cc",
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
        "a=rid:q recv",
        "a=rid:h recv",
        "a=rid:f recv",
        "a=simulcast:recv q;h;f",
        "a=recvonly",
    ] {
        assert!(lines.contains(&wanted), "{wanted} is missing in {lines:#?}");
    }
    assert!(
        !lines
            .iter()
            .any(|line| line.contains("remb") || line.contains("candidate"))
    );
}

/// The recorded offer with redundant audio in every section of sound, as the client makes it now.
fn with_redundancy() -> Offer {
    let sdp = CHROMIUM.replace(
        "SAVPF 111\r\n",
        "SAVPF 111 63\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n",
    );
    Offer::parse(&sdp).unwrap()
}

#[test]
fn redundant_audio_is_asked_for_first_and_sent_when_needed() {
    let sdp = write(&with_redundancy());
    let (microphone, slot) = (section(&sdp, 0), section(&sdp, 4));
    assert_eq!(microphone[0], "audio 9 UDP/TLS/RTP/SAVPF 63 111");
    assert_eq!(slot[0], "audio 9 UDP/TLS/RTP/SAVPF 111 63");
    for lines in [microphone, slot] {
        assert!(lines.contains(&"a=rtpmap:63 red/48000/2") && lines.contains(&"a=fmtp:63 111/111"));
    }
    // Another codec in it, or nothing said of it: not ours.
    for fmtp in ["a=fmtp:63 111/0\r\n", ""] {
        let offer = CHROMIUM.replace(
            "SAVPF 111\r\n",
            &format!("SAVPF 111 63\r\na=rtpmap:63 red/48000/2\r\n{fmtp}"),
        );
        assert!(!write(&Offer::parse(&offer).unwrap()).contains("red/48000"));
    }
}

#[test]
fn a_slot_pair_shares_a_stream() {
    for (_, offer) in both() {
        let sdp = write(&offer);
        let (audio, video) = (section(&sdp, 4), section(&sdp, 5));
        assert!(audio.contains(&"a=sendonly") && video.contains(&"a=sendonly"));
        assert!(audio.contains(&"a=msid:slot0 slot0-4") && video.contains(&"a=msid:slot0 slot0-5"));
        assert!(audio.contains(&"a=ssrc:1004 cname:slot0") && video.contains(&"a=ssrc:1005 cname:slot0"));
        assert!(video.contains(&"a=ssrc-group:FID 1005 2005"));
        assert!(
            !audio.iter().any(|line| line.starts_with("a=ssrc-group")),
            "no RTX was offered for audio"
        );
    }
}

#[test]
fn what_is_rejected_keeps_its_place() {
    let data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:data\r\na=setup:actpass\r\n";
    let stopped = "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:gone\r\na=inactive\r\na=rtpmap:96 VP8/90000\r\n";
    let offer = Offer::parse(&format!(
        "{}{stopped}{data}",
        CHROMIUM.replace(" 8 9", " 8 9 data")
    ))
    .unwrap();
    let sdp = write(&offer);
    assert_eq!(section(&sdp, 10)[0], "video 0 UDP/TLS/RTP/SAVPF 96");
    assert_eq!(
        section(&sdp, 11)[0],
        "application 0 UDP/DTLS/SCTP webrtc-datachannel"
    );
    assert!(sdp.contains("a=group:BUNDLE 0 1 2 3 4 5 6 7 8 9\r\n"));
}

#[test]
fn an_offer_without_our_codecs_has_no_roles_but_an_answer() {
    let offer = Offer::parse(&CHROMIUM.replace("VP8/", "H265/")).unwrap();
    assert_eq!(offer.roles()[1], SectionRole::Unused);
    assert_eq!(section(&write(&offer), 1)[0], "video 0 UDP/TLS/RTP/SAVPF 96");
}

/// All that this browser would offer of video, in the order it prefers.
fn with_many_codecs() -> String {
    let wanted = [
        (98, "VP9", "profile-id=0"),
        (100, "VP9", "profile-id=2"),
        (
            102,
            "H264",
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f",
        ),
        (
            104,
            "H264",
            "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f",
        ),
        (
            106,
            "H264",
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        ),
        (45, "AV1", "level-idx=5;profile=0;tier=0"),
        (47, "AV1", "level-idx=5;profile=1;tier=0"),
    ];
    let (mut numbers, mut lines) = (String::new(), String::new());
    for (number, name, parameters) in wanted {
        let rtx = number + 1;
        numbers += &format!("{number} {rtx} ");
        lines += &format!(
            "a=rtpmap:{number} {name}/90000\r\na=rtcp-fb:{number} nack\r\na=fmtp:{number} {parameters}\r\n\
             a=rtpmap:{rtx} rtx/90000\r\na=fmtp:{rtx} apt={number}\r\n"
        );
    }
    CHROMIUM
        .replace("SAVPF 96 97", &format!("SAVPF {numbers}96 97"))
        .replace("a=rtpmap:96 ", &format!("{lines}a=rtpmap:96 "))
}

#[test]
fn every_codec_both_sides_know_is_answered_with_the_offers_numbers_vp8_first() {
    let sdp = write(&Offer::parse(&with_many_codecs()).unwrap());
    for section in [section(&sdp, 1), section(&sdp, 5)] {
        assert_eq!(section[0], "video 9 UDP/TLS/RTP/SAVPF 96 97 98 99 106 107 45 46");
        for wanted in [
            "a=rtpmap:98 VP9/90000",
            "a=fmtp:98 profile-id=0",
            "a=rtpmap:106 H264/90000",
            "a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
            "a=rtcp-fb:106 nack",
            "a=fmtp:107 apt=106",
            "a=rtpmap:45 AV1/90000",
            "a=extmap:12 https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
        ] {
            assert!(section.contains(&wanted), "{wanted} is missing in {section:#?}");
        }
    }
    assert!(sdp.contains("\r\na=extmap-allow-mixed\r\n"));
}

#[test]
fn an_extension_for_one_way_is_of_no_use_the_other_way() {
    let one_way = CHROMIUM.replace("a=extmap:12 ", "a=extmap:12/sendonly ");
    let sdp = write(&Offer::parse(&one_way).unwrap());
    let has = |lines: Vec<&str>| lines.iter().any(|line| line.starts_with("a=extmap:12"));
    assert!(has(section(&sdp, 1)), "the camera sends");
    assert!(!has(section(&sdp, 5)), "a slot receives");
}

#[test]
fn parameters_that_could_break_an_answer_are_not_repeated() {
    let odd = with_many_codecs().replace("a=fmtp:98 profile-id=0", "a=fmtp:98 profile-id=0;x=\u{b}y");
    assert!(!write(&Offer::parse(&odd).unwrap()).contains("a=fmtp:98"));
}

#[test]
fn bad_offers_are_refused_with_the_reason() {
    let long = "x".repeat(300_000);
    let many = CHROMIUM.to_owned() + &"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n".repeat(60);
    let cases = [
        (long, OfferError::TooLong),
        (String::new(), OfferError::NotSdp),
        ("hello".to_owned(), OfferError::NotSdp),
        ("v=0\r\n".to_owned(), OfferError::NoSections),
        (many, OfferError::TooManySections),
        (
            CHROMIUM.replacen("m=audio 9", "m=audio x", 1),
            OfferError::MalformedSection { section: 0 },
        ),
        (
            CHROMIUM.replacen("a=mid:1\r\n", "a=mid:0\r\n", 1),
            OfferError::BadMid { section: 1 },
        ),
        (
            CHROMIUM.replace("BUNDLE 0 1 2", "BUNDLE 0 1"),
            OfferError::NotBundled { section: 2 },
        ),
        (
            CHROMIUM.replacen("a=rtcp-mux\r\n", "", 1),
            OfferError::NoRtcpMux { section: 0 },
        ),
        (
            CHROMIUM.replace("a=ice-ufrag:", "a=ice-ufrag:\u{e9}"),
            OfferError::BadIceCredentials,
        ),
        (
            CHROMIUM.replace("a=ice-pwd:", "a=no:"),
            OfferError::BadIceCredentials,
        ),
        (CHROMIUM.replace("sha-256", "sha-1"), OfferError::NoFingerprint),
        (CHROMIUM.replace("actpass", "passive"), OfferError::BadSetup),
    ];
    for (sdp, error) in cases {
        assert_eq!(Offer::parse(&sdp), Err(error));
    }
}

/// Cut anywhere, or with a line left out, it is an offer or an error.
#[test]
fn no_text_makes_it_panic() {
    for sdp in [CHROMIUM, FIREFOX] {
        for length in (0..sdp.len()).step_by(3) {
            if let Ok(offer) = Offer::parse(&sdp[..length]) {
                write(&offer);
            }
        }
        let lines: Vec<_> = sdp.lines().collect();
        for left_out in 0..lines.len() {
            let cut: Vec<_> = lines
                .iter()
                .enumerate()
                .filter(|(index, _)| *index != left_out)
                .map(|(_, l)| *l)
                .collect();
            if let Ok(offer) = Offer::parse(&cut.join("\n")) {
                write(&offer);
            }
        }
    }
}
