//! A screen is sent while somebody looks at it, and comes back at once when somebody does again.

use std::time::Duration;

use hearken_netsim::{Bottleneck, Conditions};
use hearken_protocol::{Importance, MediaCommand, MediaEvent, MediaGrants, TrackSource, ViewMode};

use super::peer::Holes;
use super::wire::OfferStyle;
use super::world::{EVERYTHING, SESSION, World};

/// Ann shares a screen with sound that Bob looks at.
fn shared(seed: u64) -> (World, usize, usize) {
    let mut world = World::new(seed);
    let (ann, bob) = (world.join(), world.join());
    world.switch(ann, TrackSource::Screen, true);
    world.view(bob, &[(ann, TrackSource::Screen, 1080)]);
    world.run(3000);
    assert!(seen(&world, ann, bob, 1000) > 10);
    (world, ann, bob)
}

/// Nobody looks at the screen any more, until its owner has been told that nobody does.
fn put_to_rest(world: &mut World, ann: usize, bob: usize) {
    world.view(bob, &[]);
    world.run(15_000);
    assert_eq!(asked(world, ann).last().unwrap().1, [false; 3]);
}

/// Packets of the screen in the last so many milliseconds.
fn seen(world: &World, ann: usize, bob: usize, ms: u64) -> usize {
    let since = world.now_ms() - ms;
    world.peers[bob].got(world.peers[ann].id, false, since).len()
}

fn asked(world: &World, ann: usize) -> Vec<(u64, [bool; 3])> {
    world.publishes_of(ann, TrackSource::Screen)
}

#[test]
fn a_screen_that_nobody_looks_at_is_not_sent_after_a_while() {
    let (mut world, ann, bob) = shared(300);
    let turned_away_ms = world.now_ms();
    let shown = [(ann, TrackSource::Screen, 1080)];
    world.view_as(bob, &shown, &[], ViewMode::AudioOnly);
    world.run(12_000);
    let (off_ms, layers) = *asked(&world, ann).last().unwrap();
    assert_eq!(layers, [false; 3]);
    assert!(off_ms >= turned_away_ms + 5000, "{off_ms}");
    assert!(!world.peers[ann].sender(TrackSource::Screen, 0).is_asked);
    let received = world.counters().received.video.packets;
    world.run(60_000);
    assert_eq!(world.counters().received.video.packets, received);
    assert!(
        world.is_live(ann, TrackSource::Screen),
        "it is shared all the same"
    );

    let back_ms = world.now_ms();
    world.view(bob, &[(ann, TrackSource::Screen, 1080)]);
    world.run(1000);
    assert_eq!(asked(&world, ann).last().unwrap().1, [true; 3]);
    let first = world.peers[bob].got(world.peers[ann].id, false, back_ms)[0].at_ms;
    assert!(first - back_ms < 300, "back after {} ms", first - back_ms);
    let requests = world.counters().plis_sent;
    world.run(2000);
    assert!(seen(&world, ann, bob, 1000) > 10);
    assert_eq!(world.counters().plis_sent, requests, "one key frame will do");
}

#[test]
fn who_joins_finds_the_screen_that_nobody_looked_at() {
    let (mut world, ann, bob) = shared(301);
    put_to_rest(&mut world, ann, bob);
    let cas = world.join();
    assert_eq!(asked(&world, ann).last().unwrap().1, [true; 3]);
    world.view(cas, &[(ann, TrackSource::Screen, 1080)]);
    world.run(1000);
    assert!(seen(&world, ann, cas, 500) > 5);
}

/// Their page still holds what it was told before its line was lost.
#[test]
fn a_screen_that_rests_while_its_owners_line_is_lost_comes_when_somebody_looks() {
    let (mut world, ann, bob) = shared(304);
    put_to_rest(&mut world, ann, bob);
    let address = world.peers[ann].address;
    world.peers[ann].address = "10.0.0.9:1".parse().unwrap();
    let transport = world.peers[ann].transport.take();
    world.run(15_000);
    assert!(!world.is_live(ann, TrackSource::Screen));
    world.peers[ann].address = address;
    world.peers[ann].transport = transport;
    world.run(4000);
    world.view(bob, &[(ann, TrackSource::Screen, 1080)]);
    world.run(2000);
    assert!(seen(&world, ann, bob, 1000) > 10);
}

