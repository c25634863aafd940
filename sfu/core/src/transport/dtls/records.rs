//! A look at DTLS records from the outside (RFC 6347 §4): which kinds a datagram has, whether its handshake
//! fragments fit, and the `use_srtp` list of a ClientHello that may come in pieces.
//!
//! Stands in front of the DTLS library, so that what reaches it is well-formed and bounded.

use std::hint::black_box;

use crate::transport::SrtpProfile;

const RECORD_HEADER_BYTES: usize = 13;
const FRAGMENT_HEADER_BYTES: usize = 12;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const USE_SRTP: u16 = 14;

/// One handshake message: a ClientHello with post-quantum key shares has about 2 KB, a chain of
/// certificates not much more.
const MESSAGE_BYTES_MAX: u32 = 16 * 1024;

/// Records in one datagram; browsers put at most six.
const RECORDS_MAX: usize = 24;

/// What the library keeps of a fragment beside its bytes: its headers and a place in a list.
const FRAGMENT_KEPT_BYTES: usize = 64;

/// Pieces that a ClientHello may come in.
const HELLO_FRAGMENTS_MAX: usize = 16;

/// A piece of a plaintext handshake message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fragment<'a> {
    pub(super) kind: u8,
    pub(super) message: u16,
    pub(super) message_bytes: u32,
    pub(super) offset: u32,
    pub(super) bytes: &'a [u8],
}

impl Fragment<'_> {
    /// What tells one piece from another.
    pub(super) fn place(&self) -> (u16, u32, u32) {
        (self.message, self.offset, self.bytes.len() as u32)
    }
}

/// What a datagram holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Records<'a> {
    /// The plaintext handshake, in order.
    pub(super) fragments: Vec<Fragment<'a>>,
    /// There are encrypted alerts or handshake messages.
    pub(super) has_encrypted: bool,
    /// Of all records, with their headers.
    bytes: usize,
    /// Of what is in encrypted handshake records.
    encrypted_handshake_bytes: usize,
    /// How many records.
    count: usize,
    /// Epoch and number of the last record.
    number: [u8; 8],
}

impl Records<'_> {
    /// The most that the library may come to keep of it, in bytes: what is encrypted may be nothing but headers of
    /// fragments, and those that belong to no message it waits for are kept as long as the association.
    pub(super) fn kept_bytes_max(&self) -> usize {
        let hidden = self.encrypted_handshake_bytes / FRAGMENT_HEADER_BYTES;
        self.bytes + (self.fragments.len() + hidden) * FRAGMENT_KEPT_BYTES
    }

    /// Whether it is one encrypted alert, of which nothing is kept.
    pub(super) fn is_lone_alert(&self) -> bool {
        self.count == 1 && self.has_encrypted && self.encrypted_handshake_bytes == 0
    }
}

/// `None` when the datagram is not whole records, or its fragments don't fit their messages.
pub(super) fn parse(mut datagram: &[u8]) -> Option<Records<'_>> {
    let mut records = Records {
        bytes: datagram.len(),
        ..Records::default()
    };
    for _ in 0..RECORDS_MAX {
        let (header, rest) = datagram.split_at_checked(RECORD_HEADER_BYTES)?;
        let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
        let (body, rest) = rest.split_at_checked(length)?;
        if body.is_empty() {
            return None;
        }
        let encrypted = header[3..5] != [0, 0];
        records.number.copy_from_slice(&header[3..11]);
        match header[0] {
            HANDSHAKE if !encrypted => parse_fragments(body, &mut records.fragments)?,
            HANDSHAKE => {
                records.has_encrypted = true;
                records.encrypted_handshake_bytes += body.len();
            }
            ALERT if encrypted => records.has_encrypted = true,
            _ => {}
        }
        records.count += 1;
        datagram = rest;
        if datagram.is_empty() {
            return Some(records);
        }
    }
    None
}

fn parse_fragments<'a>(mut body: &'a [u8], fragments: &mut Vec<Fragment<'a>>) -> Option<()> {
    while !body.is_empty() {
        let (header, rest) = body.split_at_checked(FRAGMENT_HEADER_BYTES)?;
        let number = |at: usize| u32::from_be_bytes([0, header[at], header[at + 1], header[at + 2]]);
        let (message_bytes, offset, length) = (number(1), number(6), number(9));
        let fits = message_bytes <= MESSAGE_BYTES_MAX && offset + length <= message_bytes;
        // An empty piece of a message that is not empty carries nothing, but would be kept.
        if !fits || (length == 0 && message_bytes != 0) || fragments.len() >= RECORDS_MAX {
            return None;
        }
        let (bytes, rest) = rest.split_at_checked(length as usize)?;
        let message = u16::from_be_bytes([header[4], header[5]]);
        fragments.push(Fragment {
            kind: header[0],
            message,
            message_bytes,
            offset,
            bytes,
        });
        body = rest;
    }
    Some(())
}

