//! How often everybody's layers are chosen: it takes long in a large group.

use hearken_netsim::{Conditions, Loss};
use hearken_protocol::{MediaCommand, ParticipantId, TrackSource};

use super::networks::narrow_line;
use super::world::{EVERYTHING, SESSION, World};

/// Ann shows herself to Bob, whose line carries it. So many others are admitted.
fn one_who_looks(seed: u64, others: u64) -> (World, usize, usize) {
    let mut world = World::new(seed);
    for other in 0..others {
        world.command(MediaCommand::Admit {
            session: SESSION,
            participant: ParticipantId(1_000 + other),
            grants: EVERYTHING,
        });
    }
    let (ann, bob) = (world.join(), world.join());
    world.switch(ann, TrackSource::Camera, true);
    world.view(bob, &[(ann, TrackSource::Camera, 720)]);
    world.downlink(bob).set(narrow_line(3_000));
    world.run(8_000);
    (world, ann, bob)
}

/// When layers are chosen in this time, in ms after its beginning.
fn choices(world: &mut World, ms: u64) -> Vec<u64> {
    let mut times = Vec::new();
    for at in 0..ms {
        let before = world.counters().layer_choices;
        world.run(1);
        times.extend((world.counters().layer_choices > before).then_some(at));
    }
    times
}

#[test]
fn somebody_of_whom_nothing_is_heard_does_not_make_layers_be_chosen_all_the_time() {
    let (mut world, ann, bob) = one_who_looks(200, 0);
    let usual = choices(&mut world, 2_000).len();
    assert!((10..=14).contains(&usual), "{usual}");
    let nothing = Conditions {
        loss: Loss::percent(100.0),
        ..Conditions::default()
    };
    world.uplink(bob).set(nothing);
    world.switch(ann, TrackSource::Camera, false);
    world.run(13_700);
    // What goes out now is not told of any more: his line seems to carry less and less after he has been given up.
    world.switch(ann, TrackSource::Camera, true);
    world.run(5_000);
    let meanwhile = choices(&mut world, 2_000).len();
    assert!(meanwhile <= 14, "{meanwhile}");
}

/// Choices of layers beside the turns of the clock while the line falls.
fn beside_the_clock(seed: u64, others: u64) -> usize {
    let (mut world, _, bob) = one_who_looks(seed, others);
    let turn = choices(&mut world, 1_000)[0] % 20;
    world.downlink(bob).set(narrow_line(300));
    let times = choices(&mut world, 3_000);
    assert!(times.len() >= 15);
    times.iter().filter(|at| *at % 20 != turn).count()
}

#[test]
fn in_a_large_group_a_line_that_falls_waits_for_the_clock() {
    let seeds = || 201..206;
    let in_small: usize = seeds().map(|seed| beside_the_clock(seed, 0)).sum();
    let in_large: usize = seeds().map(|seed| beside_the_clock(seed, 40)).sum();
    assert!(in_small > 0, "or this shows nothing");
    assert_eq!(in_large, 0);
}