#[test]
fn a_screen_shared_anew_is_asked_for_whatever_was_before() {
    let (mut world, ann, bob) = shared(302);
    put_to_rest(&mut world, ann, bob);
    let participant = world.peers[ann].id;
    let grant = |world: &mut World, screen| {
        world.command(MediaCommand::SetGrants {
            session: SESSION,
            participant,
            grants: MediaGrants { screen, ..EVERYTHING },
        });
    };
    world.switch(ann, TrackSource::Screen, false);
    grant(&mut world, false);
    world.run(1000);
    assert!(!world.is_live(ann, TrackSource::Screen));
    assert_eq!(asked(&world, ann).last().unwrap().1, [true; 3]);
    grant(&mut world, true);
    world.switch(ann, TrackSource::Screen, true);
    world.view(bob, &[(ann, TrackSource::Screen, 1080)]);
    world.run(1000);
    assert!(seen(&world, ann, bob, 500) > 5);
}

/// Firefox can't switch an encoding off, and whoever ends the sharing may not have said so yet.
#[test]
fn a_screen_that_is_asked_for_again_and_never_comes_is_not_shared_any_more() {
    let (mut world, ann, bob) = shared(303);
    put_to_rest(&mut world, ann, bob);
    world.peers[ann].switch(TrackSource::Screen, false);
    world.view(bob, &[(ann, TrackSource::Screen, 1080)]);
    world.run(9000);
    assert!(world.is_live(ann, TrackSource::Screen));
    world.run(2000);
    assert!(!world.is_live(ann, TrackSource::Screen));
}

/// A facilitator's screen beside a member's; three others look at both, one of them on a line of its own.
struct Two {
    world: World,
    fay: usize,
    ann: usize,
    viewers: [usize; 3],
}

impl Two {
    fn new(seed: u64) -> Self {
        let mut world = World::new(seed);
        let style = OfferStyle {
            pairs: 6,
            ..OfferStyle::default()
        };
        let [fay, ann, bob, cas, dan] = [(); 5].map(|()| world.join_as(style));
        for sharing in [fay, ann] {
            world.switch(sharing, TrackSource::Screen, true);
            world.switch(sharing, TrackSource::ScreenAudio, true);
        }
        world.switch(ann, TrackSource::Camera, true);
        let mut two = Self {
            world,
            fay,
            ann,
            viewers: [bob, cas, dan],
        };
        for viewer in two.viewers {
            two.view(viewer, &[]);
        }
        two.line(5000);
        two.world.run(6000);
        two
    }

    /// The facilitator's screen large, the member's beside it, and her camera in a small tile.
    fn view(&mut self, viewer: usize, important: &[(usize, Importance)]) {
        let shown = [
            (self.fay, TrackSource::Screen, 720),
            (self.ann, TrackSource::Screen, 360),
            (self.ann, TrackSource::Camera, 170),
        ];
        self.world.view_as(viewer, &shown, important, ViewMode::Full);
    }

    /// The last viewer's line.
    fn line(&mut self, kbit: u64) {
        self.world.downlink(self.viewers[2]).set(Conditions {
            delay: Duration::from_millis(20),
            bottleneck: Some(Bottleneck::kbit(kbit, 300)),
            ..Conditions::default()
        });
    }

    /// Packets of a video of the last second.
    fn seen(&self, viewer: usize, whose: usize, source: TrackSource) -> usize {
        let peer = &self.world.peers[viewer];
        let whose = self.world.peers[whose].id;
        let Some(mid) = peer.slot_of(whose, source).map(|slot| slot.mid.clone()) else {
            return 0;
        };
        let since_ms = self.world.now_ms() - 1000;
        let got = peer.got(whose, source.is_audio(), since_ms);
        got.iter().filter(|received| received.mid == mid).count()
    }

