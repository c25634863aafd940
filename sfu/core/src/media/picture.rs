//! What forwarding needs to know of a packet of video, whatever its codec: whether a receiver can begin with it,
//! which layers need it, and the counters that go on without a break when streams are joined.

use hearken_protocol::VideoCodec;

use super::dependency::{DependencyDescriptor, TemplateStructure};
use super::h264::{self, H264Beginning};
use super::layers::LAYERS_MAX;
use super::svc::LayeredFrame;
use super::temporal::TemporalPlace;
use super::vp8::Vp8Descriptor;
use super::vp9::Vp9Descriptor;

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameSize {
    pub(crate) width: u16,
    pub(crate) height: u16,
}

/// Counts pictures, in 7 or 15 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PictureId {
    Short(u8),
    Long(u16),
}

impl PictureId {
    /// Reads the one that begins `bytes`, and says how many it takes.
    pub(crate) fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let high = *bytes.first()?;
        if high & 0x80 == 0 {
            return Some((Self::Short(high), 1));
        }
        let low = *bytes.get(1)?;
        Some((Self::Long(u16::from_be_bytes([high & 0x7f, low])), 2))
    }

    pub(crate) fn value(self) -> u16 {
        match self {
            Self::Short(value) => u16::from(value),
            Self::Long(value) => value,
        }
    }

    pub(crate) fn shifted(self, shift: PictureShift) -> Self {
        match self {
            Self::Short(value) => Self::Short(value.wrapping_add(shift.picture_id as u8) & 0x7f),
            Self::Long(value) => Self::Long(value.wrapping_add(shift.picture_id) & 0x7fff),
        }
    }

    /// Writes it over the one that was read here.
    pub(crate) fn write(self, bytes: &mut [u8]) {
        match self {
            Self::Short(value) => bytes[0] = value,
            Self::Long(value) => bytes[..2].copy_from_slice(&(value | 0x8000).to_be_bytes()),
        }
    }
}

/// The counters of one packet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PictureNumbers {
    pub(crate) picture_id: Option<PictureId>,
    pub(crate) tl0_picture_index: Option<u8>,
    /// VP8's KEYIDX, 5 bits.
    pub(crate) key_index: Option<u8>,
    /// Of the dependency descriptor.
    pub(crate) frame_number: Option<u16>,
}

/// What is added to a run's counters to make them go on where the last run ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PictureShift {
    pub(crate) picture_id: u16,
    pub(crate) tl0_picture_index: u8,
    pub(crate) key_index: u8,
    pub(crate) frame_number: u16,
}

impl PictureShift {
    /// The same behind so many pictures that were left out.
    pub(crate) fn without(self, pictures: u16) -> Self {
        Self {
            picture_id: self.picture_id.wrapping_sub(pictures),
            ..self
        }
    }
}

/// The counters of the newest packet that was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PictureCounters {
    picture_id: Option<u16>,
    tl0_picture_index: Option<u8>,
    key_index: Option<u8>,
    frame_number: Option<u16>,
}

impl PictureCounters {
    /// The shift under which `first`, the start of a run, comes right after what was sent last. What was
    /// never sent before goes out as it is.
    pub(crate) fn shift_to_follow(&self, first: &PictureNumbers) -> PictureShift {
        let follow = |last: Option<u16>, now: Option<u16>| match (last, now) {
            (Some(last), Some(now)) => last.wrapping_add(1).wrapping_sub(now),
            _ => 0,
        };
        let after = |last: Option<u8>, now: Option<u8>| match (last, now) {
            (Some(last), Some(now)) => last.wrapping_add(1).wrapping_sub(now),
            _ => 0,
        };
        PictureShift {
            picture_id: follow(self.picture_id, first.picture_id.map(PictureId::value)),
            tl0_picture_index: after(self.tl0_picture_index, first.tl0_picture_index),
            key_index: after(self.key_index, first.key_index),
            frame_number: follow(self.frame_number, first.frame_number),
        }
    }

