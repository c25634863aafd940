//! Pictures of every codec, as far as anybody on the way looks at them.

use hearken_protocol::VideoCodec;
use hearken_sfu_core::fuzzing;

use crate::world::KEY_FRAME;

/// What an offer says of the codecs that the fixture leaves out.
pub(crate) const OTHERS: [&str; 7] = [
    "a=rtpmap:98 VP9/90000",
    "a=fmtp:98 profile-id=0",
    "a=rtpmap:100 H264/90000",
    "a=fmtp:100 packetization-mode=1;profile-level-id=42e01f",
    "a=rtpmap:45 AV1/90000",
    "a=fmtp:45 profile=0",
    "a=rtcp-fb:* nack pli",
];

pub(crate) fn payload_type(codec: VideoCodec) -> u8 {
    match codec {
        VideoCodec::Vp8 => 96,
        VideoCodec::Vp9 => 98,
        VideoCodec::H264 => 100,
        VideoCodec::Av1 => 45,
    }
}

/// Of a packet, in its picture.
pub(crate) struct Place {
    pub(crate) is_key: bool,
    pub(crate) spatial: u8,
    pub(crate) starts: bool,
    pub(crate) ends: bool,
    pub(crate) picture: u16,
}

impl Place {
    /// How its payload begins.
    pub(crate) fn payload(&self, codec: VideoCodec) -> Vec<u8> {
        let [high, low] = (self.picture | 0x8000).to_be_bytes();
        match codec {
            VideoCodec::Vp8 if self.is_key && self.starts => KEY_FRAME.to_vec(),
            VideoCodec::Vp8 => vec![0x80 | u8::from(self.starts) << 4, 0x80, low & 0x7f, 1],
            VideoCodec::H264 if self.is_key && self.starts => {
                b"\x78\x00\x09\x67\x42\xc0\x1f\xda\x01\x40\x16\xe8\x00\x04\x68\xce\x3c\x80".to_vec()
            }
            VideoCodec::H264 if self.is_key => vec![0x7c, 0x85, 0x88],
            VideoCodec::H264 => vec![0x5c, u8::from(self.starts) << 7 | 1, 0x9a],
            VideoCodec::Vp9 => {
                let tells = self.is_key && self.starts && self.spatial == 0;
                let flags = 0xb0
                    | u8::from(!self.is_key) << 6
                    | u8::from(self.starts) << 3
                    | u8::from(self.ends) << 2
                    | u8::from(tells) << 1
                    | u8::from(!self.is_key);
                let mut bytes = vec![flags, high, low];
                bytes.push(self.spatial << 1 | u8::from(self.is_key && self.spatial > 0));
                if !self.is_key {
                    bytes.push(1 << 1);
                }
                if tells {
                    bytes.push(2 << 5);
                }
                bytes
            }
            VideoCodec::Av1 => vec![0x10 | u8::from(self.is_key && self.starts) << 3],
        }
    }

    pub(crate) fn descriptor(&self) -> Vec<u8> {
        let mut bytes = vec![0; 3];
        if self.is_key && self.starts && self.spatial == 0 {
            bytes = fuzzing::THREE_LAYERS.to_vec();
        }
        bytes[0] = u8::from(self.starts) << 7 | u8::from(self.ends) << 6 | self.spatial << 1;
        bytes[0] |= u8::from(!self.is_key);
        let frame = self.picture.wrapping_mul(3).wrapping_add(self.spatial.into());
        bytes[1..3].copy_from_slice(&frame.to_be_bytes());
        bytes
    }
}

/// Puts a dependency descriptor behind the other extensions, which get headers of two bytes for that (RFC 8285 §4.3).
pub(crate) fn add_descriptor(packet: &mut Vec<u8>, descriptor: &[u8]) {
    let mut extensions = Vec::new();
    let mut rest = &packet[16..28];
    while let Some(header) = rest.first().filter(|header| **header != 0) {
        let len = usize::from(header & 0x0f) + 1;
        extensions.extend([header >> 4, len as u8]);
        extensions.extend(&rest[1..=len]);
        rest = &rest[len + 1..];
    }
    extensions.extend([12, descriptor.len() as u8]);
    extensions.extend(descriptor);
    extensions.resize(extensions.len().next_multiple_of(4), 0);
    let words = (extensions.len() / 4) as u8;
    packet.splice(12..28, [0x10, 0, 0, words].into_iter().chain(extensions));
}
