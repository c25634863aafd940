//! The ICE-lite responder (RFC 8445): answers authenticated connectivity checks, remembers the address pairs
//! they came over, and selects the one to send on. The checks that it sends itself find no way: they only ask whether
//! the peer is at the end of one (see `consent`).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rtc_crypto::{HmacAlgorithm, Mac, RTCCrypto};

use super::consent::{CHALLENGE_SECRET_BYTES, Challenges, Consent};
use super::stun::{self, Builder, ErrorCode, Message, attribute};
use super::{DropReason, IceCredentials, Protocol};
use crate::prefetch::prefetch;

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

    /// Asks the processor for what sending reads.
    pub(crate) fn prefetch(&self) {
        prefetch(&self.selected);
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
            .username(remote, local)
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
mod tests;
