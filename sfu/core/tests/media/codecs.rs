//! Codecs other than VP8: simulcast of H.264, layers within one stream of VP9 and AV1, and which of them a publisher
//! is asked for.

mod h264;

use std::collections::BTreeMap;

use hearken_protocol::{MediaEvent, TrackSource, VideoCodec};

use super::peer::{Other, Sender};
use super::wire::{self, DEPENDENCY, MID, OfferStyle, OtherCodecs, RID, Rtp};
use super::world::World;

const ALL: OtherCodecs = OtherCodecs::All;

fn knowing(others: OtherCodecs) -> OfferStyle {
    OfferStyle {
        others,
        ..OfferStyle::default()
    }
}

/// The descriptor's first bits in the order of the specification, written apart from the core.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, value: u32, count: usize) -> &mut Self {
        self.0.extend((0..count).rev().map(|bit| value >> bit & 1 != 0));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let place = |at: usize, bit: &bool| u8::from(*bit) << (7 - at);
        let byte = |bits: &[bool]| bits.iter().enumerate().map(|(at, bit)| place(at, bit)).sum();
        self.0.chunks(8).map(byte).collect()
    }
}

/// A camera that encodes like a browser, in place of the VP8 one.
struct Camera {
    codec: VideoCodec,
    /// Spatial layers in the stream.
    layers: u8,
    /// Which of the peer's senders it is: 0 is `q`.
    sender: u8,
    index: u64,
    picture: u16,
    frame: u16,
    packets_per_frame: usize,
    keys: Vec<u16>,
    parameters: Parameters,
    /// The first packet of the next key frame is lost on its way up.
    loses_key_start: bool,
}

/// Where the parameter sets of H.264 are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parameters {
    /// Before each key frame, in a packet of their own.
    Single,
    /// The same, several units in one packet.
    Aggregated,
    /// In the description, so never in the stream.
    OutOfBand,
}

/// What stands in a test packet of these codecs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Tag {
    picture: u16,
    spatial: u8,
    packet: u8,
    sequence: u16,
}

impl Camera {
    fn new(codec: VideoCodec, layers: u8, sender: u8) -> Self {
        Self {
            codec,
            layers,
            sender,
            index: 0xfff0,
            picture: 0x7ff0,
            frame: 65_530,
            packets_per_frame: 2,
            keys: Vec::new(),
            parameters: Parameters::Single,
            loses_key_start: false,
        }
    }

    /// One picture of all layers: a key picture when somebody asked for one.
    fn shoot(&mut self, world: &mut World, ann: usize) {
        let now_ms = world.now_ms();
        let sender = sender_of(world, ann, self.sender);
        let is_key = std::mem::take(&mut sender.key_frame_wanted);
        let (ssrc, timestamp) = (sender.ssrc, sender.timestamp(now_ms));
        self.picture = self.picture.wrapping_add(1) & 0x7fff;
        if is_key {
            self.keys.push(self.picture);
        }
        for spatial in 0..self.layers {
            self.frame = self.frame.wrapping_add(1);
            for packet in 0..self.packets_per_frame {
                let (starts, ends) = (packet == 0, packet + 1 == self.packets_per_frame);
                let mut payload = match self.codec {
                    VideoCodec::H264 => self.h264_start(is_key, packet),
                    _ => self.descriptor(is_key, spatial, starts, ends),
                };
                payload.extend(self.picture.to_be_bytes());
                payload.extend([spatial, packet as u8]);
                payload.extend((self.index as u16).to_be_bytes());
                payload.resize(300, 0x77);
                let mut extensions = vec![
                    (MID, b"1".to_vec()),
                    (RID, [b"q", b"h", b"f"][usize::from(self.sender)].to_vec()),
                ];
                if self.codec == VideoCodec::Av1 {
                    extensions.push((DEPENDENCY, self.dependency(is_key, spatial, starts, ends)));
                }
                let rtp = Rtp {
                    payload_type: match self.codec {
                        VideoCodec::Vp8 => wire::VP8,
                        VideoCodec::H264 => wire::H264,
                        VideoCodec::Vp9 => wire::VP9,
                        VideoCodec::Av1 => wire::AV1,
                    },
                    sequence: self.index as u16,
                    timestamp,
                    ssrc,
                    marker: ends && spatial + 1 == self.layers,
                    extensions,
                    payload,
                };
                sender_of(world, ann, self.sender).keep(&rtp);
                let sealed = world.peers[ann].seal(rtp, self.index).unwrap();
                self.index += 1;
                let is_lost = is_key && starts && std::mem::take(&mut self.loses_key_start);
                if !is_lost {
                    world.send_from(ann, sealed);
                }
            }
        }
    }

