//! The dependency descriptor in the header of AV1 and VP9 packets (RTP payload format for AV1, appendix A): read
//! once per packet, rewritten for each receiver.
//!
//! A key frame brings the structure: templates of frames, and what each is to each decode target. Later packets
//! name a template. A receiver of one layer is told which decode targets it still gets, and its frames are
//! numbered on when streams are joined.

mod bits;
mod structure;
mod structures;

use bits::{BitReader, BitWriter};
pub(crate) use structure::TemplateStructure;
pub(crate) use structures::Structures;

use super::layers::LAYERS_MAX;
use super::picture::{FrameSize, PictureShift};
use super::svc::LayeredFrame;
use super::temporal::{Opening, TEMPORAL_LAYERS_MAX, TemporalPlace};

/// The longest value of a header extension (RFC 8285 §4.3).
pub(crate) const DESCRIPTOR_BYTES_MAX: usize = 255;
/// Start, end, template and frame number.
const MANDATORY_BITS: usize = 24;
const FLAG_BITS: usize = 5;

/// One packet's descriptor: what it says, and where a rewritten one differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DependencyDescriptor {
    pub(crate) frame_number: u16,
    starts_frame: bool,
    ends_frame: bool,
    has_structure: bool,
    spatial: u8,
    spatial_count: u8,
    temporal: u8,
    opens: Option<Opening>,
    /// Bit n: who gets spatial layer n needs the frame.
    needed_by: u8,
    /// Decode targets that the publisher makes, where it says so.
    active: Option<u32>,
    /// By spatial layer: the decode targets of it and of those below.
    targets: [u32; LAYERS_MAX],
    target_count: u8,
    /// Where the mask of active decode targets stands, or would.
    mask_at: usize,
}

impl DependencyDescriptor {
    /// Reads the value of the extension. `structure` is the one that came last on this stream; a descriptor that
    /// brings its own needs none. `None` when it can't be understood.
    pub(crate) fn parse(bytes: &[u8], structure: Option<&TemplateStructure>) -> Option<Self> {
        if bytes.len() > DESCRIPTOR_BYTES_MAX {
            return None;
        }
        let mut reader = BitReader::new(bytes);
        let starts_frame = reader.flag()?;
        let ends_frame = reader.flag()?;
        let template = reader.bits(6)? as u8;
        let frame_number = reader.bits(16)? as u16;
        let is_long = bytes.len() * 8 > MANDATORY_BITS;
        let [has_structure, has_mask, has_targets, has_references, has_chains] = if is_long {
            let mut flags = [false; FLAG_BITS];
            for flag in &mut flags {
                *flag = reader.flag()?;
            }
            flags
        } else {
            [false; FLAG_BITS]
        };
        let own;
        let structure = if has_structure {
            own = TemplateStructure::parse(&mut reader)?;
            &own
        } else {
            structure?
        };
        let mask_at = reader.position();
        let active = if has_mask {
            Some(reader.bits(structure.target_count().into())?)
        } else {
            None
        };
        let template = structure.template(template)?;
        let mut indications = template.indications;
        if has_targets {
            indications = reader.indications(structure.target_count())?;
        }
        // Nothing is read behind these, but they must be there.
        if has_references {
            reader.references()?;
        }
        if has_chains {
            reader.skip(8 * usize::from(structure.chain_count()))?;
        }
        Some(Self {
            frame_number,
            starts_frame,
            ends_frame,
            has_structure,
            spatial: template.spatial,
            spatial_count: structure.spatial_count(),
            temporal: template.temporal,
            opens: structure.opening(template, indications),
            needed_by: structure.needed_by(indications),
            active,
            targets: structure.targets(),
            target_count: structure.target_count(),
            mask_at,
        })
    }

    /// The first packet of a picture that needs no earlier one. A structure comes only with these.
    pub(crate) fn starts_key_picture(&self) -> bool {
        self.starts_frame && self.has_structure && self.spatial == 0
    }

