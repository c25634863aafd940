//! Temporal layers of VP8, as libwebrtc makes and reads them: on a line too narrow for all frames of the smallest
//! layer, fewer of them come, and none without what it needs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use hearken_netsim::{Bottleneck, Conditions, Loss};
use hearken_protocol::TrackSource;

use super::encoder::Encoder;
use super::peer::Holes;
use super::wire::{OfferStyle, OtherCodecs, Vp8Packet, rtcp_packet};
use super::world::World;

/// Finds out what each frame refers to, from its numbers alone, as receivers do (RFC 7741 §4.2, and what libwebrtc
/// makes of it): a frame above layer 0 is taken to need the last ones of all layers up to its own, and waits while
/// a picture is missing between.
#[derive(Debug, Default)]
struct Finder {
    newest: Option<i64>,
    newest_tl0: Option<i64>,
    missing: BTreeSet<i64>,
    /// By TL0PICIDX: the last picture of each layer.
    layers: BTreeMap<i64, [Option<i64>; 4]>,
    waiting: Vec<(i64, i64, Vp8Packet)>,
}

impl Finder {
    /// Takes a whole frame; returns those of which it is known what they need.
    fn take(&mut self, vp8: Vp8Packet) -> Vec<(i64, Vec<i64>, Vp8Packet)> {
        let newest = self.newest.unwrap_or(i64::from(vp8.picture));
        let step = i64::from((vp8.picture.wrapping_sub(newest as u16) << 1) as i16 >> 1);
        let picture = newest + step;
        for missing in newest + 1..=picture {
            self.missing.insert(missing);
        }
        self.newest = Some(newest.max(picture));
        let near = self.newest_tl0.unwrap_or(i64::from(vp8.tl0));
        let tl0 = near + i64::from(vp8.tl0.wrapping_sub(near as u8) as i8);
        self.newest_tl0 = Some(near.max(tl0));
        self.layers.retain(|known, _| *known > tl0 - 50);
        self.waiting.push((picture, tl0, vp8));
        let mut found = Vec::new();
        while let Some((at, needs)) = (0..self.waiting.len()).find_map(|at| Some((at, self.needs(at)?))) {
            let (picture, tl0, vp8) = self.waiting.remove(at);
            self.missing.remove(&picture);
            for (_, known) in self.layers.range_mut(tl0..) {
                let known = &mut known[usize::from(vp8.temporal)];
                *known = (*known).max(Some(picture));
            }
            found.push((picture, needs, vp8));
        }
        found
    }

    fn needs(&mut self, at: usize) -> Option<Vec<i64>> {
        let (picture, tl0, vp8) = self.waiting[at];
        if vp8.key {
            self.layers.insert(tl0, [None; 4]);
            return Some(Vec::new());
        }
        if vp8.temporal == 0 {
            let before = *self.layers.get(&(tl0 - 1))?;
            self.layers.entry(tl0).or_insert(before);
            return Some(vec![before[0]?]);
        }
        let layers = self.layers.get(&tl0)?;
        if vp8.sync {
            return Some(vec![layers[0]?]);
        }
        let mut needs = Vec::new();
        for layer in &layers[..=usize::from(vp8.temporal)] {
            let needed = (*layer)?;
            if self.missing.range(needed + 1..picture).next().is_some() {
                return None;
            }
            needs.push(needed);
        }
        Some(needs)
    }
}

/// The same where there are no numbers but those of packets: a frame is taken to need the one before it.
#[derive(Debug, Default)]
struct PlainFinder {
    /// The last packets of those found.
    found: BTreeSet<i64>,
    waiting: Vec<(i64, i64, Vp8Packet)>,
}

impl PlainFinder {
    fn take(
        &mut self,
        packets: &BTreeSet<u64>,
        vp8: Vp8Packet,
        is_filler: impl Fn(i64) -> bool,
    ) -> Vec<(i64, Vec<i64>, Vp8Packet)> {
        let (first, last) = (packets.first().unwrap(), packets.last().unwrap());
        self.waiting.push((*first as i64, *last as i64, vp8));
        let mut ready = Vec::new();
        let before = |first: i64| (0..first).rev().find(|at| !is_filler(*at)).unwrap_or(0);
        while let Some(at) =
            (self.waiting.iter()).position(|(first, _, vp8)| vp8.key || self.found.contains(&before(*first)))
        {
            let (first, last, vp8) = self.waiting.remove(at);
            self.found.insert(last);
            let needs = if vp8.key { Vec::new() } else { vec![before(first)] };
            ready.push((last, needs, vp8));
        }
        ready
    }
}

/// A picture that was shown.
#[derive(Debug, Clone, Copy)]
struct Shown {
    at_ms: u64,
    layer: u8,
    temporal: u8,
}

