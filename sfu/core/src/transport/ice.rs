//! The ICE-lite responder (RFC 8445): answers authenticated connectivity checks, remembers the address pairs
//! they came over, and selects the one to send on. The checks that it sends itself find no way: they only ask whether
//! the peer is at the end of one (see `consent`).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rtc_crypto::{HmacAlgorithm, Mac, RTCCrypto};

use super::consent::{CHALLENGE_SECRET_BYTES, Challenges, Consent};
use super::stun::{self, Builder, ErrorCode, Message, attribute};
use super::{DropReason, IceCredentials, Protocol};

/// Pairs remembered per peer: every interface and family of a browser times every announced address, with
/// room for restarts. Full: the one unheard for longest is forgotten, never the selected one.
pub(crate) const PAIRS_MAX: usize = 24;

/// A selected pair gives way to a nominated one of lower priority only after this long without an authentic
/// packet: Firefox nominates whatever it checks. Shorter flaps, longer prolongs the gap when a network goes.
const SILENCE_BEFORE_SWITCH: Duration = Duration::from_secs(2);

/// PRIORITY of our own checks (RFC 8445 §5.1.2): a peer-reflexive candidate, as every check names it.
const PRIORITY: u32 = 110 << 24 | 0xffff << 8 | 0xff;

/// A lite agent never controls, whatever the other side's is (RFC 8445 §7.3.1.1).
const TIE_BREAKER: [u8; 8] = [0; 8];

/// How long the credentials of before an ICE restart stay good after the restarted side has nominated:
/// checks of both generations cross on the wire.
const OLD_CREDENTIALS_LINGER: Duration = Duration::from_secs(5);

/// A way to the peer: where it is, which of our addresses it talks to, and what carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pair {
    /// The peer's address as we see it.
    pub remote: SocketAddr,
    /// Our own address, which answers leave from.
    pub local: SocketAddr,
    /// What is spoken between the two.
    pub protocol: Protocol,
}

/// What became of a STUN message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum StunOutcome {
    /// An authentic check; send the reply back over the pair.
    Authentic(Vec<u8>),
    /// The answer to a check of ours over the pair: the peer is there.
    Answered,
    /// Thrown away, perhaps with an error to send back over the pair.
    Refused(DropReason, Option<Vec<u8>>),
    /// A keep-alive that proves nothing.
    Ignored,
}

pub(crate) struct IceLite {
    current: Generation,
    /// From before the last restart.
    previous: Option<Previous>,
    pairs: Vec<KnownPair>,
    selected: Option<Selected>,
    challenges: Challenges,
}

/// One pair of credentials.
struct Generation {
    number: u32,
    local: IceCredentials,
    remote: IceCredentials,
    /// Of checks that come, and of our answers.
    key: Box<dyn Mac>,
    /// Of our checks, and of the answers that come.
    remote_key: Box<dyn Mac>,
}

struct Previous {
    generation: Generation,
    /// Known once the new generation has nominated a pair.
    until: Option<Instant>,
}

/// A pair that an authentic check came over.
struct KnownPair {
    pair: Pair,
    generation: u32,
    priority: u32,
    nominated: bool,
    heard: Instant,
    consent: Consent,
}

#[derive(Clone, Copy)]
struct Selected {
    pair: Pair,
    generation: u32,
    priority: u32,
}

impl IceLite {
    pub(crate) fn new(
        crypto: &dyn RTCCrypto,
        local: IceCredentials,
        remote: IceCredentials,
        secret: &[u8; CHALLENGE_SECRET_BYTES],
        now: Instant,
    ) -> Self {
        let current = Generation::new(crypto, 0, local, remote);
        Self {
            current,
            previous: None,
            pairs: Vec::new(),
            selected: None,
            challenges: Challenges::new(crypto, secret, now),
        }
    }

    /// Takes new credentials (RFC 8445 §9). The old ones stay good, and the old pair stays selected, until a
    /// pair is nominated with the new ones.
    pub(crate) fn restart(&mut self, crypto: &dyn RTCCrypto, local: IceCredentials, remote: IceCredentials) {
        let next = Generation::new(crypto, self.current.number + 1, local, remote);
        let replaced = std::mem::replace(&mut self.current, next);
        // A restart that was restarted before it got anywhere: the pair in use belongs to the one before it.
        let in_use = self
            .selected
            .is_none_or(|selected| selected.generation == replaced.number);
        if in_use || self.previous.is_none() {
            self.previous = Some(Previous {
                generation: replaced,
                until: None,
            });
        }
    }

