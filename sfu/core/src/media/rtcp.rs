//! RTCP as it comes and as it goes (RFC 3550 §6, RFC 4585 §6, RFC 5104 §4.3.1). Reading does not allocate;
//! writing appends to a buffer that is kept.

use super::time::NtpTime;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
const NACK: u8 = 1;
const TRANSPORT_CC: u8 = 15;
const PLI: u8 = 1;
const FIR: u8 = 4;
const CNAME: u8 = 1;

/// Report blocks in one packet: five bits count them.
pub(crate) const REPORT_BLOCKS_MAX: usize = 31;

/// One packet of a compound packet, the kinds that matter here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RtcpPacket<'a> {
    /// A sender's clock, and what it says of streams sent to it.
    SenderReport {
        ssrc: u32,
        ntp: NtpTime,
        timestamp: u32,
        blocks: ReportBlocks<'a>,
    },
    /// What a receiver says of streams sent to it.
    ReceiverReport { blocks: ReportBlocks<'a> },
    /// Packets of a stream to be sent again.
    Nack {
        media_ssrc: u32,
        lost: LostSequences<'a>,
    },
    /// A key frame is wanted.
    PictureLoss { media_ssrc: u32 },
    /// Key frames are wanted; four bytes of SSRC and four others for each stream.
    FullIntra { entries: &'a [u8] },
    /// Arrivals of packets with transport-wide numbers: everything behind the two SSRCs.
    TransportFeedback { body: &'a [u8] },
    /// Anything else.
    Other,
}

/// Reads a compound packet; stops with `None` inside at the first that does not fit.
#[derive(Debug, Clone)]
pub(crate) struct RtcpPackets<'a> {
    rest: &'a [u8],
}

/// A packet of a compound packet had no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MalformedRtcp;

impl<'a> RtcpPackets<'a> {
    pub(crate) fn new(compound: &'a [u8]) -> Self {
        Self { rest: compound }
    }

    fn parse(&mut self) -> Result<RtcpPacket<'a>, MalformedRtcp> {
        let header = self.rest.first_chunk::<4>().ok_or(MalformedRtcp)?;
        if header[0] >> 6 != 2 {
            return Err(MalformedRtcp);
        }
        let len = 4 * (usize::from(u16::from_be_bytes([header[2], header[3]])) + 1);
        let (packet, rest) = self.rest.split_at_checked(len).ok_or(MalformedRtcp)?;
        let mut body = &packet[4..];
        if header[0] & 0x20 != 0 {
            let padding = usize::from(*body.last().ok_or(MalformedRtcp)?);
            body = body
                .get(..body.len().checked_sub(padding).ok_or(MalformedRtcp)?)
                .ok_or(MalformedRtcp)?;
        }
        self.rest = rest;
        parse_body(header[1], header[0] & 0x1f, body).ok_or(MalformedRtcp)
    }
}

impl<'a> Iterator for RtcpPackets<'a> {
    type Item = Result<RtcpPacket<'a>, MalformedRtcp>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let packet = self.parse();
        if packet.is_err() {
            self.rest = &[];
        }
        Some(packet)
    }
}

fn parse_body(kind: u8, count: u8, body: &[u8]) -> Option<RtcpPacket<'_>> {
    let packet = match (kind, count) {
        (SENDER_REPORT, _) => {
            let info = body.first_chunk::<24>()?;
            RtcpPacket::SenderReport {
                ssrc: word(info, 0)?,
                ntp: NtpTime(u64::from(word(info, 4)?) << 32 | u64::from(word(info, 8)?)),
                timestamp: word(info, 12)?,
                blocks: ReportBlocks::new(&body[24..], count)?,
            }
        }
        (RECEIVER_REPORT, _) => RtcpPacket::ReceiverReport {
            blocks: ReportBlocks::new(body.get(4..)?, count)?,
        },
        (TRANSPORT_FEEDBACK, NACK) => RtcpPacket::Nack {
            media_ssrc: word(body, 4)?,
            lost: LostSequences::new(body.get(8..)?),
        },
        (TRANSPORT_FEEDBACK, TRANSPORT_CC) => RtcpPacket::TransportFeedback { body: body.get(8..)? },
        (PAYLOAD_FEEDBACK, PLI) => RtcpPacket::PictureLoss {
            media_ssrc: word(body, 4)?,
        },
        (PAYLOAD_FEEDBACK, FIR) => RtcpPacket::FullIntra {
            entries: body.get(8..)?,
        },
        _ => RtcpPacket::Other,
    };
    Some(packet)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..at + 4)?
        .first_chunk()
        .map(|bytes| u32::from_be_bytes(*bytes))
}

/// The streams of a FIR's entries.
pub(crate) fn full_intra_ssrcs(entries: &[u8]) -> impl Iterator<Item = u32> + '_ {
    entries.chunks_exact(8).filter_map(|entry| word(entry, 0))
}

