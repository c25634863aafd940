//! What the model promises: the same seed, the same result; and what was asked for is what comes out.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use hearken_netsim::{Bottleneck, Conditions, Link, Loss, Queue, Reordering, Tally, Verdict};
use proptest::prelude::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Packets of 1000 bytes, one every so many microseconds.
fn send_all(link: &mut Link, count: u64, every_us: u64) -> Vec<Verdict> {
    (0..count)
        .map(|number| link.send(Duration::from_micros(number * every_us), 1000))
        .collect()
}

fn lost_share(tally: Tally) -> f64 {
    tally.lost as f64 / (tally.lost + tally.delivered) as f64
}

#[test]
fn the_default_lets_everything_through_at_once() {
    let mut link = Link::new(1, Conditions::default());
    for number in 0..1000 {
        let now = ms(number / 3);
        let at_once = Verdict::Arrives {
            at: now,
            copy_at: None,
        };
        assert_eq!(link.send(now, 1200), at_once);
    }
}

#[test]
fn single_losses_are_as_many_as_asked_for() {
    let conditions = Conditions {
        loss: Loss::percent(10.0),
        ..Conditions::default()
    };
    let mut link = Link::new(2, conditions);
    send_all(&mut link, 100_000, 1000);
    let share = lost_share(link.tally());
    assert!((share - 0.1).abs() < 0.005, "{share}");
}

#[test]
fn bursts_are_as_long_and_as_many_as_asked_for() {
    let conditions = Conditions {
        loss: Loss::bursts(5.0, 4.0),
        ..Conditions::default()
    };
    let mut link = Link::new(3, conditions);
    let verdicts = send_all(&mut link, 200_000, 1000);
    let lost: Vec<bool> = verdicts.iter().map(|verdict| *verdict == Verdict::Lost).collect();
    let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
    let mean = link.tally().lost as f64 / bursts as f64;
    assert!((mean - 4.0).abs() < 0.2, "{mean}");
    let share = lost_share(link.tally());
    assert!((share - 0.05).abs() < 0.005, "{share}");
}

#[test]
fn the_bottleneck_lets_through_its_rate_and_no_packet_waits_longer_than_its_queue() {
    let conditions = Conditions {
        bottleneck: Some(Bottleneck::kbit(300, 200)),
        ..Conditions::default()
    };
    let mut link = Link::new(4, conditions);
    // 1 Mbit/s for 20 s.
    for number in 0..2500 {
        let now = ms(number * 8);
        if let Verdict::Arrives { at, .. } = link.send(now, 1000) {
            assert!(at - now <= ms(200));
        }
    }
    let kbit = link.tally().delivered_bytes as f64 * 8.0 / 20_000.0;
    assert!((kbit - 300.0).abs() < 5.0, "{kbit}");
    assert!(link.tally().overflowed > 1500);
}

#[test]
fn a_queue_in_bytes_holds_so_many() {
    let bottleneck = Bottleneck {
        bits_per_second: 8000,
        queue: Queue::Bytes(2500),
    };
    let conditions = Conditions {
        bottleneck: Some(bottleneck),
        ..Conditions::default()
    };
    let mut link = Link::new(5, conditions);
    let verdicts: Vec<_> = (0..4).map(|_| link.send(ms(0), 1000)).collect();
    let arrives = |at| Verdict::Arrives { at, copy_at: None };
    let full = Verdict::Overflowed;
    assert_eq!(verdicts, [arrives(ms(1000)), arrives(ms(2000)), full, full]);
    // The one being sent counts with what is left of it.
    assert_eq!(link.send(ms(600), 1000), arrives(ms(3000)));
}

#[test]
fn a_packet_larger_than_the_queue_goes_when_nothing_waits() {
    let conditions = Conditions {
        bottleneck: Some(Bottleneck::kbit(8, 10)),
        ..Conditions::default()
    };
    let mut link = Link::new(6, conditions);
    assert!(matches!(link.send(ms(0), 1000), Verdict::Arrives { .. }));
    assert_eq!(link.send(ms(999), 1000), Verdict::Overflowed);
    assert!(matches!(link.send(ms(1000), 1000), Verdict::Arrives { .. }));
}

