//! For fuzzing, see [`crate::fuzzing`]: what is read of media, in every way that it is read.

use std::hint::black_box;
use std::sync::OnceLock;

use hearken_protocol::VideoCodec;

use super::bandwidth::Bandwidth;
use super::dependency::{DESCRIPTOR_BYTES_MAX, DependencyDescriptor, TemplateStructure};
use super::h264;
use super::picture::{PictureShift, VideoPacket};
use super::red::Redundant;
use super::rtcp::{RtcpPacket, RtcpPackets, full_intra_ssrcs};
use super::rtp::{ExtensionIds, RtpHeader};
use super::time::MediaTime;
use super::vp8::Vp8Descriptor;
use super::vp9::Vp9Descriptor;
use crate::Counters;

/// The descriptor of a key frame that brings the structure of three spatial layers.
pub const THREE_LAYERS: &[u8] = b"\xc0\x00\x01\x80\x02\x22\x3b\xe0\x2c\x80\x82\x49\x04\x90\x48\x40\x4f\xc0\x2c\xc0\x9f\xc0\x59\xc1\x3f\xc0\xb3\xc0";

/// An RTP packet after decryption, its payload in every codec; with the structure that its dependency descriptor brings,
/// or one of three layers where it brings none.
pub fn rtp(packet: &[u8]) {
    let Some(header) = RtpHeader::parse(packet) else {
        return;
    };
    black_box(Redundant::parse(
        packet,
        header.payload.clone(),
        header.timestamp,
        |_| true,
    ));
    let ids = ExtensionIds {
        mid: Some(4),
        rid: Some(10),
        repaired_rid: Some(11),
        audio_level: Some(1),
        transport_cc: Some(3),
        video_orientation: Some(13),
        dependency: Some(12),
    };
    let values = ids.read(header.extensions(packet));
    let mut payload = packet[header.payload.clone()].to_vec();
    if let Some(vp8) = Vp8Descriptor::parse(&payload) {
        vp8.shift(PictureShift::default(), &mut payload);
        black_box(vp8.numbers());
    }
    if let Some(vp9) = Vp9Descriptor::parse(&payload) {
        vp9.shift(PictureShift::default(), &mut payload);
        black_box((
            vp9.numbers(),
            vp9.sizes(),
            vp9.layered(),
            vp9.starts_key_picture(),
        ));
    }
    black_box(h264::start(&payload));
    static KNOWN: OnceLock<TemplateStructure> = OnceLock::new();
    let known = || TemplateStructure::read(THREE_LAYERS).expect("it brings one");
    let own = TemplateStructure::read(values.dependency);
    let structure = own.as_ref().unwrap_or_else(|| KNOWN.get_or_init(known));
    let body = payload.clone();
    for bytes in [values.dependency, &body] {
        descriptor(bytes, None);
        descriptor(bytes, Some(structure));
        for codec in [
            VideoCodec::Vp8,
            VideoCodec::H264,
            VideoCodec::Vp9,
            VideoCodec::Av1,
        ] {
            if let Some(packet) = VideoPacket::parse(codec, &payload, bytes, Some(structure)) {
                packet.shift(PictureShift::default(), &mut payload);
            }
        }
    }
}

/// A dependency descriptor, and as it goes on to receivers of every layer.
fn descriptor(bytes: &[u8], structure: Option<&TemplateStructure>) {
    let Some(descriptor) = DependencyDescriptor::parse(bytes, structure) else {
        return;
    };
    black_box((
        descriptor.layered(),
        descriptor.temporal(),
        descriptor.sizes(structure),
        descriptor.starts_key_picture(),
    ));
    let shift = PictureShift {
        frame_number: 77,
        ..PictureShift::default()
    };
    for target in [None, Some(0), Some(1), Some(2), Some(u8::MAX)] {
        let mut out = [0; DESCRIPTOR_BYTES_MAX];
        if let Some(len) = descriptor.write(bytes, shift, target, &mut out) {
            let again = DependencyDescriptor::parse(&out[..len], structure);
            assert!(again.is_some(), "what is written can be read");
        }
    }
}

/// A compound RTCP packet after decryption.
pub fn rtcp(compound: &[u8]) {
    let (mut bandwidth, mut counters) = (Bandwidth::default(), Counters::default());
    let now = MediaTime(0);
    bandwidth.expect_feedback();
    for _ in 0..100 {
        bandwidth.number(now);
        bandwidth.sent(1000, now);
    }
    for packet in RtcpPackets::new(compound) {
        match packet {
            Ok(RtcpPacket::SenderReport { blocks, .. } | RtcpPacket::ReceiverReport { blocks }) => {
                black_box(blocks.count());
            }
            Ok(RtcpPacket::Nack { lost, .. }) => {
                black_box(lost.count());
            }
            Ok(RtcpPacket::FullIntra { entries }) => {
                black_box(full_intra_ssrcs(entries).count());
            }
            Ok(RtcpPacket::TransportFeedback { body }) => {
                black_box(bandwidth.feedback(body, now, &mut counters));
            }
            Ok(RtcpPacket::PictureLoss { .. } | RtcpPacket::Other) | Err(_) => {}
        }
    }
}
