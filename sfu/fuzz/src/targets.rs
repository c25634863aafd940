//! What is fuzzed, and from which inputs it starts.

use std::sync::OnceLock;

use hearken_protocol::TrackSource;
use hearken_sfu_core::fuzzing;
use hearken_sfu_core::sdp::{Answer, AnswerSection, Offer, OutgoingStream, SectionRole};
use hearken_sfu_core::transport::{Candidate, Deframer, Fingerprint, IceCredentials};

use crate::world;

/// Offers of browsers.
pub(crate) const OFFERS: [&str; 6] = [
    include_str!("../../core/src/sdp/fixtures/chromium_156.sdp"),
    include_str!("../../core/src/sdp/fixtures/firefox_153.sdp"),
    include_str!("../../core/src/sdp/fixtures/safari_new.sdp"),
    include_str!("../../core/src/sdp/fixtures/safari_old.sdp"),
    include_str!("../../core/src/sdp/fixtures/safari_recorded.sdp"),
    include_str!("../../core/src/sdp/fixtures/safari_recorded_sound.sdp"),
];

/// Something that must take any bytes without a panic.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// As on the command line.
    pub name: &'static str,
    /// Takes one input.
    pub run: fn(&[u8]),
    /// Inputs that make sense, at least one.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Texts that mean something to it.
    pub words: &'static [&'static [u8]],
}

/// All of them.
pub const TARGETS: [Target; 7] = [
    Target {
        name: "stun",
        run: fuzzing::stun,
        seeds: stun_seeds,
        words: &[
            b"\x21\x12\xa4\x42",
            b"\x00\x06",
            b"\x00\x08\x00\x14",
            b"\x80\x28\x00\x04",
            b"\x00\x20",
            b":",
        ],
    },
    Target {
        name: "rtp",
        run: fuzzing::rtp,
        seeds: rtp_seeds,
        words: &[
            b"\xbe\xde\x00\x01",
            b"\x10\x00\x00\x01",
            b"\x9d\x01\x2a",
            b"\x49\x83\x42",
        ],
    },
    Target {
        name: "rtcp",
        run: fuzzing::rtcp,
        seeds: rtcp_seeds,
        words: &[
            b"\x81\xc9\x00\x07",
            b"\x81\xcd\x00\x03",
            b"\x8f\xcd\x00\x06",
            b"\x84\xce\x00\x04",
        ],
    },
    Target {
        name: "sdp",
        run: sdp,
        seeds: || OFFERS.map(|offer| offer.as_bytes().to_vec()).into(),
        words: &[
            b"\r\na=",
            b"\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111",
            b"\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97",
            b"\r\na=mid:",
            b"\r\na=rtpmap:96 VP9/90000",
            b"\r\na=fmtp:96 profile-id=0",
            b"\r\na=simulcast:send q;h;f",
            b"\r\na=rid:q send",
            b"\r\na=ssrc-group:FID 1 2",
            b"\r\na=extmap:4/sendonly ",
            b"\r\na=group:BUNDLE 0 1",
            b"\r\na=rtcp-fb:* nack",
        ],
    },
    Target {
        name: "framing",
        run: framing,
        seeds: || vec![b"\x05\x00\x03abc\x00\x00\x00\x01x".to_vec(), vec![1; 64]],
        words: &[b"\x00\x00", b"\x10\x00", b"\x10\x01", b"\xff\xff"],
    },
    Target {
        name: "client-hello",
        run: |bytes| fuzzing::client_hello(bytes, world::identity(), world::start()),
        seeds: hello_seeds,
        words: &[
            b"\x16\xfe\xfd",
            b"\x00\x0e\x00\x07\x00\x04\x00\x07\x00\x08\x00",
            b"\x01\x00\x00",
            b"\x00\x00\x00\x00\x00",
        ],
    },
    Target {
        name: "core",
        run: world::run,
        seeds: world::seeds,
        words: &[],
    },
];

/// The target of this name.
pub fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// An offer is refused, or answered with an answer that has a section for each of its own.
fn sdp(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(offer) = Offer::parse(&text) else {
        return;
    };
    let sections: Vec<_> = offer
        .roles()
        .into_iter()
        .map(|role| match role {
            SectionRole::Source(TrackSource::Screen) | SectionRole::Unused => AnswerSection::Reject,
            SectionRole::Source(_) => AnswerSection::Receive,
            SectionRole::Slot { pair } => AnswerSection::Send(OutgoingStream {
                ssrc: 1000 + pair as u32,
                rtx_ssrc: Some(2000 + pair as u32),
                stream: format!("slot{pair}"),
            }),
        })
        .collect();
    let answer = Answer {
        ice: IceCredentials::from_seed([3; 32]),
        fingerprint: Fingerprint([0xab; 32]),
        candidates: vec![Candidate::udp(world::SERVER)],
        session: 77,
        version: 1,
    };
    let written = answer.write(&offer, &sections);
    assert_eq!(written.matches("\r\nm=").count(), offer.sections.len());
    assert!(
        !written.replace("\r\n", "").contains(['\r', '\n']),
        "a line is broken"
    );
}

