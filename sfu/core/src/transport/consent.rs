//! Whether somebody at the other end of a way wants what is sent there (RFC 7675).
//!
//! Whoever may take part can send an authentic check from any address, also from one that is not theirs. What shows
//! that they are there is an answer to something that only a reader of that address knows: the transaction id of a
//! check of ours. Until then, and when answers fail to come, no media goes there, and little else.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rtc_crypto::{HmacAlgorithm, Mac, RTCCrypto};
use subtle::ConstantTimeEq;

use super::{Pair, Protocol};

/// Random bytes that the transaction ids are made with.
pub const CHALLENGE_SECRET_BYTES: usize = 32;

/// Without an answer for so long nothing more is sent over a pair (RFC 7675 §5.1). At least 24 checks in a row are lost
/// then, which a line that loses a third of what goes each way does once in more than a thousand hours.
const CONSENT_MAX: Duration = Duration::from_secs(30);

/// Between two checks of ours while answers come: 4 to 6 seconds, by chance, so that they don't meet (RFC 7675 §5.1).
const CHECK_INTERVAL_MIN: Duration = Duration::from_secs(4);
const CHECK_INTERVAL_SPREAD: Duration = Duration::from_secs(2);

/// A check that is not answered within this time is followed by another. RFC 7675 would have that wait for 4 seconds as
/// well; but then a line that loses a fifth each way ends the consent of somebody who is there twice in an hour.
const REPEAT: Duration = Duration::from_secs(1);

/// Between the first two checks of a pair that has not answered yet; each further one waits twice as long.
const FIRST_REPEAT: Duration = Duration::from_millis(100);

/// Checks of a pair that has not answered yet that are sent without being asked by one of the peer's: 6.3 seconds.
const REPEATS_MAX: u32 = 6;

/// An address that has not answered is sent at most so many times what came from it (as RFC 9000 §8 has it): enough
/// for the handshake to go on meanwhile, too little to be worth a forgery.
const AMPLIFICATION_MAX: usize = 3;

/// Bytes that an address which has not answered may be sent in all. More: somebody could save them up.
const CREDIT_BYTES_MAX: usize = 16 * 1024;

/// Of these the handshake leaves so many for checks: without an answer to one of them it is of no use.
const CHECKS_BYTES: usize = 400;

const TAG_BYTES: usize = 20;

/// Makes transaction ids that nobody can guess, and knows them again: when the check was sent, and a part of a keyed
/// digest of that and of the pair. So nothing is kept of checks that are never answered.
pub(super) struct Challenges {
    key: Box<dyn Mac>,
    epoch: Instant,
}

impl Challenges {
    pub(super) fn new(crypto: &dyn RTCCrypto, secret: &[u8; CHALLENGE_SECRET_BYTES], epoch: Instant) -> Self {
        let key = crypto
            .new_hmac(HmacAlgorithm::Sha1, secret)
            .expect("HMAC-SHA1 takes a key of any length");
        Self { key, epoch }
    }

    /// The transaction id of a check over `pair` that is sent now.
    fn transaction(&mut self, pair: Pair, now: Instant) -> [u8; 12] {
        let sent = self.milliseconds(now).to_be_bytes();
        let tag = self.tag(pair, sent);
        let mut transaction = [0; 12];
        transaction[..4].copy_from_slice(&sent);
        transaction[4..].copy_from_slice(&tag[..8]);
        transaction
    }

    /// When the check was sent that this is the transaction id of, and the byte of chance that goes with it; `None` when
    /// it is not one of ours over `pair`, or too old to mean anything.
    fn sent_at(&mut self, pair: Pair, transaction: &[u8; 12], now: Instant) -> Option<(Instant, u8)> {
        let [a, b, c, d, proof @ ..] = *transaction;
        let sent = [a, b, c, d];
        let tag = self.tag(pair, sent);
        let is_ours = bool::from(tag[..8].ct_eq(&proof));
        let age = self.milliseconds(now).wrapping_sub(u32::from_be_bytes(sent));
        let age = Duration::from_millis(age.into());
        let sent = now.checked_sub(age).filter(|_| is_ours && age < CONSENT_MAX)?;
        Some((sent, tag[8]))
    }

    /// Since the beginning; it may start anew after 49 days.
    fn milliseconds(&self, now: Instant) -> u32 {
        now.saturating_duration_since(self.epoch).as_millis() as u32
    }

    fn tag(&mut self, pair: Pair, sent: [u8; 4]) -> [u8; TAG_BYTES] {
        let protocol = [match pair.protocol {
            Protocol::Udp => 0,
            Protocol::Tcp => 1,
        }];
        let (remote, local) = (address_bytes(pair.remote), address_bytes(pair.local));
        let mut tag = [0; TAG_BYTES];
        self.key
            .sign(&[&sent, &protocol, &remote, &local], &mut tag)
            .expect("the tag is as long as the digest");
        tag
    }
}

