//! A publisher that leaves out sequence numbers, as it likes: whoever gets it can still read what comes after.
//!
//! Receivers tell the roll-over counter of SRTP from the numbers they see (RFC 3711 §3.3.1). The clients here do too:
//! once they are 2¹⁵ behind, nothing that comes in that slot can be decrypted any more.

use hearken_protocol::TrackSource;

use super::peer::Holes;
use super::world::World;

/// What nobody is sent.
#[derive(Debug, Clone, Copy)]
enum Filler {
    Padding,
    /// Cut off within VP8's payload descriptor.
    Garbage,
}

/// Ann sends `count` packets that nobody is sent, each of them `by` beyond the last. Says how much Bob gets in two
/// seconds of hers before, and in two after.
fn leap(source: TrackSource, filler: Filler, count: usize, by: u64) -> [usize; 2] {
    let mut world = World::new(137);
    let (ann, bob) = (world.join(), world.join());
    world.switch(ann, source, true);
    if !source.is_audio() {
        world.view(bob, &[(ann, source, 720)]);
    }
    world.run(2000);
    let layer = if source == TrackSource::Camera { 2 } else { 0 };
    let mut got = [0; 2];
    for got in &mut got {
        let since = world.now_ms();
        world.run(2000);
        *got = world.peers[bob]
            .got(world.peers[ann].id, source.is_audio(), since + 500)
            .len();
        if *got > 0 {
            leap_now(&mut world, ann, (source, layer), filler, (count, by));
        }
    }
    world.peers[bob].check_continuity(Holes::Allowed);
    got
}

fn leap_now(
    world: &mut World,
    publisher: usize,
    (source, layer): (TrackSource, u8),
    filler: Filler,
    (count, by): (usize, u64),
) {
    for _ in 0..count {
        let now_ms = world.now_ms();
        let ann = &mut world.peers[publisher];
        ann.sender(source, layer).jump(by - 1);
        let bytes = match filler {
            Filler::Padding => ann.produce_padding(source, layer, now_ms),
            Filler::Garbage => ann.produce_payload(source, layer, vec![0x10], now_ms),
        };
        // After what is on its way, so that the server follows.
        world.send_from(publisher, bytes);
    }
}

/// The same arrives after as before, but for what a key frame takes.
fn check_heard(source: TrackSource, filler: Filler) {
    for (count, by) in [(2, 32_767), (70, 1000), (500, 255)] {
        let [before, after] = leap(source, filler, count, by);
        assert!(
            before > 50 && after * 10 >= before * 8,
            "{filler:?}, {count} by {by}: {before}, {after}"
        );
    }
}

#[test]
fn sound_is_heard_after_padding_that_leaps_ahead() {
    check_heard(TrackSource::Microphone, Filler::Padding);
}

#[test]
fn video_is_seen_after_padding_that_leaps_ahead() {
    check_heard(TrackSource::Camera, Filler::Padding);
}

#[test]
fn video_is_seen_after_garbage_that_leaps_ahead() {
    check_heard(TrackSource::Camera, Filler::Garbage);
}