/// A ClientHello, as far as it has come. The library answers each piece of a second one with another cookie
/// exchange, so it is given whole ones only.
#[derive(Debug)]
pub(super) struct HelloAssembly {
    /// Which handshake message: 0 is the first ClientHello, 1 the one with the cookie.
    message: u16,
    bytes: Vec<u8>,
    /// Start and end of the pieces that have come.
    pieces: Vec<(usize, usize)>,
}

impl HelloAssembly {
    pub(super) fn new(message: u16) -> Self {
        Self {
            message,
            bytes: Vec::new(),
            pieces: Vec::new(),
        }
    }

    /// Whether the datagram has a piece of it.
    pub(super) fn wants(&self, records: &Records<'_>) -> bool {
        records.fragments.iter().any(|fragment| self.is_piece(fragment))
    }

    /// Takes the pieces of one datagram; gives the whole message once it is there.
    pub(super) fn push(&mut self, records: &Records<'_>) -> Option<&[u8]> {
        for fragment in &records.fragments {
            if !self.is_piece(fragment) {
                continue;
            }
            if self.bytes.len() != fragment.message_bytes as usize || self.pieces.len() >= HELLO_FRAGMENTS_MAX
            {
                self.bytes = vec![0; fragment.message_bytes as usize];
                self.pieces.clear();
            }
            let (start, end) = (
                fragment.offset as usize,
                fragment.offset as usize + fragment.bytes.len(),
            );
            self.bytes[start..end].copy_from_slice(fragment.bytes);
            self.pieces.push((start, end));
        }
        self.is_whole().then_some(&*self.bytes)
    }

    /// The whole message as one record, under the number of the record that completed it.
    pub(super) fn datagram(&self, last: &Records<'_>) -> Vec<u8> {
        let [_, length @ ..] = (self.bytes.len() as u32).to_be_bytes();
        let mut datagram = vec![HANDSHAKE, 0xfe, 0xfd];
        datagram.extend_from_slice(&last.number);
        datagram.extend_from_slice(&((FRAGMENT_HEADER_BYTES + self.bytes.len()) as u16).to_be_bytes());
        datagram.push(CLIENT_HELLO);
        datagram.extend_from_slice(&length);
        datagram.extend_from_slice(&self.message.to_be_bytes());
        datagram.extend_from_slice(&[0; 3]);
        datagram.extend_from_slice(&length);
        datagram.extend_from_slice(&self.bytes);
        datagram
    }

    fn is_piece(&self, fragment: &Fragment<'_>) -> bool {
        fragment.kind == CLIENT_HELLO && fragment.message == self.message
    }

    fn is_whole(&mut self) -> bool {
        self.pieces.sort_unstable();
        let covered = self.pieces.iter().fold(
            0,
            |end, piece| if piece.0 <= end { end.max(piece.1) } else { end },
        );
        !self.bytes.is_empty() && covered == self.bytes.len()
    }
}

/// For fuzzing: reads a datagram in every way there is here.
pub(super) fn look_at(datagram: &[u8]) {
    black_box(best_srtp_profile(datagram));
    let Some(records) = parse(datagram) else {
        return;
    };
    for message in 0..2 {
        let mut hello = HelloAssembly::new(message);
        if hello.wants(&records)
            && let Some(whole) = hello.push(&records)
        {
            black_box(best_srtp_profile(whole));
            let again = hello.datagram(&records);
            assert!(parse(&again).is_some(), "what is put together can be read");
        }
    }
}

/// The best profile that a ClientHello's `use_srtp` offers (RFC 5764 §4.1.1); `None` when it offers none
/// that we have, or is malformed.
pub(super) fn best_srtp_profile(hello: &[u8]) -> Option<SrtpProfile> {
    let offered = srtp_profiles(hello)?;
    let offers = |number: u16| {
        offered
            .chunks_exact(2)
            .any(|profile| profile == number.to_be_bytes())
    };
    [
        (7, SrtpProfile::AeadAes128Gcm),
        (8, SrtpProfile::AeadAes256Gcm),
        (1, SrtpProfile::Aes128CmSha1_80),
    ]
    .into_iter()
    .find_map(|(number, profile)| offers(number).then_some(profile))
}

/// Walks a ClientHello (RFC 6347 §4.2.1) to the list in its `use_srtp` extension.
fn srtp_profiles(hello: &[u8]) -> Option<&[u8]> {
    let (_version_and_random, rest) = hello.split_at_checked(2 + 32)?;
    let (_session, rest) = length_prefixed_8(rest)?;
    let (_cookie, rest) = length_prefixed_8(rest)?;
    let (_cipher_suites, rest) = length_prefixed_16(rest)?;
    let (_compression, rest) = length_prefixed_8(rest)?;
    let (mut extensions, _) = length_prefixed_16(rest)?;
    while !extensions.is_empty() {
        let (kind, rest) = extensions.split_at_checked(2)?;
        let (value, rest) = length_prefixed_16(rest)?;
        if kind == USE_SRTP.to_be_bytes() {
            return length_prefixed_16(value).map(|(profiles, _)| profiles);
        }
        extensions = rest;
    }
    None
}

