//! What forwarding needs of H.264 (RFC 6184): where a key frame begins, and how large it is.

use super::picture::FrameSize;

const NAL_IDR: u8 = 5;
const NAL_SPS: u8 = 7;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
/// Units looked at in one packet: parameter sets come first.
const UNITS_MAX: usize = 8;
/// Bytes of a parameter set that are read; what matters stands in front.
const SPS_BYTES_MAX: usize = 64;

/// What begins with a packet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum H264Beginning {
    #[default]
    Nothing,
    /// An IDR picture, for whoever has its parameter sets.
    Picture,
    /// A sequence parameter set; an IDR picture follows.
    ParameterSets,
}

/// What the beginning of a payload says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct H264Start {
    pub(crate) begins: H264Beginning,
    /// In pixels, from the parameter set.
    pub(crate) size: Option<FrameSize>,
}

/// Reads the beginning of a payload; `None` when it is empty.
pub(crate) fn start(payload: &[u8]) -> Option<H264Start> {
    let (&header, rest) = payload.split_first()?;
    let mut start = H264Start::default();
    match header & 0x1f {
        STAP_A => {
            let mut rest = rest;
            for _ in 0..UNITS_MAX {
                let Some((len, after)) = rest.split_first_chunk() else {
                    break;
                };
                let len = usize::from(u16::from_be_bytes(*len));
                let Some(unit) = after.get(..len) else { break };
                start.unit(unit);
                rest = &after[len..];
            }
        }
        FU_A => {
            let (&fragment, unit) = rest.split_first()?;
            // The start bit, and the kind of what is in fragments (RFC 6184 §5.8).
            if fragment & 0x80 != 0 {
                start.begins = beginning(fragment & 0x1f, unit);
            }
        }
        _ => start.unit(payload),
    }
    Some(start)
}

impl H264Start {
    fn unit(&mut self, unit: &[u8]) {
        let Some((&header, rest)) = unit.split_first() else {
            return;
        };
        let begins = beginning(header & 0x1f, rest);
        if begins == H264Beginning::ParameterSets {
            self.size = sps_size(unit).or(self.size);
        }
        self.begins = self.begins.max(begins);
    }
}

/// What begins with a unit of this kind, of which the header is left out.
fn beginning(kind: u8, unit: &[u8]) -> H264Beginning {
    match kind {
        // first_mb_in_slice is 0, which is one bit set: another slice of the picture doesn't begin it.
        NAL_IDR if unit.first().is_some_and(|slice| slice & 0x80 != 0) => H264Beginning::Picture,
        NAL_SPS => H264Beginning::ParameterSets,
        _ => H264Beginning::Nothing,
    }
}