    fn screens(&self, viewer: usize) -> [usize; 2] {
        [self.fay, self.ann].map(|whose| self.seen(viewer, whose, TrackSource::Screen))
    }

    /// What the last viewer is told to be paused at present, in the order in which that was said.
    fn paused(&self) -> Vec<(usize, TrackSource)> {
        let viewer = self.world.peers[self.viewers[2]].id;
        let mut now = Vec::new();
        for (_, event) in &self.world.events {
            let MediaEvent::VideoPaused {
                participant,
                publisher,
                source,
                paused,
                ..
            } = event
            else {
                continue;
            };
            let whose = self.world.peers.iter().position(|peer| peer.id == *publisher);
            let video = (whose.unwrap(), *source);
            match (*participant == viewer, paused) {
                (true, true) => now.push(video),
                (true, false) => now.retain(|one| *one != video),
                (false, _) => panic!("nobody else's line is narrow"),
            }
        }
        now
    }
}

#[test]
fn two_screens_at_once_have_slots_of_their_own_and_a_narrow_line_carries_the_more_important_one() {
    let mut two = Two::new(305);
    let (fay, ann, [bob, cas, dan]) = (two.fay, two.ann, two.viewers);
    // Each screen has a pair beside those of its owner, picture and sound.
    for viewer in two.viewers {
        let peer = &two.world.peers[viewer];
        let mid = |whose: usize, source| {
            let slot = peer.slot_of(two.world.peers[whose].id, source);
            slot.unwrap().mid.parse::<usize>().unwrap()
        };
        let mut mids: Vec<usize> = Vec::new();
        for whose in [fay, ann] {
            let video = mid(whose, TrackSource::Screen);
            assert_eq!(mid(whose, TrackSource::ScreenAudio) + 1, video);
            mids.extend([video, mid(whose, TrackSource::Camera)]);
            assert!(two.seen(viewer, whose, TrackSource::ScreenAudio) >= 45);
        }
        mids.sort_unstable();
        mids.dedup();
        assert_eq!(mids.len(), 4, "{mids:?}");
        assert!(
            two.screens(viewer).iter().all(|packets| *packets >= 54),
            "all frames"
        );
        assert!(two.seen(viewer, ann, TrackSource::Camera) >= 20);
    }
    assert_eq!(two.paused(), []);

    // Sound of two screens, and one of the pictures.
    two.line(650);
    two.world.run(12_000);
    assert_eq!(two.paused(), [(ann, TrackSource::Screen)], "the larger one stays");
    let [large, small] = two.screens(dan);
    assert!(large >= 48 && small == 0, "{large}, {small}");
    for viewer in [bob, cas] {
        assert!(
            two.screens(viewer).iter().all(|packets| *packets >= 54),
            "others see both"
        );
    }

    two.view(dan, &[(ann, Importance::Pinned)]);
    two.world.run(8000);
    assert_eq!(
        two.paused(),
        [(fay, TrackSource::Screen)],
        "what is pinned goes before"
    );
    let [large, small] = two.screens(dan);
    assert!(large == 0 && small >= 48, "{large}, {small}");

    two.line(5000);
    two.world.run(10_000);
    assert_eq!(two.paused(), [], "both are back");
    assert!(two.screens(dan).iter().all(|packets| *packets >= 54));

    // One ends; the other goes on where it was.
    two.world.switch(fay, TrackSource::Screen, false);
    two.world.switch(fay, TrackSource::ScreenAudio, false);
    two.world.run(12_000);
    for viewer in two.viewers {
        let peer = &two.world.peers[viewer];
        assert!(
            peer.slot_of(two.world.peers[fay].id, TrackSource::Screen)
                .is_none()
        );
        assert!(two.screens(viewer)[1] >= 54);
        peer.check_continuity(Holes::Allowed);
    }
}
