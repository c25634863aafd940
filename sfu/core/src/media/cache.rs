//! The last second of a stream, kept once for all its subscribers, to answer their requests for what they lost.
//!
//! Payloads lie in a ring of bytes. It grows while a second of the stream does not fit, up to a limit; past it
//! the cache holds less than a second. Nothing is allocated per packet.

use std::time::Duration;

use super::time::MediaTime;

/// What is older than this is not sent again: nobody's jitter buffer waits so long.
const AGE_MAX: Duration = Duration::from_secs(1);

/// How large a cache may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CacheLimits {
    pub(crate) packets: usize,
    pub(crate) bytes_at_first: usize,
    pub(crate) bytes_max: usize,
}

impl CacheLimits {
    /// A second of 4 Mbit/s, as one layer of a camera or a screen may take at its peak.
    pub(crate) const VIDEO: Self = Self {
        packets: 512,
        bytes_at_first: 32 << 10,
        bytes_max: 512 << 10,
    };
    /// A second of 128 kbit/s, in packets of 10 ms.
    pub(crate) const AUDIO: Self = Self {
        packets: 128,
        bytes_at_first: 8 << 10,
        bytes_max: 16 << 10,
    };
}

/// A packet as it is kept: what is the same for all subscribers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoredPacket<'a> {
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    /// Its extension of one byte: level of a sound, orientation of a picture.
    pub(crate) byte_extension: Option<u8>,
    pub(crate) payload: &'a [u8],
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    sequence: u64,
    timestamp: u32,
    marker: bool,
    byte_extension: Option<u8>,
    stored: MediaTime,
    /// Bytes ever written to the ring before this payload.
    position: u64,
    len: usize,
}

/// A ring of the newest packets of one stream.
#[derive(Debug)]
pub(crate) struct PacketCache {
    limits: CacheLimits,
    /// Indexed by sequence number.
    entries: Vec<Option<Entry>>,
    ring: Vec<u8>,
    position: u64,
}

impl PacketCache {
    pub(crate) fn new(limits: CacheLimits) -> Self {
        Self {
            limits,
            entries: vec![None; limits.packets],
            ring: vec![0; limits.bytes_at_first],
            position: 0,
        }
    }

    /// Keeps a packet, at the cost of the oldest.
    pub(crate) fn insert(&mut self, packet: StoredPacket<'_>, now: MediaTime) {
        let len = packet.payload.len();
        if len > self.ring.len() {
            return;
        }
        self.grow_if_young_packets_are_in_the_way(len, now);
        self.skip_to_fit(len);
        let offset = self.offset(self.position);
        self.ring[offset..offset + len].copy_from_slice(packet.payload);
        let slot = self.slot(packet.sequence);
        self.entries[slot] = Some(Entry {
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            marker: packet.marker,
            byte_extension: packet.byte_extension,
            stored: now,
            position: self.position,
            len,
        });
        self.position += len as u64;
    }