    /// Notes what the newest packet was sent with.
    pub(crate) fn note(&mut self, numbers: &PictureNumbers, shift: PictureShift) {
        if let Some(id) = numbers.picture_id {
            self.picture_id = Some(id.shifted(shift).value());
        }
        if let Some(index) = numbers.tl0_picture_index {
            self.tl0_picture_index = Some(index.wrapping_add(shift.tl0_picture_index));
        }
        if let Some(index) = numbers.key_index {
            self.key_index = Some(index.wrapping_add(shift.key_index) & 0x1f);
        }
        if let Some(number) = numbers.frame_number {
            self.frame_number = Some(number.wrapping_add(shift.frame_number));
        }
    }
}

/// What the beginning of a payload says, by codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Descriptor {
    Vp8(Vp8Descriptor),
    Vp9(Vp9Descriptor),
    /// Nothing in the payload is ever changed.
    Opaque,
}

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VideoPacket {
    pub(crate) codec: VideoCodec,
    /// Whoever begins here can decode everything that follows.
    pub(crate) starts_key_frame: bool,
    /// Of H.264: what begins here.
    pub(crate) h264: H264Beginning,
    /// Of the key frame that begins here: of its layers, smallest first, if there are several in the stream.
    pub(crate) sizes: [Option<FrameSize>; LAYERS_MAX],
    pub(crate) numbers: PictureNumbers,
    /// Where the stream holds several layers: which of them this packet belongs to.
    pub(crate) layers: Option<LayeredFrame>,
    /// Where the stream holds several temporal layers, as far as it says.
    pub(crate) temporal: Option<TemporalPlace>,
    pub(crate) dependency: Option<DependencyDescriptor>,
    descriptor: Descriptor,
}

impl VideoPacket {
    /// Reads the beginning of a payload and the dependency descriptor in the header, which is empty where there
    /// is none; `structure` is what the stream said last of its templates. `None` when it can't be understood.
    pub(crate) fn parse(
        codec: VideoCodec,
        payload: &[u8],
        dependency: &[u8],
        structure: Option<&TemplateStructure>,
    ) -> Option<Self> {
        match codec {
            VideoCodec::Vp8 => {
                let vp8 = Vp8Descriptor::parse(payload)?;
                // Beside a dependency descriptor Chromium says nothing in that of the payload. Where pictures are counted
                // there, and no layers told, libwebrtc waits for every one of them, so none is left out.
                let is_counted = vp8.picture_id.is_some();
                let dependency = || match is_counted {
                    true => None,
                    false => DependencyDescriptor::parse(dependency, structure)?.temporal(),
                };
                Some(Self {
                    sizes: [vp8.size, None, None],
                    numbers: vp8.numbers(),
                    temporal: vp8.temporal().or_else(dependency),
                    descriptor: Descriptor::Vp8(vp8),
                    ..Self::opaque(codec, vp8.starts_key_frame)
                })
            }
            VideoCodec::H264 => {
                let start = h264::start(payload)?;
                Some(Self {
                    sizes: [start.size, None, None],
                    h264: start.begins,
                    ..Self::opaque(codec, start.begins != H264Beginning::Nothing)
                })
            }
            VideoCodec::Vp9 => {
                let vp9 = Vp9Descriptor::parse(payload)?;
                let dependency = DependencyDescriptor::parse(dependency, structure);
                Some(Self {
                    sizes: vp9.sizes(),
                    numbers: PictureNumbers {
                        frame_number: dependency.map(|dependency| dependency.frame_number),
                        ..vp9.numbers()
                    },
                    layers: vp9.layered(),
                    temporal: dependency.map_or_else(|| vp9.temporal(), |dependency| dependency.temporal()),
                    dependency,
                    descriptor: Descriptor::Vp9(vp9),
                    ..Self::opaque(codec, vp9.starts_key_picture())
                })
            }
            VideoCodec::Av1 if dependency.is_empty() => {
                // The aggregation header's N: the first packet of a coded video sequence.
                Some(Self::opaque(codec, payload.first()? & 0x08 != 0))
            }
            VideoCodec::Av1 => {
                let dependency = DependencyDescriptor::parse(dependency, structure)?;
                Some(Self {
                    sizes: dependency.sizes(structure),
                    numbers: PictureNumbers {
                        frame_number: Some(dependency.frame_number),
                        ..PictureNumbers::default()
                    },
                    layers: Some(dependency.layered()?),
                    temporal: dependency.temporal(),
                    dependency: Some(dependency),
                    ..Self::opaque(codec, dependency.starts_key_picture())
                })
            }
        }
    }

