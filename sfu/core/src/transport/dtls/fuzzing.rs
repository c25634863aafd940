//! For fuzzing, see [`crate::fuzzing`]: anything instead of what a client sends next in a handshake.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Dtls, DtlsOutput, DtlsSession, Identity};
use crate::transport::SrtpProfile;

/// Nothing yet; the hello is to be said again with a cookie; the client's certificate and keys; established.
const STAGES: u8 = 4;
/// Of the first byte: the rest says which bytes of the client's own datagrams are others.
const CHANGES: u8 = 0x80;

/// What the library makes of it ends the association at worst: there is nothing to be seen but panics outside of its
/// guard, and time.
pub(crate) fn next_in_handshake(bytes: &[u8], identity: &Arc<Identity>, now: Instant) {
    let Some((&how, rest)) = bytes.split_first() else {
        return;
    };
    let mut server = DtlsSession::server(Arc::clone(identity));
    let Ok(mut client) = DtlsSession::client(Arc::clone(identity), &[SrtpProfile::AeadAes128Gcm], now) else {
        return;
    };
    for _ in 0..how % STAGES {
        carry(&mut client, &mut server, now);
        carry(&mut server, &mut client, now);
    }
    let mut next = vec![rest.to_vec()];
    if how & CHANGES != 0 {
        next = datagrams(&mut client);
        change(&mut next, rest);
    }
    for datagram in next {
        // What does not begin like DTLS never comes here.
        if datagram.first().is_some_and(|kind| (20..64).contains(kind)) {
            let _ = server.handle_datagram(now, &datagram);
        }
        datagrams(&mut server);
    }
    server.handle_timeout(now + Duration::from_secs(1));
    server.close(now + Duration::from_secs(1));
    datagrams(&mut server);
}

fn carry(from: &mut DtlsSession, to: &mut DtlsSession, now: Instant) {
    for datagram in datagrams(from) {
        let _ = to.handle_datagram(now, &datagram);
    }
}

fn datagrams(from: &mut DtlsSession) -> Vec<Vec<u8>> {
    let outputs = std::iter::from_fn(|| from.poll_output());
    let datagram = |output| match output {
        DtlsOutput::Datagram(bytes) => Some(bytes),
        DtlsOutput::Established(_) | DtlsOutput::Closed(_) => None,
    };
    outputs.filter_map(datagram).collect()
}

/// Which datagram, where, and what stands there instead.
fn change(datagrams: &mut [Vec<u8>], changes: &[u8]) {
    let count = datagrams.len().max(1);
    for change in changes.as_chunks::<4>().0 {
        let [which, high, low, value] = *change;
        if let Some(datagram) = datagrams.get_mut(usize::from(which) % count)
            && !datagram.is_empty()
        {
            let at = usize::from(u16::from_be_bytes([high, low])) % datagram.len();
            datagram[at] = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else changes would be of nothing, or of another stage than thought.
    #[test]
    fn rounds_lead_through_a_whole_handshake() {
        let identity = Arc::new(Identity::generate().unwrap());
        #[allow(clippy::disallowed_methods)]
        let now = Instant::now();
        let mut server = DtlsSession::server(Arc::clone(&identity));
        let mut client =
            DtlsSession::client(Arc::clone(&identity), &[SrtpProfile::AeadAes128Gcm], now).unwrap();
        let mut is_established = false;
        let mut sent = Vec::new();
        for _ in 0..STAGES - 1 {
            let up = datagrams(&mut client);
            sent.push(up.len());
            for datagram in up {
                server.handle_datagram(now, &datagram).unwrap();
            }
            while let Some(output) = server.poll_output() {
                match output {
                    DtlsOutput::Datagram(down) => client.handle_datagram(now, &down).unwrap(),
                    DtlsOutput::Established(_) => is_established = true,
                    DtlsOutput::Closed(why) => panic!("{why:?}"),
                }
            }
        }
        assert!(is_established && sent.iter().all(|count| *count > 0), "{sent:?}");
    }
}