/// The size in a sequence parameter set of a profile without extensions (ITU-T H.264 §7.3.2.1.1).
fn sps_size(unit: &[u8]) -> Option<FrameSize> {
    let mut raw = [0; SPS_BYTES_MAX];
    let mut len = 0;
    let mut zeros = 0;
    for &byte in unit.get(1..)? {
        // Emulation prevention: 3 behind two zeros is no data.
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        *raw.get_mut(len)? = byte;
        len += 1;
    }
    let mut bits = Bits {
        bytes: &raw[..len],
        at: 0,
    };
    let profile = bits.read(8)?;
    if !matches!(profile, 66 | 77 | 88) {
        return None;
    }
    bits.read(16)?; // constraints and level
    bits.exp_golomb()?; // seq_parameter_set_id
    bits.exp_golomb()?; // log2_max_frame_num_minus4
    match bits.exp_golomb()? {
        0 => {
            bits.exp_golomb()?;
        }
        1 => {
            bits.read(1)?;
            bits.exp_golomb()?;
            bits.exp_golomb()?;
            for _ in 0..bits.exp_golomb()?.min(255) {
                bits.exp_golomb()?;
            }
        }
        _ => {}
    }
    bits.exp_golomb()?; // max_num_ref_frames
    bits.read(1)?; // gaps_in_frame_num_value_allowed_flag
    let width_units = bits.exp_golomb()?.checked_add(1)?;
    let height_units = bits.exp_golomb()?.checked_add(1)?;
    let frames_only = bits.read(1)?;
    if frames_only == 0 {
        bits.read(1)?;
    }
    bits.read(1)?; // direct_8x8_inference_flag
    let mut crop = [0; 4];
    if bits.read(1)? == 1 {
        for side in &mut crop {
            *side = bits.exp_golomb()?;
        }
    }
    let [left, right, top, bottom] = crop;
    // 4:2:0: cropping counts in two pixels, and in four lines of interlaced fields.
    let fields = 2 - frames_only;
    let width = width_units
        .checked_mul(16)?
        .checked_sub(left.checked_add(right)?.checked_mul(2)?)?;
    let cropped = top.checked_add(bottom)?.checked_mul(2 * fields)?;
    let height = height_units.checked_mul(16 * fields)?.checked_sub(cropped)?;
    Some(FrameSize {
        width: u16::try_from(width).ok()?,
        height: u16::try_from(height).ok()?,
    })
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn read(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = *self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    fn exp_golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.read(1)? == 0 {
            zeros += 1;
            if zeros > 30 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.read(zeros)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Constrained baseline 3.1, 640 × 360 with 8 lines cropped away.
    const SPS: [u8; 10] = [0x67, 0x42, 0xe0, 0x1f, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0x40];

    fn aggregate(units: &[&[u8]]) -> Vec<u8> {
        let mut payload = vec![0x78];
        for unit in units {
            payload.extend((unit.len() as u16).to_be_bytes());
            payload.extend(*unit);
        }
        payload
    }

    #[test]
    fn a_key_frame_begins_with_a_parameter_set_or_the_first_slice_of_an_idr_picture() {
        let pps = [0x68, 0xce, 0x38, 0x80];
        let begins = |payload: &[u8]| start(payload).unwrap().begins;
        for payload in [
            SPS.to_vec(),
            aggregate(&[&SPS, &pps]),
            aggregate(&[&[0x09, 0x10], &SPS, &pps, &[0x65, 0x88]]),
            vec![0x7c, 0x87, 0x42],
        ] {
            assert_eq!(begins(&payload), H264Beginning::ParameterSets, "{payload:x?}");
        }
        for payload in [
            vec![0x65, 0x88, 0x84],
            vec![0x7c, 0x85, 0x88],
            aggregate(&[&pps, &[0x65, 0x88]]),
        ] {
            assert_eq!(begins(&payload), H264Beginning::Picture, "{payload:x?}");
        }
        let inner: [(&str, &[u8]); 7] = [
            ("a later fragment", &[0x7c, 0x05, 0x88]),
            ("a later slice", &[0x65, 0x08, 0x84]),
            ("a later slice in fragments", &[0x7c, 0x85, 0x08]),
            ("a fragment of nothing", &[0x7c, 0x85]),
            ("other parameters", &pps),
            ("another picture", &[0x41, 0x9a, 0x00]),
            ("another picture in fragments", &[0x5c, 0x81, 0x9a]),
        ];
        for (what, payload) in inner {
            assert_eq!(begins(payload), H264Beginning::Nothing, "{what}");
        }
        assert_eq!((start(&[]), start(&[0x7c])), (None, None));
    }

    #[test]
    fn the_parameter_set_tells_the_size() {
        let size = start(&aggregate(&[&SPS])).unwrap().size;
        assert_eq!(
            size,
            Some(FrameSize {
                width: 640,
                height: 360
            })
        );
    }

    proptest! {
        #[test]
        fn no_bytes_upset_the_reader(payload in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = start(&payload);
            let mut sps = vec![0x67, 66];
            sps.extend(payload);
            let _ = sps_size(&sps);
        }
    }
}