/// What a browser shows of somebody's camera. Fails when it would show what it has not all references of.
fn shown(world: &World, viewer: usize, publisher: usize, since_ms: u64) -> Vec<Shown> {
    let cameras = world.peers[publisher].senders.iter();
    let cameras: Vec<_> = cameras
        .filter(|sender| sender.source == TrackSource::Camera)
        .collect();
    let mut parts = HashMap::<(u8, u64), BTreeSet<u64>>::new();
    let (mut finder, mut plain) = (Finder::default(), PlainFinder::default());
    let (mut ready, mut decoded) = (Vec::new(), BTreeSet::new());
    let mut frames = BTreeSet::new();
    let mut shown = Vec::new();
    for received in world.peers[viewer].got(world.peers[publisher].id, false, 0) {
        let (stamp, vp8) = (received.stamp, received.vp8.unwrap());
        let camera = cameras[usize::from(stamp.layer)];
        let frame = &camera.encoder.as_ref().unwrap().made[&stamp.taken_ms];
        let mut packets = camera.packets_per_frame;
        if frame.needs.is_empty() {
            packets = packets.max(camera.packets_per_key_frame);
        }
        let had = parts.entry((stamp.layer, stamp.taken_ms)).or_default();
        if !had.insert(received.index) || had.len() < packets {
            continue;
        }
        let key = frame.needs.is_empty();
        let temporal = frame.temporal;
        let vp8 = Vp8Packet { key, temporal, ..vp8 };
        if vp8.is_minimal {
            let fillers = &world.peers[viewer].fillers;
            let is_filler = |at: i64| fillers.contains(&(received.mid.clone(), at as u64));
            ready.extend(plain.take(had, vp8, is_filler));
        } else {
            ready.extend(finder.take(vp8));
        }
        while let Some(at) = ready
            .iter()
            .position(|(_, needs, _)| needs.iter().all(|needed| decoded.contains(needed)))
        {
            let (picture, _, vp8) = ready.remove(at);
            if decoded.last().is_some_and(|last| *last > picture) {
                continue;
            }
            decoded.insert(picture);
            let Vp8Packet { stamp, temporal, .. } = vp8;
            let made = &cameras[usize::from(stamp.layer)].encoder.as_ref().unwrap().made;
            for needed in &made[&stamp.taken_ms].needs {
                assert!(
                    frames.contains(&(stamp.layer, *needed)),
                    "{stamp:?} of {temporal} is shown without what it needs"
                );
            }
            frames.insert((stamp.layer, stamp.taken_ms));
            shown.push(Shown {
                at_ms: received.at_ms,
                layer: stamp.layer,
                temporal,
            });
        }
    }
    shown.retain(|shown| shown.at_ms >= since_ms);
    shown
}

/// Lets time pass for somebody who, as browsers do, asks for a key frame when what comes can't be shown for a while.
fn watch(world: &mut World, viewer: usize, publisher: usize, ms: u64) {
    for _ in 0..ms / 250 {
        world.run(250);
        let since_ms = world.now_ms() - 500;
        let arrives = !world.peers[viewer]
            .got(world.peers[publisher].id, false, since_ms)
            .is_empty();
        if arrives && shown(world, viewer, publisher, since_ms).is_empty() {
            ask_for_key_frames(world, viewer);
        }
    }
}

/// Of all videos.
pub fn ask_for_key_frames(world: &mut World, viewer: usize) {
    let answer = world.peers[viewer].answer.as_ref().unwrap();
    let ssrcs = answer.ssrcs.iter();
    let videos = ssrcs.filter(|(_, (mid, is_repair))| !is_repair && mid.parse::<u8>().unwrap() % 2 == 1);
    let ssrcs: BTreeSet<u32> = videos.map(|(ssrc, _)| *ssrc).collect();
    for ssrc in ssrcs {
        let request = rtcp_packet(1, 206, &[1, ssrc]);
        let request = world.peers[viewer].seal_rtcp(&request).unwrap();
        world.send_from(viewer, request);
    }
}

/// The longest time without a new picture until now.
fn longest_still(world: &World, shown: &[Shown], since_ms: u64) -> u64 {
    let times = shown.iter().map(|shown| shown.at_ms);
    let mut before = since_ms;
    let mut longest = 0;
    for at in times.chain([world.now_ms()]) {
        longest = longest.max(at - before);
        before = at;
    }
    longest
}