    /// Whether checks with this user name of ours are answered.
    pub(crate) fn accepts(&self, ufrag: &str) -> bool {
        let previous = self.previous.as_ref().map(|previous| &previous.generation);
        [Some(&self.current), previous]
            .into_iter()
            .flatten()
            .any(|generation| generation.local.ufrag == ufrag)
    }

    /// The pair to send on. Its consent may have ended since: see [`Self::selected_until`].
    pub(crate) fn selected(&self) -> Option<Pair> {
        self.selected.map(|selected| selected.pair)
    }

    /// Until when media may go over the selected pair, if nothing more comes over it for `silence_max` or no check of
    /// ours is answered.
    pub(crate) fn selected_until(&self, silence_max: Duration) -> Option<Instant> {
        let known = self.find(self.selected()?)?;
        Some(known.consent.ends()?.min(known.heard + silence_max))
    }

    /// Whether an authentic check has come over this pair; if so, notes that so many bytes have come.
    pub(crate) fn receive(&mut self, now: Instant, pair: Pair, bytes: usize) -> bool {
        let known = self.find_mut(pair);
        known.is_some_and(|known| {
            known.consent.receive(bytes, now);
            true
        })
    }

    /// Whether so many bytes of a check or its answer may go over this pair, which are then counted as sent.
    pub(crate) fn may_check(&mut self, now: Instant, pair: Pair, bytes: usize) -> bool {
        self.find_mut(pair)
            .is_some_and(|known| known.consent.may_check(bytes, now))
    }

    /// The same of the handshake.
    pub(crate) fn may_send(&mut self, now: Instant, pair: Pair, bytes: usize) -> bool {
        self.find_mut(pair)
            .is_some_and(|known| known.consent.may_send(bytes, now))
    }

    /// An authentic packet of any protocol came over this pair.
    pub(crate) fn note_authentic(&mut self, now: Instant, pair: Pair) {
        if let Some(known) = self.find_mut(pair) {
            known.heard = now;
        }
        if self.selected() != Some(pair) {
            self.consider(now, pair);
        }
    }

    /// A check of ours over this pair, if one is due.
    pub(crate) fn check(&mut self, now: Instant, pair: Pair) -> Option<Vec<u8>> {
        let known = self.pairs.iter_mut().find(|known| known.pair == pair)?;
        let transaction = known.consent.check(&mut self.challenges, pair, now)?;
        let previous = self.previous.as_mut().map(|previous| &mut previous.generation);
        let mut generations = [Some(&mut self.current), previous].into_iter().flatten();
        let generation = generations.find(|generation| generation.number == known.generation)?;
        let (local, remote) = (&generation.local.ufrag, &generation.remote.ufrag);
        let request = Builder::new(stun::BINDING_REQUEST, transaction)
            .attribute(attribute::USERNAME, format!("{remote}:{local}").as_bytes())
            .attribute(attribute::PRIORITY, &PRIORITY.to_be_bytes())
            .attribute(attribute::ICE_CONTROLLED, &TIE_BREAKER)
            .finish(&mut *generation.remote_key);
        Some(request)
    }

    /// When a check of ours is due although none of the peer's asks for it: over the pair in use, and over one that is
    /// nominated and has not answered yet.
    pub(crate) fn next_check(&self) -> Option<(Instant, Pair)> {
        let selected = self.selected();
        self.pairs
            .iter()
            .filter(|known| selected == Some(known.pair) || known.nominated && known.consent.ends().is_none())
            .filter_map(|known| Some((known.consent.next_check()?, known.pair)))
            .min_by_key(|(next, _)| *next)
    }

    /// The same while the peer is silent: over the pair in use, as long as its consent lasts (RFC 7675 §5.1).
    pub(crate) fn next_check_in_silence(&self) -> Option<(Instant, Pair)> {
        let known = self.find(self.selected()?)?;
        let next = known.consent.next_check()?;
        (next < known.consent.ends()?).then_some((next, known.pair))
    }