    /// What stands before the tag: 8 bytes.
    fn descriptor(&self, is_key: bool, spatial: u8, starts: bool, ends: bool) -> Vec<u8> {
        let mut bytes = match self.codec {
            VideoCodec::Av1 => vec![0x10],
            VideoCodec::Vp8 | VideoCodec::H264 | VideoCodec::Vp9 => {
                let tells = is_key && starts && spatial == 0;
                let is_for_itself = !is_key;
                let flags = 0xb0
                    | u8::from(!is_key) << 6
                    | u8::from(starts) << 3
                    | u8::from(ends) << 2
                    | u8::from(tells) << 1
                    | u8::from(is_for_itself);
                let [high, low] = (self.picture | 0x8000).to_be_bytes();
                let mut bytes = vec![flags, high, low, spatial << 1 | u8::from(is_key && spatial > 0)];
                if !is_key {
                    bytes.push(1 << 1);
                }
                if tells {
                    bytes.push((self.layers - 1) << 5);
                }
                bytes
            }
        };
        bytes.resize(8, 0);
        bytes
    }

    /// The same for H.264: parameter sets, then the picture in fragments (RFC 6184 §5.8).
    fn h264_start(&self, is_key: bool, packet: usize) -> Vec<u8> {
        let sets = usize::from(self.parameters != Parameters::OutOfBand);
        let mut bytes = match (self.parameters, packet) {
            (Parameters::Single, 0) if is_key => vec![0x67, 0x42, 0xe0, 0x1f],
            // The access unit delimiter comes first.
            (Parameters::Aggregated, 0) if is_key => vec![0x78, 0, 2, 0x09, 0x10, 1, 0x23, 0x67],
            _ if is_key && packet == sets => vec![0x7c, 0x85, 0x88],
            _ if is_key => vec![0x7c, 0x05],
            _ => vec![0x5c, 0x01],
        };
        bytes.resize(8, 0);
        bytes
    }

    /// Template 0, 2 and 4 in key pictures, 1, 3 and 5 in others.
    fn dependency(&self, is_key: bool, spatial: u8, starts: bool, ends: bool) -> Vec<u8> {
        let mut bits = Bits::default();
        let template = u32::from(2 * spatial) + u32::from(!is_key);
        bits.put(starts.into(), 1).put(ends.into(), 1).put(template, 6);
        bits.put(self.frame.into(), 16);
        if !(is_key && starts && spatial == 0) {
            return bits.bytes();
        }
        // Only the structure, for three layers: offset 0, three targets, templates, indications, references, no chains,
        // sizes.
        bits.put(0b1_0000, 5).put(0, 6).put(2, 5);
        for next in [0, 2, 0, 2, 0, 3] {
            bits.put(next, 2);
        }
        for indications in [[2, 3, 3], [2, 0, 0], [0, 2, 3], [0, 2, 0], [0, 0, 2], [0, 0, 2]] {
            for indication in indications {
                bits.put(indication, 2);
            }
        }
        for reference in [0, 3, 1, 3, 1, 3_u32] {
            if reference > 0 {
                bits.put(1, 1).put(reference - 1, 4);
            }
            bits.put(0, 1);
        }
        bits.put(0, 2).put(1, 1);
        for height in [180_u32, 360, 720] {
            bits.put(height * 16 / 9 - 1, 16).put(height - 1, 16);
        }
        bits.bytes()
    }

