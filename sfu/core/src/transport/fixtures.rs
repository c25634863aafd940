//! For tests of whatever has to do with ways.

use super::{Pair, Protocol};

/// A way over UDP to a peer's port.
pub(crate) fn pair(port: u16) -> Pair {
    Pair {
        remote: ([192, 0, 2, 1], port).into(),
        local: ([192, 0, 2, 9], 40_000).into(),
        protocol: Protocol::Udp,
    }
}
