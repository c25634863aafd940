//! Packets of one video that came together. They go out together, receiver by receiver: what is known of a receiver is
//! looked up once for all of them, and they lie one behind the other in the outbox, as one segmented message.

use hearken_protocol::TrackSource;

use super::outgoing::MediaPacket;

/// Packets of one train. More: the first ones wait longer for the last, and fewer receivers' packets fit into the
/// processor's cache; fewer: each receiver is looked up more often.
pub(crate) const TRAIN_MAX: usize = 8;

/// See the module. To be sent before anything else of its publisher is dealt with.
#[derive(Debug)]
pub(crate) struct Train<'a> {
    /// Whose they are: the place in the session.
    pub(crate) at: usize,
    pub(crate) source: TrackSource,
    packets: [Option<MediaPacket<'a>>; TRAIN_MAX],
    count: usize,
}

impl<'a> Train<'a> {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self {
            at: 0,
            source: TrackSource::Camera,
            packets: [None; TRAIN_MAX],
            count: 0,
        }
    }

    /// Whether another packet of this source may join those that are there.
    pub(crate) fn takes(&self, at: usize, source: TrackSource) -> bool {
        self.count == 0 || (self.at, self.source) == (at, source) && self.count < TRAIN_MAX
    }

    /// Takes it in, behind the others. It must be one that [is taken](Self::takes).
    pub(crate) fn push(&mut self, at: usize, source: TrackSource, packet: MediaPacket<'a>) {
        debug_assert!(self.takes(at, source), "it is asked before");
        (self.at, self.source) = (at, source);
        self.packets[self.count] = Some(packet);
        self.count += 1;
    }

    /// The packets in their order.
    pub(crate) fn packets(&self) -> &[Option<MediaPacket<'a>>] {
        &self.packets[..self.count]
    }

    /// They are on their way.
    pub(crate) fn clear(&mut self) {
        self.count = 0;
    }
}