    /// Lets time pass with 25 pictures a second.
    fn run(&mut self, world: &mut World, ann: usize, ms: u64) {
        for _ in 0..ms / 40 {
            self.shoot(world, ann);
            world.run(40);
        }
    }
}

fn sender_of(world: &mut World, ann: usize, sender: u8) -> &mut Sender {
    world.peers[ann].sender(TrackSource::Camera, sender)
}

fn tag(other: &Other) -> Tag {
    let at = &other.packet.payload[8..];
    Tag {
        picture: u16::from_be_bytes([at[0], at[1]]),
        spatial: at[2],
        packet: at[3],
        sequence: u16::from_be_bytes([at[4], at[5]]),
    }
}

/// In the order of their numbers, each once.
fn in_order(world: &World, peer: usize) -> Vec<&Other> {
    let by_index: BTreeMap<u64, &Other> = world.peers[peer]
        .others
        .iter()
        .map(|other| (other.index, other))
        .collect();
    by_index.into_values().collect()
}

/// Numbers without holes, one timestamp for each picture, the marker at its end and nowhere else.
fn check_stream(world: &World, peer: usize) {
    let packets = in_order(world, peer);
    for pair in packets.windows(2) {
        let (before, after) = (tag(pair[0]), tag(pair[1]));
        assert_eq!(pair[1].index, pair[0].index + 1, "{before:?} {after:?}");
        let is_next = before.picture != after.picture;
        assert_eq!(pair[0].packet.marker, is_next, "{before:?} {after:?}");
        let advance = pair[1].packet.timestamp.wrapping_sub(pair[0].packet.timestamp) as i32;
        assert!(if is_next { advance > 0 } else { advance == 0 }, "{advance}");
    }
}

fn spatials(packets: &[&Other]) -> Vec<u8> {
    let mut spatials: Vec<u8> = packets.iter().map(|other| tag(other).spatial).collect();
    spatials.sort_unstable();
    spatials.dedup();
    spatials
}

fn watch(world: &mut World, viewer: usize, ann: usize, height: u16) {
    world.view(viewer, &[(ann, TrackSource::Camera, height)]);
}

#[test]
fn each_viewer_gets_one_layer_of_a_stream_and_all_below_it_in_key_pictures() {
    for codec in [VideoCodec::Vp9, VideoCodec::Av1] {
        let mut world = World::new(300);
        let (ann, bob, cas) = (
            world.join_as(knowing(ALL)),
            world.join_as(knowing(ALL)),
            world.join_as(knowing(ALL)),
        );
        watch(&mut world, bob, ann, 170);
        watch(&mut world, cas, ann, 900);
        let mut camera = Camera::new(codec, 3, 0);
        camera.run(&mut world, ann, 4000);
        for (viewer, layer) in [(bob, 0), (cas, 2)] {
            check_stream(&world, viewer);
            let packets = in_order(&world, viewer);
            assert!(packets.len() > 100, "{codec:?}: {}", packets.len());
            // From the last key picture on, what the tile needs.
            let last_key = *camera.keys.last().unwrap();
            let since = packets
                .iter()
                .position(|other| tag(other).picture == last_key)
                .unwrap();
            let (key, others): (Vec<&Other>, Vec<&Other>) = packets[since..]
                .iter()
                .partition(|other| tag(other).picture == last_key);
            assert_eq!(spatials(&key), (0..=layer).collect::<Vec<_>>(), "{codec:?}");
            assert_eq!(spatials(&others), [layer], "{codec:?}");
        }
    }
}