fn length_prefixed_8(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

fn length_prefixed_16(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(2)?;
    rest.split_at_checked(usize::from(u16::from_be_bytes([length[0], length[1]])))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Cuts each plaintext handshake message of a datagram into pieces of at most `size` bytes, a datagram
    /// each.
    pub(in crate::transport) fn fragmented(datagram: &[u8], size: usize) -> Vec<Vec<u8>> {
        let records = parse(datagram).unwrap();
        assert!(!records.has_encrypted);
        let mut datagrams = Vec::new();
        for fragment in &records.fragments {
            for (index, piece) in fragment.bytes.chunks(size).enumerate() {
                let body_bytes = (FRAGMENT_HEADER_BYTES + piece.len()) as u16;
                let offset = (index * size) as u32;
                // A record's number is taken once and within a window, so these keep clear of the others.
                let mut bytes = vec![HANDSHAKE, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0];
                bytes.push(20 + 10 * fragment.message as u8 + datagrams.len() as u8);
                bytes.extend_from_slice(&body_bytes.to_be_bytes());
                bytes.push(fragment.kind);
                bytes.extend_from_slice(&fragment.message_bytes.to_be_bytes()[1..]);
                bytes.extend_from_slice(&fragment.message.to_be_bytes());
                bytes.extend_from_slice(&offset.to_be_bytes()[1..]);
                bytes.extend_from_slice(&(piece.len() as u32).to_be_bytes()[1..]);
                bytes.extend_from_slice(piece);
                datagrams.push(bytes);
            }
        }
        datagrams
    }

    fn hello(profiles: &[u16]) -> Vec<u8> {
        let list: Vec<u8> = profiles
            .iter()
            .flat_map(|profile| profile.to_be_bytes())
            .collect();
        let mut extension = (list.len() as u16).to_be_bytes().to_vec();
        extension.extend_from_slice(&list);
        extension.push(0);
        let mut extensions = vec![0, 23, 0, 0, 0, 14];
        extensions.extend_from_slice(&(extension.len() as u16).to_be_bytes());
        extensions.extend_from_slice(&extension);
        let mut hello = vec![0xfe, 0xfd];
        hello.extend_from_slice(&[7; 32]);
        hello.extend_from_slice(&[0, 0, 0, 2, 0xc0, 0x2b, 1, 0]);
        hello.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
        hello.extend_from_slice(&extensions);
        hello
    }

    fn datagram(message: &[u8]) -> Vec<u8> {
        let length = (message.len() as u32).to_be_bytes();
        let mut bytes = vec![HANDSHAKE, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend_from_slice(&((FRAGMENT_HEADER_BYTES + message.len()) as u16).to_be_bytes());
        bytes.extend_from_slice(&[
            CLIENT_HELLO,
            length[1],
            length[2],
            length[3],
            0,
            0,
            0,
            0,
            0,
            length[1],
            length[2],
            length[3],
        ]);
        bytes.extend_from_slice(message);
        bytes
    }

    #[test]
    fn gcm_is_chosen_whenever_it_is_offered() {
        assert_eq!(
            best_srtp_profile(&hello(&[1, 2, 8, 7])),
            Some(SrtpProfile::AeadAes128Gcm)
        );
        assert_eq!(
            best_srtp_profile(&hello(&[1, 8])),
            Some(SrtpProfile::AeadAes256Gcm)
        );
        assert_eq!(
            best_srtp_profile(&hello(&[2, 1])),
            Some(SrtpProfile::Aes128CmSha1_80)
        );
        assert_eq!(best_srtp_profile(&hello(&[2, 5])), None);
    }

    #[test]
    fn a_cut_hello_offers_nothing() {
        let hello = hello(&[7]);
        for length in 0..hello.len() - 1 {
            assert_eq!(best_srtp_profile(&hello[..length]), None, "cut at {length}");
        }
    }

    #[test]
    fn a_hello_is_put_together_from_pieces_in_any_order() {
        let hello = hello(&[1, 7]);
        let mut pieces = fragmented(&datagram(&hello), 11);
        pieces.reverse();
        let mut assembly = HelloAssembly::new(0);
        let (last, first) = pieces.split_last().unwrap();
        for piece in first {
            assert_eq!(assembly.push(&parse(piece).unwrap()), None);
        }
        let last = parse(last).unwrap();
        assert_eq!(assembly.push(&last), Some(&*hello));
        let whole = assembly.datagram(&last);
        assert_eq!(parse(&whole).unwrap().fragments[0].bytes, hello);
    }

    #[test]
    fn fragments_that_do_not_fit_are_malformed() {
        let good = datagram(&hello(&[7]));
        assert!(parse(&good).is_some());
        for length in 0..good.len() {
            assert_eq!(parse(&good[..length]), None, "cut at {length}");
        }
        for (at, value) in [(14, 1), (19, 1), (22, 1), (24, 0xff)] {
            let mut bad = good.clone();
            bad[at] = value;
            assert_eq!(parse(&bad), None, "byte {at}");
        }
    }
}