fn address_bytes(address: SocketAddr) -> [u8; 18] {
    let mut bytes = [0; 18];
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    bytes[..16].copy_from_slice(&ip.octets());
    bytes[16..].copy_from_slice(&address.port().to_be_bytes());
    bytes
}

/// What is known of one pair.
#[derive(Debug, Clone, Copy)]
pub(super) struct Consent {
    /// When the newest check was sent that was answered.
    answered: Option<Instant>,
    next_check: Instant,
    /// Checks without consent, since there was none.
    unanswered: u32,
    /// Bytes that may still go there before it has answered.
    credit: usize,
}

impl Consent {
    /// Of a pair that an authentic check has just come over.
    pub(super) fn new(pair: Pair, now: Instant) -> Self {
        let answered = match pair.protocol {
            Protocol::Udp => None,
            // A connection has shown already that somebody reads there.
            Protocol::Tcp => Some(now),
        };
        Self {
            answered,
            next_check: now,
            unanswered: 0,
            credit: 0,
        }
    }

    /// Whether media may go there.
    pub(super) fn is_given(&self, now: Instant) -> bool {
        self.ends().is_some_and(|end| now < end)
    }

    /// When it ends unless a check is answered before; `None` when there is none.
    pub(super) fn ends(&self) -> Option<Instant> {
        self.answered.map(|answered| answered + CONSENT_MAX)
    }

    /// When a check of ours is due without one of the peer's.
    pub(super) fn next_check(&self) -> Option<Instant> {
        (self.answered.is_some() || self.unanswered <= REPEATS_MAX).then_some(self.next_check)
    }

    /// The transaction id of a check of ours, if one is due.
    pub(super) fn check(
        &mut self,
        challenges: &mut Challenges,
        pair: Pair,
        now: Instant,
    ) -> Option<[u8; 12]> {
        if now < self.next_check {
            return None;
        }
        let wait = if self.is_given(now) {
            REPEAT
        } else {
            let wait = FIRST_REPEAT * (1 << self.unanswered.min(REPEATS_MAX));
            self.unanswered = self.unanswered.saturating_add(1);
            wait
        };
        self.next_check = now + wait;
        Some(challenges.transaction(pair, now))
    }

    /// An answer came over this pair; whether it is one to a check of ours over it.
    pub(super) fn answer(
        &mut self,
        challenges: &mut Challenges,
        pair: Pair,
        transaction: &[u8; 12],
        now: Instant,
    ) -> bool {
        let Some((sent, chance)) = challenges.sent_at(pair, transaction, now) else {
            return false;
        };
        let interval = CHECK_INTERVAL_MIN + CHECK_INTERVAL_SPREAD * u32::from(chance) / 256;
        self.next_check = self.next_check.max(sent + interval);
        self.answered = self.answered.max(Some(sent));
        (self.unanswered, self.credit) = (0, 0);
        true
    }

    /// So much came from there.
    pub(super) fn receive(&mut self, bytes: usize, now: Instant) {
        if !self.is_given(now) {
            self.credit = CREDIT_BYTES_MAX.min(self.credit + AMPLIFICATION_MAX * bytes);
        }
    }

    /// Whether a check or the answer to one may go there now.
    pub(super) fn may_check(&mut self, bytes: usize, now: Instant) -> bool {
        self.spend(bytes, 0, now)
    }

    /// Whether so much of the handshake may go there now.
    pub(super) fn may_send(&mut self, bytes: usize, now: Instant) -> bool {
        self.spend(bytes, CHECKS_BYTES, now)
    }

    fn spend(&mut self, bytes: usize, kept: usize, now: Instant) -> bool {
        if self.is_given(now) {
            return true;
        }
        let suffices = self.credit >= bytes + kept;
        self.credit -= if suffices { bytes } else { 0 };
        suffices
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]

    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    use rtc_crypto::RTCCryptoProvider;

    use super::*;
    use crate::transport::fixtures::pair;

    fn challenges(secret: u8, now: Instant) -> Challenges {
        let provider = rtc_crypto::providers::RingProvider::new();
        Challenges::new(provider.crypto(), &[secret; CHALLENGE_SECRET_BYTES], now)
    }

    #[test]
    fn only_the_answer_to_a_check_over_the_same_pair_counts_and_only_while_it_is_fresh() {
        let now = Instant::now();
        let (mut ours, mut others) = (challenges(1, now), challenges(2, now));
        let mut consent = Consent::new(pair(1), now);
        let sent = consent.check(&mut ours, pair(1), now).unwrap();
        assert!(!consent.answer(&mut ours, pair(2), &sent, now), "another pair");
        assert!(!consent.answer(&mut others, pair(1), &sent, now), "another peer");
        let mut guessed = sent;
        guessed[3] ^= 1;
        assert!(!consent.answer(&mut ours, pair(1), &guessed, now), "another time");
        let late = now + CONSENT_MAX;
        assert!(!consent.answer(&mut ours, pair(1), &sent, late), "too late");
        assert!(!consent.is_given(now));
        assert!(consent.answer(&mut ours, pair(1), &sent, now + Duration::from_secs(1)));
        assert!(consent.is_given(now + Duration::from_secs(29)));
        assert!(
            !consent.is_given(late),
            "by when it was sent, not by when it was answered"
        );
    }