/// How a stream arrives, as a receiver says it (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ReportBlock {
    pub(crate) ssrc: u32,
    /// In 1/256.
    pub(crate) fraction_lost: u8,
    /// 24 bits.
    pub(crate) lost: u32,
    pub(crate) highest_sequence: u32,
    /// In ticks.
    pub(crate) jitter: u32,
    /// Of the last sender report; 0 when there was none.
    pub(crate) last_report: u32,
    /// Since then, in 1/65,536 s.
    pub(crate) delay: u32,
}

/// Report blocks of one packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReportBlocks<'a> {
    rest: &'a [u8],
}

impl<'a> ReportBlocks<'a> {
    fn new(bytes: &'a [u8], count: u8) -> Option<Self> {
        Some(Self {
            rest: bytes.get(..24 * usize::from(count))?,
        })
    }
}

impl Iterator for ReportBlocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        let (block, rest) = self.rest.split_at_checked(24)?;
        self.rest = rest;
        let loss = word(block, 4)?;
        Some(ReportBlock {
            ssrc: word(block, 0)?,
            fraction_lost: (loss >> 24) as u8,
            lost: loss & 0x00ff_ffff,
            highest_sequence: word(block, 8)?,
            jitter: word(block, 12)?,
            last_report: word(block, 16)?,
            delay: word(block, 20)?,
        })
    }
}

/// Sequence numbers of a NACK: each entry names one packet and, by a bit mask, the sixteen after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LostSequences<'a> {
    entries: &'a [u8],
    next: u16,
    mask: u32,
}

impl<'a> LostSequences<'a> {
    fn new(entries: &'a [u8]) -> Self {
        Self {
            entries,
            next: 0,
            mask: 0,
        }
    }
}

impl Iterator for LostSequences<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        if self.mask == 0 {
            let (entry, rest) = self.entries.split_at_checked(4)?;
            self.entries = rest;
            self.next = u16::from_be_bytes([entry[0], entry[1]]);
            self.mask = u32::from(u16::from_be_bytes([entry[2], entry[3]])) << 1 | 1;
        }
        let skip = self.mask.trailing_zeros();
        let sequence = self.next.wrapping_add(skip as u16);
        self.mask >>= skip + 1;
        self.next = sequence.wrapping_add(1);
        Some(sequence)
    }
}

/// What a sender report says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SenderReport {
    pub(crate) ssrc: u32,
    pub(crate) ntp: NtpTime,
    pub(crate) timestamp: u32,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
}

/// Bytes that [`write_sender_report`] appends with a name of 16 characters.
pub(crate) const SENDER_REPORT_BYTES: usize = 28 + 12 + 16;

/// Appends a sender report and the stream's CNAME, which is the same for all streams to be played in step.
pub(crate) fn write_sender_report(out: &mut Vec<u8>, report: &SenderReport, cname: &str) {
    write_header(out, 0, SENDER_REPORT, 6);
    write_words(
        out,
        &[
            report.ssrc,
            (report.ntp.0 >> 32) as u32,
            report.ntp.0 as u32,
            report.timestamp,
        ],
    );
    write_words(out, &[report.packets, report.octets]);
    let name = &cname.as_bytes()[..cname.len().min(255)];
    // SSRC, type and length, name, at least one zero, up to a whole word.
    let body = (4 + 2 + name.len() + 1).next_multiple_of(4);
    write_header(out, 1, SOURCE_DESCRIPTION, body / 4);
    let end = out.len() + body;
    write_words(out, &[report.ssrc]);
    out.extend_from_slice(&[CNAME, name.len() as u8]);
    out.extend_from_slice(name);
    out.resize(end, 0);
}

/// Appends a receiver report with at most [`REPORT_BLOCKS_MAX`] blocks.
pub(crate) fn write_receiver_report(out: &mut Vec<u8>, sender_ssrc: u32, blocks: &[ReportBlock]) {
    let blocks = &blocks[..blocks.len().min(REPORT_BLOCKS_MAX)];
    write_header(out, blocks.len() as u8, RECEIVER_REPORT, 1 + 6 * blocks.len());
    write_words(out, &[sender_ssrc]);
    for block in blocks {
        let loss = u32::from(block.fraction_lost) << 24 | block.lost & 0x00ff_ffff;
        write_words(
            out,
            &[
                block.ssrc,
                loss,
                block.highest_sequence,
                block.jitter,
                block.last_report,
                block.delay,
            ],
        );
    }
}

/// Appends a request for a key frame.
pub(crate) fn write_picture_loss(out: &mut Vec<u8>, sender_ssrc: u32, media_ssrc: u32) {
    write_header(out, PLI, PAYLOAD_FEEDBACK, 2);
    write_words(out, &[sender_ssrc, media_ssrc]);
}

/// Appends a request for packets, given in the order of the stream.
pub(crate) fn write_nack(out: &mut Vec<u8>, sender_ssrc: u32, media_ssrc: u32, sequences: &[u16]) {
    let start = out.len();
    write_header(out, NACK, TRANSPORT_FEEDBACK, 0);
    write_words(out, &[sender_ssrc, media_ssrc]);
    let mut rest = sequences;
    while let Some((&first, mut following)) = rest.split_first() {
        let mut mask = 0_u16;
        while let Some((&next, after)) = following.split_first() {
            let distance = next.wrapping_sub(first).wrapping_sub(1);
            if distance >= 16 {
                break;
            }
            mask |= 1 << distance;
            following = after;
        }
        out.extend_from_slice(&first.to_be_bytes());
        out.extend_from_slice(&mask.to_be_bytes());
        rest = following;
    }
    patch_len(out, start);
}

