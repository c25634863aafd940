//! A receiver's line that falls from 3 Mbit/s to 300 kbit/s, and comes back: at many moments between two messages of
//! the receiver, with medium and large pictures, as Chromium's encoders make them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use hearken_netsim::{Bottleneck, Conditions, Loss};
use hearken_protocol::{Importance, TrackSource, ViewMode};

use super::listening::made_up_ms;
use super::networks::{narrow_line, shown_at};
use super::peer::{Holes, Received};
use super::wire::OfferStyle;
use super::world::World;

const PACKET_BYTES: usize = 500;

/// What a camera sends.
#[derive(Debug, Clone, Copy)]
struct Camera {
    every_ms: u64,
    /// Of the tile it is shown in.
    height: u16,
    /// Layers it has.
    layers: usize,
    /// In packets of [`PACKET_BYTES`].
    packets: [usize; 3],
    key_packets: [usize; 3],
}

/// Chromium's 640×360 in two layers, of 0.12 and 0.5 Mbit/s, at 15 pictures a second; key frames of 0.3 s of each
/// layer's rate, as its rate control allows.
const MEDIUM: Camera = Camera {
    every_ms: 66,
    height: 360,
    layers: 2,
    packets: [2, 8, 0],
    key_packets: [11, 37, 0],
};
/// The same at 30 pictures a second.
const MEDIUM_30: Camera = Camera {
    every_ms: 33,
    packets: [1, 4, 0],
    ..MEDIUM
};
/// 960×540 in three layers, of 0.12, 0.5 and 1.5 Mbit/s.
const LARGE: Camera = Camera {
    every_ms: 66,
    height: 720,
    layers: 3,
    packets: [2, 8, 24],
    key_packets: [11, 37, 72],
};
const LARGE_30: Camera = Camera {
    every_ms: 33,
    packets: [1, 4, 12],
    ..LARGE
};

/// Two who speak and show themselves, to two others who have the first of them in front. The line of one of these,
/// Bob, falls.
struct Story {
    world: World,
    speakers: [usize; 2],
    bob: usize,
    cleo: usize,
    full: u8,
    fell_ms: u64,
}

impl Story {
    fn new(seed: u64, camera: Camera) -> Self {
        let style = OfferStyle {
            red: Some(63),
            ..OfferStyle::default()
        };
        let mut world = World::new(seed);
        let speakers = [world.join_as(style), world.join_as(style)];
        let [bob, cleo] = [world.join_as(style), world.join_as(style)];
        for peer in [speakers[0], bob] {
            world.lines[peer].delay_ms = 20;
        }
        for speaker in speakers {
            world.switch(speaker, TrackSource::Microphone, true);
            world.switch(speaker, TrackSource::Camera, true);
            world.peers[speaker].level = 30;
            for layer in 0..3 {
                let sender = world.peers[speaker].sender(TrackSource::Camera, layer as u8);
                sender.is_on = layer < camera.layers;
                sender.every_ms = camera.every_ms;
                sender.packet_bytes = PACKET_BYTES;
                sender.packets_per_frame = camera.packets[layer];
                sender.packets_per_key_frame = camera.key_packets[layer];
            }
        }
        for viewer in [bob, cleo] {
            let shown = [
                (speakers[0], TrackSource::Camera, camera.height),
                (speakers[1], TrackSource::Camera, 180),
            ];
            let important = [(speakers[0], Importance::Pinned)];
            world.view_as(viewer, &shown, &important, ViewMode::Full);
        }
        world.downlink(bob).set(narrow_line(3000));
        // The browser tells every 50 to 100 ms; which moment of this the fall meets is chance.
        world.peers[bob].tells_every_ms = 50 + seed * 7 % 51;
        world.run(8000);
        let mut story = Self {
            world,
            speakers,
            bob,
            cleo,
            full: camera.layers as u8 - 1,
            fell_ms: 0,
        };
        story.wait_until_full();
        story.world.run(500 + seed * 13 % 131);
        story.fell_ms = story.world.now_ms();
        story
    }

    /// Until Bob, too, sees the first speaker in full.
    fn wait_until_full(&mut self) {
        for _ in 0..40 {
            let since_ms = self.world.now_ms();
            self.world.run(500);
            let got = self.got(self.bob, since_ms);
            if !got.is_empty() && got.iter().all(|received| received.stamp.layer == self.full) {
                return;
            }
        }
        panic!("3 Mbit/s do not do");
    }

