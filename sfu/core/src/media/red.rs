//! Redundant audio (RFC 2198): a packet carries copies of the packets just before it.
//!
//! ```text
//!  in:   [48|49|50] ─► 50 is the packet; 49 and 48 stand in for packets that are missing
//!  out:  kept 51, 52 and new 53 ─► [51|52|53] for a subscriber that loses packets
//! ```
//!
//! Kept and handed on between the two is always plain Opus. Nothing here allocates once buffers have grown.

use std::ops::Range;

use super::cache::{PacketCache, StoredPacket};
use super::opus;
use super::time::MediaTime;

/// Copies that are read in one packet; browsers send one or two.
pub(crate) const COPIES_READ_MAX: usize = 4;
/// Copies that are put into one packet: more would help only lines on which nobody can talk anyway.
pub(crate) const COPIES_WRITTEN_MAX: usize = 2;
/// Copies are left out of a payload that would be longer than this: with headers and SRTP it stays below 1,200
/// bytes.
const PAYLOAD_BYTES_MAX: usize = 1_100;
/// The four bytes before each copy, and the one before the packet's own sound (RFC 2198 §3).
const COPY_HEADER_BYTES: usize = 4;
const COPY_BYTES_MAX: usize = 1 << 10;
const OFFSET_TICKS_MAX: u32 = 1 << 14;
/// Silence is sent in packets of at most so many bytes (DTX): not worth a copy.
const SILENCE_BYTES_MAX: usize = 3;

/// A copy of an earlier packet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Copy {
    /// How many packets before this one.
    pub(crate) distance: u64,
    pub(crate) timestamp: u32,
    /// Where it lies in the packet.
    pub(crate) payload: Range<usize>,
}

/// What a received packet carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redundant {
    /// The packet's own sound.
    pub(crate) primary: Range<usize>,
    copies: [Copy; COPIES_READ_MAX],
    count: usize,
}

impl Redundant {
    /// Reads the payload at `at` of a packet with this timestamp. `opus` says whether a payload type is Opus;
    /// `None` when the lengths don't fit together or it is another codec.
    ///
    /// A copy does not say which packet it is of. It counts only if it ends where the next copy, or the packet
    /// itself, begins: then no other packet lies between, and its number follows from its place.
    pub(crate) fn parse(
        packet: &[u8],
        at: Range<usize>,
        timestamp: u32,
        opus: impl Fn(u8) -> bool,
    ) -> Option<Self> {
        let payload = packet.get(at.clone())?;
        let mut lengths = [(0_u32, 0_usize); COPIES_READ_MAX];
        let mut count = 0;
        let mut head = 0;
        loop {
            let first = *payload.get(head)?;
            if !opus(first & 0x7f) {
                return None;
            }
            if first & 0x80 == 0 {
                head += 1;
                break;
            }
            let word = payload.get(head + 1..head + COPY_HEADER_BYTES)?;
            let word = u32::from_be_bytes([0, word[0], word[1], word[2]]);
            *lengths.get_mut(count)? = (word >> 10, (word & 0x3ff) as usize);
            count += 1;
            head += COPY_HEADER_BYTES;
        }
        let copied: usize = lengths[..count].iter().map(|(_, len)| len).sum();
        let primary = at.start + head + copied..at.end;
        if primary.start > primary.end {
            return None;
        }
        let mut redundant = Self {
            primary,
            copies: Default::default(),
            count: 0,
        };
        redundant.place(packet, timestamp, &lengths[..count]);
        Some(redundant)
    }

    /// The copies that are surely of the packets before this one, oldest first.
    pub(crate) fn copies(&self) -> impl Iterator<Item = &Copy> {
        self.copies[..self.count].iter().rev()
    }

    /// Goes from the newest copy back, as long as each ends where the one after it begins.
    fn place(&mut self, packet: &[u8], timestamp: u32, lengths: &[(u32, usize)]) {
        let (mut begin, mut end) = (timestamp, self.primary.start);
        for (offset, len) in lengths.iter().rev() {
            let payload = end - len..end;
            let copy_timestamp = timestamp.wrapping_sub(*offset);
            let lasts = opus::duration(&packet[payload.clone()]);
            if lasts.is_none_or(|lasts| copy_timestamp.wrapping_add(lasts) != begin) {
                return;
            }
            (begin, end) = (copy_timestamp, payload.start);
            self.copies[self.count] = Copy {
                distance: self.count as u64 + 1,
                timestamp: copy_timestamp,
                payload,
            };
            self.count += 1;
        }
    }
}

