//! What is to be sent: one slab of bytes and a list of who gets which part of it.
//!
//! The core writes, the shell drains after each batch of input and before it waits. Nothing here allocates
//! once the slab has grown to what a batch needs.

use std::net::SocketAddr;

use hearken_protocol::TrackSource;

use crate::transport::{Pair, Protocol};

/// Bytes that may wait at once: some 6,000 full packets. Full: the packet is dropped and counted
/// (`DropCause::OutboxFull`), since a shell that drains so rarely has no use for more.
const OUTBOX_BYTES_MAX: usize = 8 << 20;

/// A datagram in the slab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuedDatagram {
    /// Where in [`Outbox::slab`] it begins.
    pub offset: usize,
    /// Its length in bytes.
    pub len: usize,
    /// Whereto.
    pub destination: SocketAddr,
    /// From which of the shell's addresses.
    pub local: SocketAddr,
    /// What carries it.
    pub protocol: Protocol,
    /// What is lost with it.
    pub content: Content,
    /// How long it has waited in the core already: what waits once more has so much less time for it.
    pub waited_ms: u16,
}

/// What is in a datagram, for a shell that has not room for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Connectivity checks, handshakes, RTCP.
    Control,
    /// Sound.
    Audio,
    /// Pictures: the first to be left out.
    Video,
}

impl Content {
    /// What a source's packets are.
    pub(crate) fn of(source: TrackSource) -> Self {
        if source.is_audio() {
            Self::Audio
        } else {
            Self::Video
        }
    }
}

/// Datagrams waiting to be sent, in order.
#[derive(Debug, Default)]
pub struct Outbox {
    slab: Vec<u8>,
    used: usize,
    datagrams: Vec<QueuedDatagram>,
    frames: usize,
}

impl Outbox {
    /// The bytes that the datagrams lie in.
    pub fn slab(&self) -> &[u8] {
        &self.slab[..self.used]
    }

    /// What is to be sent, in order; several in a row to one destination can go as one segmented send.
    pub fn datagrams(&self) -> &[QueuedDatagram] {
        &self.datagrams
    }

    /// The bytes of one datagram of this outbox.
    pub fn bytes(&self, datagram: &QueuedDatagram) -> &[u8] {
        &self.slab[datagram.offset..datagram.offset + datagram.len]
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// Bytes that wait to be sent.
    pub fn waiting_bytes(&self) -> usize {
        self.used
    }

    /// How many of them go by TCP.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Forgets all datagrams and keeps the memory.
    pub fn clear(&mut self) {
        self.datagrams.clear();
        self.used = 0;
        self.frames = 0;
    }

    /// Room for one datagram of at most `len` bytes, to be written and then [`commit`](Self::commit)ted;
    /// `None` when the outbox is full. Its content is whatever was there before.
    pub(crate) fn reserve(&mut self, len: usize) -> Option<&mut [u8]> {
        let end = self.used + len;
        if end > OUTBOX_BYTES_MAX {
            return None;
        }
        if end > self.slab.len() {
            self.slab.resize(end.next_power_of_two(), 0);
        }
        Some(&mut self.slab[self.used..end])
    }

    /// Queues the first `len` bytes of what was reserved last, which have waited for so long.
    pub(crate) fn commit(&mut self, len: usize, pair: Pair, content: Content, waited_ms: u16) {
        debug_assert!(
            self.used + len <= self.slab.len(),
            "committed no more than was reserved"
        );
        self.datagrams.push(QueuedDatagram {
            offset: self.used,
            len,
            destination: pair.remote,
            local: pair.local,
            protocol: pair.protocol,
            content,
            waited_ms,
        });
        self.frames += usize::from(pair.protocol == Protocol::Tcp);
        self.used += len;
    }

    /// Queues a copy of what is to be said beside media; false when the outbox is full.
    pub fn push_control(&mut self, contents: &[u8], pair: Pair) -> bool {
        let Some(room) = self.reserve(contents.len()) else {
            return false;
        };
        room.copy_from_slice(contents);
        self.commit(contents.len(), pair, Content::Control, 0);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::fixtures::pair;

    #[test]
    fn datagrams_come_out_as_they_went_in() {
        let mut outbox = Outbox::default();
        assert!(outbox.push_control(b"one", pair(1)));
        outbox.reserve(100).unwrap()[..3].copy_from_slice(b"two");
        outbox.commit(3, pair(2), Content::Audio, 0);
        let sent: Vec<_> = outbox
            .datagrams()
            .iter()
            .map(|d| (outbox.bytes(d), d.destination.port()))
            .collect();
        assert_eq!(sent, [(&b"one"[..], 1), (&b"two"[..], 2)]);
        outbox.clear();
        assert!(outbox.is_empty() && outbox.slab().is_empty());
    }

    #[test]
    fn a_full_outbox_refuses() {
        let mut outbox = Outbox::default();
        let packet = vec![0; 1 << 20];
        let taken = (0..20).filter(|_| outbox.push_control(&packet, pair(1))).count();
        assert_eq!(taken, OUTBOX_BYTES_MAX >> 20);
    }
}