/// Somebody with voice and a camera of 150, 420 and 1,200 kbit/s in three temporal layers each.
fn publisher(world: &mut World) -> usize {
    let ann = world.join_as(style());
    world.switch(ann, TrackSource::Microphone, true);
    world.switch(ann, TrackSource::Camera, true);
    world.peers[ann].level = 30;
    for (layer, packets) in [1, 3, 8].into_iter().enumerate() {
        let sender = world.peers[ann].sender(TrackSource::Camera, layer as u8);
        sender.packets_per_frame = packets;
        sender.packets_per_key_frame = 4 * packets;
        sender.encoder = Some(Encoder::default());
    }
    ann
}

fn style() -> OfferStyle {
    OfferStyle {
        red: Some(63),
        others: OtherCodecs::All,
        ..OfferStyle::default()
    }
}

fn narrow(kbit: u64) -> Conditions {
    Conditions {
        delay: Duration::from_millis(20),
        bottleneck: Some(Bottleneck::kbit(kbit, 300)),
        ..Conditions::default()
    }
}

fn pauses(world: &World, viewer: usize, since_ms: u64) -> usize {
    let pauses = world.pauses(viewer);
    pauses
        .iter()
        .filter(|(at, _, paused)| *paused && *at >= since_ms)
        .count()
}

/// How many of these belong to each temporal layer.
fn per_temporal(shown: &[Shown]) -> [usize; 3] {
    [0, 1, 2].map(|temporal| shown.iter().filter(|one| one.temporal == temporal).count())
}

/// With the layers told in the payload, and in the dependency descriptor.
const ENCODERS: [fn() -> Encoder; 2] = [Encoder::default, Encoder::described];

/// One who sends, and one whose line of 3 Mbit/s becomes so narrow; 5 s later.
fn narrowed(kbit: u64, makes: Encoder, speaks: bool) -> (World, usize, usize) {
    let mut world = World::new(900 + kbit);
    let ann = publisher(&mut world);
    for layer in 0..3 {
        world.peers[ann].sender(TrackSource::Camera, layer).encoder = Some(makes.clone());
    }
    world.switch(ann, TrackSource::Microphone, speaks);
    let bob = world.join_as(style());
    world.view(bob, &[(ann, TrackSource::Camera, 360)]);
    world.downlink(bob).set(narrow(3000));
    world.run(5000);
    world.downlink(bob).set(narrow(kbit));
    watch(&mut world, bob, ann, 5000);
    (world, ann, bob)
}

#[test]
fn on_a_line_too_narrow_for_all_frames_the_picture_keeps_moving() {
    let silent = [90, 110, 140].map(|kbit| (kbit, false));
    let speaks = [140, 180].map(|kbit| (kbit, true));
    let lines = silent.into_iter().chain(speaks);
    for ((kbit, speaks), makes) in lines.flat_map(|line| ENCODERS.map(|makes| (line, makes()))) {
        let (mut world, ann, bob) = narrowed(kbit, makes, speaks);
        let since_ms = world.now_ms();
        watch(&mut world, bob, ann, 30_000);
        let seen = shown(&world, bob, ann, since_ms);
        let (still, per_temporal) = (longest_still(&world, &seen, since_ms), per_temporal(&seen));
        let case = format!("{kbit} kbit/s, speaks: {speaks}: {still} ms, {per_temporal:?}");
        assert_eq!(pauses(&world, bob, since_ms), 0, "{case}");
        assert!(still <= 1500, "{case}");
        // A quarter of 25 pictures a second are of layer 0.
        assert!(per_temporal[0] >= 180 && seen.len() < 600, "{case}");
        assert!(seen.iter().all(|shown| shown.layer == 0), "{case}");
        world.peers[bob].check_continuity(Holes::Allowed);
    }
}

#[test]
fn without_temporal_layers_such_a_line_has_no_picture_at_all() {
    let (mut world, ann, bob) = narrowed(120, Encoder::without_layers(), false);
    let since_ms = world.now_ms();
    watch(&mut world, bob, ann, 10_000);
    assert!(shown(&world, bob, ann, since_ms).is_empty());
    assert!(pauses(&world, bob, 0) > 0);
}

#[test]
fn all_frames_and_the_larger_picture_come_back_with_the_line() {
    for makes in ENCODERS {
        back(makes());
    }
}

fn back(makes: Encoder) {
    let (mut world, ann, bob) = narrowed(110, makes, false);
    watch(&mut world, bob, ann, 10_000);
    let raised_ms = world.now_ms();
    world.downlink(bob).set(narrow(3000));
    watch(&mut world, bob, ann, 8000);
    let since_ms = world.now_ms();
    watch(&mut world, bob, ann, 4000);
    let seen = shown(&world, bob, ann, since_ms);
    assert!(seen.len() >= 98, "{}", seen.len());
    assert!(seen.iter().all(|shown| shown.layer == 1));
    let seen = shown(&world, bob, ann, raised_ms);
    let still = longest_still(&world, &seen, raised_ms);
    assert!(still <= 700, "{still}");
}

