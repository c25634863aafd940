//! Writes packets into the outbox and seals them there.

use super::Leg;
use crate::DropCause;
use crate::media::cache::StoredPacket;
use crate::media::dependency::DESCRIPTOR_BYTES_MAX;
use crate::media::negotiated::ReceiveSection;
use crate::media::picture::VideoPacket;
use crate::media::red;
use crate::media::rewriter::Rewritten;
use crate::media::rtp::{OUTGOING_HEADER_BYTES_MAX, OutgoingHeader};
use crate::transport::SRTP_OVERHEAD_MAX;

/// Padding of one packet: its last byte counts it.
const PADDING_BYTES: usize = 255;
/// Says that there is padding (RFC 3550 §5.1).
const PADDING_FLAG: u8 = 0x20;

pub(super) fn next_transport_sequence(section: &ReceiveSection, leg: &mut Leg<'_>) -> Option<(u8, u16)> {
    let id = section.extensions.transport_cc?;
    Some((id, leg.bandwidth.number(leg.now)))
}

/// Whether the marker belongs to a packet: what ends the picture for one receiver is not its end for all.
pub(super) fn ends_picture(
    stored: &StoredPacket<'_>,
    video: Option<&VideoPacket>,
    rewritten: Rewritten,
) -> bool {
    let layers = video.and_then(|video| video.layers);
    let ends_layer = |target| layers.is_some_and(|layers| layers.ends_picture_of(target));
    !rewritten.is_filler && (stored.marker || rewritten.target.is_some_and(ends_layer))
}

/// What goes into a packet behind the fixed header.
pub(super) struct Body<'a> {
    pub(super) stored: &'a StoredPacket<'a>,
    pub(super) video: Option<&'a VideoPacket>,
    pub(super) rewritten: Rewritten,
    /// The receiver's id of the dependency descriptor.
    pub(super) dependency_id: Option<u8>,
}

/// What goes before a payload.
pub(super) struct Prefix<'a> {
    pub(super) bytes: &'a [u8],
    /// Of redundant audio: how many copies these are, and what all blocks carry.
    pub(super) blocks: Option<(usize, u8)>,
}

/// Writes and seals a packet in the outbox: the one copy that forwarding makes. Returns its bytes.
pub(super) fn seal(
    header: OutgoingHeader<'_>,
    prefix: Prefix<'_>,
    body: &Body<'_>,
    index: u64,
    leg: &mut Leg<'_>,
) -> Option<usize> {
    let Body {
        stored,
        video,
        rewritten,
        dependency_id,
    } = *body;
    let (payload, video) = if rewritten.is_filler {
        (&[][..], None)
    } else {
        (stored.payload, video)
    };
    let pair = leg.transport.selected()?;
    let mut rewritten_dependency;
    let mut dependency = None;
    if let (Some(id), Some(descriptor)) = (dependency_id, video.and_then(|video| video.dependency)) {
        rewritten_dependency = [0; DESCRIPTOR_BYTES_MAX];
        let (shift, target) = (rewritten.picture_shift, rewritten.target);
        let len = descriptor.write(stored.dependency, shift, target, &mut rewritten_dependency)?;
        dependency = Some((id, &rewritten_dependency[..len]));
    }
    let header = OutgoingHeader { dependency, ..header };
    let header_room = OUTGOING_HEADER_BYTES_MAX + dependency.map_or(0, |(_, value)| value.len());
    let room = header_room + prefix.bytes.len() + payload.len() + SRTP_OVERHEAD_MAX;
    let Some(packet) = leg.outbox.reserve(room) else {
        leg.counters.drops.count(DropCause::OutboxFull);
        return None;
    };
    let header_bytes = header.write(packet);
    let payload_at = header_bytes + prefix.bytes.len();
    let end = payload_at + payload.len();
    packet[header_bytes..payload_at].copy_from_slice(prefix.bytes);
    if let Some((copies, payload_type)) = prefix.blocks {
        red::set_payload_type(&mut packet[header_bytes..payload_at], copies, payload_type);
    }
    packet[payload_at..end].copy_from_slice(payload);
    if let Some(video) = video {
        video.shift(rewritten.picture_shift, &mut packet[payload_at..end]);
    }
    match leg.transport.seal_rtp(packet, header_bytes, end, index) {
        Ok(len) => {
            leg.outbox.commit(len, pair, leg.content, leg.waited_ms);
            leg.sent.add(len, leg.now);
            leg.pacer.spend(len, leg.now);
            if header.transport_sequence.is_some() {
                leg.bandwidth.sent(len, leg.now);
            } else {
                leg.bandwidth.sent_beside(len, leg.now);
            }
            Some(len)
        }
        Err(_) => {
            leg.counters.drops.count(DropCause::SealFailed);
            None
        }
    }
}

/// Writes and seals a packet of padding in the outbox. Returns its bytes.
pub(super) fn seal_padding(header: &OutgoingHeader<'_>, index: u64, leg: &mut Leg<'_>) -> Option<usize> {
    let pair = leg.transport.selected()?;
    let room = OUTGOING_HEADER_BYTES_MAX + PADDING_BYTES + SRTP_OVERHEAD_MAX;
    let Some(packet) = leg.outbox.reserve(room) else {
        leg.counters.drops.count(DropCause::OutboxFull);
        return None;
    };
    let header_bytes = header.write(packet);
    packet[0] |= PADDING_FLAG;
    let end = header_bytes + PADDING_BYTES;
    packet[header_bytes..end].fill(0);
    packet[end - 1] = PADDING_BYTES as u8;
    match leg.transport.seal_rtp(packet, header_bytes, end, index) {
        Ok(len) => {
            leg.outbox.commit(len, pair, leg.content, leg.waited_ms);
            leg.sent.add(len, leg.now);
            leg.bandwidth.sent(len, leg.now);
            Some(len)
        }
        Err(_) => {
            leg.counters.drops.count(DropCause::SealFailed);
            None
        }
    }
}