/// Begins a congestion feedback message; [`patch_len`] ends it.
pub(crate) fn begin_transport_feedback(out: &mut Vec<u8>, sender_ssrc: u32, media_ssrc: u32) {
    write_header(out, TRANSPORT_CC, TRANSPORT_FEEDBACK, 0);
    write_words(out, &[sender_ssrc, media_ssrc]);
}

/// Pads the packet that began at `start` to whole words and writes its length.
pub(crate) fn patch_len(out: &mut Vec<u8>, start: usize) {
    let len = out.len() - start;
    out.resize(start + len.next_multiple_of(4), 0);
    let words = ((out.len() - start) / 4 - 1) as u16;
    out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}

fn write_header(out: &mut Vec<u8>, count: u8, kind: u8, words: usize) {
    out.extend_from_slice(&[0x80 | count, kind]);
    out.extend_from_slice(&(words as u16).to_be_bytes());
}

fn write_words(out: &mut Vec<u8>, words: &[u32]) {
    for word in words {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Vec<RtcpPacket<'_>> {
        RtcpPackets::new(bytes).map(|packet| packet.unwrap()).collect()
    }

    #[test]
    fn reports_come_back_as_written() {
        let block = ReportBlock {
            ssrc: 5,
            fraction_lost: 12,
            lost: 345,
            highest_sequence: 70_000,
            jitter: 9,
            last_report: 77,
            delay: 88,
        };
        let mut out = Vec::new();
        write_receiver_report(&mut out, 1, &[block, ReportBlock { ssrc: 6, ..block }]);
        write_picture_loss(&mut out, 1, 99);
        let packets = read(&out);
        let RtcpPacket::ReceiverReport { blocks } = &packets[0] else {
            panic!("{packets:?}")
        };
        assert_eq!(
            blocks.clone().collect::<Vec<_>>(),
            [block, ReportBlock { ssrc: 6, ..block }]
        );
        assert_eq!(packets[1], RtcpPacket::PictureLoss { media_ssrc: 99 });
    }

    #[test]
    fn a_sender_report_names_its_source() {
        let report = SenderReport {
            ssrc: 5,
            ntp: NtpTime(0x1_0000_0002),
            timestamp: 3,
            packets: 4,
            octets: 500,
        };
        let mut out = Vec::new();
        write_sender_report(&mut out, &report, "0123456789abcdef");
        assert!(out.len() <= SENDER_REPORT_BYTES, "{}", out.len());
        let packets = read(&out);
        assert!(matches!(
            packets[0],
            RtcpPacket::SenderReport {
                ssrc: 5,
                ntp: NtpTime(0x1_0000_0002),
                timestamp: 3,
                ..
            }
        ));
        assert_eq!(packets[1], RtcpPacket::Other);
        assert_eq!(
            &out[28..],
            b"\x81\xca\0\x06\0\0\0\x05\x01\x100123456789abcdef\0\0"
        );
    }

    #[test]
    fn a_compound_packet_is_read_up_to_what_makes_no_sense() {
        let mut out = Vec::new();
        write_picture_loss(&mut out, 1, 99);
        out.extend([0x80, 201, 0, 9]);
        let packets: Vec<_> = RtcpPackets::new(&out).collect();
        assert_eq!(
            packets,
            [Ok(RtcpPacket::PictureLoss { media_ssrc: 99 }), Err(MalformedRtcp)]
        );
    }

    proptest! {
        #[test]
        fn lost_sequences_come_back_as_written(steps in proptest::collection::vec(1u16..40, 1..60), start: u16) {
            let mut sequence = start;
            let lost: Vec<u16> = steps.iter().map(|step| { sequence = sequence.wrapping_add(*step); sequence }).collect();
            let mut out = Vec::new();
            write_nack(&mut out, 1, 2, &lost);
            let packets = read(&out);
            let RtcpPacket::Nack { media_ssrc: 2, lost: read } = &packets[0] else { panic!("{packets:?}") };
            prop_assert_eq!(read.clone().collect::<Vec<_>>(), lost);
        }

        #[test]
        fn no_bytes_upset_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            for packet in RtcpPackets::new(&bytes).flatten() {
                match packet {
                    RtcpPacket::SenderReport { blocks, .. } | RtcpPacket::ReceiverReport { blocks } => {
                        prop_assert!(blocks.count() < 32);
                    }
                    RtcpPacket::Nack { lost, .. } => prop_assert!(lost.count() < 17 * 120),
                    RtcpPacket::FullIntra { entries } => prop_assert!(full_intra_ssrcs(entries).count() < 120),
                    RtcpPacket::PictureLoss { .. } | RtcpPacket::TransportFeedback { .. } | RtcpPacket::Other => {}
                }
            }
        }
    }
}