    /// Cleo, on a good line, misses nothing.
    fn check_that_nobody_else_notices(&self) {
        self.world.peers[self.cleo].check_continuity(Holes::Forbidden);
        let got = self.got(self.cleo, self.fell_ms);
        assert!(got.iter().all(|received| received.stamp.layer == self.full));
        let mut at: Vec<u64> = got.iter().map(|received| received.at_ms).collect();
        at.sort_unstable();
        let still = at.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(still <= 2 * 66, "{still} ms");
    }

    /// What a viewer got of the first speaker's picture since then.
    fn got(&self, viewer: usize, since_ms: u64) -> Vec<&Received> {
        let ann = self.world.peers[self.speakers[0]].id;
        self.world.peers[viewer].got(ann, false, since_ms)
    }

    /// When the server has the first message of Bob's that can know of the fall: the next one after a picture's packet
    /// that was sent after it.
    fn first_word_ms(&mut self) -> u64 {
        let delay_ms = self.world.lines[self.bob].delay_ms;
        loop {
            self.world.run(1);
            let now_ms = self.world.now_ms();
            let received = self.world.peers[self.bob].received.last().unwrap();
            if received.vp8.is_some() && received.at_ms > self.fell_ms + delay_ms {
                let every_ms = self.world.peers[self.bob].tells_every_ms;
                return now_ms.next_multiple_of(every_ms) + delay_ms;
            }
        }
    }

    /// When the first smaller picture was whole.
    fn first_smaller_ms(&self) -> u64 {
        let cameras = self.world.peers[self.speakers[0]].senders.iter();
        let cameras = cameras.filter(|sender| sender.source == TrackSource::Camera);
        let sizes: Vec<_> = cameras
            .map(|sender| (sender.packets_per_frame, sender.packets_per_key_frame))
            .collect();
        let mut seen = BTreeMap::<u64, (Option<bool>, BTreeSet<u64>)>::new();
        for received in self.got(self.bob, self.fell_ms) {
            let layer = received.stamp.layer;
            if layer >= self.full {
                continue;
            }
            let (packets, key_packets) = sizes[usize::from(layer)];
            let (is_key, picture) = seen.entry(received.stamp.taken_ms).or_default();
            if let Some(vp8) = received.vp8.filter(|vp8| vp8.starts) {
                *is_key = Some(vp8.key);
            }
            picture.insert(received.index);
            let Some(is_key) = *is_key else { continue };
            if picture.len() >= if is_key { key_packets } else { packets } {
                return received.at_ms - self.fell_ms;
            }
        }
        u64::MAX
    }

    fn first_full_ms(&self, since_ms: u64) -> u64 {
        let got = self.got(self.bob, since_ms);
        let first = got.iter().find(|received| received.stamp.layer == self.full);
        first.map_or(u64::MAX, |received| received.at_ms - since_ms)
    }

    /// A speaker's sound, however it came: when each piece was taken, and when it was there.
    fn sound(&self, speaker: usize, taken: Range<u64>) -> BTreeMap<u64, u64> {
        let mut first = BTreeMap::<u64, u64>::new();
        let speaker = self.world.peers[speaker].id;
        for received in self.world.peers[self.bob].got(speaker, true, taken.start) {
            let copies = received.copies.iter().map(|(_, copy)| copy);
            for stamp in std::iter::once(&received.stamp).chain(copies) {
                let at = first.entry(stamp.taken_ms).or_insert(received.at_ms);
                *at = (*at).min(received.at_ms);
            }
        }
        first.retain(|at, _| taken.contains(at));
        first
    }
}

/// What came of a fall, in ms.
#[derive(Debug, Default, Clone, Copy)]
struct Fall {
    smaller: u64,
    still: u64,
    full: u64,
    /// The latest sound.
    sound: u64,
    /// Pieces of sound that never came.
    sound_lost: u64,
    /// Pieces that came later than the queue explains.
    sound_late: u64,
}

fn fall_and_rise(seed: u64, camera: Camera) -> Fall {
    fall_before(300, seed, camera)
}