/// However the stream is cut, the same frames come out. The first byte says how it is cut.
fn framing(bytes: &[u8]) {
    let Some((cut, stream)) = bytes.split_first() else {
        return;
    };
    let deframe = |piece: usize| {
        let (mut deframer, mut frames) = (Deframer::default(), Vec::new());
        let mut stream = stream.to_vec();
        let whole = stream
            .chunks_mut(piece)
            .all(|piece| deframer.push(piece, |frame| frames.push(frame.to_vec())).is_ok());
        (frames, whole)
    };
    assert_eq!(deframe(stream.len().max(1)), deframe(usize::from(*cut).max(1)));
}

/// Datagrams of real handshakes, as browsers' own are made of the same parts.
fn handshake() -> &'static [Vec<u8>] {
    static DATAGRAMS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    DATAGRAMS.get_or_init(world::handshake)
}

fn stun_seeds() -> Vec<Vec<u8>> {
    let is_stun = |datagram: &&Vec<u8>| datagram[0] <= 3;
    handshake().iter().filter(is_stun).cloned().collect()
}

fn hello_seeds() -> Vec<Vec<u8>> {
    let is_dtls = |datagram: &&Vec<u8>| (20..64).contains(&datagram[0]);
    let raw = handshake().iter().filter(is_dtls).cloned();
    // Behind the byte that says where in a handshake it comes; and changes of a client's own datagrams there.
    let staged = raw.clone().zip([0, 1, 2, 3].into_iter().cycle());
    let staged = staged.map(|(datagram, stage)| [&[stage], datagram.as_slice()].concat());
    let changed = [0x80, 0x81, 0x82].map(|stage| vec![stage, 0, 0, 30, 1]);
    raw.chain(staged.collect::<Vec<_>>()).chain(changed).collect()
}

fn rtp_seeds() -> Vec<Vec<u8>> {
    let header = |extensions: &[u8]| {
        let mut packet = vec![0x90, 0x60, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0];
        packet.push(extensions.len().div_ceil(4) as u8);
        packet.extend(extensions);
        packet.resize(packet.len().next_multiple_of(4), 0);
        packet
    };
    let plain = header(b"\x40\x31\x10\xff\x31\x00\x07");
    // A key frame of VP8 with a long picture id; VP9 with layers and a scalability structure; H.264 with parameters.
    let vp8 = b"\x90\xe0\x81\x02\x03\x20\x10\x02\x00\x9d\x01\x2a\x80\x02\x68\x01";
    let vp9 =
        b"\xae\x81\x02\x01\x05\x58\x00\xa0\x00\x5a\x01\x40\x00\xb4\x02\x80\x01\x68\x01\x54\x01\x49\x83\x42";
    let h264 = b"\x78\x00\x09\x67\x42\xc0\x1f\xda\x01\x40\x16\xe8\x00\x03\x68\xce\x3c\x00\x02\x65\x88";
    let dependency = header(b"\xc8\x80\x00\x01\x80\x00\x4e\xaa\xaf\x28");
    // Known templates: named in the header, and in what stands for the payload. Then the structure itself.
    let named = header(b"\xc2\xc3\x12\x34");
    let brings = {
        let mut extensions = vec![0x0c, fuzzing::THREE_LAYERS.len() as u8];
        extensions.extend(fuzzing::THREE_LAYERS);
        let mut packet = header(&extensions);
        packet[12..14].copy_from_slice(b"\x10\x00");
        packet
    };
    vec![
        [plain.as_slice(), vp8].concat(),
        [plain.as_slice(), vp9].concat(),
        [plain.as_slice(), h264].concat(),
        [dependency.as_slice(), &[1, 2, 3]].concat(),
        [named.as_slice(), b"\x45\x12\x35\x40"].concat(),
        [brings.as_slice(), b"\x82\x12\x35"].concat(),
        [plain.as_slice(), b"\x7c\x85\x88"].concat(),
        [&[0xa0][..], &plain[1..12], &[0, 0, 0, 4]].concat(),
    ]
}

fn rtcp_seeds() -> Vec<Vec<u8>> {
    let packet = |count: u8, kind: u8, words: &[u32]| {
        let mut bytes = vec![0x80 | count, kind, 0, words.len() as u8];
        bytes.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        bytes
    };
    let sender = packet(1, 200, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    let receiver = packet(2, 201, &[1; 13]);
    let nack = packet(1, 205, &[1, 2, 0x0003_ffff, 0x0100_8001]);
    let arrivals = packet(
        15,
        205,
        &[
            1,
            2,
            0x0000_0008,
            0x0000_0101,
            0x2008_1004,
            0x2000_0400,
            0xd0ff_0000,
        ],
    );
    let requests = [packet(1, 206, &[1, 2]), packet(4, 206, &[1, 0, 2, 0x0100_0000])].concat();
    let all = [sender.as_slice(), &receiver, &nack, &arrivals, &requests].concat();
    vec![sender, receiver, nack, arrivals, requests, all]
}
