//! Control messages beside a datagram, as cmsg(3) lays them out: the segment size, and the address to leave from.

use std::net::SocketAddr;

use libc::c_int;

/// Room for two control messages: the segment size and the address to leave from.
const CONTROL_BYTES: usize = 96;

/// The room for them, aligned as they want it.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub(super) struct Control([u8; CONTROL_BYTES]);

impl Control {
    /// Nothing written yet.
    pub(super) const EMPTY: Self = Self([0; CONTROL_BYTES]);

    /// Writes what is asked for and returns how many bytes that takes.
    pub(super) fn write(&mut self, segment_bytes: Option<usize>, local: Option<SocketAddr>) -> usize {
        let mut used = 0;
        if let Some(bytes) = segment_bytes {
            let size = u16::try_from(bytes).expect("a UDP datagram is shorter than 64 KiB");
            used += push_control(&mut self.0[used..], libc::SOL_UDP, libc::UDP_SEGMENT, &size);
        }
        match local {
            Some(SocketAddr::V4(address)) => {
                let info = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: libc::in_addr {
                        s_addr: u32::from_ne_bytes(address.ip().octets()),
                    },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                used += push_control(&mut self.0[used..], libc::IPPROTO_IP, libc::IP_PKTINFO, &info);
            }
            Some(SocketAddr::V6(address)) => {
                let info = libc::in6_pktinfo {
                    ipi6_ifindex: 0,
                    ipi6_addr: libc::in6_addr {
                        s6_addr: address.ip().octets(),
                    },
                };
                used += push_control(&mut self.0[used..], libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info);
            }
            None => {}
        }
        used
    }
}

/// One control message as cmsg(3) lays it out. `room` is 8-byte aligned because every earlier one was padded.
fn push_control<T>(room: &mut [u8], level: c_int, kind: c_int, value: &T) -> usize {
    let data = u32::try_from(size_of::<T>()).expect("control messages are small");
    // SAFETY: CMSG_SPACE and CMSG_LEN only compute.
    let (space, len) = unsafe { (libc::CMSG_SPACE(data) as usize, libc::CMSG_LEN(data) as usize) };
    assert!(space <= room.len(), "CONTROL_BYTES holds every combination");
    let header = libc::cmsghdr {
        cmsg_len: len,
        cmsg_level: level,
        cmsg_type: kind,
    };
    // SAFETY: `room` has at least `space` bytes; the header and, behind it at CMSG_LEN(0), the value fit into them.
    unsafe {
        room.as_mut_ptr().cast::<libc::cmsghdr>().write_unaligned(header);
        let at = libc::CMSG_LEN(0) as usize;
        room.as_mut_ptr()
            .add(at)
            .copy_from_nonoverlapping((&raw const *value).cast::<u8>(), size_of::<T>());
    }
    space
}
