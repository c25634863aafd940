//! How a browser plays sound that comes late: what has not come when it is due is made up, and from then on everything is
//! played so much later. After what NetEQ does, without its slow return to a shorter delay: the few seconds after a change
//! of the line are looked at.

use std::collections::BTreeMap;

/// Sound in one packet.
const PIECE_MS: u64 = 20;
/// What a browser keeps in hand on a quiet line, beyond the shortest way.
const IN_HAND_MS: u64 = 40;

/// What was made up of the sound that was taken in `since..until`, given when each piece was there, by when it was taken.
pub fn made_up_ms(arrivals: &BTreeMap<u64, u64>, since: u64, until: u64) -> u64 {
    let quickest = arrivals.iter().map(|(taken, at)| at - taken).min().unwrap_or(0);
    let mut delay = quickest + IN_HAND_MS;
    let mut made_up = 0;
    // Whenever it is taken, it is every 20 ms.
    let phase = arrivals.keys().next().map_or(0, |taken| taken % PIECE_MS);
    for taken in (since..until).filter(|taken| taken % PIECE_MS == phase) {
        let due = taken + delay;
        let has_come = |at: &u64| *at <= due;
        if arrivals.get(&taken).is_some_and(has_come) {
            continue;
        }
        let later = arrivals.range(taken..).map(|(_, at)| *at);
        let next = later.min().unwrap_or(u64::MAX);
        if next <= due {
            // The next one is there already: this one is left out.
            made_up += PIECE_MS;
        } else {
            let waited = next.min(until + delay).saturating_sub(due);
            made_up += waited;
            delay += waited;
            if arrivals.get(&taken) != Some(&next) {
                made_up += PIECE_MS;
            }
        }
    }
    made_up
}

#[test]
fn what_is_late_is_made_up_once_and_what_is_lost_by_itself() {
    let on_time: BTreeMap<u64, u64> = (0..100).map(|n| (n * 20, n * 20 + 50)).collect();
    assert_eq!(made_up_ms(&on_time, 0, 2000), 0);
    let mut held_up = on_time.clone();
    // From one second on all is 250 ms later.
    held_up
        .iter_mut()
        .filter(|(taken, _)| **taken >= 1000)
        .for_each(|(_, at)| *at += 250);
    assert_eq!(made_up_ms(&held_up, 0, 2000), 210);
    let mut lost = on_time;
    lost.remove(&400);
    lost.remove(&800);
    assert_eq!(made_up_ms(&lost, 0, 2000), 40);
}
