//! Forwarding a packet allocates nothing, once the buffers have grown to what a call needs.

#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use hearken_netsim::{Bottleneck, Conditions};
use hearken_protocol::TrackSource;

#[path = "media/encoder.rs"]
#[allow(dead_code)]
mod encoder;
#[path = "media/peer/mod.rs"]
#[allow(dead_code)]
mod peer;
#[path = "media/wire/mod.rs"]
#[allow(dead_code)]
mod wire;
#[path = "media/world.rs"]
#[allow(dead_code)]
mod world;

use world::World;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    /// What was allocated before the core's present turn, and what it allocated in all turns before that.
    static METER: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// Counts what the core allocates, as `World::meter`.
fn meter(begins: bool) {
    let so_far = ALLOCATIONS.with(Cell::get);
    METER.with(|meter| {
        let (before, sum) = meter.get();
        meter.set(if begins {
            (so_far, sum)
        } else {
            (so_far, sum + so_far - before)
        });
    });
}

struct Counting;

// SAFETY: hands everything on to the system's allocator; the counter is a plain number of this thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn forwarding_does_not_allocate() {
    let mut world = World::new(90);
    let ann = world.join();
    let viewers: Vec<usize> = (0..10)
        .map(|_| {
            world.join_as(wire::OfferStyle {
                pairs: 12,
                ..Default::default()
            })
        })
        .collect();
    world.switch(ann, TrackSource::Microphone, true);
    world.switch(ann, TrackSource::Camera, true);
    for viewer in &viewers {
        world.view(*viewer, &[(ann, TrackSource::Camera, 720)]);
    }
    world.run(3000);
    let source = world.peers[ann].address;
    let (mut forwarded, mut allocations) = (0, 0);
    for ms in 1..=2000 {
        let (now, now_ms) = (
            world.now() + std::time::Duration::from_millis(ms),
            world.now_ms() + ms,
        );
        let mut packets = world.peers[ann].produce(now_ms);
        for packet in &mut packets {
            let before = ALLOCATIONS.with(Cell::get);
            world.core.handle_datagram(now, source, world.server(), packet);
            allocations += ALLOCATIONS.with(Cell::get) - before;
            forwarded += world.core.outbox().datagrams().len();
            world.core.outbox().clear();
            while world.core.poll_speech().is_some() {}
        }
    }
    assert!(forwarded > 3_000, "{forwarded}");
    assert!(
        allocations < 20,
        "{allocations} allocations in {forwarded} forwarded packets"
    );
}

#[test]
fn copies_of_earlier_sound_do_not_allocate_either() {
    let mut world = World::new(91);
    let style = wire::OfferStyle {
        red: Some(63),
        ..Default::default()
    };
    let (ann, bob) = (world.join_as(style), world.join_as(style));
    world.switch(ann, TrackSource::Microphone, true);
    world.peers[bob].reported_loss = 60;
    world.run(4000);
    let source = world.peers[ann].address;
    let (copies, mut allocations) = (world.counters().copies_sent.packets, 0);
    for ms in 1..=2000 {
        let (now, now_ms) = (
            world.now() + std::time::Duration::from_millis(ms),
            world.now_ms() + ms,
        );
        let mut packets = world.peers[ann].produce(now_ms);
        for packet in &mut packets {
            let before = ALLOCATIONS.with(Cell::get);
            world.core.handle_datagram(now, source, world.server(), packet);
            allocations += ALLOCATIONS.with(Cell::get) - before;
            world.core.outbox().clear();
            while world.core.poll_speech().is_some() {}
        }
    }
    let copies = world.counters().copies_sent.packets - copies;
    assert!(copies > 180, "{copies}");
    assert!(allocations <= 2, "{allocations} allocations for {copies} copies");
}