    fn opaque(codec: VideoCodec, starts_key_frame: bool) -> Self {
        Self {
            codec,
            starts_key_frame,
            h264: H264Beginning::Nothing,
            sizes: [None; LAYERS_MAX],
            numbers: PictureNumbers::default(),
            layers: None,
            temporal: None,
            dependency: None,
            descriptor: Descriptor::Opaque,
        }
    }

    /// Shifts the counters in a copy of the payload that this was read from.
    pub(crate) fn shift(&self, shift: PictureShift, payload: &mut [u8]) {
        match &self.descriptor {
            Descriptor::Vp8(vp8) => vp8.shift(shift, payload),
            Descriptor::Vp9(vp9) => vp9.shift(shift, payload),
            Descriptor::Opaque => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A key frame of two temporal layers, by the dependency descriptor alone.
    fn two_temporal_layers() -> Vec<u8> {
        let mandatory = ["1", "1", "000000", "0000000000000111"];
        // The structure and nothing else: offset, targets, layers, indications, references, no chains, no sizes.
        let flags = "10000";
        let structure = [
            "000000", "00001", "01", "11", "1010", "0010", "0", "10000", "0", "0", "0",
        ];
        let bits = mandatory.concat() + flags + &structure.concat();
        let byte = |bits: &[u8]| {
            bits.iter()
                .enumerate()
                .fold(0, |byte, (at, bit)| byte | (bit - b'0') << (7 - at))
        };
        bits.as_bytes().chunks(8).map(byte).collect()
    }

    /// What receivers make of pictures that are counted and not told layers of: each needs the one before it.
    #[test]
    fn of_a_stream_that_counts_pictures_and_tells_layers_elsewhere_nothing_is_left_out() {
        let descriptor = two_temporal_layers();
        let layers = |payload: &[u8]| {
            let packet = VideoPacket::parse(VideoCodec::Vp8, payload, &descriptor, None).unwrap();
            packet.temporal.map(|place| place.layer)
        };
        let frame = [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00];
        let with = |descriptor: &[u8]| [descriptor, &frame].concat();
        assert_eq!(layers(&with(&[0x10])), Some(0), "nothing is counted");
        assert_eq!(layers(&with(&[0x90, 0x80, 0x80, 9])), None, "pictures are");
        assert_eq!(
            layers(&with(&[0x90, 0xc0, 0x80, 9, 1])),
            None,
            "and those of layer 0"
        );
        assert_eq!(
            layers(&with(&[0x90, 0xe0, 0x80, 9, 1, 0x40])),
            Some(1),
            "it tells itself"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_of_any_codec_upset_the_reader(
            mut payload in proptest::collection::vec(any::<u8>(), 0..40),
            dependency in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let shift = PictureShift { picture_id: 77, tl0_picture_index: 3, key_index: 9, frame_number: 5 };
            for codec in [VideoCodec::Vp8, VideoCodec::H264, VideoCodec::Vp9, VideoCodec::Av1] {
                if let Some(packet) = VideoPacket::parse(codec, &payload, &dependency, None) {
                    packet.shift(shift, &mut payload);
                    let again = VideoPacket::parse(codec, &payload, &dependency, None).unwrap();
                    prop_assert_eq!(again.starts_key_frame, packet.starts_key_frame);
                    let mut counters = PictureCounters::default();
                    counters.note(&packet.numbers, PictureShift::default());
                    counters.note(&packet.numbers, shift);
                }
            }
        }
    }
}