    /// Of the layers, when this packet brings the structure; `structure` is the stream's, already this one.
    pub(crate) fn sizes(&self, structure: Option<&TemplateStructure>) -> [Option<FrameSize>; LAYERS_MAX] {
        let structure = structure.filter(|_| self.has_structure);
        structure.map_or([None; LAYERS_MAX], TemplateStructure::sizes)
    }

    /// Which layers it belongs to; `None` with more layers than there can be here.
    pub(crate) fn layered(&self) -> Option<LayeredFrame> {
        if usize::from(self.spatial) >= LAYERS_MAX {
            return None;
        }
        let is_made = |targets: u32| self.active.is_none_or(|active| active & targets != 0);
        let mut active = 0;
        let mut below = 0;
        for (number, targets) in self.targets.into_iter().enumerate() {
            if is_made(targets & !below) {
                active |= 1 << number;
            }
            below = targets;
        }
        Some(LayeredFrame {
            spatial: self.spatial,
            count: Some(self.spatial_count),
            ends_frame: self.ends_frame,
            frame: u32::from(self.frame_number),
            needed_by: self.needed_by,
            active,
        })
    }

    /// Where it stands among the temporal layers; `None` with more of them than there can be here. Receivers go by
    /// differences of frame numbers, which stay as they are.
    pub(crate) fn temporal(&self) -> Option<TemporalPlace> {
        let is_known = usize::from(self.temporal) < TEMPORAL_LAYERS_MAX;
        is_known.then_some(TemporalPlace {
            layer: self.temporal,
            starts_frame: self.starts_frame,
            frame: self.frame_number.into(),
            opens: self.opens,
            is_counted: false,
        })
    }

    /// Writes the descriptor for a receiver of one spatial layer, or of all that is in the stream: frames
    /// numbered on, decode targets that it does not get switched off. `bytes` is what this was read from. Says how
    /// long it is; `None` when there is no room, which a descriptor of a full 255 bytes has not.
    pub(crate) fn write(
        &self,
        bytes: &[u8],
        shift: PictureShift,
        target: Option<u8>,
        out: &mut [u8; DESCRIPTOR_BYTES_MAX],
    ) -> Option<usize> {
        let all = u32::MAX >> (32 - u32::from(self.target_count));
        let ours = target
            .and_then(|target| self.targets.get(usize::from(target)))
            .map_or(all, |targets| targets & all);
        let active = self.active.unwrap_or(all) & ours;
        let says_all = !self.has_structure && self.active.is_none() || active == self.active.unwrap_or(all);
        let len = if says_all {
            out[..bytes.len()].copy_from_slice(bytes);
            bytes.len()
        } else {
            self.write_mask(bytes, active, out)?
        };
        let number = self.frame_number.wrapping_add(shift.frame_number);
        out[1..3].copy_from_slice(&number.to_be_bytes());
        Some(len)
    }

    /// Copies the descriptor with another mask, which may make it longer.
    fn write_mask(&self, bytes: &[u8], active: u32, out: &mut [u8; DESCRIPTOR_BYTES_MAX]) -> Option<usize> {
        let mut reader = BitReader::new(bytes);
        let mut writer = BitWriter::new(out);
        writer.copy(&mut reader, MANDATORY_BITS + 1)?;
        reader.bits(1)?;
        writer.bits(1, 1)?;
        writer.copy(&mut reader, self.mask_at - (MANDATORY_BITS + 2))?;
        if self.active.is_some() {
            reader.skip(self.target_count.into())?;
        }
        writer.bits(active, self.target_count.into())?;
        // Behind the last field there are only zeros, which may be cut or added.
        let mut rest = reader.left();
        let room = writer.room();
        while rest > room && reader.is_zero_at_end(rest - room) {
            rest = room;
        }
        writer.copy(&mut reader, rest)?;
        Some(writer.finish())
    }
}

#[cfg(test)]
mod tests;
