//! The responder against browsers' checks, nominations, restarts and silence.

#![expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]

use rtc_crypto::RTCCryptoProvider;

use super::*;
use crate::transport::fixtures::pair;

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

    /// With pairs of these priorities, of which the second is selected.
    fn with_three_pairs() -> Self {
        let mut peer = Self::new();
        for (port, priority) in [(1, 10), (2, 30), (3, 20)] {
            peer.nominate(0, port, priority);
        }
        peer
    }

    /// The same two seconds later, in which nothing came but over the first.
    fn with_only_the_lowest_heard() -> Self {
        let mut peer = Self::with_three_pairs();
        peer.after(1_900);
        peer.agent.note_authentic(peer.now, pair(1));
        peer.after(100);
        peer
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
        let answer = Builder::new(stun::BINDING_SUCCESS, transaction).finish(&mut *key(&credentials(name)));
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
    let mut peer = Peer::with_three_pairs();
    peer.agent.forget(peer.now, pair(1));
    assert_eq!(peer.selected_port(), Some(2));
    peer.agent.forget(peer.now, pair(2));
    assert_eq!(peer.selected_port(), Some(3));
    peer.agent.forget(peer.now, pair(3));
    assert_eq!(peer.selected_port(), None);
}

#[test]
fn a_pair_that_is_silent_does_not_hide_a_lower_one_that_is_heard() {
    let mut peer = Peer::with_only_the_lowest_heard();
    assert!(peer.agent.fall_back(peer.now), "2 and 3 are silent");
    assert_eq!(peer.selected_port(), Some(1));
}

#[test]
fn when_one_is_gone_a_silent_pair_is_better_than_none_and_worse_than_a_lower_one_that_is_heard() {
    let mut peer = Peer::with_only_the_lowest_heard();
    peer.agent.forget(peer.now, pair(2));
    assert_eq!(peer.selected_port(), Some(1));
    peer.after(10_000);
    peer.agent.forget(peer.now, pair(1));
    assert_eq!(peer.selected_port(), Some(3));
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