#[test]
fn jitter_keeps_the_order_and_reordering_does_not() {
    let mut conditions = Conditions {
        delay: ms(30),
        jitter: ms(20),
        ..Conditions::default()
    };
    let arrivals = |conditions| -> Vec<Duration> {
        let mut link = Link::new(7, conditions);
        let verdicts = send_all(&mut link, 10_000, 2000);
        verdicts.into_iter().flat_map(Verdict::arrivals).collect()
    };
    let in_order = arrivals(conditions);
    assert!(in_order.is_sorted());
    let delays = in_order
        .iter()
        .enumerate()
        .map(|(number, at)| *at - ms(2 * number as u64));
    assert!(delays.clone().all(|delay| (ms(30)..=ms(50)).contains(&delay)));
    assert!(delays.clone().max() > Some(ms(45)) && delays.min() < Some(ms(40)));

    conditions.reordering = Some(Reordering {
        share: 0.05,
        by: ms(40),
    });
    let overtaken = arrivals(conditions)
        .windows(2)
        .filter(|pair| pair[1] < pair[0])
        .count();
    assert!((400..600).contains(&overtaken), "{overtaken}");
}

#[test]
fn some_packets_arrive_twice() {
    let conditions = Conditions {
        duplicated: 0.1,
        ..Conditions::default()
    };
    let mut link = Link::new(8, conditions);
    let verdicts = send_all(&mut link, 10_000, 1000);
    let arrived = verdicts.into_iter().flat_map(Verdict::arrivals).count();
    assert!((10_900..11_100).contains(&arrived), "{arrived}");
}

#[test]
fn conditions_change_when_planned() {
    let slow = Conditions {
        delay: ms(500),
        ..Conditions::default()
    };
    let mut link = Link::new(9, Conditions::default());
    link.plan(ms(1000), slow);
    link.plan(ms(2000), Conditions::default());
    let delay = |link: &mut Link, now| link.send(now, 100).arrivals().next().unwrap() - now;
    assert_eq!(delay(&mut link, ms(999)), ms(0));
    assert_eq!(delay(&mut link, ms(1000)), ms(500));
    assert_eq!(delay(&mut link, ms(2100)), ms(0));
    link.set(slow);
    assert_eq!(delay(&mut link, ms(2200)), ms(500));
}

fn conditions() -> impl Strategy<Value = Conditions> {
    let loss = prop_oneof![
        Just(Loss::None),
        (0.0..1.0).prop_map(|share| Loss::Uniform { share }),
        (0.0..1.0, 1.0..20.0).prop_map(|(share, mean_burst)| Loss::Bursts { share, mean_burst }),
    ];
    let reordering = proptest::option::of((0.0..1.0, 0u64..200))
        .prop_map(|reordering| reordering.map(|(share, by_ms)| Reordering { share, by: ms(by_ms) }));
    let bottleneck = proptest::option::of((1u64..10_000, 0u64..1000))
        .prop_map(|bottleneck| bottleneck.map(|(kbit, queue_ms)| Bottleneck::kbit(kbit, queue_ms)));
    let rest = (0u64..300, 0u64..100, 0.0..1.0);
    (loss, reordering, bottleneck, rest).prop_map(
        |(loss, reordering, bottleneck, (delay_ms, jitter_ms, duplicated))| Conditions {
            loss,
            delay: ms(delay_ms),
            jitter: ms(jitter_ms),
            reordering,
            bottleneck,
            duplicated,
        },
    )
}

proptest! {
    #[test]
    fn the_same_seed_gives_the_same_result(
        seed: u64,
        conditions in conditions(),
        packets in proptest::collection::vec((0u64..50, 0usize..2000), 1..200),
    ) {
        let run = || {
            let mut link = Link::new(seed, conditions);
            let mut now = ms(0);
            let verdicts: Vec<_> = packets.iter().map(|(wait_ms, bytes)| {
                now += ms(*wait_ms);
                (now, link.send(now, *bytes))
            }).collect();
            (verdicts, link.tally())
        };
        let (verdicts, tally) = run();
        prop_assert_eq!(&(verdicts.clone(), tally), &run());
        prop_assert_eq!(tally.delivered + tally.lost + tally.overflowed, packets.len() as u64);
        // Nothing arrives before it could.
        for (now, verdict) in verdicts {
            prop_assert!(verdict.arrivals().all(|at| at >= now + conditions.delay));
        }
    }
}