    /// Answers a message that came over this pair.
    pub(crate) fn handle_stun(&mut self, now: Instant, pair: Pair, datagram: &[u8]) -> StunOutcome {
        let Some(message) = Message::parse(datagram) else {
            return StunOutcome::Refused(DropReason::MalformedStun, None);
        };
        match message.kind {
            stun::BINDING_REQUEST => self.handle_check(now, pair, &message),
            stun::BINDING_SUCCESS => self.handle_answer(now, pair, &message),
            stun::BINDING_INDICATION => StunOutcome::Ignored,
            _ => StunOutcome::Refused(DropReason::UnexpectedStun, None),
        }
    }

    fn handle_check(&mut self, now: Instant, pair: Pair, message: &Message<'_>) -> StunOutcome {
        if self
            .previous
            .as_ref()
            .is_some_and(|previous| previous.until.is_some_and(|until| now >= until))
        {
            self.previous = None;
        }
        let unsigned_error = |code| {
            Some(
                Builder::new(stun::BINDING_ERROR, message.transaction)
                    .error(code)
                    .finish_unsigned(),
            )
        };
        // RFC 8489 §9.1.3, in its order.
        let (Some((local, remote)), true) = (message.username(), message.has_integrity()) else {
            return StunOutcome::Refused(DropReason::UnauthenticStun, unsigned_error(ErrorCode::BadRequest));
        };
        let generation = [
            Some(&mut self.current),
            self.previous.as_mut().map(|previous| &mut previous.generation),
        ]
        .into_iter()
        .flatten()
        .find(|generation| generation.local.ufrag == local && generation.remote.ufrag == remote);
        let authentic = generation
            .and_then(|generation| message.is_authentic(&mut *generation.key).then_some(generation));
        let Some(generation) = authentic else {
            return StunOutcome::Refused(
                DropReason::UnauthenticStun,
                unsigned_error(ErrorCode::Unauthenticated),
            );
        };
        let error = Builder::new(stun::BINDING_ERROR, message.transaction);
        let unknown = message.unknown_attributes();
        if !unknown.is_empty() {
            let reply = error
                .error(ErrorCode::UnknownAttribute)
                .unknown_attributes(&unknown)
                .finish(&mut *generation.key);
            return StunOutcome::Refused(DropReason::RefusedStun, Some(reply));
        }
        // A lite agent stays controlled; the other side has to switch (RFC 8445 §7.3.1.1).
        if message.attribute(attribute::ICE_CONTROLLED).is_some() {
            let reply = error.error(ErrorCode::RoleConflict).finish(&mut *generation.key);
            return StunOutcome::Refused(DropReason::StunRoleConflict, Some(reply));
        }
        let Some(priority) = message.priority() else {
            let reply = error.error(ErrorCode::BadRequest).finish(&mut *generation.key);
            return StunOutcome::Refused(DropReason::RefusedStun, Some(reply));
        };
        let reply = Builder::new(stun::BINDING_SUCCESS, message.transaction).mapped_address(pair.remote);
        let reply = reply.finish(&mut *generation.key);
        let number = generation.number;
        let nominates = message.attribute(attribute::USE_CANDIDATE).is_some();
        self.remember(now, pair, number, priority, nominates);
        StunOutcome::Authentic(reply)
    }

    /// Takes an answer to a check of ours (RFC 7675 §5.1).
    fn handle_answer(&mut self, now: Instant, pair: Pair, message: &Message<'_>) -> StunOutcome {
        let previous = self.previous.as_mut().map(|previous| &mut previous.generation);
        let is_authentic = [Some(&mut self.current), previous]
            .into_iter()
            .flatten()
            .any(|generation| message.is_authentic(&mut *generation.remote_key));
        if !is_authentic {
            return StunOutcome::Refused(DropReason::UnauthenticStun, None);
        }
        let known = self.pairs.iter_mut().find(|known| known.pair == pair);
        let challenges = &mut self.challenges;
        if !known.is_some_and(|known| known.consent.answer(challenges, pair, &message.transaction, now)) {
            return StunOutcome::Refused(DropReason::UnexpectedStun, None);
        }
        self.consider(now, pair);
        StunOutcome::Answered
    }

