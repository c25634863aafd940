//! Sending an outbox: `sendmmsg` over all of it, and one segmented message (`UDP_SEGMENT`) where several datagrams
//! of one size go to one destination.
//!
//! Nothing here allocates once its vectors have grown to what a batch needs. Datagrams to one destination keep
//! their order.

mod control;
mod messages;

use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;

use hearken_sfu_core::{Outbox, QueuedDatagram};
use libc::{c_int, c_void, iovec, mmsghdr};
use socket2::SockAddr;
use tracing::warn;

use self::control::Control;
use self::messages::{Message, Run, find_runs, group};
use crate::socket::MediaSocket;

/// Messages in one system call; the kernel takes at most 1,024.
const MESSAGES_PER_CALL: usize = 64;

/// Segmented messages in a row that the kernel refused, and whose datagrams it then took one by one: it says "invalid"
/// of a driver that cannot segment, too (quinn-udp).
const REFUSED_WHOLE_MAX: u32 = 32;

/// What came of sending one outbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SendReport {
    /// Datagrams the kernel took.
    pub(crate) sent: u64,
    /// Datagrams lost because the socket's buffer was full. Media is never queued for later: it would be late.
    pub(crate) buffer_full: u64,
    /// Datagrams the kernel refused for another reason (no route, no such address).
    pub(crate) refused: u64,
    /// System calls made.
    pub(crate) calls: u64,
}

/// Sends outboxes through the sockets of one shard.
pub(crate) struct Sender {
    runs: Vec<Run>,
    order: Vec<u32>,
    messages: Vec<Message>,
    /// What lies together is one.
    vectors: Vec<iovec>,
    /// How many of them each message has.
    vector_counts: Vec<usize>,
    addresses: Vec<SockAddr>,
    controls: Vec<Control>,
    headers: Vec<mmsghdr>,
    segmentation: bool,
    /// Whether the next message is the first datagram of one that was refused whole.
    was_taken_apart: bool,
    /// Since a segmented message last went out.
    refused_whole: u32,
}

// SAFETY: the pointers in `vectors` and `headers` are only read by the kernel during `send`, which rebuilds them all.
unsafe impl Send for Sender {}

impl Sender {
    /// With segmentation where the kernel can.
    pub(crate) fn new(sockets: &[MediaSocket]) -> Self {
        Self {
            runs: Vec::new(),
            order: Vec::new(),
            messages: Vec::new(),
            vectors: Vec::new(),
            vector_counts: Vec::new(),
            addresses: Vec::new(),
            controls: Vec::new(),
            headers: Vec::new(),
            segmentation: sockets.iter().all(|socket| socket.max_segments() > 1),
            was_taken_apart: false,
            refused_whole: 0,
        }
    }

    /// Whether one message may carry several datagrams: until the kernel says that it cannot do that here.
    pub(crate) fn segments(&self) -> bool {
        self.segmentation
    }

    /// Sends everything in the outbox that goes by UDP. The caller clears it.
    pub(crate) fn send(&mut self, outbox: &Outbox, sockets: &[MediaSocket]) -> SendReport {
        let mut report = SendReport::default();
        for socket in sockets {
            self.plan(outbox, socket);
            let mut next = 0;
            while next < self.messages.len() {
                let end = (next + MESSAGES_PER_CALL).min(self.messages.len());
                next = self.send_messages(outbox, socket, next, end, &mut report);
            }
        }
        let served = report.sent + report.buffer_full + report.refused;
        report.refused += (outbox.datagrams().len() - outbox.frames()) as u64 - served;
        report
    }

    /// Sorts this socket's datagrams by destination, keeping their order within it, and cuts them into messages.
    fn plan(&mut self, outbox: &Outbox, socket: &MediaSocket) {
        let datagrams = outbox.datagrams();
        self.runs.clear();
        find_runs(datagrams, |local| socket.serves(local), &mut self.runs);
        self.runs.sort_unstable_by_key(|run| (run.key, run.first));
        self.order.clear();
        for run in &self.runs {
            self.order.extend(run.first..run.first + run.count);
        }
        let segments_max = if self.segmentation {
            socket.max_segments()
        } else {
            1
        };
        group(&self.order, datagrams, segments_max, &mut self.messages);
    }

