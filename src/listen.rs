//! Binds the listeners, with errors that say which setting to change.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::anyhow;

/// Binds one listener for a setting. Port 0 takes any free port.
///
/// # Errors
///
/// If the address is not ours or its port is in use; the message names both and the setting.
pub fn bind(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    let explain = |error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            anyhow!(
                "port {} on {} is in use; choose another with {setting}",
                address.port(),
                address.ip()
            )
        }
        io::ErrorKind::PermissionDenied => {
            anyhow!(
                "port {} needs rights that this program does not have; choose one from 1024 on with {setting}",
                address.port()
            )
        }
        _ => anyhow!("cannot listen on {address} ({setting}): {error}"),
    };
    let listener = TcpListener::bind(address)
        .or_else(|error| without_ipv6(address, error))
        .map_err(explain)?;
    listener.set_nonblocking(true).map_err(explain)?;
    Ok(listener)
}

/// "All addresses" on a machine without IPv6 are those of IPv4.
fn without_ipv6(address: SocketAddr, error: io::Error) -> io::Result<TcpListener> {
    let all = address.is_ipv6() && address.ip().is_unspecified();
    if all && error.kind() != io::ErrorKind::AddrInUse && error.kind() != io::ErrorKind::PermissionDenied {
        return TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port()));
    }
    Err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_named_with_its_setting() {
        let first = bind(SocketAddr::from(([127, 0, 0, 1], 0)), "HEARKEN_LISTEN").unwrap();
        let address = first.local_addr().unwrap();
        let error = bind(address, "HEARKEN_METRICS_LISTEN").unwrap_err().to_string();
        let port = address.port().to_string();
        assert!(
            error.contains(&port) && error.contains("in use") && error.contains("HEARKEN_METRICS_LISTEN"),
            "{error}"
        );
    }
}
