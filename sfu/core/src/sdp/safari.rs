//! Offers of Safari: two that were recorded from it, and two as our client would make it offer, as far as is known.
//! **None of this was tried in a browser.**
//!
//! There is no Safari on the machines that test Hearken. What others recorded and published is [`RECORDED`] and
//! [`RECORDED_SOUND`]: line by line what the browser said, but for addresses, which are of the ranges for
//! documentation. Both are older than layers in Safari and were not made by our client, so two more were written by hand
//! in the form of our client's, after those and what is publicly known of WebKit's: it is built on the same library as
//! Chromium, prefers H.264, hides its addresses behind mDNS names, and lists every codec where the page cannot choose. The
//! new one names simulcast layers by `rid`; the old one sends a single stream that it announces by SSRC.
//!
//! What Safari recorded in 2020 for the tests of another project (`test/sdp/SafariSDPMock.ts` of aws/amazon-chime-sdk-js)
//! has the old one's codecs, in its order and with its numbers (but for those of ulpfec and the repairs of video's
//! redundancy), its FID group and SSRCs. It has other numbers for extensions and no `extmap-allow-mixed`, which must make
//! no difference.

use hearken_protocol::TrackSource;

use super::tests::{section, write};
use super::*;

const NEW: &str = include_str!("fixtures/safari_new.sdp");
const OLD: &str = include_str!("fixtures/safari_old.sdp");

/// A microphone, a camera and a data channel, recorded from Safari for the tests of aiortc (`tests/test_sdp.py` of 1.16.0,
/// `test_safari`; BSD-3-Clause): directions both ways, extensions without `mid`, and a port of its own for each section.
const RECORDED: &str = include_str!("fixtures/safari_recorded.sdp");

/// A microphone that only sends, recorded from Safari by the authors of str0m (`src/sdp/parser.rs` of 0.25.0; MIT or
/// Apache-2.0). One of its lines ends without a carriage return.
const RECORDED_SOUND: &str = include_str!("fixtures/safari_recorded_sound.sdp");

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

#[test]
fn without_mixed_forms_of_extensions_the_old_one_is_answered_alike() {
    let recorded = OLD.replace("a=extmap-allow-mixed\r\n", "");
    assert!(!Offer::parse(&recorded).unwrap().mixes_extension_forms);
    let (with, without) = (
        write(&Offer::parse(OLD).unwrap()),
        write(&Offer::parse(&recorded).unwrap()),
    );
    assert_eq!(with.replace("a=extmap-allow-mixed\r\n", ""), without);
}

#[test]
fn what_was_recorded_is_understood_and_its_data_channel_refused() {
    let offer = Offer::parse(RECORDED).unwrap();
    let roles = [
        SectionRole::Source(TrackSource::Microphone),
        SectionRole::Source(TrackSource::Camera),
        SectionRole::Unused,
    ];
    assert_eq!(offer.roles(), roles);
    assert_eq!((offer.ice.ufrag.as_str(), offer.fingerprints.len()), ("XSmV", 1));
    assert!(!offer.mixes_extension_forms);
    let camera = &offer.sections[1];
    assert!(camera.rids.is_empty());
    assert_eq!(camera.fid_groups, [(11_942_296, 149_700_150)]);
    assert_eq!(camera.rtx_ssrc(11_942_296), Some(149_700_150));
    let chosen = camera.chosen().unwrap();
    assert_eq!((chosen.media.codec, chosen.media.payload_type), (Codec::Vp8, 100));
    assert_eq!(chosen.rtx, Some(101));

    let sdp = write(&offer);
    let (sound, picture, data) = (section(&sdp, 0), section(&sdp, 1), section(&sdp, 2));
    assert!(sound.contains(&"a=rtpmap:111 opus/48000/2") && sound.contains(&"a=recvonly"));
    for wanted in [
        "a=mid:video",
        "a=rtpmap:100 VP8/90000",
        "a=fmtp:101 apt=100",
        "a=rtcp-fb:100 transport-cc",
        "a=extmap:5 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        "a=rtpmap:98 H264/90000",
        "a=recvonly",
    ] {
        assert!(picture.contains(&wanted), "{wanted} is missing in {picture:#?}");
    }
    assert!(data[0].starts_with("application 0 "), "{data:#?}");
    for word in ["640c1f", "ulpfec", "framemarking", "ISAC", "simulcast"] {
        assert!(!sdp.contains(word), "{word}");
    }
}

#[test]
fn what_was_recorded_of_sound_alone_is_understood_though_a_line_ends_without_its_carriage_return() {
    assert!(RECORDED_SOUND.contains("IN IP4 0.0.0.0\na=rtcp:"));
    let offer = Offer::parse(RECORDED_SOUND).unwrap();
    assert_eq!(offer.roles(), [SectionRole::Source(TrackSource::Microphone)]);
    let chosen = offer.sections[0].chosen().unwrap();
    assert_eq!(
        (chosen.media.codec, chosen.media.payload_type),
        (Codec::Opus, 111)
    );
    let sdp = write(&offer);
    let sound = section(&sdp, 0);
    assert!(
        sound.contains(&"a=recvonly") && sound.contains(&"a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid")
    );
}
