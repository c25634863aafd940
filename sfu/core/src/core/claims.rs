//! Ways to one peer that an authentic check of another has come over: who is behind the same address translation now, or
//! who lies about where they send from. Which of the two it is, the answer to a check of ours tells (see `ways`); until
//! then it is a claim.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::Place;
use crate::transport::Pair;

/// Claims of one core. Full: the oldest gives way.
const CLAIMS_MAX: usize = 256;
/// Of these, such of one peer, whose browser checks over a few ways at once. Full: its own oldest gives way, so that who
/// names the addresses of others takes no room from who has come to one.
const CLAIMS_OF_ONE_MAX: usize = 8;
/// An answer to a check of ours means nothing after that (RFC 7675 §5.1), and whoever is there checks again long before.
const AGE_MAX: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy)]
struct Claim {
    claimant: Place,
    since: Instant,
}

/// See the module. Of several claimants of one way the last one counts.
#[derive(Debug, Default)]
pub(super) struct Claims {
    by_pair: HashMap<Pair, Claim>,
}

impl Claims {
    /// An authentic check of this peer came over a way that is held to be another's.
    pub(super) fn note(&mut self, pair: Pair, claimant: Place, now: Instant) {
        self.by_pair.remove(&pair);
        self.by_pair.retain(|_, claim| claim.is_fresh(now));
        let is_theirs = |claim: &Claim| claim.claimant == claimant;
        if self.by_pair.values().filter(|claim| is_theirs(claim)).count() >= CLAIMS_OF_ONE_MAX {
            self.drop_oldest(is_theirs);
        }
        if self.by_pair.len() >= CLAIMS_MAX {
            self.drop_oldest(|_| true);
        }
        self.by_pair.insert(pair, Claim { claimant, since: now });
    }

    /// Who claims a way.
    pub(super) fn claimant(&self, pair: Pair, now: Instant) -> Option<Place> {
        let claim = self.by_pair.get(&pair)?;
        claim.is_fresh(now).then_some(claim.claimant)
    }

    /// The way has been given to somebody, or is gone.
    pub(super) fn settle(&mut self, pair: Pair) {
        self.by_pair.remove(&pair);
    }

    /// A peer is gone.
    pub(super) fn forget(&mut self, claimant: Place) {
        self.by_pair.retain(|_, claim| claim.claimant != claimant);
    }

    fn drop_oldest(&mut self, counts: impl Fn(&Claim) -> bool) {
        let counted = self.by_pair.iter().filter(|(_, claim)| counts(claim));
        let oldest = counted.min_by_key(|(_, claim)| claim.since);
        if let Some(pair) = oldest.map(|(pair, _)| *pair) {
            self.by_pair.remove(&pair);
        }
    }
}

impl Claim {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) < AGE_MAX
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]

    use super::*;
    use crate::transport::fixtures::pair;

    fn place(participant: usize) -> Place {
        Place {
            session: 0,
            participant,
        }
    }

    #[test]
    fn who_names_the_addresses_of_many_others_takes_no_room_from_who_has_come_to_one() {
        let (mut claims, start) = (Claims::default(), Instant::now());
        claims.note(pair(1), place(1), start);
        for port in 1_000..2_000 {
            let now = start + Duration::from_millis(port.into());
            claims.note(pair(port), place(2), now);
        }
        let now = start + Duration::from_secs(2);
        assert_eq!(claims.claimant(pair(1), now), Some(place(1)));
        assert_eq!(claims.claimant(pair(1_999), now), Some(place(2)));
        assert_eq!(claims.by_pair.len(), 1 + CLAIMS_OF_ONE_MAX);
    }

    #[test]
    fn claims_are_bounded_and_the_oldest_gives_way() {
        let (mut claims, start) = (Claims::default(), Instant::now());
        for peer in 0..=CLAIMS_MAX {
            let now = start + Duration::from_millis(peer as u64);
            claims.note(pair(peer as u16), place(peer), now);
        }
        let now = start + Duration::from_secs(1);
        assert_eq!(claims.by_pair.len(), CLAIMS_MAX);
        assert_eq!(claims.claimant(pair(0), now), None);
        assert_eq!(claims.claimant(pair(1), now), Some(place(1)));
    }

    #[test]
    fn a_claim_that_nobody_repeats_ends_and_leaves_nothing() {
        let (mut claims, start) = (Claims::default(), Instant::now());
        claims.note(pair(1), place(1), start);
        claims.note(pair(2), place(1), start);
        claims.note(pair(2), place(2), start + Duration::from_secs(20));
        let now = start + Duration::from_secs(30);
        assert_eq!(claims.claimant(pair(1), now), None);
        assert_eq!(
            claims.claimant(pair(2), now),
            Some(place(2)),
            "the last one counts"
        );
        claims.note(pair(3), place(3), now);
        assert_eq!(claims.by_pair.len(), 2);
        claims.forget(place(3));
        claims.settle(pair(2));
        assert!(claims.by_pair.is_empty());
    }
}