    fn remember(&mut self, now: Instant, pair: Pair, generation: u32, priority: u32, nominates: bool) {
        match self.pairs.iter_mut().find(|known| known.pair == pair) {
            // A late check from before a restart does not undo what came after it.
            Some(known) if known.generation > generation => {
                known.heard = now;
                return;
            }
            Some(known) => {
                known.nominated = nominates || known.nominated && known.generation == generation;
                (known.generation, known.priority, known.heard) = (generation, priority, now);
            }
            None => {
                self.make_room();
                self.pairs.push(KnownPair {
                    pair,
                    generation,
                    priority,
                    nominated: nominates,
                    heard: now,
                    consent: Consent::new(pair, now),
                });
            }
        }
        self.consider(now, pair);
    }

    fn make_room(&mut self) {
        if self.pairs.len() < PAIRS_MAX {
            return;
        }
        let selected = self.selected();
        let unheard_longest = self
            .pairs
            .iter()
            .enumerate()
            .filter(|(_, known)| Some(known.pair) != selected)
            .min_by_key(|(_, known)| known.heard)
            .map(|(index, _)| index);
        if let Some(index) = unheard_longest {
            self.pairs.swap_remove(index);
        }
    }

    /// Selects this pair if it is nominated, the peer has answered over it, and it is to replace the selected one.
    fn consider(&mut self, now: Instant, pair: Pair) {
        let Some(candidate) = self.find(pair).and_then(|known| known.as_selected(now)) else {
            return;
        };
        let replaces = match self.selected {
            None => true,
            Some(selected) if candidate.generation != selected.generation => {
                candidate.generation > selected.generation
            }
            Some(selected) if candidate.pair == selected.pair => true,
            Some(selected) => candidate.priority > selected.priority || self.is_silent(now, selected.pair),
        };
        if !replaces {
            return;
        }
        self.selected = Some(candidate);
        if candidate.generation == self.current.number
            && let Some(previous) = &mut self.previous
        {
            previous.until.get_or_insert(now + OLD_CREDENTIALS_LINGER);
        }
    }

    /// A pair is gone for good, as when its TCP connection has ended. If media went over it, it goes on over the
    /// best of the others, of those that the peer was heard over lately if there are any.
    pub(crate) fn forget(&mut self, now: Instant, pair: Pair) {
        self.pairs.retain(|known| known.pair != pair);
        if self.selected() == Some(pair) {
            self.selected = self.best_heard(now).or_else(|| self.best(now));
        }
    }

    /// Media can't go on over the selected pair: takes the best of those that the peer was heard over lately, if there
    /// is one. True if so.
    pub(crate) fn fall_back(&mut self, now: Instant) -> bool {
        let best = self.best_heard(now);
        self.selected = best.or(self.selected);
        best.is_some()
    }

    fn best(&self, now: Instant) -> Option<Selected> {
        let usable = self.pairs.iter().filter_map(|known| known.as_selected(now));
        usable.max_by_key(|usable| (usable.generation, usable.priority))
    }

    /// The best of those that can be counted on.
    fn best_heard(&self, now: Instant) -> Option<Selected> {
        let usable = self.pairs.iter().filter_map(|known| known.as_selected(now));
        let heard = usable.filter(|usable| !self.is_silent(now, usable.pair));
        heard.max_by_key(|usable| (usable.generation, usable.priority))
    }

    /// Whether a pair can't be counted on: the peer is not heard over it any more, or does not answer there.
    fn is_silent(&self, now: Instant, pair: Pair) -> bool {
        self.find(pair).is_none_or(|known| {
            let silence = now.saturating_duration_since(known.heard);
            silence >= SILENCE_BEFORE_SWITCH || !known.consent.is_given(now)
        })
    }

    fn find(&self, pair: Pair) -> Option<&KnownPair> {
        self.pairs.iter().find(|known| known.pair == pair)
    }

    fn find_mut(&mut self, pair: Pair) -> Option<&mut KnownPair> {
        self.pairs.iter_mut().find(|known| known.pair == pair)
    }
}

impl KnownPair {
    /// As the selected one, if it may be.
    fn as_selected(&self, now: Instant) -> Option<Selected> {
        (self.nominated && self.consent.is_given(now)).then_some(Selected {
            pair: self.pair,
            generation: self.generation,
            priority: self.priority,
        })
    }
}