/// Copies of the packets before one, ready to be put in front of it for any subscriber.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    /// With one copy, with two.
    prefixes: [Vec<u8>; COPIES_WRITTEN_MAX],
    count: usize,
}

impl Copies {
    /// Takes the packets before `packet` out of its stream's cache: only those without silence between.
    pub(crate) fn collect(&mut self, cache: &PacketCache, packet: &StoredPacket<'_>, now: MediaTime) {
        self.count = 0;
        let mut copies: [Option<StoredPacket<'_>>; COPIES_WRITTEN_MAX] = [None; COPIES_WRITTEN_MAX];
        let (mut begin, mut bytes) = (packet.timestamp, packet.payload.len() + 1);
        for (at, copy) in copies.iter_mut().enumerate() {
            let before = packet.sequence.checked_sub(at as u64 + 1);
            let Some(stored) = before.and_then(|sequence| cache.get(sequence, now)) else {
                break;
            };
            let lasts = opus::duration(stored.payload);
            let is_next = lasts.is_some_and(|lasts| stored.timestamp.wrapping_add(lasts) == begin);
            let len = stored.payload.len();
            bytes += COPY_HEADER_BYTES + len;
            let fits = bytes <= PAYLOAD_BYTES_MAX && (SILENCE_BYTES_MAX + 1..COPY_BYTES_MAX).contains(&len);
            let offset = packet.timestamp.wrapping_sub(stored.timestamp);
            if !is_next || !fits || offset >= OFFSET_TICKS_MAX {
                break;
            }
            begin = stored.timestamp;
            *copy = Some(stored);
            self.count += 1;
        }
        for (at, prefix) in self.prefixes.iter_mut().enumerate().take(self.count) {
            write(prefix, packet.timestamp, &copies[..at + 1]);
        }
    }

    /// Nothing to put in front.
    pub(crate) fn clear(&mut self) {
        self.count = 0;
    }

    /// What goes in front of the packet's own sound, with at most `copies_max` copies, and how many these are.
    /// Its payload types are still 0: see [`set_payload_type`].
    pub(crate) fn prefix(&self, copies_max: usize) -> (&[u8], usize) {
        let count = copies_max.min(self.count);
        let prefix = count.checked_sub(1).map_or(&[][..], |at| &self.prefixes[at]);
        (prefix, count)
    }
}

/// Writes headers and copies, the oldest first. `copies` has the newest first.
fn write(prefix: &mut Vec<u8>, timestamp: u32, copies: &[Option<StoredPacket<'_>>]) {
    prefix.clear();
    for stored in copies.iter().rev().flatten() {
        let offset = timestamp.wrapping_sub(stored.timestamp);
        let word = offset << 10 | stored.payload.len() as u32;
        prefix.push(0x80);
        prefix.extend_from_slice(&word.to_be_bytes()[1..]);
    }
    prefix.push(0);
    for stored in copies.iter().rev().flatten() {
        prefix.extend_from_slice(stored.payload);
    }
}

/// Names the codec of all blocks, at the beginning of a payload with so many copies.
pub(crate) fn set_payload_type(payload: &mut [u8], copies: usize, payload_type: u8) {
    for block in 0..=copies {
        payload[COPY_HEADER_BYTES * block] |= payload_type;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cache::CacheLimits;
    use super::*;

    const NOW: MediaTime = MediaTime(0);

    /// 20 ms of Opus, as far as its first byte says.
    fn sound(number: u8, len: usize) -> Vec<u8> {
        let mut payload = vec![number; len];
        payload[0] = 0xf8;
        payload
    }

    fn stored(sequence: u64, timestamp: u32, payload: &[u8]) -> StoredPacket<'_> {
        StoredPacket {
            sequence,
            timestamp,
            marker: false,
            byte_extension: None,
            dependency: &[],
            payload,
        }
    }

    fn cache(packets: &[(u64, u32, usize)]) -> PacketCache {
        let mut cache = PacketCache::new(CacheLimits::AUDIO);
        for (sequence, timestamp, len) in packets {
            cache.insert(stored(*sequence, *timestamp, &sound(*sequence as u8, *len)), NOW);
        }
        cache
    }

    /// The packet as a subscriber gets it.
    fn rebuilt(cache: &PacketCache, sequence: u64, timestamp: u32, len: usize, max: usize) -> Vec<u8> {
        let own = sound(sequence as u8, len);
        let mut copies = Copies::default();
        copies.collect(cache, &stored(sequence, timestamp, &own), NOW);
        let (prefix, count) = copies.prefix(max);
        let mut payload = [prefix, &own].concat();
        if count > 0 {
            set_payload_type(&mut payload, count, 111);
        }
        payload
    }

    fn read(payload: &[u8], timestamp: u32) -> Option<Redundant> {
        Redundant::parse(payload, 0..payload.len(), timestamp, |number| number == 111)
    }

    #[test]
    fn what_is_written_can_be_read() {
        let cache = cache(&[(48, 0, 60), (49, 960, 70)]);
        let payload = rebuilt(&cache, 50, 1920, 80, 2);
        assert_eq!(payload.len(), 60 + 70 + 80 + 9);
        let redundant = read(&payload, 1920).unwrap();
        assert_eq!(payload[redundant.primary.clone()], sound(50, 80));
        let copies: Vec<_> = redundant
            .copies()
            .map(|copy| {
                (
                    copy.distance,
                    copy.timestamp,
                    payload[copy.payload.clone()].to_vec(),
                )
            })
            .collect();
        assert_eq!(copies, [(2, 0, sound(48, 60)), (1, 960, sound(49, 70))]);
    }

    #[test]
    fn the_bytes_are_those_of_the_rfc() {
        let payload = rebuilt(&cache(&[(49, 0xffff_fc40, 4)]), 50, 0, 5, 2);
        // F=1, type 111; offset 960, length 4; F=0, type 111.
        assert_eq!(payload[..5], [0xef, 0x0f, 0x00, 0x04, 0x6f]);
        assert_eq!(payload[5..], [sound(49, 4), sound(50, 5)].concat());
    }

    #[test]
    fn silence_in_between_takes_no_copies() {
        // 400 ms of DTX before 50; a packet of silence itself; nothing missing in between.
        assert_eq!(rebuilt(&cache(&[(49, 0, 60)]), 50, 19_200, 80, 2).len(), 80);
        assert_eq!(rebuilt(&cache(&[(49, 0, 1)]), 50, 960, 80, 2).len(), 80);
        assert_eq!(rebuilt(&cache(&[(48, 0, 60)]), 50, 1920, 80, 2).len(), 80);
    }

    #[test]
    fn a_packet_stays_below_the_size_of_a_datagram() {
        let cache = cache(&[(48, 0, 300), (49, 960, 300)]);
        assert_eq!(rebuilt(&cache, 50, 1920, 300, 2).len(), 909);
        assert_eq!(rebuilt(&cache, 50, 1920, 600, 2).len(), 905);
        assert_eq!(rebuilt(&cache, 50, 1920, 900, 2).len(), 900);
    }

    #[test]
    fn a_copy_with_a_gap_behind_it_has_no_number() {
        let cache = cache(&[(49, 960, 60)]);
        let payload = rebuilt(&cache, 50, 1920, 80, 1);
        assert_eq!(read(&payload, 1920).unwrap().copies().count(), 1);
        // The same bytes with another offset: every second packet, or silence in between.
        let mut distant = payload.clone();
        distant[1..3].copy_from_slice(&[0x1e, 0x00]);
        let redundant = read(&distant, 1920).unwrap();
        assert_eq!((redundant.copies().count(), redundant.primary.len()), (0, 80));
    }

    #[test]
    fn another_codec_and_lengths_that_lie_are_refused() {
        assert_eq!(read(&[96, 1, 2, 3], 0), None);
        assert_eq!(read(&[0xef, 0x0f, 0x03, 0xff, 0x6f, 1, 2], 0), None);
        assert_eq!(read(&[0xef, 0x0f], 0), None);
        assert_eq!(read(&[], 0), None);
        assert_eq!(read(&[0xef; 64], 0), None);
    }

    proptest! {
        #[test]
        fn no_bytes_upset_the_reader(payload in proptest::collection::vec(any::<u8>(), 0..80), timestamp: u32) {
            if let Some(redundant) = Redundant::parse(&payload, 0..payload.len(), timestamp, |_| true) {
                prop_assert!(redundant.primary.end == payload.len());
                for copy in redundant.copies() {
                    prop_assert!(payload.get(copy.payload.clone()).is_some());
                }
            }
        }
    }
}
