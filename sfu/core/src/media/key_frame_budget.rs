//! How many key frames one receiver may cause. A key frame goes to everybody who watches, and costs its publisher a
//! picture of many times the size: so each receiver has a budget at each publisher, which lasts as long as they are in the
//! session, however often they connect.

use std::time::Duration;

use super::allowance::Allowance;
use super::slots::{Owner, Share};
use super::time::MediaTime;

/// For pictures that were lost, at once and then one each interval. More would be felt by everybody; less would leave
/// a subscriber on a bad line with a frozen picture.
const LOSSES_MAX: u32 = 5;
const LOSS_EVERY: Duration = Duration::from_secs(4);
/// For layers that somebody changes to because they want another size: three to climb after joining, three for a
/// fall and the way back, and two of their own. Who wants more keeps the layer they have until there is one left.
const SWITCHES_MAX: u32 = 8;
const SWITCH_EVERY: Duration = Duration::from_secs(3);

/// What one receiver may cause of one video.
#[derive(Debug, Clone, Copy)]
struct Budget {
    losses: Allowance,
    switches: Allowance,
}

impl Budget {
    const FULL: Self = Self {
        losses: Allowance::new(LOSSES_MAX, LOSS_EVERY),
        switches: Allowance::new(SWITCHES_MAX, SWITCH_EVERY),
    };
}

/// One receiver's budgets, by the publishers' places in the session: camera, then screen.
#[derive(Debug, Default)]
pub(crate) struct KeyFrameBudgets(Vec<[Budget; 2]>);

impl KeyFrameBudgets {
    /// Whether a picture that was lost may be asked for anew.
    pub(crate) fn take_loss(&mut self, owner: Owner, now: MediaTime) -> bool {
        self.of(owner).losses.take(now)
    }

    /// Whether another layer may be asked to begin.
    pub(crate) fn take_switch(&mut self, owner: Owner, now: MediaTime) -> bool {
        self.of(owner).switches.take(now)
    }

    /// The publisher at this place has left: whoever comes there begins anew.
    pub(crate) fn forget(&mut self, place: usize) {
        if let Some(budgets) = self.0.get_mut(place) {
            *budgets = [Budget::FULL; 2];
        }
    }

    fn of(&mut self, owner: Owner) -> &mut Budget {
        let place = owner.participant;
        if self.0.len() <= place {
            // As many as there are places in the session at most.
            self.0.resize(place + 1, [Budget::FULL; 2]);
        }
        match owner.share {
            Share::Person => &mut self.0[place][0],
            Share::Screen => &mut self.0[place][1],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(participant: usize, share: Share) -> Owner {
        Owner { participant, share }
    }

    #[test]
    fn each_video_of_each_publisher_has_a_budget_of_its_own_which_refills() {
        let mut budgets = KeyFrameBudgets::default();
        let at = |second: u64| MediaTime(0) + Duration::from_secs(second);
        let taken = |budgets: &mut KeyFrameBudgets, whose: Owner, second: u64| {
            (0..20).filter(|_| budgets.take_switch(whose, at(second))).count()
        };
        let (camera, screen, other) = (
            owner(3, Share::Person),
            owner(3, Share::Screen),
            owner(0, Share::Person),
        );
        assert_eq!(taken(&mut budgets, camera, 0), 8);
        assert_eq!(taken(&mut budgets, camera, 2), 0);
        assert_eq!(taken(&mut budgets, screen, 2), 8);
        assert_eq!(taken(&mut budgets, other, 2), 8);
        assert_eq!(taken(&mut budgets, camera, 3), 1);
        assert!(budgets.take_loss(camera, at(3)));
        budgets.forget(3);
        budgets.forget(9);
        assert_eq!(taken(&mut budgets, camera, 3), 8);
    }
}