    /// The packet with this number, unless it never came or is gone.
    pub(crate) fn get(&self, sequence: u64, now: MediaTime) -> Option<StoredPacket<'_>> {
        let entry = self.entries[self.slot(sequence)].as_ref()?;
        if entry.sequence != sequence || !self.is_whole(entry) || now.since(entry.stored) > AGE_MAX {
            return None;
        }
        let offset = self.offset(entry.position);
        Some(StoredPacket {
            sequence,
            timestamp: entry.timestamp,
            marker: entry.marker,
            byte_extension: entry.byte_extension,
            payload: &self.ring[offset..offset + entry.len],
        })
    }

    fn slot(&self, sequence: u64) -> usize {
        (sequence % self.entries.len() as u64) as usize
    }

    fn offset(&self, position: u64) -> usize {
        (position % self.ring.len() as u64) as usize
    }

    fn is_whole(&self, entry: &Entry) -> bool {
        self.position - entry.position <= self.ring.len() as u64
    }

    /// A payload does not lie across the ring's end.
    fn skip_to_fit(&mut self, len: usize) {
        let left = self.ring.len() - self.offset(self.position);
        if left < len {
            self.position += left as u64;
        }
    }

    fn grow_if_young_packets_are_in_the_way(&mut self, len: usize, now: MediaTime) {
        let larger = self.ring.len() * 2;
        let end = self.position + 2 * len as u64;
        // Looked at only as often as the ring is written halfway round: the entries are many.
        let half = self.ring.len() as u64 / 2;
        if larger > self.limits.bytes_max
            || end / half == self.position / half
            || end < self.ring.len() as u64
        {
            return;
        }
        let horizon = end - self.ring.len() as u64 + half;
        let young = |entry: &Entry| now.since(entry.stored) < AGE_MAX && entry.position < horizon;
        if self
            .entries
            .iter()
            .flatten()
            .any(|entry| self.is_whole(entry) && young(entry))
        {
            self.grow(larger);
        }
    }

    fn grow(&mut self, bytes: usize) {
        let mut ring = vec![0; bytes];
        let mut position = 0;
        for slot in 0..self.entries.len() {
            let Some(entry) = self.entries[slot] else { continue };
            if !self.is_whole(&entry) {
                self.entries[slot] = None;
                continue;
            }
            let offset = self.offset(entry.position);
            ring[position..position + entry.len].copy_from_slice(&self.ring[offset..offset + entry.len]);
            self.entries[slot] = Some(Entry {
                position: position as u64,
                ..entry
            });
            position += entry.len;
        }
        self.ring = ring;
        self.position = position as u64;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(milliseconds: i64) -> MediaTime {
        MediaTime(milliseconds * 1_000_000)
    }

    fn packet(sequence: u64, payload: &[u8]) -> StoredPacket<'_> {
        StoredPacket {
            sequence,
            timestamp: sequence as u32 * 10,
            marker: true,
            byte_extension: Some(9),
            payload,
        }
    }

    #[test]
    fn a_packet_comes_back_as_it_was() {
        let mut cache = PacketCache::new(CacheLimits::VIDEO);
        cache.insert(packet(70_000, b"payload"), ms(0));
        assert_eq!(cache.get(70_000, ms(10)), Some(packet(70_000, b"payload")));
        assert_eq!(cache.get(70_001, ms(10)), None);
        assert_eq!(cache.get(70_000 + 512, ms(10)), None);
    }

    #[test]
    fn nothing_is_kept_longer_than_a_second() {
        let mut cache = PacketCache::new(CacheLimits::AUDIO);
        cache.insert(packet(1, b"x"), ms(0));
        assert!(cache.get(1, ms(1000)).is_some());
        assert!(cache.get(1, ms(1001)).is_none());
    }

    #[test]
    fn it_grows_until_a_second_of_the_stream_fits() {
        let mut cache = PacketCache::new(CacheLimits::VIDEO);
        let payload = [7; 1100];
        for sequence in 0..900 {
            cache.insert(packet(sequence, &payload), ms(sequence as i64 * 3));
        }
        let now = ms(899 * 3);
        let kept = (0..900)
            .filter(|sequence| cache.get(*sequence, now).is_some())
            .count();
        assert!(kept >= 330, "{kept}");
        assert!(cache.ring.len() <= CacheLimits::VIDEO.bytes_max);
    }

    #[test]
    fn a_slow_stream_stays_small() {
        let mut cache = PacketCache::new(CacheLimits::VIDEO);
        for sequence in 0..3000 {
            cache.insert(packet(sequence, &[7; 200]), ms(sequence as i64 * 33));
        }
        assert_eq!(cache.ring.len(), CacheLimits::VIDEO.bytes_at_first);
    }

    proptest! {
        #[test]
        fn what_comes_back_is_what_went_in(lens in proptest::collection::vec(1usize..1200, 1..1500), gap in 0i64..20) {
            let mut cache = PacketCache::new(CacheLimits::VIDEO);
            for (sequence, len) in lens.iter().enumerate() {
                let payload = vec![sequence as u8; *len];
                cache.insert(packet(sequence as u64, &payload), ms(sequence as i64 * gap));
            }
            let now = ms((lens.len() as i64 - 1) * gap);
            for (sequence, len) in lens.iter().enumerate() {
                if let Some(stored) = cache.get(sequence as u64, now) {
                    prop_assert_eq!(stored.payload, &vec![sequence as u8; *len][..]);
                }
            }
            prop_assert!(cache.get(lens.len() as u64 - 1, now).is_some());
        }
    }
}
