//! What comes in, and whose it is: by the ufrag of a connectivity check, by the way it came for everything else.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Instant;

use super::{Core, Place};
use crate::DropCause;
use crate::media::session::Now;
use crate::media::train::Train;
use crate::transport::{DropReason, Incoming, PAIRS_MAX, Pair, Protocol};

/// How an ICE check begins, and the answer to one of ours (RFC 8489 §5).
const BINDING_REQUEST: [u8; 2] = [0, 1];
const BINDING_SUCCESS: [u8; 2] = [1, 1];
/// How RTP and RTCP begin (RFC 7983 §7).
const MEDIA: RangeInclusive<u8> = 128..=191;

/// How a datagram came, and from whom.
#[derive(Debug, Clone, Copy)]
struct Way {
    pair: Pair,
    place: Place,
    bytes: usize,
    /// It begins as an ICE check does.
    is_request: bool,
}

impl Core {
    /// Takes one UDP datagram, which came from `source` to `local`. It is decrypted in place.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        source: SocketAddr,
        local: SocketAddr,
        datagram: &mut [u8],
    ) {
        let pair = Pair {
            remote: source,
            local,
            protocol: Protocol::Udp,
        };
        self.handle_packet(now, pair, datagram);
    }

    /// The same for several that came together, as the kernel hands them over: each of `size` bytes, but for the
    /// last, which may be shorter. What is forwarded of them goes out receiver by receiver.
    pub fn handle_datagrams(
        &mut self,
        now: Instant,
        source: SocketAddr,
        local: SocketAddr,
        datagrams: &mut [u8],
        size: usize,
    ) {
        let pair = Pair {
            remote: source,
            local,
            protocol: Protocol::Udp,
        };
        self.handle_together(now, pair, datagrams.chunks_mut(size.max(1)));
    }

    /// Takes one datagram, whatever carried it. It is decrypted in place.
    pub fn handle_packet(&mut self, now: Instant, pair: Pair, datagram: &mut [u8]) {
        self.handle_together(now, pair, std::iter::once(datagram));
    }

    fn handle_together<'a>(
        &mut self,
        now: Instant,
        pair: Pair,
        datagrams: impl Iterator<Item = &'a mut [u8]>,
    ) {
        let now = self.now(now);
        let mut train = Train::new();
        let mut place = None;
        for datagram in datagrams {
            // Of what is not media, nothing is taken for granted.
            if !datagram.first().is_some_and(|first| MEDIA.contains(first)) {
                self.send_train(place.take(), &mut train, now);
            }
            place = self.take(now, pair, datagram, place, &mut train);
        }
        self.send_train(place, &mut train, now);
    }

    fn send_train(&mut self, place: Option<Place>, train: &mut Train<'_>, now: Now) {
        let session = place.and_then(|place| self.sessions[place.session].as_mut());
        if let Some(session) = session {
            session.send_train(train, now, &mut self.shared);
        }
    }

    /// Takes one datagram; pictures join the `train`. `known` is whose the pair is, as this said of the media before.
    fn take<'a>(
        &mut self,
        now: Now,
        pair: Pair,
        datagram: &'a mut [u8],
        known: Option<Place>,
        train: &mut Train<'a>,
    ) -> Option<Place> {
        if datagram.starts_with(&BINDING_SUCCESS) {
            self.take_answer(now, pair, datagram);
            return None;
        }
        let Some(place) = known.or_else(|| self.owner(pair, datagram)) else {
            self.shared.counters.drops.count(DropCause::UnknownPeer);
            return None;
        };
        let session = self.sessions[place.session].as_mut()?;
        let connection = session.connection(place.participant)?;
        let bytes = datagram.len();
        let is_request = datagram.starts_with(&BINDING_REQUEST);
        match connection.transport.handle_datagram(now.instant, pair, datagram) {
            Incoming::Rtp(packet) => {
                session.handle_rtp(place.participant, packet, now, &mut self.shared, train);
                return Some(place);
            }
            Incoming::Rtcp(compound) => {
                session.send_train(train, now, &mut self.shared);
                session.handle_rtcp(place.participant, compound, now, &mut self.shared);
                return Some(place);
            }
            other @ (Incoming::Handled | Incoming::Answered | Incoming::Dropped(_)) => {
                let way = Way {
                    pair,
                    place,
                    bytes,
                    is_request,
                };
                self.take_other(&other, way, now);
            }
        }
        self.send_train(Some(place), train, now);
        self.drain(place, now);
        None
    }

    /// Takes what became of a datagram without media.
    fn take_other(&mut self, outcome: &Incoming<'_>, came: Way, now: Now) {
        let counters = &mut self.shared.counters;
        match outcome {
            Incoming::Handled => {
                counters.received.connectivity.add(came.bytes);
                // An indication is not authenticated, so it proves nothing.
                if came.is_request {
                    self.claim(came.pair, came.place, now);
                }
            }
            // What begins like an answer was taken as one before: only there is it known which check it answers.
            Incoming::Answered => counters.drops.count(DropCause::Transport),
            Incoming::Dropped(reason) => {
                counters.drops.count(DropCause::Transport);
                counters.transport_drops.add(*reason);
            }
            Incoming::Rtp(_) | Incoming::Rtcp(_) => {}
        }
    }

    /// Takes an answer to a check of ours: of whoever the pair belongs to, or who has just taken it over.
    fn take_answer(&mut self, now: Now, pair: Pair, datagram: &mut [u8]) {
        let Some(&owner) = self.by_pair.get(&pair) else {
            self.shared.counters.drops.count(DropCause::UnknownPeer);
            return;
        };
        let claimant = self.claims.claimant(pair, now.instant);
        for place in [Some(owner), claimant].into_iter().flatten() {
            let session = self.sessions[place.session].as_mut();
            let Some(connection) = session.and_then(|session| session.connection(place.participant)) else {
                continue;
            };
            let outcome = connection.transport.handle_datagram(now.instant, pair, datagram);
            let is_others = outcome == Incoming::Dropped(DropReason::UnauthenticStun);
            match outcome {
                Incoming::Answered => {
                    self.shared.counters.received.connectivity.add(datagram.len());
                    self.bind(pair, place);
                }
                Incoming::Dropped(reason) => {
                    self.shared.counters.drops.count(DropCause::Transport);
                    self.shared.counters.transport_drops.add(reason);
                }
                Incoming::Handled | Incoming::Rtp(_) | Incoming::Rtcp(_) => {}
            }
            self.drain(place, now);
            if !is_others {
                return;
            }
        }
    }

    /// Whose a datagram is.
    fn owner(&self, pair: Pair, datagram: &[u8]) -> Option<Place> {
        if datagram.starts_with(&BINDING_REQUEST) {
            // Connectivity checks name the peer themselves.
            let ufrag = crate::transport::stun_local_ufrag(datagram)?;
            self.by_ufrag.get(ufrag).copied()
        } else {
            self.by_pair.get(&pair).copied()
        }
    }

    /// Whether an authentic connectivity check of somebody who is connected came over this pair.
    pub fn knows(&self, pair: Pair) -> bool {
        self.by_pair.contains_key(&pair)
    }

    /// Nothing can come or go over this pair any more: its TCP connection has ended. Media goes on over another
    /// one if there is any.
    pub fn handle_closed(&mut self, now: Instant, pair: Pair) {
        self.claims.settle(pair);
        let Some(place) = self.by_pair.remove(&pair) else {
            return;
        };
        let session = self.sessions[place.session].as_mut();
        if let Some(connection) = session.and_then(|session| session.connection(place.participant)) {
            connection.pairs.retain(|known| *known != pair);
            connection.transport.forget_pair(pair, now);
        }
    }

    /// A picture's packet of this stream was dropped on its way to whoever is at the end of this pair, since the line
    /// took no more: a key frame is asked for, unless one is under way. Queues nothing at once.
    pub fn handle_unsent(&mut self, now: Instant, pair: Pair, ssrc: u32) {
        let now = self.now(now);
        let Some(place) = self.by_pair.get(&pair) else {
            return;
        };
        if let Some(session) = &mut self.sessions[place.session] {
            session.picture_lost(place.participant, ssrc, now, &mut self.shared);
        }
    }

    /// An authentic check came over this pair. It may be a lie about where it comes from, so it takes the pair from
    /// nobody.
    fn claim(&mut self, pair: Pair, place: Place, now: Now) {
        match self.by_pair.get(&pair) {
            Some(owner) if *owner == place => {}
            Some(_) => self.claims.note(pair, place, now.instant),
            None => self.bind(pair, place),
        }
    }

    /// What else comes over this pair is this peer's.
    fn bind(&mut self, pair: Pair, place: Place) {
        if self.by_pair.insert(pair, place) == Some(place) {
            return;
        }
        self.claims.settle(pair);
        let session = self.sessions[place.session].as_mut();
        let Some(connection) = session.and_then(|session| session.connection(place.participant)) else {
            return;
        };
        if connection.pairs.len() >= PAIRS_MAX {
            let in_use = connection.transport.selected();
            let mut pairs = connection.pairs.iter();
            let spare = pairs.position(|known| Some(*known) != in_use);
            let oldest = connection.pairs.remove(spare.unwrap_or(0));
            if self.by_pair.get(&oldest) == Some(&place) {
                self.by_pair.remove(&oldest);
            }
        }
        connection.pairs.push(pair);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]

    use std::sync::Arc;
    use std::time::Duration;

    use hearken_protocol::{MediaCommand, SessionId, VideoCodec};

    use super::*;
    use crate::CoreConfig;
    use crate::transport::Identity;
    use crate::transport::fixtures::pair;

    /// Nothing comes to it at present: answers are known by how they begin, before anybody reads them.
    #[test]
    fn an_answer_to_no_known_check_gives_nobody_a_way_and_is_counted() {
        let start = Instant::now();
        let mut core = Core::new(CoreConfig {
            identity: Arc::new(Identity::generate().unwrap()),
            candidates: Vec::new(),
            seed: [0; 32],
            started: start,
            unix_time: Duration::from_secs(1_800_000_000),
            video_codec: VideoCodec::Vp8,
        });
        let session = SessionId(1);
        core.handle_command(
            start,
            MediaCommand::OpenSession {
                session,
                captions: false,
            },
        );
        let way = Way {
            pair: pair(1),
            place: Place {
                session: 0,
                participant: 0,
            },
            bytes: 20,
            is_request: false,
        };
        let now = core.now(start);
        core.take_other(&Incoming::Answered, way, now);
        assert!(!core.knows(pair(1)));
        assert_eq!(core.counters().drops.get(DropCause::Transport), 1);
        assert_eq!(core.counters().received.connectivity.packets, 0);
    }
}