/// With a queue of so many ms before the narrow line.
fn fall_before(queue_ms: u64, seed: u64, camera: Camera) -> Fall {
    let mut story = Story::new(seed, camera);
    let (fell_ms, bob, ann) = (story.fell_ms, story.bob, story.speakers[0]);
    let fallen = Conditions {
        bottleneck: Some(Bottleneck::kbit(300, queue_ms)),
        ..narrow_line(300)
    };
    story.world.downlink(bob).set(fallen);
    story.world.run(10_000);
    let back_ms = story.world.now_ms();
    let mut shown = shown_at(&story.world, bob, ann, fell_ms - 1000);
    shown.push(back_ms);
    story.world.downlink(bob).set(narrow_line(3000));
    story.world.run(10_000);
    story.check_that_nobody_else_notices();
    let mut fall = Fall {
        smaller: story.first_smaller_ms(),
        still: shown.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap(),
        full: story.first_full_ms(back_ms),
        ..Fall::default()
    };
    for speaker in story.speakers {
        let taken = fell_ms..back_ms;
        let sound = story.sound(speaker, taken.clone());
        let expected = taken.filter(|at| at.is_multiple_of(20)).count();
        fall.sound_lost = fall.sound_lost.max((expected - sound.len()) as u64);
        let delays = sound.iter().map(|(taken, at)| at - taken);
        let late = delays.clone().filter(|delay| *delay > 360).count();
        fall.sound_late = fall.sound_late.max(late as u64);
        fall.sound = fall.sound.max(delays.max().unwrap());
    }
    fall
}

/// Falls of this camera's line at many moments: everything that is asked for, and how the sound fares.
fn check(camera: Camera, seeds: Range<u64>) {
    check_still(camera, seeds, 950);
}

fn check_still(camera: Camera, seeds: Range<u64>, still_max: u64) {
    for seed in seeds {
        let fall = fall_and_rise(seed, camera);
        eprintln!("{seed}: {fall:?}");
        assert!(fall.smaller.max(fall.still) <= still_max, "{seed}: {fall:?}");
        assert!(fall.full <= 4000, "{seed}: {fall:?}");
        // The queue of 300 ms is full before anybody knows; what is lost then comes once more after it.
        assert!(
            fall.sound_lost == 0 && fall.sound_late <= 5 && fall.sound <= 700,
            "{seed}: {fall:?}"
        );
    }
}

#[test]
fn a_line_that_falls_below_a_medium_picture_shows_a_smaller_one_within_a_second() {
    check(MEDIUM, 400..406);
}

#[test]
fn so_it_does_at_thirty_pictures_a_second() {
    check(MEDIUM_30, 410..416);
}

#[test]
fn a_line_that_falls_to_a_fifth_of_what_is_sent_shows_a_smaller_picture_within_a_second() {
    check(LARGE, 420..426);
}

#[test]
fn so_it_does_with_a_large_picture_thirty_times_a_second() {
    check(LARGE_30, 430..436);
}

/// The padding of two probes in a row meets a picture, which alone has more bytes than their pace. It was taken for a line
/// that carries no more, and for ten seconds nothing larger was sent.
#[test]
fn the_full_picture_comes_back_though_others_meet_the_probes() {
    check(LARGE, 407..408);
}

/// Of busy pictures: 9.5 kB take a quarter of a second of the line, and nearly all of the queue. The rate of the layer
/// looks twice as large for a second, which is no reason to pause it.
#[test]
fn a_large_key_frame_does_not_keep_the_smaller_picture_away() {
    let busy = |camera: Camera| Camera {
        key_packets: [19, 37, 72],
        ..camera
    };
    check_still(busy(MEDIUM), 400..406, 1500);
    check_still(busy(MEDIUM_30), 410..416, 1500);
}

/// A queue of 100 ms has no room for a small picture's key frame: sent at once it was lost, and its repairs, too.
#[test]
fn a_short_queue_before_a_line_that_has_fallen_is_not_overflowed_again_and_again() {
    let cameras = [(MEDIUM, 400), (MEDIUM_30, 410), (LARGE, 418), (LARGE_30, 430)];
    for (camera, first) in cameras {
        for seed in first..first + 4 {
            let fall = fall_before(100, seed, camera);
            eprintln!("{seed}: {fall:?}");
            assert!(fall.smaller <= 900 && fall.still <= 1200, "{seed}: {fall:?}");
            assert!(fall.full <= 4000 && fall.sound_lost == 0, "{seed}: {fall:?}");
        }
    }
}

/// Radio holds packets up, all of them for tens of milliseconds, and brings them in bursts: that is no fall.
#[test]
fn a_restless_line_is_not_taken_for_one_that_has_fallen() {
    for (seed, jitter_ms) in [(440, 20), (441, 30), (442, 40)] {
        for camera in [LARGE, LARGE_30] {
            let mut story = Story::new(seed, camera);
            let restless = Conditions {
                jitter: Duration::from_millis(jitter_ms),
                ..narrow_line(6000)
            };
            story.world.downlink(story.bob).set(restless);
            story.world.run(8000);
            let since_ms = story.world.now_ms();
            story.world.run(20_000);
            let got = story.got(story.bob, since_ms);
            let is_full = |received: &&&Received| received.stamp.layer == story.full;
            let full = got.iter().filter(is_full).count();
            let all = got.len();
            assert!(full * 100 >= all * 95, "{jitter_ms} ms: {full} of {all}");
        }
    }
}