#[test]
fn a_change_of_layer_waits_for_a_key_picture_and_leaves_no_seam() {
    let mut world = World::new(301);
    let (ann, bob) = (world.join_as(knowing(ALL)), world.join_as(knowing(ALL)));
    let mut camera = Camera::new(VideoCodec::Vp9, 3, 0);
    for height in [170, 720, 360, 170] {
        watch(&mut world, bob, ann, height);
        camera.run(&mut world, ann, 1500);
    }
    check_stream(&world, bob);
    let packets = in_order(&world, bob);
    let mut largest = BTreeMap::new();
    for other in &packets {
        let Tag { picture, spatial, .. } = tag(other);
        let known = largest.entry(picture.wrapping_sub(0x7ff0)).or_insert(spatial);
        *known = spatial.max(*known);
    }
    let mut layers: Vec<u8> = largest.values().copied().collect();
    layers.dedup();
    assert_eq!(layers, [0, 2, 1, 0]);
    for (before, after) in largest.iter().zip(largest.iter().skip(1)) {
        let is_key = camera.keys.contains(&after.0.wrapping_add(0x7ff0));
        assert!(before.1 == after.1 || is_key, "{before:?} {after:?}");
    }
    // Picture ids go on, one by one.
    let id = |other: &Other| u16::from_be_bytes([other.packet.payload[1] & 0x7f, other.packet.payload[2]]);
    for pair in packets.windows(2) {
        let step = id(pair[1]).wrapping_sub(id(pair[0])) & 0x7fff;
        assert_eq!(step, u16::from(tag(pair[0]).picture != tag(pair[1]).picture));
    }
}

#[test]
fn what_a_viewer_of_one_layer_loses_is_sent_again_as_it_was() {
    for (codec, height) in [
        (VideoCodec::Vp9, 360),
        (VideoCodec::Av1, 170),
        (VideoCodec::H264, 170),
    ] {
        let mut world = World::new(302);
        let (ann, bob) = (world.join_as(knowing(ALL)), world.join_as(knowing(ALL)));
        watch(&mut world, bob, ann, height);
        world.lines[bob].down_loss_percent = 10;
        let layers = if codec == VideoCodec::H264 { 1 } else { 3 };
        let mut camera = Camera::new(codec, layers, 0);
        camera.run(&mut world, ann, 4000);
        world.lines[bob].down_loss_percent = 0;
        camera.run(&mut world, ann, 1000);
        check_stream(&world, bob);
        let repairs = world.peers[bob].others.iter().filter(|other| other.is_repair);
        let numbers: Vec<u8> = repairs.map(|other| other.packet.payload_type).collect();
        let media = [wire::VP8, wire::H264, wire::VP9, wire::AV1][codec as usize];
        assert!(numbers.len() > 5 && numbers.iter().all(|number| *number == media + 1));
    }
}

#[test]
fn frame_numbers_and_decode_targets_are_the_viewers_own() {
    let mut world = World::new(303);
    let (ann, bob) = (world.join_as(knowing(ALL)), world.join_as(knowing(ALL)));
    watch(&mut world, bob, ann, 170);
    let mut camera = Camera::new(VideoCodec::Av1, 3, 0);
    camera.run(&mut world, ann, 1000);
    // Another stream in the same slot: its frames are numbered on.
    world.peers[ann].sender(TrackSource::Camera, 0).ssrc ^= 0x55;
    world.peers[ann].sender(TrackSource::Camera, 0).key_frame_wanted = true;
    (camera.frame, camera.index) = (20_000, 500);
    camera.run(&mut world, ann, 2000);
    check_stream(&world, bob);
    let packets = in_order(&world, bob);
    let descriptor = |other: &Other| {
        let found = other.packet.extensions.iter().find(|(id, _)| *id == DEPENDENCY);
        found.expect("a descriptor").1.clone()
    };
    let number = |other: &Other| {
        let bytes = descriptor(other);
        u16::from_be_bytes([bytes[1], bytes[2]])
    };
    for pair in packets.windows(2) {
        let step = number(pair[1]).wrapping_sub(number(pair[0]));
        assert!(step <= 3, "{step}: three frames a picture");
    }
    let structures: Vec<_> = packets
        .iter()
        .map(|other| descriptor(other))
        .filter(|bytes| bytes.len() > 16)
        .collect();
    assert!(structures.len() >= 2);
    // A mask follows the structure: the second flag. Of three targets one is left.
    assert!(structures.iter().all(|bytes| bytes[3] & 0xc0 == 0xc0));
}

