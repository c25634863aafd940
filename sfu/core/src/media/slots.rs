//! Who gets which pair of receiving sections: each subscriber's pairs are dealt out here.
//!
//! While there are enough, everybody gets a pair for good, and a shared screen another. When there are fewer,
//! they follow what is shown and who is heard.

use std::cmp::Reverse;

use super::time::MediaTime;

/// Which of a participant's media a pair carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Share {
    /// Camera and microphone.
    Person,
    /// Screen and its sound.
    Screen,
}

/// Whose media a pair carries; the participant by its place in the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Owner {
    pub(crate) participant: usize,
    pub(crate) share: Share,
}

/// Why a pair is claimed, most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    Screen,
    /// With the place in the list of speakers. Before what is shown: to be heard goes before to be seen.
    Speaks(usize),
    Shown,
    /// Who was heard last comes first; `None` was never heard.
    Present(Reverse<Option<MediaTime>>),
}

/// Somebody who could have a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) owner: Owner,
    pub(crate) reason: Reason,
    /// Whether they have one at present; [`plan`] finds that out.
    pub(crate) is_held: bool,
}

impl Claim {
    pub(crate) fn new(owner: Owner, reason: Reason) -> Self {
        Self {
            owner,
            reason,
            is_held: false,
        }
    }
}

/// A pair as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    pub(crate) owner: Option<Owner>,
    /// Counts the frees of this subscriber: which pair was freed last. 0: never used.
    pub(crate) freed: u64,
}

/// What is to change, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reassignment {
    pub(crate) pair: usize,
    pub(crate) owner: Option<Owner>,
}

/// Deals out the pairs again, changing as little as possible.
pub(crate) fn plan(places: &[Place], claims: &mut [Claim], changes: &mut Vec<Reassignment>) {
    changes.clear();
    let holds = |owner: Owner| places.iter().any(|place| place.owner == Some(owner));
    for claim in claims.iter_mut() {
        claim.is_held = holds(claim.owner);
    }
    let order = |claim: &Claim| (claim.reason, !claim.is_held, claim.owner);
    // In a large group only those that win need to be in order.
    if claims.len() > places.len() {
        claims.select_nth_unstable_by_key(places.len(), order);
    }
    let winning = claims.len().min(places.len());
    claims[..winning].sort_unstable_by_key(order);
    let winners = &claims[..winning];
    let wins = |owner: Owner| winners.iter().any(|claim| claim.owner == owner);
    let claims_still = |owner: Owner| claims.iter().any(|claim| claim.owner == owner);

    // Whoever is gone leaves a free pair; whoever is only less important keeps it until it is needed.
    for (pair, place) in places.iter().enumerate() {
        if place.owner.is_some_and(|owner| !claims_still(owner)) {
            changes.push(Reassignment { pair, owner: None });
        }
    }
    let freed_now = changes.len();
    let is_taken = |changes: &[Reassignment], pair: usize| {
        changes
            .iter()
            .any(|change| change.pair == pair && change.owner.is_some())
    };
    for claim in winners.iter().filter(|claim| !claim.is_held) {
        let is_free_now = |pair: usize| changes[..freed_now].iter().any(|change| change.pair == pair);
        // The longest unused first: late packets of the last owner are then surely gone.
        let order = |pair: usize| match places[pair].owner {
            None => (0, places[pair].freed),
            Some(_) if is_free_now(pair) => (1, 0),
            Some(_) => (2, 0),
        };
        let usable = |pair: &usize| {
            !is_taken(changes, *pair)
                && (is_free_now(*pair) || places[*pair].owner.is_none_or(|owner| !wins(owner)))
        };
        let Some(pair) = (0..places.len()).filter(usable).min_by_key(|pair| order(*pair)) else {
            break;
        };
        changes.push(Reassignment {
            pair,
            owner: Some(claim.owner),
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn person(participant: usize) -> Owner {
        Owner {
            participant,
            share: Share::Person,
        }
    }

    fn present(owners: &[Owner]) -> Vec<Claim> {
        owners
            .iter()
            .map(|owner| Claim::new(*owner, Reason::Present(Reverse(None))))
            .collect()
    }

    fn place(owner: Option<usize>, freed: u64) -> Place {
        Place {
            owner: owner.map(person),
            freed,
        }
    }

    fn planned(places: &[Place], mut claims: Vec<Claim>) -> Vec<(usize, Option<Owner>)> {
        let mut changes = Vec::new();
        plan(places, &mut claims, &mut changes);
        changes.iter().map(|change| (change.pair, change.owner)).collect()
    }

    #[test]
    fn everybody_gets_a_pair_and_keeps_it() {
        let places = [place(None, 0), place(Some(4), 0), place(None, 0)];
        assert_eq!(
            planned(&places, present(&[person(4), person(7)])),
            [(0, Some(person(7)))]
        );
    }

    #[test]
    fn a_freed_pair_stays_unused_while_another_is_free() {
        let places = [place(None, 3), place(None, 1), place(None, 2)];
        assert_eq!(planned(&places, present(&[person(1)])), [(1, Some(person(1)))]);
        let places = [place(Some(9), 0), place(None, 5)];
        assert_eq!(
            planned(&places, present(&[person(1)])),
            [(0, None), (1, Some(person(1)))]
        );
    }

    #[test]
    fn when_pairs_are_short_whoever_is_heard_gets_one() {
        let places = [place(Some(1), 0), place(Some(2), 0)];
        let mut claims = present(&[person(1), person(2), person(3)]);
        assert_eq!(planned(&places, claims.clone()), []);
        claims[2].reason = Reason::Speaks(0);
        claims[0].reason = Reason::Present(Reverse(Some(MediaTime(5))));
        assert_eq!(planned(&places, claims), [(1, Some(person(3)))]);
    }

    #[test]
    fn a_screen_goes_before_everybody() {
        let screen = Owner {
            participant: 1,
            share: Share::Screen,
        };
        let places = [place(Some(1), 0)];
        let mut claims = present(&[person(1)]);
        claims.push(Claim::new(screen, Reason::Screen));
        assert_eq!(planned(&places, claims), [(0, Some(screen))]);
    }

    proptest! {
        #[test]
        fn nobody_has_two_pairs_and_no_pair_two_owners(
            rounds in proptest::collection::vec(proptest::collection::btree_map(0usize..12, 0u8..4, 0..12), 1..12),
            pairs in 1usize..8,
        ) {
            let mut places = vec![Place::default(); pairs];
            let mut freed = 0;
            for round in rounds {
                let mut claims: Vec<_> = round.iter().map(|(participant, reason)| {
                    let reason = match reason {
                        0 => Reason::Shown,
                        1 => Reason::Speaks(*participant),
                        _ => Reason::Present(Reverse(None)),
                    };
                    Claim::new(person(*participant), reason)
                }).collect();
                let mut changes = Vec::new();
                plan(&places, &mut claims, &mut changes);
                for change in changes {
                    if change.owner.is_none() { freed += 1; places[change.pair].freed = freed; }
                    places[change.pair].owner = change.owner;
                }
                let mut owners: Vec<_> = places.iter().filter_map(|place| place.owner).collect();
                prop_assert!(owners.iter().all(|owner| round.contains_key(&owner.participant)));
                prop_assert_eq!(owners.len(), round.len().min(pairs));
                owners.sort();
                owners.dedup();
                prop_assert_eq!(owners.len(), round.len().min(pairs));
            }
        }
    }
}
