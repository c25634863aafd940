//! The addresses of this machine, for media candidates, for links and for a certificate.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

/// Addresses that are announced at most: every one is a candidate that each browser tries.
const ANNOUNCED_MAX: usize = 8;

/// The addresses of all interfaces that are up, IPv4 first; loopback and link-local ones left out. Empty if
/// the system does not tell.
pub fn of_interfaces() -> Vec<IpAddr> {
    let Ok(interfaces) = getifaddrs() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for interface in interfaces {
        let up = interface.flags.contains(InterfaceFlags::IFF_UP);
        let address = interface.address.as_ref().and_then(|address| {
            let four = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
            four.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
        });
        found.extend(address.filter(|address| up && is_reachable(*address)));
    }
    found.sort();
    found.dedup();
    found.truncate(ANNOUNCED_MAX);
    found
}

/// The loopback addresses that this machine has; not all have one of IPv6.
pub fn loopback() -> Vec<IpAddr> {
    let both = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    both.into_iter()
        .filter(|address| UdpSocket::bind((*address, 0)).is_ok())
        .collect()
}

/// The name of this machine, if it has one that others can use.
pub fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim().to_ascii_lowercase();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    (!name.is_empty() && name.bytes().all(is_plain) && name != "localhost").then_some(name)
}

/// Whether another machine could use it without naming an interface.
fn is_reachable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            !address.is_loopback() && !address.is_link_local() && !address.is_unspecified()
        }
        IpAddr::V6(address) => {
            !address.is_loopback() && !address.is_unicast_link_local() && !address.is_unspecified()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_announced_that_only_this_machine_can_reach() {
        for address in of_interfaces() {
            assert!(!address.is_loopback() && !address.is_unspecified(), "{address}");
        }
    }
}
