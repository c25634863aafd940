//! The last second of a stream, kept once for all its subscribers, to answer their requests for what they lost.
//!
//! Payloads lie in chunks of a few packets each. A chunk whose packets are all too old is written anew; when none
//! is, another one is added, up to a limit, past which the cache holds less than a second. So the memory follows
//! the stream's rate, and a stream at its own pace allocates nothing.

use std::collections::VecDeque;
use std::time::Duration;

use super::time::MediaTime;

/// What is older than this is not sent again: nobody's jitter buffer waits so long.
const AGE_MAX: Duration = Duration::from_secs(1);
/// Places for packets at first.
const ENTRIES_AT_FIRST: usize = 64;
/// Chunks of old packets that are kept for when the stream is faster again.
const SPARE_CHUNKS: usize = 1;

/// How large a cache may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CacheLimits {
    /// A power of two, at least `ENTRIES_AT_FIRST`.
    pub(crate) packets: usize,
    /// Longer packets are not kept. Below 64 KiB.
    pub(crate) chunk_bytes: usize,
    pub(crate) chunks: usize,
}

impl CacheLimits {
    /// A second of 4 Mbit/s, as one layer of a camera or a screen may take at its peak.
    pub(crate) const VIDEO: Self = Self {
        packets: 512,
        chunk_bytes: 8 << 10,
        chunks: 64,
    };
    /// A second of 128 kbit/s, in packets of 10 ms.
    pub(crate) const AUDIO: Self = Self {
        packets: 128,
        chunk_bytes: 2 << 10,
        chunks: 8,
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
    /// The dependency descriptor as it came; empty when there was none.
    pub(crate) dependency: &'a [u8],
    pub(crate) payload: &'a [u8],
}

/// Small, since there are hundreds for each stream: numbers and times are their lowest 32 bits, which are enough
/// to tell the packets of a second apart.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    sequence: u32,
    timestamp: u32,
    stored: Milliseconds,
    /// The number of its chunk; 0, which no chunk has, for no packet.
    chunk: u32,
    offset: u16,
    len: u16,
    marker: bool,
    byte_extension: Option<u8>,
    /// Of the dependency descriptor, which lies before the payload.
    dependency_len: u8,
}

/// The lowest 32 bits of a time in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Milliseconds(u32);

impl Milliseconds {
    fn of(time: MediaTime) -> Self {
        Self(time.0.div_euclid(1_000_000) as u32)
    }

    fn is_old(self, now: Self) -> bool {
        u128::from(now.0.wrapping_sub(self.0)) > AGE_MAX.as_millis()
    }
}

#[derive(Debug)]
struct Chunk {
    bytes: Box<[u8]>,
    used: usize,
    newest: Milliseconds,
}

/// The newest packets of one stream.
#[derive(Debug)]
pub(crate) struct PacketCache {
    limits: CacheLimits,
    /// Indexed by the lowest bits of the sequence number.
    entries: Vec<Entry>,
    /// Oldest first.
    chunks: VecDeque<Chunk>,
    /// The number of the oldest chunk; the first one ever is 1.
    first_chunk: u32,
}

impl PacketCache {
    pub(crate) fn new(limits: CacheLimits) -> Self {
        Self {
            limits,
            entries: vec![Entry::default(); ENTRIES_AT_FIRST],
            chunks: VecDeque::new(),
            first_chunk: 1,
        }
    }

    /// Keeps a packet, at the cost of the oldest.
    pub(crate) fn insert(&mut self, packet: StoredPacket<'_>, now: MediaTime) {
        let Ok(dependency_len) = u8::try_from(packet.dependency.len()) else {
            return;
        };
        let len = packet.dependency.len() + packet.payload.len();
        if len > self.limits.chunk_bytes {
            return;
        }
        let now = Milliseconds::of(now);
        let has_room = self
            .chunks
            .back()
            .is_some_and(|chunk| chunk.used + len <= chunk.bytes.len());
        if !has_room {
            self.begin_chunk(now);
        }
        let number = self.first_chunk.wrapping_add(self.chunks.len() as u32 - 1);
        let chunk = self.chunks.back_mut().expect("begun above");
        let offset = chunk.used;
        let (dependency, payload) = chunk.bytes[offset..offset + len].split_at_mut(packet.dependency.len());
        dependency.copy_from_slice(packet.dependency);
        payload.copy_from_slice(packet.payload);
        chunk.used += len;
        chunk.newest = now;
        self.spread_entries(packet.sequence, now);
        let slot = self.slot(packet.sequence);
        self.entries[slot] = Entry {
            sequence: packet.sequence as u32,
            timestamp: packet.timestamp,
            stored: now,
            chunk: number,
            offset: offset as u16,
            len: len as u16,
            marker: packet.marker,
            byte_extension: packet.byte_extension,
            dependency_len,
        };
    }

