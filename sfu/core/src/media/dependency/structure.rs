//! The structure that a key frame brings: templates, decode targets and sizes.

use super::bits::BitReader;
use crate::media::layers::LAYERS_MAX;
use crate::media::picture::FrameSize;
use crate::media::temporal::{Opening, TEMPORAL_LAYERS_MAX};

const TEMPLATES_MAX: usize = 64;
/// Differences of frame numbers in one template, and layers: more are not possible in what the numbers can say.
const REFERENCES_MAX: usize = 64;
const SPATIAL_LAYERS_MAX: u8 = 4;
const TEMPORAL_IDS_MAX: u8 = 8;
/// From this frame on everything of a decode target can be decoded.
const SWITCH: u64 = 2;

/// What frames that name it have in common.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) spatial: u8,
    pub(super) temporal: u8,
    /// Two bits for each decode target; 0: not present in it.
    pub(super) indications: u64,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateStructure {
    offset: u8,
    templates: [Template; TEMPLATES_MAX],
    template_count: usize,
    target_count: u8,
    chain_count: u8,
    spatial_count: u8,
    /// By spatial layer: the decode targets of it and of those below.
    targets: [u32; LAYERS_MAX],
    /// By spatial layer: the decode target with all its frames.
    best: [Option<u8>; LAYERS_MAX],
    /// By spatial layer and highest temporal layer: the decode target.
    by_layers: [[Option<u8>; TEMPORAL_LAYERS_MAX]; LAYERS_MAX],
    sizes: [Option<FrameSize>; LAYERS_MAX],
}

impl TemplateStructure {
    /// The structure in a descriptor, if it brings one.
    pub(crate) fn read(descriptor: &[u8]) -> Option<Self> {
        let mut reader = BitReader::new(descriptor);
        reader.skip(super::MANDATORY_BITS)?;
        let has_structure = reader.flag()?;
        reader.skip(super::FLAG_BITS - 1)?;
        if has_structure {
            Self::parse(&mut reader)
        } else {
            None
        }
    }

    pub(super) fn parse(reader: &mut BitReader<'_>) -> Option<Self> {
        let mut structure = Self {
            offset: reader.bits(6)? as u8,
            target_count: reader.bits(5)? as u8 + 1,
            templates: [Template::default(); TEMPLATES_MAX],
            template_count: 0,
            chain_count: 0,
            spatial_count: 0,
            targets: [0; LAYERS_MAX],
            best: [None; LAYERS_MAX],
            by_layers: [[None; TEMPORAL_LAYERS_MAX]; LAYERS_MAX],
            sizes: [None; LAYERS_MAX],
        };
        structure.read_layers(reader)?;
        let count = structure.template_count;
        for template in &mut structure.templates[..count] {
            template.indications = reader.indications(structure.target_count)?;
        }
        for _ in 0..count {
            let mut references = 0;
            while reader.flag()? {
                reader.skip(4)?;
                references += 1;
                if references > REFERENCES_MAX {
                    return None;
                }
            }
        }
        structure.chain_count = reader.below(u32::from(structure.target_count) + 1)? as u8;
        if structure.chain_count > 0 {
            for _ in 0..structure.target_count {
                reader.below(structure.chain_count.into())?;
            }
            reader.skip(4 * count * usize::from(structure.chain_count))?;
        }
        structure.place_targets();
        if reader.flag()? {
            for number in 0..usize::from(structure.spatial_count) {
                let (width, height) = (reader.bits(16)?, reader.bits(16)?);
                let size = FrameSize {
                    width: u16::try_from(width + 1).ok()?,
                    height: u16::try_from(height + 1).ok()?,
                };
                if let Some(known) = structure.sizes.get_mut(number) {
                    *known = Some(size);
                }
            }
        }
        Some(structure)
    }

    fn read_layers(&mut self, reader: &mut BitReader<'_>) -> Option<()> {
        let (mut spatial, mut temporal) = (0, 0);
        loop {
            let template = self.templates.get_mut(self.template_count)?;
            (template.spatial, template.temporal) = (spatial, temporal);
            self.template_count += 1;
            match reader.bits(2)? {
                0 => {}
                1 => temporal += 1,
                2 => (spatial, temporal) = (spatial + 1, 0),
                _ => break,
            }
            if spatial >= SPATIAL_LAYERS_MAX || temporal >= TEMPORAL_IDS_MAX {
                return None;
            }
        }
        self.spatial_count = spatial + 1;
        Some(())
    }

    /// A decode target is of the largest layers that are present in it.
    fn place_targets(&mut self) {
        let mut best_temporal = [None; LAYERS_MAX];
        for target in 0..self.target_count {
            let present = self.templates[..self.template_count]
                .iter()
                .filter(|template| template.indications >> (2 * target) & 3 != 0);
            let Some((spatial, temporal)) = present
                .map(|template| (template.spatial, template.temporal))
                .max()
            else {
                continue;
            };
            let spatial = usize::from(spatial);
            let of_spatial = self.by_layers.get_mut(spatial);
            if let Some(known) = of_spatial.and_then(|known| known.get_mut(usize::from(temporal))) {
                *known = Some(target);
            }
            for targets in self.targets.iter_mut().skip(spatial) {
                *targets |= 1 << target;
            }
            if let (Some(best), Some(known)) = (self.best.get_mut(spatial), best_temporal.get_mut(spatial))
                && known.is_none_or(|known| known < temporal)
            {
                (*best, *known) = (Some(target), Some(temporal));
            }
        }
    }

    pub(super) fn template(&self, id: u8) -> Option<Template> {
        let index = usize::from((id + 64 - self.offset) % 64);
        self.templates[..self.template_count].get(index).copied()
    }

    /// By spatial layer, whether who gets it needs a frame with these indications.
    pub(super) fn needed_by(&self, indications: u64) -> u8 {
        let mut needed_by = 0;
        for (number, best) in self.best.into_iter().enumerate() {
            if best.is_some_and(|target| indications >> (2 * target) & 3 != 0) {
                needed_by |= 1 << number;
            }
        }
        needed_by
    }

    /// What a frame of this template with these indications opens of its spatial layer: everything of a decode target
    /// that it is a switch of, if it can be decoded itself. It can be by who has the layers below, where it says that
    /// of its own layer, too: else it may refer to earlier frames of that.
    pub(super) fn opening(&self, template: Template, indications: u64) -> Option<Opening> {
        let targets = self.by_layers.get(usize::from(template.spatial))?;
        let is_switch = |temporal: u8| {
            let target = targets.get(usize::from(temporal)).copied().flatten();
            target.is_some_and(|target| indications >> (2 * target) & 3 == SWITCH)
        };
        let to = (0..TEMPORAL_LAYERS_MAX as u8)
            .rev()
            .find(|temporal| is_switch(*temporal))?;
        let own = template.temporal;
        let from = own.saturating_sub(is_switch(own).into());
        Some(Opening { from, to })
    }

    pub(super) fn target_count(&self) -> u8 {
        self.target_count
    }

    pub(super) fn chain_count(&self) -> u8 {
        self.chain_count
    }

    pub(super) fn spatial_count(&self) -> u8 {
        self.spatial_count.min(LAYERS_MAX as u8)
    }

    pub(super) fn targets(&self) -> [u32; LAYERS_MAX] {
        self.targets
    }

    /// Of the layers, smallest first.
    pub(super) fn sizes(&self) -> [Option<FrameSize>; LAYERS_MAX] {
        self.sizes
    }
}
