//! Packets that the kernel hands over together: of one frame, of one sender.

use std::collections::BTreeSet;
use std::time::Duration;

use hearken_protocol::TrackSource;

use super::peer::Holes;
use super::world::World;

const VIEWERS: usize = 3;

/// Ann's camera, in frames of several packets, at three viewers who get everything.
fn frames(seed: u64) -> (World, usize, Vec<usize>) {
    let mut world = World::new(seed);
    let ann = world.join();
    let viewers: Vec<usize> = (0..VIEWERS).map(|_| world.join()).collect();
    world.switch(ann, TrackSource::Camera, true);
    for viewer in &viewers {
        world.view(*viewer, &[(ann, TrackSource::Camera, 720)]);
    }
    for layer in 0..3 {
        world.peers[ann]
            .sender(TrackSource::Camera, layer)
            .packets_per_frame = 6;
    }
    world.run(6000);
    (world, ann, viewers)
}

/// What ann sends in one millisecond, in stretches of one size as the kernel coalesces them.
fn stretches(packets: Vec<Vec<u8>>) -> Vec<(Vec<u8>, usize)> {
    let mut stretches: Vec<(Vec<u8>, usize)> = Vec::new();
    for packet in packets {
        match stretches.last_mut() {
            Some((bytes, size)) if *size == packet.len() => bytes.extend_from_slice(&packet),
            _ => stretches.push((packet.clone(), packet.len())),
        }
    }
    stretches
}

#[test]
fn a_frame_that_came_together_goes_out_receiver_by_receiver_with_nothing_lost() {
    let (mut world, ann, viewers) = frames(310);
    let (source, server) = (world.peers[ann].address, world.server());
    let before: Vec<usize> = viewers.iter().map(|at| world.peers[*at].received.len()).collect();
    let mut frames = 0;
    for ms in 1..=400 {
        let (now, now_ms) = (world.now() + Duration::from_millis(ms), world.now_ms() + ms);
        for (mut bytes, size) in stretches(world.peers[ann].produce(now_ms)) {
            world.core.handle_datagrams(now, source, server, &mut bytes, size);
            let outbox = world.core.outbox();
            let mut sent: Vec<_> = outbox
                .datagrams()
                .iter()
                .map(|datagram| (datagram.destination, outbox.bytes(datagram).to_vec()))
                .collect();
            outbox.clear();
            if sent.len() == 6 * VIEWERS {
                frames += 1;
                let mut order: Vec<_> = sent.iter().map(|(destination, _)| *destination).collect();
                order.dedup();
                let receivers: BTreeSet<_> = order.iter().collect();
                assert_eq!(
                    (order.len(), receivers.len()),
                    (VIEWERS, VIEWERS),
                    "one after the other"
                );
            }
            for (destination, datagram) in &mut sent {
                let to = viewers
                    .iter()
                    .find(|at| world.peers[**at].address == *destination);
                if let Some(to) = to {
                    world.peers[*to].receive(now, now_ms, datagram);
                }
            }
        }
    }
    assert!(frames >= 8, "{frames}");
    for (viewer, before) in viewers.iter().zip(before) {
        assert!(world.peers[*viewer].received.len() >= before + 6 * frames);
        world.peers[*viewer].check_continuity(Holes::Forbidden);
    }
}

#[test]
fn what_is_not_media_in_between_changes_nothing() {
    let (mut world, ann, _) = frames(311);
    let (source, server) = (world.peers[ann].address, world.server());
    let (mut with, mut whole) = (0, 0);
    for ms in 1..=400 {
        let (now, now_ms) = (world.now() + Duration::from_millis(ms), world.now_ms() + ms);
        for (bytes, size) in stretches(world.peers[ann].produce(now_ms)) {
            if bytes.len() != 6 * size {
                world
                    .core
                    .handle_datagrams(now, source, server, &mut bytes.clone(), size);
                world.core.outbox().clear();
                continue;
            }
            // Before, between and behind the packets: a check without a name, one packet again but broken, nothing known.
            let mut mixed = vec![0; size];
            for packet in bytes.chunks(size) {
                mixed.extend_from_slice(packet);
                let mut broken = packet.to_vec();
                broken[3] ^= 0x40;
                mixed.extend_from_slice(&broken);
                mixed.extend(std::iter::repeat_n(0xff, size));
            }
            world.core.handle_datagrams(now, source, server, &mut mixed, size);
            with += world.core.outbox().datagrams().len();
            whole += 6 * VIEWERS;
            world.core.outbox().clear();
        }
    }
    assert!(whole >= 300, "{whole}");
    // Everybody gets one layer of the three.
    assert_eq!(3 * with, whole);
}