    /// The packet with this number, unless it never came or is gone.
    pub(crate) fn get(&self, sequence: u64, now: MediaTime) -> Option<StoredPacket<'_>> {
        let entry = &self.entries[self.slot(sequence)];
        if entry.sequence != sequence as u32 || entry.stored.is_old(Milliseconds::of(now)) {
            return None;
        }
        let offset = usize::from(entry.offset);
        let bytes = &self.chunk(entry)?.bytes[offset..offset + usize::from(entry.len)];
        let (dependency, payload) = bytes.split_at(usize::from(entry.dependency_len));
        Some(StoredPacket {
            sequence,
            timestamp: entry.timestamp,
            marker: entry.marker,
            byte_extension: entry.byte_extension,
            dependency,
            payload,
        })
    }

    /// Whether the packet with this number is not missing, but gone: its place was taken by itself or by a newer one.
    pub(crate) fn is_gone(&self, sequence: u64, now: MediaTime) -> bool {
        let entry = &self.entries[self.slot(sequence)];
        let is_newer = entry.sequence.wrapping_sub(sequence as u32) < 1 << 31;
        entry.chunk != 0 && is_newer && self.get(sequence, now).is_none()
    }

    fn slot(&self, sequence: u64) -> usize {
        sequence as usize & (self.entries.len() - 1)
    }

    /// The chunk that a packet lies in, unless that was written anew since.
    fn chunk(&self, entry: &Entry) -> Option<&Chunk> {
        self.chunks
            .get(entry.chunk.wrapping_sub(self.first_chunk) as usize)
    }

    /// Makes an empty chunk the newest: the oldest one if its packets are too old or there may be no more.
    fn begin_chunk(&mut self, now: Milliseconds) {
        if self.is_old(SPARE_CHUNKS, now) {
            self.take_oldest();
        }
        let is_reused = self.is_old(0, now) || self.chunks.len() == self.limits.chunks;
        let oldest = if is_reused { self.take_oldest() } else { None };
        self.chunks.push_back(Chunk {
            bytes: match oldest {
                Some(chunk) => chunk.bytes,
                None => vec![0; self.limits.chunk_bytes].into_boxed_slice(),
            },
            used: 0,
            newest: now,
        });
    }

    fn is_old(&self, at: usize, now: Milliseconds) -> bool {
        self.chunks.get(at).is_some_and(|chunk| chunk.newest.is_old(now))
    }

    fn take_oldest(&mut self) -> Option<Chunk> {
        self.first_chunk = self.first_chunk.wrapping_add(1);
        self.chunks.pop_front()
    }

    /// Makes more places for packets, if this one's is taken by another that may yet be asked for.
    fn spread_entries(&mut self, sequence: u64, now: Milliseconds) {
        while self.entries.len() < self.limits.packets {
            let taken = self.entries[self.slot(sequence)];
            if taken.sequence == sequence as u32 || taken.stored.is_old(now) || self.chunk(&taken).is_none() {
                return;
            }
            let larger = vec![Entry::default(); 2 * self.entries.len()];
            for entry in std::mem::replace(&mut self.entries, larger) {
                let slot = self.slot(u64::from(entry.sequence));
                self.entries[slot] = entry;
            }
        }
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
            dependency: b"dd",
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
    fn what_was_kept_is_gone_and_what_never_came_is_missing() {
        let mut cache = PacketCache::new(CacheLimits::VIDEO);
        cache.insert(packet(1, b"payload"), ms(0));
        cache.insert(packet(3, b"payload"), ms(10));
        let gone = |cache: &PacketCache, now| [1, 2, 3].map(|sequence| cache.is_gone(sequence, now));
        assert_eq!(gone(&cache, ms(1000)), [false, false, false]);
        assert_eq!(gone(&cache, ms(1005)), [true, false, false]);
        assert_eq!(gone(&cache, ms(2000)), [true, false, true]);
        for sequence in 4..1000 {
            cache.insert(packet(sequence, b"payload"), ms(20));
        }
        assert_eq!(
            gone(&cache, ms(20)),
            [true; 3],
            "too long ago, whatever was with it"
        );
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
        assert!(cache.chunks.len() <= CacheLimits::VIDEO.chunks);
    }

    #[test]
    fn it_takes_hardly_more_memory_than_a_second_of_the_stream() {
        let mut cache = PacketCache::new(CacheLimits::VIDEO);
        // 1 Mbit/s: 120 packets a second.
        for sequence in 0..3000 {
            cache.insert(packet(sequence, &[7; 1042]), ms(sequence as i64 * 1000 / 120));
        }
        let bytes = cache.chunks.len() * CacheLimits::VIDEO.chunk_bytes + size_of_val(&cache.entries[..]);
        assert!(bytes <= 165_000, "{bytes}");
        // Then it slows down.
        for sequence in 3000..4000 {
            cache.insert(packet(sequence, &[7; 200]), ms(25_000 + sequence as i64 * 33));
        }
        assert!(cache.chunks.len() <= 2 + SPARE_CHUNKS, "{}", cache.chunks.len());
    }

    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<Entry>(), 24);
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
