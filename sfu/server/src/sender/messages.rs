//! Which datagrams of an outbox go together: in, datagrams in the order they were put there; out, messages, each with as
//! many of one destination as one segmented message may carry. Datagrams to one destination keep their order.

use std::net::SocketAddr;

use hearken_sfu_core::QueuedDatagram;
use hearken_sfu_core::transport::Protocol;

/// Bytes in one segmented message: an IP packet's limit less room for headers.
const SEGMENTED_BYTES_MAX: usize = 65_000;

/// One message: datagrams of one destination, `order[first..first + count]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) first: usize,
    pub(super) count: usize,
    pub(super) segment_bytes: usize,
}

/// Datagrams of one destination that lie one behind the other in the outbox, `first..first + count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// The same for the same destination, and hardly ever for another.
    pub(super) key: u64,
    pub(super) first: u32,
    pub(super) count: u32,
}

/// Finds the runs of what goes by UDP from an address that `serves` says yes to.
pub(super) fn find_runs(
    datagrams: &[QueuedDatagram],
    serves: impl Fn(SocketAddr) -> bool,
    runs: &mut Vec<Run>,
) {
    let mut open: Option<&QueuedDatagram> = None;
    for (index, datagram) in (0..).zip(datagrams) {
        let goes_on = |last: &QueuedDatagram| {
            (last.destination, last.local, last.protocol)
                == (datagram.destination, datagram.local, datagram.protocol)
        };
        if open.is_some_and(goes_on) {
            if let Some(run) = runs.last_mut() {
                run.count += 1;
            }
            continue;
        }
        open = None;
        if datagram.protocol == Protocol::Udp && serves(datagram.local) {
            open = Some(datagram);
            runs.push(Run {
                key: key(datagram.destination),
                first: index,
                count: 1,
            });
        }
    }
}

/// A number for a destination: cheaper to compare than the address.
fn key(destination: SocketAddr) -> u64 {
    let port = u64::from(destination.port());
    match destination {
        SocketAddr::V4(address) => u64::from(address.ip().to_bits()) << 16 | port,
        SocketAddr::V6(address) => {
            let bits = address.ip().to_bits();
            (bits >> 64) as u64 ^ (bits as u64).rotate_left(17) ^ port
        }
    }
}

/// Cuts `order`, which is sorted by destination, into messages: as many datagrams of one size as a segmented message
/// may carry, the last of which may be shorter.
pub(super) fn group(
    order: &[u32],
    datagrams: &[QueuedDatagram],
    segments_max: usize,
    messages: &mut Vec<Message>,
) {
    messages.clear();
    let mut bytes = 0;
    let mut open = false;
    for (position, index) in order.iter().enumerate() {
        let datagram = &datagrams[*index as usize];
        if let Some(last) = messages.last_mut().filter(|_| open) {
            let first = &datagrams[order[last.first] as usize];
            if first.destination == datagram.destination
                && first.local == datagram.local
                && datagram.len <= last.segment_bytes
                && last.count < segments_max
                && bytes + datagram.len <= SEGMENTED_BYTES_MAX
            {
                last.count += 1;
                bytes += datagram.len;
                open = datagram.len == last.segment_bytes;
                continue;
            }
        }
        messages.push(Message {
            first: position,
            count: 1,
            segment_bytes: datagram.len,
        });
        bytes = datagram.len;
        open = segments_max > 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(len: usize, port: u16) -> QueuedDatagram {
        QueuedDatagram {
            offset: 0,
            len,
            destination: SocketAddr::from(([127, 0, 0, 1], port)),
            local: SocketAddr::from(([127, 0, 0, 1], 9)),
            protocol: Protocol::Udp,
            content: hearken_sfu_core::Content::Video,
            waited_ms: 0,
        }
    }

    fn grouped(datagrams: &[QueuedDatagram], segments_max: usize) -> Vec<(usize, usize)> {
        let order: Vec<u32> = (0..).take(datagrams.len()).collect();
        let mut messages = Vec::new();
        group(&order, datagrams, segments_max, &mut messages);
        messages
            .iter()
            .map(|message| (message.count, message.segment_bytes))
            .collect()
    }

    #[test]
    fn what_goes_to_one_destination_in_a_row_is_one_run_and_what_is_served_elsewhere_is_none() {
        let mut datagrams = [1, 1, 2, 2, 2, 1, 1].map(|port| datagram(9, port));
        datagrams[3].protocol = Protocol::Tcp;
        datagrams[6].local.set_port(10);
        let mut runs = Vec::new();
        find_runs(&datagrams, |local| local.port() == 9, &mut runs);
        let found: Vec<_> = runs.iter().map(|run| (run.first, run.count)).collect();
        assert_eq!(found, [(0, 2), (2, 1), (4, 1), (5, 1)]);
        assert_eq!(runs[0].key, runs[3].key);
        assert_ne!(runs[0].key, runs[1].key);
        assert_ne!(
            key("[2001:db8::1]:7".parse().unwrap()),
            key("[2001:db8::2]:7".parse().unwrap())
        );
    }

    /// Datagrams of 100 bytes to these ports.
    #[test]
    fn datagrams_of_one_size_to_one_destination_go_together() {
        let datagrams = [
            datagram(1100, 1),
            datagram(1100, 1),
            datagram(80, 1),
            datagram(80, 1),
        ];
        assert_eq!(grouped(&datagrams, 64), [(3, 1100), (1, 80)]);
    }

    #[test]
    fn a_longer_datagram_or_another_destination_begins_anew() {
        let datagrams = [datagram(80, 1), datagram(1100, 1), datagram(1100, 2)];
        assert_eq!(grouped(&datagrams, 64), [(1, 80), (1, 1100), (1, 1100)]);
    }

    #[test]
    fn without_segmentation_each_goes_alone() {
        assert_eq!(grouped(&[datagram(9, 1), datagram(9, 1)], 1), [(1, 9), (1, 9)]);
    }

    #[test]
    fn a_segmented_message_stays_within_an_ip_packet() {
        let datagrams = vec![datagram(1200, 1); 64];
        let messages = grouped(&datagrams, 64);
        assert!(
            messages
                .iter()
                .all(|(count, bytes)| count * bytes <= SEGMENTED_BYTES_MAX)
        );
        assert_eq!(messages.iter().map(|(count, _)| count).sum::<usize>(), 64);
    }
}