    /// Sends `messages[next..end]` and returns which message comes next.
    fn send_messages(
        &mut self,
        outbox: &Outbox,
        socket: &MediaSocket,
        next: usize,
        end: usize,
        report: &mut SendReport,
    ) -> usize {
        self.build(outbox, socket, next, end);
        let count = u32::try_from(end - next).expect("at most MESSAGES_PER_CALL");
        // SAFETY: `build` filled `headers[..count]` with pointers into vectors of this struct and into the outbox,
        // none of which change before the call returns.
        let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), self.headers.as_mut_ptr(), count, 0) };
        report.calls += 1;
        if let Ok(sent) = usize::try_from(sent) {
            let taken = &self.messages[next..next + sent];
            report.sent += taken.iter().map(|message| message.count as u64).sum::<u64>();
            let whole = taken.iter().any(|message| message.count > 1);
            self.learn_from_sent(whole);
            return next + sent;
        }
        let code = io::Error::last_os_error().raw_os_error();
        self.learn_from_refusal(code, outbox.datagrams(), next, report)
    }

    /// The kernel took none of the messages from `next` on. Says, too, which message comes next.
    fn learn_from_refusal(
        &mut self,
        code: Option<c_int>,
        datagrams: &[QueuedDatagram],
        next: usize,
        report: &mut SendReport,
    ) -> usize {
        let first = self.messages[next];
        let was_taken_apart = std::mem::take(&mut self.was_taken_apart);
        match code {
            Some(libc::EINTR) => {
                self.was_taken_apart = was_taken_apart;
                next
            }
            Some(libc::EAGAIN | libc::ENOBUFS) => {
                let rest = &self.messages[next..];
                report.buffer_full += rest.iter().map(|message| message.count as u64).sum::<u64>();
                self.messages.len()
            }
            // Something is wrong with one of these or with where they go: that says nothing about others.
            Some(libc::EINVAL | libc::EMSGSIZE) if first.count > 1 => {
                self.take_apart(next..next + 1, datagrams);
                self.was_taken_apart = true;
                next
            }
            Some(code @ (libc::EIO | libc::EOPNOTSUPP)) if first.count > 1 => {
                self.end_segmentation(code);
                self.take_apart(next..self.messages.len(), datagrams);
                next
            }
            _ => {
                report.refused += first.count as u64;
                next + 1
            }
        }
    }

    /// Messages went out, `whole` if one of them was segmented. That the parts go out of what was refused as a whole,
    /// again and again, says that nothing but the segmenting is wrong.
    fn learn_from_sent(&mut self, whole: bool) {
        if std::mem::take(&mut self.was_taken_apart) {
            self.refused_whole += 1;
        }
        if whole {
            self.refused_whole = 0;
        }
        if self.segmentation && self.refused_whole >= REFUSED_WHOLE_MAX {
            self.end_segmentation(libc::EINVAL);
        }
    }

    /// This route or driver cannot segment: one datagram a message from the next outbox on.
    fn end_segmentation(&mut self, code: c_int) {
        warn!(
            code,
            "datagrams are sent one by one from now on: the kernel cannot segment here"
        );
        self.segmentation = false;
    }

    /// Makes each datagram of these messages a message of its own.
    fn take_apart(&mut self, messages: Range<usize>, datagrams: &[QueuedDatagram]) {
        let positions = self.messages[messages.clone()]
            .iter()
            .flat_map(|message| message.first..message.first + message.count);
        let apart: Vec<Message> = positions
            .map(|position| Message {
                first: position,
                count: 1,
                segment_bytes: datagrams[self.order[position] as usize].len,
            })
            .collect();
        self.messages.splice(messages, apart);
    }

    /// Fills the kernel's structures for `messages[next..end]`.
    fn build(&mut self, outbox: &Outbox, socket: &MediaSocket, next: usize, end: usize) {
        self.vectors.clear();
        self.vector_counts.clear();
        self.addresses.clear();
        self.controls.clear();
        self.headers.clear();
        let datagrams = outbox.datagrams();
        for message in &self.messages[next..end] {
            let first = self.vectors.len();
            let mut end = None;
            for index in &self.order[message.first..message.first + message.count] {
                let datagram = &datagrams[*index as usize];
                match self.vectors.last_mut() {
                    Some(last) if end == Some(datagram.offset) => last.iov_len += datagram.len,
                    _ => self.vectors.push(iovec {
                        iov_base: outbox.bytes(datagram).as_ptr().cast::<c_void>().cast_mut(),
                        iov_len: datagram.len,
                    }),
                }
                end = Some(datagram.offset + datagram.len);
            }
            self.vector_counts.push(self.vectors.len() - first);
            let datagram = &datagrams[self.order[message.first] as usize];
            self.addresses.push(SockAddr::from(datagram.destination));
            self.controls.push(Control::EMPTY);
        }
        // Only now: the vectors no longer move.
        let mut vector = 0;
        for (i, message) in self.messages[next..end].iter().enumerate() {
            // SAFETY: an all-zero mmsghdr is valid.
            let mut header: mmsghdr = unsafe { std::mem::zeroed() };
            let inner = &mut header.msg_hdr;
            inner.msg_name = self.addresses[i].as_ptr().cast_mut().cast();
            inner.msg_namelen = self.addresses[i].len();
            inner.msg_iov = &raw mut self.vectors[vector];
            inner.msg_iovlen = self.vector_counts[i];
            vector += self.vector_counts[i];
            let local = datagrams[self.order[message.first] as usize].local;
            let leave_from = socket.is_wildcard().then_some(local);
            let segment = (message.count > 1).then_some(message.segment_bytes);
            let used = self.controls[i].write(segment, leave_from);
            if used > 0 {
                inner.msg_control = (&raw mut self.controls[i]).cast();
                inner.msg_controllen = used;
            }
            self.headers.push(header);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use hearken_sfu_core::transport::{Pair, Protocol};

    use super::*;

    fn queued(ports: &[u16], local: SocketAddr) -> Outbox {
        let mut outbox = Outbox::default();
        for port in ports {
            let pair = Pair {
                remote: SocketAddr::from(([127, 0, 0, 1], *port)),
                local,
                protocol: Protocol::Udp,
            };
            assert!(outbox.push_control(&[7; 100], pair));
        }
        outbox
    }

    #[test]
    fn what_cannot_be_sent_to_one_leaves_segmented_messages_to_the_others() {
        let socket = MediaSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let local = socket.bound();
        let sockets = [socket];
        let mut sender = Sender::new(&sockets);
        assert!(sender.segments(), "any Linux since 4.18 can");
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = peer.local_addr().unwrap().port();
        // The kernel refuses port 0, and says the same to a message that is longer than a route takes.
        let report = sender.send(&queued(&[0, 0, 0, port, port], local), &sockets);
        assert_eq!((report.sent, report.refused), (2, 3), "{report:?}");
        let report = sender.send(&queued(&[port; 10], local), &sockets);
        assert_eq!((report.sent, report.calls), (10, 1), "{report:?}");
        assert_eq!((sender.segments(), sender.messages.len()), (true, 1));
    }

    /// As of a driver that cannot segment: Linux refuses segments without checksums as invalid.
    #[test]
    fn a_kernel_that_refuses_every_segmented_message_is_soon_given_none() {
        let socket = MediaSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (one, length): (c_int, _) = (1, size_of::<c_int>() as libc::socklen_t);
        // SAFETY: the option is an int, which outlives the call.
        let result = unsafe {
            let value = (&raw const one).cast();
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_NO_CHECK,
                value,
                length,
            )
        };
        assert_eq!(result, 0);
        let local = socket.bound();
        let sockets = [socket];
        let mut sender = Sender::new(&sockets);
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let ports = [peer.local_addr().unwrap().port(); 2];
        for refused in 1..=REFUSED_WHOLE_MAX {
            assert!(sender.segments());
            let report = sender.send(&queued(&ports, local), &sockets);
            assert_eq!((report.sent, report.calls), (2, 2), "{refused}: {report:?}");
        }
        assert!(!sender.segments());
        let report = sender.send(&queued(&ports, local), &sockets);
        assert_eq!((report.sent, report.calls), (2, 1), "{report:?}");
    }

    /// No socket of ours can be made to say this: a route through a tunnel does, or a driver.
    #[test]
    fn a_kernel_that_cannot_segment_here_gets_all_that_waits_one_by_one() {
        for code in [libc::EIO, libc::EOPNOTSUPP] {
            let socket = MediaSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let local = socket.bound();
            let sockets = [socket];
            let mut sender = Sender::new(&sockets);
            let peers = [(), ()].map(|()| std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
            let [one, other] = [0, 1].map(|peer: usize| peers[peer].local_addr().unwrap().port());
            let outbox = queued(&[one, one, one, other, other], local);
            sender.plan(&outbox, &sockets[0]);
            assert_eq!(sender.messages.len(), 2);
            let mut report = SendReport::default();
            let next = sender.learn_from_refusal(Some(code), outbox.datagrams(), 0, &mut report);
            assert_eq!((next, report), (0, SendReport::default()), "nothing is lost");
            assert!(!sender.segments());
            let messages = sender.messages.len();
            let next = sender.send_messages(&outbox, &sockets[0], 0, messages, &mut report);
            assert_eq!((messages, next, report.sent), (5, 5, 5), "{report:?}");
            let report = sender.send(&outbox, &sockets);
            assert_eq!((report.sent, report.calls), (5, 1), "{report:?}");
            assert_eq!(sender.messages.len(), 5, "nor is it tried again");
        }
    }

    /// One that goes alone was not refused for being segmented.
    #[test]
    fn a_datagram_of_its_own_that_is_refused_says_nothing_about_segments() {
        let socket = MediaSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let local = socket.bound();
        let mut sender = Sender::new(std::slice::from_ref(&socket));
        let outbox = queued(&[1, 2, 2], local);
        sender.plan(&outbox, &socket);
        let alone = sender
            .messages
            .iter()
            .position(|message| message.count == 1)
            .unwrap();
        let mut report = SendReport::default();
        let next = sender.learn_from_refusal(Some(libc::EIO), outbox.datagrams(), alone, &mut report);
        assert_eq!((next, report.refused), (alone + 1, 1));
        assert_eq!((sender.segments(), sender.messages.len()), (true, 2));
    }
}
