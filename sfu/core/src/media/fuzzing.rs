//! For fuzzing, see [`crate::fuzzing`]: what is read of media, in every way that it is read.

use std::hint::black_box;

use super::bandwidth::Bandwidth;
use super::dependency::DependencyDescriptor;
use super::h264;
use super::picture::PictureShift;
use super::red::Redundant;
use super::rtcp::{RtcpPacket, RtcpPackets, full_intra_ssrcs};
use super::rtp::{ExtensionIds, RtpHeader};
use super::time::MediaTime;
use super::vp8::Vp8Descriptor;
use super::vp9::Vp9Descriptor;
use crate::Counters;

/// An RTP packet after decryption, its payload in every codec.
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
    for bytes in [values.dependency, &payload] {
        if let Some(descriptor) = DependencyDescriptor::parse(bytes, None) {
            black_box((
                descriptor.layered(),
                descriptor.sizes(None),
                descriptor.starts_key_picture(),
            ));
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
