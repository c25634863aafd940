//! Offers as Safari makes them, as far as is known: **none of this was tried in a browser.**
//!
//! There is no Safari on the machines that test Hearken. The two offers were written by hand after what is publicly
//! known of WebKit's: it is built on the same library as Chromium, prefers H.264, hides its addresses behind mDNS
//! names, and lists every codec where the page cannot choose. The new one names simulcast layers by `rid`; the old
//! one sends a single stream that it announces by SSRC.

use hearken_protocol::TrackSource;

use super::tests::{section, write};
use super::*;

const NEW: &str = include_str!("fixtures/safari_new.sdp");
const OLD: &str = include_str!("fixtures/safari_old.sdp");

#[test]
fn both_offers_are_understood() {
    for sdp in [NEW, OLD] {
        let offer = Offer::parse(sdp).unwrap();
        let roles = [
            SectionRole::Source(TrackSource::Microphone),
            SectionRole::Source(TrackSource::Camera),
            SectionRole::Source(TrackSource::Screen),
            SectionRole::Source(TrackSource::ScreenAudio),
            SectionRole::Slot { pair: 0 },
            SectionRole::Slot { pair: 0 },
        ];
        assert_eq!(offer.roles(), roles);
        assert_eq!(offer.ice.ufrag, "kT4w");
        let microphone = offer.sections[0].chosen().unwrap().media;
        assert_eq!((microphone.payload_type, microphone.codec), (111, Codec::Opus));
    }
}

#[test]
fn the_new_one_sends_layers_of_vp8_though_it_prefers_h264() {
    let offer = Offer::parse(NEW).unwrap();
    let camera = &offer.sections[1];
    assert_eq!(camera.rids, ["q", "h", "f"]);
    let chosen = camera.chosen().unwrap();
    assert_eq!((chosen.media.codec, chosen.media.payload_type), (Codec::Vp8, 106));
    assert_eq!(chosen.rtx, Some(107));
    assert!(camera.extension_id(HeaderExtension::RepairedRid).is_some());
    let sdp = write(&offer);
    let lines = section(&sdp, 1);
    for wanted in [
        "a=rtpmap:106 VP8/90000",
        "a=fmtp:107 apt=106",
        "a=rtcp-fb:106 transport-cc",
        // Of the H.264 it has, what every decoder decodes.
        "a=rtpmap:98 H264/90000",
        "a=simulcast:recv q;h;f",
        "a=recvonly",
    ] {
        assert!(lines.contains(&wanted), "{wanted} is missing in {lines:#?}");
    }
    let refused = ["H265", "640c1f", "packetization-mode=0", "profile-id=2", "ulpfec"];
    for word in refused {
        assert!(!sdp.contains(word), "{word}");
    }
}

#[test]
fn the_old_one_sends_one_stream_whose_repairs_are_found_by_fid() {
    let offer = Offer::parse(OLD).unwrap();
    for video in &offer.sections[1..3] {
        assert!(video.rids.is_empty());
        let [(media, rtx)] = video.fid_groups[..] else {
            panic!("one group: {:?}", video.fid_groups);
        };
        assert_eq!(video.rtx_ssrc(media), Some(rtx));
        let chosen = video.chosen().unwrap();
        assert_eq!((chosen.media.codec, chosen.rtx), (Codec::Vp8, Some(101)));
    }
    assert!(!write(&offer).contains("simulcast"));
}

#[test]
fn a_slot_is_answered_with_a_stream_of_both_kinds() {
    for sdp in [NEW, OLD] {
        let sdp = write(&Offer::parse(sdp).unwrap());
        let (audio, video) = (section(&sdp, 4), section(&sdp, 5));
        assert!(audio.contains(&"a=sendonly") && audio.contains(&"a=ssrc:1004 cname:slot0"));
        assert!(video.contains(&"a=sendonly") && video.contains(&"a=ssrc-group:FID 1005 2005"));
    }
}