/// A weak radio loses a tenth from one moment on, and carries as much as before: that is no reason for smaller pictures.
#[test]
fn a_line_that_begins_to_lose_a_tenth_keeps_the_full_picture() {
    for camera in [MEDIUM, LARGE] {
        let (mut full, mut all) = (0, 0);
        for seed in 500..510 {
            let mut story = Story::new(seed, camera);
            let (since_ms, bob, ann) = (story.fell_ms, story.bob, story.speakers[0]);
            let weak = Conditions {
                loss: Loss::percent(10.0),
                ..narrow_line(3000)
            };
            story.world.downlink(bob).set(weak);
            story.world.run(10_000);
            let got = story.got(bob, since_ms);
            let is_full = |received: &&&Received| received.stamp.layer == story.full;
            full += got.iter().filter(is_full).count();
            all += got.len();
            let shown = shown_at(&story.world, bob, ann, since_ms - 1000);
            let still = shown.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
            let stood_ms = story.world.now_ms() - shown.last().unwrap();
            assert!(still.max(stood_ms) <= 800, "{seed}: {still} ms, {stood_ms} ms");
        }
        eprintln!("{full} of {all} packets were of the full picture");
        assert!(full * 100 >= all * 97, "{full} of {all}");
    }
}

/// When all video to whoever's line has fallen stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stops {
    /// As the server does it, with the key frames that it asks for.
    Itself,
    /// As soon as the receiver's first message that can know of it is there, for good: nobody can do better.
    AtFirstWord,
}

/// The sound of both speakers in the first five seconds after a fall.
#[derive(Debug, Default, Clone, Copy)]
struct Sound {
    made_up_ms: u64,
    /// Of what came later by more than people who talk notice.
    late_ms: u64,
}

/// How late sound may be until people talk at the same time (ITU-T G.114), beyond the shortest way.
const NOTICED_MS: u64 = 150;

fn sound_in_fall(seed: u64, camera: Camera, stops: Stops) -> Sound {
    let mut story = Story::new(seed, camera);
    let (fell_ms, bob) = (story.fell_ms, story.bob);
    story.world.downlink(bob).set(narrow_line(300));
    match stops {
        Stops::Itself => {}
        Stops::AtFirstWord => {
            let word_ms = story.first_word_ms();
            story.world.run(word_ms - story.world.now_ms());
            story.world.view(bob, &[]);
        }
    }
    let until_ms = fell_ms + 5000;
    story.world.run(until_ms + 1000 - story.world.now_ms());
    let mut sound = Sound::default();
    for speaker in story.speakers {
        let arrivals = story.sound(speaker, fell_ms - 1000..until_ms);
        sound.made_up_ms += made_up_ms(&arrivals, fell_ms - 1000, until_ms) / 2;
        let delays = arrivals.iter().map(|(taken, at)| at - taken);
        let quickest = delays.clone().min().unwrap();
        let late = delays.filter(|delay| *delay > quickest + NOTICED_MS).count();
        sound.late_ms += late as u64 * 20 / 2;
    }
    sound
}

/// The first message knows of one or two packets that queued, too little to tell a line that has fallen from one that is
/// restless; from the third on it is known, and what stands before the line is let through before the smaller picture's key
/// frame comes.
#[test]
fn what_is_made_up_of_the_sound_in_a_fall_is_not_much_more_than_if_all_video_had_stopped_at_the_first_word() {
    for (camera, percent_max) in [(MEDIUM, 180), (MEDIUM_30, 210), (LARGE, 160), (LARGE_30, 140)] {
        let (mut made_up_ms, mut least_ms, mut late_ms) = (0, 0, 0);
        for seed in 460..464 {
            let sound = sound_in_fall(seed, camera, Stops::Itself);
            (made_up_ms, late_ms) = (made_up_ms + sound.made_up_ms, late_ms + sound.late_ms);
            least_ms += sound_in_fall(seed, camera, Stops::AtFirstWord).made_up_ms;
        }
        eprintln!("{made_up_ms} and {least_ms} ms made up, {late_ms} ms late");
        assert!(
            made_up_ms * 100 <= least_ms * percent_max,
            "{made_up_ms} {least_ms}"
        );
        // Twice as much when the queue is only kept from growing.
        assert!(late_ms <= 4 * 1300, "{late_ms}");
    }
}