    #[test]
    fn answers_kept_for_later_prolong_nothing() {
        let now = Instant::now();
        let mut ours = challenges(1, now);
        let mut consent = Consent::new(pair(1), now);
        let kept: Vec<_> = (0..5)
            .filter_map(|second| consent.check(&mut ours, pair(1), now + Duration::from_secs(second)))
            .collect();
        for (late, transaction) in kept.iter().enumerate() {
            consent.answer(
                &mut ours,
                pair(1),
                transaction,
                now + Duration::from_secs(20 + late as u64),
            );
        }
        assert!(!consent.is_given(now + Duration::from_secs(34)));
    }

    #[test]
    fn checks_are_repeated_at_growing_intervals_and_then_kept_up_every_five_seconds() {
        let start = Instant::now();
        let mut ours = challenges(1, start);
        let mut consent = Consent::new(pair(1), start);
        let mut checks = Vec::new();
        while let Some(next) = consent.next_check() {
            consent.check(&mut ours, pair(1), next).unwrap();
            checks.push((next - start).as_millis());
        }
        assert_eq!(checks, [0, 100, 300, 700, 1_500, 3_100, 6_300]);

        let mut now = start + Duration::from_secs(60);
        let mut consent = Consent::new(pair(1), now);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..50 {
            let sent = consent.check(&mut ours, pair(1), now).unwrap();
            assert!(consent.answer(&mut ours, pair(1), &sent, now));
            let next = consent.next_check().unwrap();
            let interval = (next - now).as_millis();
            assert!((4_000..6_000).contains(&interval), "{interval}");
            seen.insert(interval);
            now = next;
        }
        assert!(seen.len() > 10, "by chance");
    }

    /// So many hours over a line with this loss each way: how often consent lapsed.
    fn lapses(hours: u64, loss_percent: u32, seed: u64) -> usize {
        let start = Instant::now();
        let round_trip = Duration::from_millis(150);
        let mut random = StdRng::seed_from_u64(seed);
        let mut ours = challenges(1, start);
        let mut consent = Consent::new(pair(1), start);
        let first = consent.check(&mut ours, pair(1), start).unwrap();
        assert!(consent.answer(&mut ours, pair(1), &first, start));
        let (mut now, mut lapses) = (start, 0);
        while now < start + Duration::from_secs(3_600) * hours as u32 {
            let next = consent.next_check().unwrap();
            let end = consent.ends().unwrap();
            lapses += usize::from(now < end && end <= next);
            now = next;
            let sent = consent.check(&mut ours, pair(1), now).unwrap();
            let mut arrives = || random.random_range(0..100) >= loss_percent;
            if arrives() && arrives() {
                consent.answer(&mut ours, pair(1), &sent, now + round_trip);
            }
        }
        lapses
    }

    #[test]
    fn a_line_that_loses_a_fifth_or_a_third_each_way_keeps_consent_for_hours() {
        assert_eq!(lapses(10, 20, 1), 0);
        assert_eq!(lapses(10, 33, 2), 0);
        assert!(lapses(10, 90, 3) > 10, "a line that carries next to nothing");
    }

    #[test]
    fn an_answer_that_is_missing_is_asked_for_each_second_and_after_a_lapse_at_once() {
        let start = Instant::now();
        let mut ours = challenges(1, start);
        let mut consent = Consent::new(pair(1), start);
        let first = consent.check(&mut ours, pair(1), start).unwrap();
        assert!(consent.answer(&mut ours, pair(1), &first, start));
        let mut checks = Vec::new();
        while checks.len() < 35 {
            let next = consent.next_check().unwrap();
            consent.check(&mut ours, pair(1), next).unwrap();
            checks.push(next - start);
        }
        let kept = checks.iter().filter(|at| **at < CONSENT_MAX).count();
        assert!((24..=26).contains(&kept), "{kept}");
        assert!((4..6).contains(&checks[0].as_secs()));
        assert!(checks[..kept].windows(2).all(|two| two[1] - two[0] == REPEAT));
        let pauses = checks[kept..].windows(2).map(|two| (two[1] - two[0]).as_millis());
        assert_eq!(pauses.take(4).collect::<Vec<_>>(), [100, 200, 400, 800]);
    }

    #[test]
    fn an_address_that_does_not_answer_is_sent_three_times_what_came_from_it() {
        let now = Instant::now();
        let mut consent = Consent::new(pair(1), now);
        assert!(!consent.may_check(1, now));
        consent.receive(200, now);
        assert!(consent.may_send(200, now) && !consent.may_send(1, now));
        assert!(consent.may_check(300, now) && !consent.may_check(101, now) && consent.may_check(100, now));
        for _ in 0..1_000 {
            consent.receive(1_000, now);
        }
        assert!(!consent.may_send(CREDIT_BYTES_MAX + 1, now));
    }
}