/// Everything in flight that a call has: losses both ways and their repairs, reports, arrivals told both ways, key
/// frames asked for, connectivity checks, the clock.
#[test]
fn a_call_with_losses_allocates_next_to_nothing() {
    let mut world = World::new(92);
    let people: Vec<usize> = (0..6)
        .map(|_| {
            world.join_as(wire::OfferStyle {
                pairs: 6,
                ..Default::default()
            })
        })
        .collect();
    for person in &people {
        world.switch(*person, TrackSource::Microphone, true);
        world.switch(*person, TrackSource::Camera, true);
        let others: Vec<_> = people
            .iter()
            .filter(|other| *other != person)
            .map(|other| (*other, TrackSource::Camera, 720))
            .collect();
        world.view(*person, &others);
        world.lines[*person].down_loss_percent = 3;
        world.lines[*person].up_loss_percent = 1;
    }
    world.run(4000);
    let sent = |world: &World| {
        let sent = &world.counters().sent;
        sent.audio.packets + sent.video.packets + sent.rtx.packets
    };
    let (before, counters) = (sent(&world), world.counters().clone());
    METER.with(|meter| meter.set((0, 0)));
    world.meter = meter;
    world.run(4000);
    let forwarded = sent(&world) - before;
    let allocations = METER.with(Cell::get).1;
    let after = world.counters();
    assert!(
        after.nacks_answered > counters.nacks_answered,
        "repairs were asked for"
    );
    assert!(after.nacks_sent > counters.nacks_sent && after.recovered > counters.recovered);
    assert!(after.twcc_sent > counters.twcc_sent);
    assert!(forwarded > 10_000, "{forwarded}");
    eprintln!("{allocations} allocations in {forwarded} forwarded packets");
    assert!(
        allocations * 50 <= forwarded,
        "{allocations} allocations in {forwarded} forwarded packets"
    );
}

/// The least that is forwarded for each packet that the captions get: everybody speaks, and there is nothing else.
#[test]
fn captions_of_three_who_all_speak_allocate_next_to_nothing() {
    let mut world = World::new(94);
    let people: Vec<usize> = (0..3).map(|_| world.join()).collect();
    for person in &people {
        world.switch(*person, TrackSource::Microphone, true);
    }
    world.run(3000);
    world.speech.clear();
    let sent = world.counters().sent.audio.packets;
    METER.with(|meter| meter.set((0, 0)));
    world.meter = meter;
    for _ in 0..20 {
        world.run(500);
        let said = world.speech.len();
        assert!(said > 70, "{said}");
        world.speech.clear();
    }
    let forwarded = world.counters().sent.audio.packets - sent;
    let allocations = METER.with(Cell::get).1;
    assert!(forwarded > 2900, "{forwarded}");
    eprintln!("{allocations} allocations in {forwarded} forwarded packets");
    assert!(
        allocations * 50 <= forwarded,
        "{allocations} allocations in {forwarded} forwarded packets"
    );
}

#[test]
fn video_that_waits_for_a_line_allocates_next_to_nothing() {
    let mut world = World::new(93);
    let stage: Vec<usize> = (0..4).map(|_| world.join()).collect();
    let viewer = world.join_as(wire::OfferStyle {
        pairs: 6,
        ..Default::default()
    });
    world.downlink(viewer).set(Conditions {
        bottleneck: Some(Bottleneck::kbit(4000, 300)),
        ..Conditions::default()
    });
    for publisher in &stage {
        world.switch(*publisher, TrackSource::Camera, true);
    }
    let shown: Vec<_> = stage
        .iter()
        .map(|publisher| (*publisher, TrackSource::Camera, 720))
        .collect();
    for person in stage.iter().chain([&viewer]) {
        world.view(*person, &shown);
    }
    world.run(8000);
    let (sent, paced) = (world.counters().sent, world.counters().paced_packets);
    METER.with(|meter| meter.set((0, 0)));
    world.meter = meter;
    // Key frames of one after the other, many times as large as other pictures.
    for round in 0..20 {
        let sender = world.peers[stage[round % 4]].sender(TrackSource::Camera, 2);
        sender.packets_per_key_frame = 80;
        sender.key_frame_wanted = true;
        world.run(250);
    }
    let forwarded = world.counters().sent.video.packets - sent.video.packets;
    let paced = world.counters().paced_packets - paced;
    let allocations = METER.with(Cell::get).1;
    eprintln!("{allocations} allocations in {forwarded} forwarded packets, {paced} of them paced");
    assert!(paced > 100 && paced * 10 > forwarded, "{paced} of {forwarded}");
    assert!(
        allocations * 50 <= forwarded,
        "{allocations} allocations in {forwarded} forwarded packets"
    );
}