impl Generation {
    fn new(crypto: &dyn RTCCrypto, number: u32, local: IceCredentials, remote: IceCredentials) -> Self {
        let key = |password: &str| {
            crypto
                .new_hmac(HmacAlgorithm::Sha1, password.as_bytes())
                .expect("HMAC-SHA1 takes a key of any length")
        };
        Self {
            number,
            key: key(&local.password),
            remote_key: key(&remote.password),
            local,
            remote,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]

    use rtc_crypto::RTCCryptoProvider;

    use super::*;

    struct Peer {
        agent: IceLite,
        now: Instant,
    }

    fn credentials(name: &str) -> IceCredentials {
        IceCredentials {
            ufrag: name.to_owned(),
            password: format!("password-of-{name}-0123456789"),
        }
    }

    fn pair(remote_port: u16) -> Pair {
        Pair {
            remote: ([192, 0, 2, 1], remote_port).into(),
            local: ([192, 0, 2, 9], 40_000).into(),
            protocol: Protocol::Udp,
        }
    }

    fn key(credentials: &IceCredentials) -> Box<dyn Mac> {
        let provider = rtc_crypto::providers::RingProvider::new();
        provider
            .crypto()
            .new_hmac(HmacAlgorithm::Sha1, credentials.password.as_bytes())
            .unwrap()
    }

    fn check(local: &str, remote: &str, priority: u32, extra: &[u16]) -> Vec<u8> {
        let mut builder = Builder::new(stun::BINDING_REQUEST, [9; 12])
            .attribute(attribute::USERNAME, format!("{local}:{remote}").as_bytes())
            .attribute(attribute::PRIORITY, &priority.to_be_bytes());
        for kind in extra {
            builder = builder.attribute(*kind, &[]);
        }
        builder.finish(&mut *key(&credentials(local)))
    }

    impl Peer {
        fn new() -> Self {
            let provider = rtc_crypto::providers::RingProvider::new();
            let now = Instant::now();
            Self {
                agent: IceLite::new(
                    provider.crypto(),
                    credentials("sfu0"),
                    credentials("web0"),
                    &[5; CHALLENGE_SECRET_BYTES],
                    now,
                ),
                now,
            }
        }

        fn restart(&mut self, number: u32) {
            let provider = rtc_crypto::providers::RingProvider::new();
            let name = |side| credentials(&format!("{side}{number}"));
            self.agent.restart(provider.crypto(), name("sfu"), name("web"));
        }

        /// A nominating check, and the answer to the check of ours that it causes; whether it was taken.
        fn nominate(&mut self, number: u32, port: u16, priority: u32) -> bool {
            let taken = self.nominate_from_elsewhere(number, port, priority);
            self.answer(port);
            taken
        }

        /// Answers as a browser does, if there is anything to answer.
        fn answer(&mut self, port: u16) {
            let Some(check) = self.agent.check(self.now, pair(port)) else {
                return;
            };
            let check = Message::parse(&check).unwrap();
            let (web, sfu) = check.username().unwrap();
            assert_eq!(web.replace("web", "sfu"), sfu);
            assert!(check.is_authentic(&mut *key(&credentials(web))));
            let answer = Builder::new(stun::BINDING_SUCCESS, check.transaction);
            let answer = answer.finish(&mut *key(&credentials(web)));
            let outcome = self.agent.handle_stun(self.now, pair(port), &answer);
            assert_eq!(outcome, StunOutcome::Answered);
        }

        /// A nominating check whose source may be a lie.
        fn nominate_from_elsewhere(&mut self, number: u32, port: u16, priority: u32) -> bool {
            let datagram = check(
                &format!("sfu{number}"),
                &format!("web{number}"),
                priority,
                &[attribute::USE_CANDIDATE],
            );
            matches!(
                self.agent.handle_stun(self.now, pair(port), &datagram),
                StunOutcome::Authentic(_)
            )
        }

        fn error_code(&mut self, datagram: &[u8]) -> Option<[u8; 2]> {
            match self.agent.handle_stun(self.now, pair(1), datagram) {
                StunOutcome::Refused(_, Some(reply)) => {
                    let reply = Message::parse(&reply).unwrap();
                    assert_eq!(reply.transaction, [9; 12]);
                    reply
                        .attribute(attribute::ERROR_CODE)
                        .map(|value| [value[2], value[3]])
                }
                _ => None,
            }
        }

        fn after(&mut self, milliseconds: u64) {
            self.now += Duration::from_millis(milliseconds);
        }

        fn selected_port(&self) -> Option<u16> {
            self.agent.selected().map(|pair| pair.remote.port())
        }
    }

    #[test]
    fn an_authentic_check_is_answered_with_the_address_it_came_from() {
        let mut peer = Peer::new();
        let outcome = peer
            .agent
            .handle_stun(peer.now, pair(7), &check("sfu0", "web0", 5, &[]));
        let StunOutcome::Authentic(reply) = outcome else {
            panic!("{outcome:?}")
        };
        let reply = Message::parse(&reply).unwrap();
        assert_eq!(
            (reply.kind, reply.mapped_address()),
            (stun::BINDING_SUCCESS, Some(pair(7).remote))
        );
        assert!(reply.is_authentic(&mut *key(&credentials("sfu0"))));
        assert!(peer.agent.find(pair(7)).is_some());
        assert_eq!(peer.selected_port(), None, "not nominated yet");
    }

    #[test]
    fn a_forged_check_makes_no_address_known() {
        let mut peer = Peer::new();
        let unsigned = Builder::new(stun::BINDING_REQUEST, [9; 12])
            .attribute(attribute::USERNAME, b"sfu0:web0")
            .finish_unsigned();
        assert_eq!(peer.error_code(&unsigned), Some([4, 0]));
        let wrong_key = Builder::new(stun::BINDING_REQUEST, [9; 12])
            .attribute(attribute::USERNAME, b"sfu0:web0")
            .finish(&mut *key(&credentials("other")));
        assert_eq!(peer.error_code(&wrong_key), Some([4, 1]));
        assert_eq!(peer.error_code(&check("sfu0", "webX", 1, &[])), Some([4, 1]));
        assert!(peer.agent.find(pair(1)).is_none());
    }

    #[test]
    fn what_cannot_be_done_is_refused_with_the_right_error() {
        let mut peer = Peer::new();
        assert_eq!(
            peer.error_code(&check("sfu0", "web0", 1, &[0x7777])),
            Some([4, 20])
        );
        assert_eq!(
            peer.error_code(&check("sfu0", "web0", 1, &[attribute::ICE_CONTROLLED])),
            Some([4, 87])
        );
        let no_priority = Builder::new(stun::BINDING_REQUEST, [9; 12])
            .attribute(attribute::USERNAME, b"sfu0:web0")
            .finish(&mut *key(&credentials("sfu0")));
        assert_eq!(peer.error_code(&no_priority), Some([4, 0]));
    }

    #[test]
    fn aggressive_nomination_ends_on_the_highest_priority() {
        let mut peer = Peer::new();
        for (port, priority) in [(1, 10), (2, 30), (3, 20), (1, 10)] {
            assert!(peer.nominate(0, port, priority));
        }
        assert_eq!(peer.selected_port(), Some(2));
    }

    #[test]
    fn a_lower_pair_takes_over_only_after_two_silent_seconds() {
        let mut peer = Peer::new();
        peer.nominate(0, 1, 30);
        peer.nominate(0, 2, 20);
        peer.after(1_900);
        peer.agent.note_authentic(peer.now, pair(2));
        assert_eq!(peer.selected_port(), Some(1));
        peer.agent.note_authentic(peer.now, pair(1));
        peer.after(1_999);
        peer.agent.note_authentic(peer.now, pair(2));
        assert_eq!(peer.selected_port(), Some(1), "heard in between");
        peer.after(1);
        peer.agent.note_authentic(peer.now, pair(2));
        assert_eq!(peer.selected_port(), Some(2));
    }

    #[test]
    fn a_nominated_pair_is_selected_once_the_peer_has_answered_over_it() {
        let mut peer = Peer::new();
        assert!(peer.nominate_from_elsewhere(0, 1, 30));
        assert_eq!(peer.selected_port(), None);
        peer.answer(1);
        assert_eq!(peer.selected_port(), Some(1));
        peer.after(10);
        assert!(peer.nominate_from_elsewhere(0, 2, 99));
        assert_eq!(peer.selected_port(), Some(1));
        peer.restart(1);
        assert!(peer.nominate_from_elsewhere(1, 3, 99));
        assert_eq!(peer.selected_port(), Some(1), "a restart is no proof");
        peer.answer(3);
        assert_eq!(peer.selected_port(), Some(3));
    }

    #[test]
    fn an_answer_counts_only_with_the_password_of_the_peer_and_a_transaction_of_ours() {
        let mut peer = Peer::new();
        peer.nominate_from_elsewhere(0, 1, 30);
        let check = peer.agent.check(peer.now, pair(1)).unwrap();
        let transaction = Message::parse(&check).unwrap().transaction;
        let mut answer = |transaction, name: &str| {
            let answer =
                Builder::new(stun::BINDING_SUCCESS, transaction).finish(&mut *key(&credentials(name)));
            peer.agent.handle_stun(peer.now, pair(1), &answer)
        };
        let refused = |reason| StunOutcome::Refused(reason, None);
        assert_eq!(answer(transaction, "web1"), refused(DropReason::UnauthenticStun));
        assert_eq!(answer([7; 12], "web0"), refused(DropReason::UnexpectedStun));
        assert_eq!(answer(transaction, "web0"), StunOutcome::Answered);
    }

    #[test]
    fn a_restart_keeps_the_old_pair_until_a_new_one_is_nominated() {
        let mut peer = Peer::new();
        peer.nominate(0, 1, 30);
        peer.restart(1);
        assert!(
            peer.nominate(0, 1, 30),
            "old credentials are good during the change"
        );
        assert_eq!(peer.selected_port(), Some(1));
        assert!(peer.nominate(1, 2, 5));
        assert_eq!(peer.selected_port(), Some(2), "even with a lower priority");
        peer.after(4_999);
        assert!(peer.nominate(0, 1, 30), "still crossing on the wire");
        assert_eq!(peer.selected_port(), Some(2));
        peer.after(1);
        assert!(!peer.nominate(0, 1, 30));
    }

    #[test]
    fn a_restart_that_is_restarted_does_not_lose_the_pair_in_use() {
        let mut peer = Peer::new();
        peer.nominate(0, 1, 30);
        peer.restart(1);
        peer.restart(2);
        assert!(peer.nominate(0, 1, 30));
        assert!(!peer.nominate(1, 1, 30));
        assert!(peer.nominate(2, 1, 30));
        assert_eq!(peer.selected_port(), Some(1));
    }

    #[test]
    fn media_goes_on_over_the_best_other_pair_when_one_is_gone() {
        let mut peer = Peer::new();
        for (port, priority) in [(1, 10), (2, 30), (3, 20)] {
            peer.nominate(0, port, priority);
        }
        peer.agent.forget(peer.now, pair(1));
        assert_eq!(peer.selected_port(), Some(2));
        peer.agent.forget(peer.now, pair(2));
        assert_eq!(peer.selected_port(), Some(3));
        peer.agent.forget(peer.now, pair(3));
        assert_eq!(peer.selected_port(), None);
    }

    #[test]
    fn a_pair_that_is_silent_does_not_hide_a_lower_one_that_is_heard() {
        let mut peer = Peer::new();
        for (port, priority) in [(1, 10), (2, 30), (3, 20)] {
            peer.nominate(0, port, priority);
        }
        peer.after(1_900);
        peer.agent.note_authentic(peer.now, pair(1));
        peer.after(100);
        assert!(peer.agent.fall_back(peer.now), "2 and 3 are silent");
        assert_eq!(peer.selected_port(), Some(1));

        let mut peer = Peer::new();
        for (port, priority) in [(1, 10), (2, 30), (3, 20)] {
            peer.nominate(0, port, priority);
        }
        peer.after(1_900);
        peer.agent.note_authentic(peer.now, pair(1));
        peer.after(100);
        peer.agent.forget(peer.now, pair(2));
        assert_eq!(peer.selected_port(), Some(1));
        peer.after(10_000);
        peer.agent.forget(peer.now, pair(1));
        assert_eq!(peer.selected_port(), Some(3), "better than none");
    }

    #[test]
    fn pairs_are_bounded_and_the_selected_one_stays() {
        let mut peer = Peer::new();
        peer.nominate(0, 1, 99);
        for port in 2..200 {
            peer.after(1);
            peer.nominate(0, port, 1);
        }
        assert_eq!(peer.agent.pairs.len(), PAIRS_MAX);
        let knows = |port| peer.agent.find(pair(port)).is_some();
        assert!(knows(1) && knows(199) && !knows(2));
    }
}