/// At a key frame all frames begin again: there are no layers any more that could be left out, and no key frame is waited
/// for: but once, when that one was let through before the line was known to carry all.
#[test]
fn who_stops_to_make_layers_is_seen_in_full_be_it_told_or_not() {
    for makes in [Encoder::silent(), Encoder::described_without_layers()] {
        stops_to_make_layers(makes);
    }
}

fn stops_to_make_layers(makes: Encoder) {
    let (mut world, ann, bob) = narrowed(110, Encoder::described(), false);
    world.view(bob, &[(ann, TrackSource::Camera, 180)]);
    watch(&mut world, bob, ann, 2000);
    let sender = world.peers[ann].sender(TrackSource::Camera, 0);
    let before = sender.encoder.replace(makes).unwrap();
    sender.encoder.as_mut().unwrap().made = before.made;
    sender.key_frame_wanted = true;
    world.downlink(bob).set(narrow(3000));
    watch(&mut world, bob, ann, 5000);
    let since_ms = world.now_ms();
    watch(&mut world, bob, ann, 10_000);
    let sender = world.peers[ann].sender(TrackSource::Camera, 0);
    let asked = sender.plis.iter().filter(|at| **at >= since_ms).count();
    assert_eq!(asked, 0);
    let seen = shown(&world, bob, ann, since_ms);
    assert!(seen.len() >= 245, "{}", seen.len());
}

/// Repairs of a publisher's packets come after those that follow them. A frame that is left out is not reckoned with when
/// it comes so late; its number is missing. Those of layer 0 need none but each other, and those above it wait no longer
/// than until the next that begins its layer anew.
#[test]
fn a_frame_that_is_left_out_and_comes_late_stops_nothing() {
    for (makes, kbit) in ENCODERS
        .into_iter()
        .flat_map(|makes| [(makes, 110), (makes, 140)])
    {
        let (mut world, ann, bob) = narrowed(kbit, makes(), false);
        watch(&mut world, bob, ann, 5000);
        let lossy = Conditions {
            loss: Loss::percent(4.0),
            delay: Duration::from_millis(40),
            ..Conditions::default()
        };
        world.uplink(ann).set(lossy);
        let since_ms = world.now_ms();
        watch(&mut world, bob, ann, 30_000);
        let seen = shown(&world, bob, ann, since_ms);
        let (still, per_temporal) = (longest_still(&world, &seen, since_ms), per_temporal(&seen));
        let fillers = world.peers[bob].fillers.len();
        let sender = world.peers[ann].sender(TrackSource::Camera, 0);
        let asked = sender.plis.iter().filter(|at| **at >= since_ms).count();
        let case = format!("{kbit} kbit/s: {still} ms, {per_temporal:?}, {fillers} late, {asked} key frames");
        eprintln!("{case}");
        assert!(still <= 1000 && per_temporal[0] >= 180, "{case}");
    }
}

#[test]
fn whatever_the_line_does_nothing_is_shown_without_what_it_needs() {
    for seed in 0..8 {
        let mut world = World::new(950 + seed);
        let ann = publisher(&mut world);
        for layer in 0..3 {
            let makes = ENCODERS[seed as usize % 2]();
            world.peers[ann].sender(TrackSource::Camera, layer).encoder = Some(makes);
        }
        let bob = world.join_as(style());
        world.view(bob, &[(ann, TrackSource::Camera, 720)]);
        let lossy = Conditions {
            loss: Loss::bursts(2.0, 2.0),
            delay: Duration::from_millis(20),
            ..Conditions::default()
        };
        world.uplink(ann).set(lossy);
        let lines = [3000, 120, 90, 400, 110, 1000, 140, 80, 200, 100];
        for (at, step) in (0..10).enumerate() {
            let kbit = lines[(step * 3 + seed as usize + at) % lines.len()];
            let loss = Loss::percent(if step % 2 == 0 { 0.0 } else { 2.0 });
            world.downlink(bob).set(Conditions { loss, ..narrow(kbit) });
            watch(&mut world, bob, ann, 4000);
        }
        world.uplink(ann).set(Conditions::default());
        world.downlink(bob).set(narrow(5000));
        // Who gave way in vain several times waits for up to 16 s.
        watch(&mut world, bob, ann, 18_000);
        let since_ms = world.now_ms();
        watch(&mut world, bob, ann, 4000);
        let seen = shown(&world, bob, ann, since_ms);
        assert!(seen.len() >= 96, "seed {seed}: {}", seen.len());
        world.peers[bob].check_continuity(Holes::Allowed);
    }
}
