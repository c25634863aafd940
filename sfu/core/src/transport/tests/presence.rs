//! Who is there, who has gone, and how that is noticed.

use std::cell::Cell;
use std::rc::Rc;

use super::*;

/// A peer is there, or expected, for so long, and soon after that it is gone for this reason.
fn check_gone(world: &mut World, there: Duration, soon: Duration, reason: DisconnectReason) {
    world.run(there);
    assert_eq!(world.server_events, []);
    world.run(soon);
    assert_eq!(world.server_events, [TransportEvent::Disconnected(reason)]);
    assert!(!world.server.is_connected());
}

/// Counts these of the datagrams that the server sends from now on.
fn count_sent(world: &mut World, which: fn(&[u8]) -> bool) -> Rc<Cell<u32>> {
    let sent = Rc::new(Cell::new(0));
    let counter = Rc::clone(&sent);
    world.downlink = Box::new(move |datagram| {
        counter.set(counter.get() + u32::from(which(&datagram)));
        vec![datagram]
    });
    sent
}

#[test]
fn a_peer_that_is_heard_but_does_not_answer_any_more_is_sent_nothing_after_thirty_seconds() {
    let mut world = World::connected();
    // As when the packets come from elsewhere: nobody there reads our checks.
    world.uplink = Box::new(|datagram| {
        let is_answer = datagram.starts_with(&[1, 1]);
        if is_answer { vec![] } else { vec![datagram] }
    });
    let (there, soon) = (Duration::from_secs(23), Duration::from_secs(7));
    check_gone(&mut world, there, soon, DisconnectReason::Silence);
    world.uplink = Box::new(|datagram| vec![datagram]);
    world.run(Duration::from_secs(3));
    assert!(world.server.is_connected(), "and comes back by an answer");
}

#[test]
fn a_peer_that_answers_stays_and_is_checked_every_five_seconds_or_so() {
    let mut world = World::connected();
    let checks = count_sent(&mut world, |datagram| datagram.starts_with(&[0, 1]));
    world.run(Duration::from_secs(300));
    assert!((50..=75).contains(&checks.get()), "{}", checks.get());
    assert_eq!(world.server_events, []);
}

#[test]
fn a_peer_that_falls_silent_is_gone_and_may_come_back() {
    let mut world = World::connected();
    world.uplink = Box::new(|_| vec![]);
    // The last check came a second ago at most, and the core's clock looks every 20 ms.
    let (there, soon) = (Duration::from_millis(11_900), Duration::from_millis(2_100));
    check_gone(&mut world, there, soon, DisconnectReason::Silence);
    world.uplink = Box::new(|datagram| vec![datagram]);
    world.run(Duration::from_secs(3));
    assert_eq!(world.server_events.last(), Some(&TransportEvent::Connected));
}

/// Of the client's datagrams only the answers to checks of ours.
fn only_answers(datagram: Vec<u8>) -> Vec<Vec<u8>> {
    let is_answer = datagram.starts_with(&[1, 1]);
    if is_answer { vec![datagram] } else { vec![] }
}

#[test]
fn a_peer_that_sends_nothing_but_answers_is_there_and_is_missed_when_it_stops() {
    let mut world = World::connected();
    world.uplink = Box::new(only_answers);
    world.run(Duration::from_secs(600));
    assert_eq!(world.server_events, []);
    assert!(world.server.is_connected());
    world.uplink = Box::new(|_| vec![]);
    world.run(Duration::from_secs(14));
    assert_eq!(
        world.server_events,
        [TransportEvent::Disconnected(DisconnectReason::Silence)]
    );
}

#[test]
fn a_silent_peer_is_asked_until_its_consent_ends_and_comes_back_by_an_answer() {
    let mut world = World::connected();
    world.uplink = Box::new(|_| vec![]);
    world.run(Duration::from_secs(20));
    assert!(!world.server.is_connected());
    world.uplink = Box::new(only_answers);
    world.run(Duration::from_secs(2));
    assert!(world.server.is_connected());

    world.uplink = Box::new(|_| vec![]);
    world.run(Duration::from_secs(31));
    assert!(!world.server.is_connected());
    assert_eq!(world.server.poll_timeout(), None, "and nothing is due any more");
    let sent = count_sent(&mut world, |_| true);
    world.run(Duration::from_secs(60));
    assert_eq!(sent.get(), 0, "nor is anything sent");
}

#[test]
fn a_peer_that_never_comes_is_given_up() {
    let mut world = World::new();
    world.uplink = Box::new(|_| vec![]);
    let (there, soon) = (Duration::from_secs(29), Duration::from_secs(1));
    check_gone(&mut world, there, soon, DisconnectReason::NeverConnected);
}

#[test]
fn a_peer_that_says_good_bye_is_gone_at_once() {
    let mut world = World::connected();
    world.client.close(world.now);
    world.exchange();
    assert_eq!(
        world.server_events,
        [TransportEvent::Disconnected(DisconnectReason::ClosedByPeer)]
    );
    let check = [0; 20];
    assert_eq!(world.deliver(address(1), &check), Err(DropReason::Closed));
}

#[test]
fn closing_tells_the_peer() {
    let mut world = World::connected();
    world.server.close(world.now);
    world.exchange();
    assert!(!world.server.is_connected());
    assert_eq!(
        world.client_events.last(),
        Some(&TransportEvent::Disconnected(DisconnectReason::ClosedByPeer))
    );
    assert_eq!(world.server_events, []);
}
