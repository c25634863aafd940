//! Layers within one stream on lines that fall and come back: VP9 and AV1 of three spatial and three temporal layers.
//! Whoever finds out what needs what as libwebrtc does never gets a frame without what it needs.

mod camera;
mod finder;

use std::collections::BTreeSet;
use std::time::Duration;

use hearken_netsim::{Bottleneck, Conditions, Loss};
use hearken_protocol::{TrackSource, VideoCodec};

use self::camera::{Camera, Tag};
use self::finder::Finder;
use super::temporal::ask_for_key_frames;
use super::wire::{OfferStyle, OtherCodecs};
use super::world::World;

/// Who tells what needs what, and how.
#[derive(Debug, Clone, Copy)]
struct Way {
    codec: VideoCodec,
    /// The publisher sends the dependency descriptor.
    describes: bool,
    /// The viewer knows it.
    others: OtherCodecs,
}

const WAYS: [Way; 4] = [
    Way {
        codec: VideoCodec::Vp9,
        describes: true,
        others: OtherCodecs::All,
    },
    Way {
        codec: VideoCodec::Vp9,
        describes: true,
        others: OtherCodecs::WithoutDescriptor,
    },
    Way {
        codec: VideoCodec::Vp9,
        describes: false,
        others: OtherCodecs::All,
    },
    Way {
        codec: VideoCodec::Av1,
        describes: true,
        others: OtherCodecs::All,
    },
];

/// A frame that was shown, and when.
#[derive(Debug, Clone, Copy)]
struct Shown {
    at_ms: u64,
    tag: Tag,
}

/// One who sends, and one who looks at it in full.
struct Story {
    world: World,
    camera: Camera,
    ann: usize,
    bob: usize,
}

impl Story {
    fn new(seed: u64, way: Way) -> Self {
        let mut world = World::new(seed);
        let knowing = |others| OfferStyle {
            others,
            ..OfferStyle::default()
        };
        let ann = world.join_as(knowing(OtherCodecs::All));
        let bob = world.join_as(knowing(way.others));
        world.view(bob, &[(ann, TrackSource::Camera, 720)]);
        let camera = Camera::new(way.codec, way.describes);
        let mut story = Self {
            world,
            camera,
            ann,
            bob,
        };
        story.line(3000, 0.0);
        story.run(5000);
        story
    }

    fn line(&mut self, kbit: u64, loss_percent: f64) {
        self.world.downlink(self.bob).set(Conditions {
            delay: Duration::from_millis(20),
            bottleneck: Some(Bottleneck::kbit(kbit, 300)),
            loss: Loss::percent(loss_percent),
            ..Conditions::default()
        });
    }

    /// Lets time pass; the viewer asks for a key frame when what comes can't be shown for a while, as browsers do.
    fn run(&mut self, ms: u64) {
        for _ in 0..ms / 240 {
            self.camera.run(&mut self.world, self.ann, 240);
            let since_ms = self.world.now_ms().saturating_sub(480);
            let others = &self.world.peers[self.bob].others;
            let arrives = others.iter().any(|other| other.at_ms >= since_ms);
            if arrives && self.shown(since_ms).is_empty() {
                ask_for_key_frames(&mut self.world, self.bob);
            }
        }
    }

    /// What the viewer has shown since then. Fails when it would show what it has not all references of.
    fn shown(&self, since_ms: u64) -> Vec<Shown> {
        let mut finder = Finder::default();
        let mut decoded = BTreeSet::new();
        let mut shown = Vec::new();
        for other in &self.world.peers[self.bob].others {
            let (packets, _) = self.camera.made[&Tag::read(&other.packet.payload).name];
            for tag in finder.take(other, packets) {
                let (_, needs) = &self.camera.made[&tag.name];
                for needed in needs {
                    assert!(decoded.contains(needed), "{tag:?} is shown without {needed:?}");
                }
                decoded.insert(tag.name);
                shown.push(Shown {
                    at_ms: other.at_ms,
                    tag,
                });
            }
        }
        shown.retain(|shown| shown.at_ms >= since_ms);
        shown
    }

    fn longest_still(&self, shown: &[Shown], since_ms: u64) -> u64 {
        let times = shown.iter().map(|shown| shown.at_ms).chain([self.world.now_ms()]);
        let mut before = since_ms;
        let mut longest = 0;
        for at in times {
            longest = longest.max(at - before);
            before = at;
        }
        longest
    }
}

/// How many of these are of each temporal layer.
fn per_temporal(shown: &[Shown]) -> [usize; 3] {
    let count = |temporal| {
        shown
            .iter()
            .filter(|one| one.tag.kind.temporal() == temporal)
            .count()
    };
    [0, 1, 2].map(count)
}

#[test]
fn on_a_line_too_narrow_for_all_frames_of_the_smallest_layer_the_picture_keeps_moving() {
    for (seed, way) in (0..).zip(WAYS) {
        for kbit in [90, 120] {
            let mut story = Story::new(1000 + seed, way);
            story.line(kbit, 0.0);
            story.run(5040);
            let since_ms = story.world.now_ms();
            story.run(20_160);
            let shown = story.shown(since_ms);
            let still = story.longest_still(&shown, since_ms);
            let per_temporal = per_temporal(&shown);
            let pauses = story.world.pauses(story.bob);
            let pauses = pauses.iter().filter(|(at, _, paused)| *paused && *at >= since_ms);
            let case = format!("{way:?}, {kbit} kbit/s: {still} ms, {per_temporal:?}");
            eprintln!("{case}");
            assert_eq!(pauses.count(), 0, "{case}");
            assert!(
                still <= 1500 && shown.iter().all(|one| one.tag.name.1 == 0),
                "{case}"
            );
            // A quarter of 25 pictures a second are of layer 0.
            assert!(per_temporal[0] >= 115 && shown.len() < 450, "{case}");
        }
    }
}

#[test]
fn whatever_the_line_does_nothing_is_shown_without_what_it_needs_and_all_comes_back() {
    for seed in 0..8 {
        let way = WAYS[seed as usize % 4];
        let mut story = Story::new(1010 + seed, way);
        let lines = [3000, 120, 90, 700, 110, 1000, 140, 80, 200, 100];
        for (at, step) in (0..10).enumerate() {
            let kbit = lines[(step * 3 + seed as usize + at) % lines.len()];
            story.line(kbit, if step % 2 == 0 { 0.0 } else { 2.0 });
            story.run(3600);
        }
        story.line(5000, 0.0);
        // Who gave way in vain several times waits for up to 16 s.
        story.run(18_000);
        let since_ms = story.world.now_ms();
        story.run(4080);
        let largest = story.shown(since_ms);
        let largest = largest.iter().filter(|one| one.tag.name.1 == 2).count();
        assert!(largest >= 98, "seed {seed}, {way:?}: {largest}");
    }
}