#[test]
fn layers_of_av1_never_go_to_who_has_no_descriptor_and_vp9_does() {
    for (codec, gets) in [(VideoCodec::Av1, false), (VideoCodec::Vp9, true)] {
        let mut world = World::new(304);
        let (ann, eve, old) = (
            world.join_as(knowing(ALL)),
            world.join_as(knowing(OtherCodecs::WithoutDescriptor)),
            world.join_as(knowing(OtherCodecs::None)),
        );
        watch(&mut world, eve, ann, 720);
        watch(&mut world, old, ann, 720);
        let mut camera = Camera::new(codec, 3, 0);
        camera.run(&mut world, ann, 2000);
        assert_eq!(!world.peers[eve].others.is_empty(), gets, "{codec:?}");
        assert!(
            world.peers[old].others.is_empty()
                && world.peers[old].got(world.peers[ann].id, false, 0).is_empty()
        );
        check_stream(&world, eve);
    }
}

#[test]
fn a_publisher_that_changes_its_codec_goes_on_in_the_same_slot() {
    let mut world = World::new(306);
    let (ann, bob) = (world.join_as(knowing(ALL)), world.join_as(knowing(ALL)));
    watch(&mut world, bob, ann, 170);
    let mut camera = Camera::new(VideoCodec::Vp9, 3, 0);
    camera.run(&mut world, ann, 1500);
    camera.codec = VideoCodec::Av1;
    world.peers[ann].sender(TrackSource::Camera, 0).key_frame_wanted = true;
    camera.run(&mut world, ann, 1500);
    check_stream(&world, bob);
    let mut numbers: Vec<u8> = in_order(&world, bob)
        .iter()
        .map(|other| other.packet.payload_type)
        .collect();
    numbers.dedup();
    assert_eq!(numbers, [wire::VP9, wire::AV1]);
    let shown: Vec<u64> = in_order(&world, bob).iter().map(|other| other.at_ms).collect();
    assert!(
        shown.windows(2).all(|pair| pair[1] - pair[0] <= 80),
        "no picture is missed"
    );
}

fn asked(world: &World, peer: usize) -> Vec<VideoCodec> {
    let id = world.peers[peer].id;
    let mut codecs: Vec<VideoCodec> = world
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            MediaEvent::Publish {
                participant, publish, ..
            } if *participant == id && publish.source == TrackSource::Camera => Some(publish.codec),
            _ => None,
        })
        .collect();
    codecs.dedup();
    codecs
}

#[test]
fn the_favourite_codec_is_asked_for_only_while_everybody_else_can_decode_it() {
    use VideoCodec::{Av1, Vp8};
    let mut world = World::preferring(Av1, 307);
    let (ann, bob) = (world.join_as(knowing(ALL)), world.join_as(knowing(ALL)));
    assert_eq!((asked(&world, ann), asked(&world, bob)), (vec![Av1], vec![Av1]));
    let eve = world.knock(knowing(OtherCodecs::WithoutDescriptor));
    world.admit(eve, super::world::EVERYTHING);
    world.offer(eve);
    assert_eq!(asked(&world, ann), [Av1, Vp8], "their offer is enough");
    world.run(2000);
    assert_eq!(asked(&world, eve), [Vp8], "who can't send it is not asked for it");
    world.leave(eve);
    world.run(9000);
    assert_eq!(asked(&world, ann), [Av1, Vp8], "they may come back");
    world.run(2000);
    assert_eq!(asked(&world, ann), [Av1, Vp8, Av1]);
}

#[test]
fn without_a_favourite_nobody_is_asked_for_anything_but_vp8() {
    let mut world = World::new(308);
    let (ann, bob) = (world.join_as(knowing(ALL)), world.join_as(knowing(ALL)));
    world.run(2000);
    for peer in [ann, bob] {
        assert!(asked(&world, peer).iter().all(|codec| *codec == VideoCodec::Vp8));
    }
}
