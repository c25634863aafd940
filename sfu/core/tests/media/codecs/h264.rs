//! Simulcast of H.264: what is decoded begins with the parameter sets.

use super::*;

/// One of two cameras' pictures every 40 ms, of the small and the large stream.
fn run(world: &mut World, ann: usize, cameras: &mut [Camera; 2], ms: u64) {
    for _ in 0..ms / 40 {
        for camera in &mut *cameras {
            camera.shoot(world, ann);
        }
        world.run(40);
    }
}

/// Two packets make a picture of the small stream, five one of the large.
fn cameras(parameters: Parameters) -> [Camera; 2] {
    let mut cameras = [0, 2].map(|sender| Camera::new(VideoCodec::H264, 1, sender));
    (cameras[1].packets_per_frame, cameras[1].picture) = (5, 0x1000);
    for camera in &mut cameras {
        camera.parameters = parameters;
    }
    cameras
}

/// Where the large stream begins: the first of its packets that a viewer has, in the order of their numbers.
fn begins(packets: &[&Other]) -> usize {
    let is_large = |other: &&Other| (0x1000..0x7000).contains(&tag(other).picture);
    packets.iter().position(is_large).unwrap()
}

/// A world in which Bob watched the small stream of Ann's camera and then the large one, and Bob.
fn watched_small_then_large(seed: u64, parameters: Parameters) -> (World, usize) {
    let mut world = World::new(seed);
    let (ann, bob) = (world.join_as(knowing(ALL)), world.join_as(knowing(ALL)));
    let mut cameras = cameras(parameters);
    for height in [170, 900] {
        watch(&mut world, bob, ann, height);
        run(&mut world, ann, &mut cameras, 2000);
    }
    check_stream(&world, bob);
    (world, bob)
}

#[test]
fn h264_switches_between_its_streams_at_key_frames() {
    let (world, bob) = watched_small_then_large(305, Parameters::Single);
    let packets = in_order(&world, bob);
    let begins = begins(&packets);
    assert!(begins > 50, "the small one first");
    assert_eq!(
        packets[begins].packet.payload[0], 0x67,
        "a parameter set begins the large one"
    );
    assert!(
        packets
            .iter()
            .all(|other| other.packet.payload_type == wire::H264)
    );
}

#[test]
fn a_layer_whose_parameter_sets_are_lost_on_the_way_up_begins_with_their_repair() {
    for (seed, parameters) in (309..).zip([Parameters::Single, Parameters::Aggregated]) {
        let mut world = World::new(seed);
        let (ann, bob) = (world.join_as(knowing(ALL)), world.join_as(knowing(ALL)));
        let mut cameras = cameras(parameters);
        watch(&mut world, bob, ann, 170);
        run(&mut world, ann, &mut cameras, 2000);
        let (switched_ms, keys) = (world.now_ms(), cameras[1].keys.len());
        cameras[1].loses_key_start = true;
        watch(&mut world, bob, ann, 900);
        run(&mut world, ann, &mut cameras, 2000);
        assert!(!cameras[1].loses_key_start, "it was lost");
        check_stream(&world, bob);
        let packets = in_order(&world, bob);
        let begins = begins(&packets);
        let first = tag(packets[begins]);
        let kind = packets[begins].packet.payload[0] & 0x1f;
        assert!(matches!(kind, 7 | 24), "{parameters:?} begins with a unit {kind}");
        assert_eq!(cameras[1].keys.len(), keys + 1, "one key frame will do");
        assert_eq!(first.picture, cameras[1].keys[keys], "that one");
        // Every picture in full, and none late.
        let since: Vec<u64> = packets
            .iter()
            .map(|other| other.at_ms)
            .filter(|at| *at >= switched_ms)
            .collect();
        let latest = since.iter().copied().fold((switched_ms, 0), |(before, gap), at| {
            (before.max(at), gap.max(at.saturating_sub(before)))
        });
        assert!(
            latest.1 <= 200,
            "{parameters:?}: {} ms without a picture",
            latest.1
        );
        assert!(
            packets[begins..]
                .iter()
                .map(|other| tag(other).packet)
                .all(|packet| packet < 5)
        );
        assert!(packets.len() - begins > 200, "{}", packets.len() - begins);
    }
}

#[test]
fn a_sender_whose_parameter_sets_are_in_the_description_is_seen_all_the_same() {
    let (world, bob) = watched_small_then_large(311, Parameters::OutOfBand);
    let packets = in_order(&world, bob);
    let begins = begins(&packets);
    assert!(begins > 50, "the small one first");
    assert_eq!(packets[begins].packet.payload[..3], [0x7c, 0x85, 0x88]);
}
