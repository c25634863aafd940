//! One speaker's packets become an unbroken line of sound, whatever the network did to them.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use hearken_captions_worker::{Heard, Intake, IntakeCounters};
use hearken_protocol::{SpeechPacket, Timestamp};
use support::{START, packets, packets_of};

/// Two seconds of a voice-like sound: a tone that comes and goes.
fn sound() -> Vec<i16> {
    (0..32_000u32)
        .map(|n| {
            let time = n as f32 / 16_000.0;
            let swell = 0.5 + 0.5 * (time * 25.0).sin();
            ((time * 1_400.0).sin() * swell * 9_000.0) as i16
        })
        .collect()
}

fn hear(packets: impl IntoIterator<Item = SpeechPacket>) -> (Vec<Heard>, IntakeCounters) {
    let (mut intake, mut heard, mut counters) =
        (Intake::new().unwrap(), Vec::new(), IntakeCounters::default());
    let mut end = START;
    for packet in packets {
        end = end.max(packet.received_at);
        intake.packet(packet, &mut heard, &mut counters);
    }
    intake.tick(end + Duration::from_millis(200), &mut heard, &mut counters);
    (heard, counters)
}

/// The same, with the clock going on long enough for a gap to be given up.
fn hear_late(packets: Vec<SpeechPacket>) -> (Vec<Heard>, IntakeCounters) {
    let (mut intake, mut heard, mut counters) =
        (Intake::new().unwrap(), Vec::new(), IntakeCounters::default());
    let mut end = START;
    for packet in packets {
        end = end.max(packet.received_at);
        intake.tick(packet.received_at, &mut heard, &mut counters);
        intake.packet(packet, &mut heard, &mut counters);
    }
    intake.tick(end + Duration::from_secs(1), &mut heard, &mut counters);
    (heard, counters)
}

fn frames(heard: &[Heard]) -> Vec<(Timestamp, [i16; 256])> {
    let frame = |heard: &Heard| match heard {
        Heard::Frame { at, samples } => Some((*at, **samples)),
        Heard::Break { .. } => None,
    };
    heard.iter().filter_map(frame).collect()
}

fn samples(heard: &[Heard]) -> Vec<i16> {
    frames(heard).iter().flat_map(|(_, samples)| *samples).collect()
}

fn is_break(heard: &Heard) -> bool {
    matches!(heard, Heard::Break { .. })
}

fn has_break(heard: &[Heard]) -> bool {
    heard.iter().any(is_break)
}

/// Of the difference to the undisturbed sound, relative to it, in dB.
fn noise(one: &[i16], other: &[i16]) -> f64 {
    let power = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let noise = power(&mut one.iter().zip(other).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    10.0 * (noise / power(&mut other.iter().map(|sample| f64::from(*sample))).max(1.0)).log10()
}

#[test]
fn packets_in_order_come_out_as_frames_with_their_times() {
    let (heard, counters) = hear(packets(1, &sound()));
    let frames = frames(&heard);
    assert_eq!(frames.len(), 125);
    assert_eq!(frames[0].0, START);
    assert_eq!(frames[124].0, START + Duration::from_millis(124 * 16));
    assert_eq!(
        counters,
        IntakeCounters {
            decoded: 100,
            ..IntakeCounters::default()
        }
    );
}

#[test]
fn reordered_and_doubled_packets_sound_the_same() {
    let in_order = packets(1, &sound());
    let mut mixed = in_order.clone();
    mixed.swap(10, 11);
    mixed.swap(50, 52);
    mixed.insert(30, in_order[29].clone());
    let (heard, counters) = hear(mixed);
    assert_eq!(samples(&heard), samples(&hear(in_order).0));
    assert_eq!((counters.late, counters.lost), (1, 0));
}

#[test]
fn lost_packets_are_concealed_and_nothing_shifts() {
    let all = packets(1, &sound());
    let kept = all.iter().filter(|packet| packet.sequence % 10 != 5).cloned();
    let (heard, counters) = hear(kept);
    let (whole, broken) = (samples(&hear(all.clone()).0), samples(&heard));
    assert_eq!(broken.len(), whole.len());
    assert!(!has_break(&heard));
    assert_eq!(counters.lost, 10);
    assert_eq!(counters.restored, 10, "each from the packet after it");
    assert!(noise(&broken, &whole) < -6.0, "{} dB", noise(&broken, &whole));
}

#[test]
fn a_gap_in_time_without_a_gap_in_numbers_is_silence() {
    let mut sent = packets(1, &sound());
    for packet in &mut sent[50..] {
        packet.rtp_timestamp = packet.rtp_timestamp.wrapping_add(48_000 * 2 / 5);
        packet.received_at = packet.received_at + Duration::from_millis(400);
    }
    let (heard, counters) = hear(sent);
    assert_eq!(frames(&heard).len(), 150);
    assert_eq!((counters.lost, has_break(&heard)), (0, false));
    let silence = &samples(&heard)[16_000..16_000 + 6_400];
    assert!(silence.iter().all(|sample| *sample == 0));
    assert_eq!(frames(&heard)[149].0, START + Duration::from_millis(149 * 16));
}

#[test]
fn a_long_gap_breaks_the_line_and_time_goes_on() {
    let mut sent = packets(1, &sound());
    for packet in &mut sent[50..] {
        packet.rtp_timestamp = packet.rtp_timestamp.wrapping_add(48_000 * 30);
        packet.received_at = packet.received_at + Duration::from_secs(30);
    }
    let (heard, _) = hear(sent);
    assert!(has_break(&heard));
    let last = frames(&heard).last().unwrap().0;
    assert!(last > START + Duration::from_millis(31_900), "{last:?}");
}

#[test]
fn lost_packets_of_more_than_half_a_second_are_a_gap() {
    let mut sent = packets(1, &sound());
    sent.drain(20..60);
    let (heard, counters) = hear_late(sent);
    let lost = Duration::from_millis(800);
    assert!(heard.contains(&Heard::Break { lost }), "{}", heard.len());
    assert_eq!(counters.lost, 40);
    let last = frames(&heard).last().unwrap().0;
    assert!(last > START + Duration::from_millis(1_950), "{last:?}");
}

#[test]
fn a_minute_of_lost_packets_is_a_gap_of_a_minute() {
    let mut packets = packets(1, &sound());
    for packet in &mut packets[50..] {
        packet.sequence += 3_000;
        packet.rtp_timestamp = packet.rtp_timestamp.wrapping_add(60 * 48_000);
        packet.received_at = packet.received_at + Duration::from_secs(60);
    }
    let (heard, counters) = hear_late(packets);
    let lost = Duration::from_secs(60);
    assert!(heard.contains(&Heard::Break { lost }));
    assert_eq!(counters.lost, 3_000);
}

#[test]
fn few_long_packets_that_are_lost_are_a_gap_too() {
    let mut sent = packets_of(960, 1, &sound());
    sent.drain(10..19);
    let (heard, counters) = hear_late(sent);
    let lost = Duration::from_millis(540);
    assert!(heard.contains(&Heard::Break { lost }));
    assert_eq!(counters.lost, 9);
}

#[test]
fn late_packets_repair_a_gap() {
    let all = packets(1, &sound());
    let mut sent = all.clone();
    // A retransmission brings them, a quarter of a second after what follows them.
    for packet in &mut sent[20..60] {
        packet.received_at = all[72].received_at;
    }
    sent.sort_by_key(|packet| packet.received_at);
    let (heard, counters) = hear_late(sent);
    assert_eq!(samples(&heard), samples(&hear(all).0));
    assert_eq!((counters.lost, has_break(&heard)), (0, false));
}

#[test]
fn another_stream_begins_anew() {
    let mut sent = packets(1, &sound());
    for packet in &mut sent[50..] {
        packet.stream = 77;
        packet.sequence -= 40_000;
        packet.rtp_timestamp = packet.rtp_timestamp.wrapping_add(123_456_789);
    }
    let (heard, counters) = hear(sent);
    assert_eq!(heard.iter().filter(|heard| is_break(heard)).count(), 1);
    assert_eq!((counters.decoded, counters.late), (100, 0));
}

#[test]
fn garbage_is_counted_and_the_others_are_heard() {
    let mut sent = packets(1, &sound());
    sent[20].payload = vec![].into();
    sent[40].payload = vec![0xff; 1_400].into();
    sent[60].payload = vec![3; 5_000].into();
    let (heard, counters) = hear(sent);
    assert_eq!(counters.garbage, 3);
    assert_eq!(counters.decoded, 97);
    assert_eq!(frames(&heard).len(), 125, "nothing shifts");
}

#[test]
fn no_packet_of_random_bytes_makes_it_panic() {
    let (mut intake, mut heard, mut counters) =
        (Intake::new().unwrap(), Vec::new(), IntakeCounters::default());
    let mut random = 0x1234_5678_9abc_def1u64;
    for _ in 0..20_000 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let bytes = random.to_le_bytes();
        let mut packet = packets(1, &[0; 320]).remove(0);
        packet.sequence = if bytes[0] > 250 {
            u64::MAX
        } else {
            u64::from(bytes[1] % 64)
        };
        packet.stream = u32::from(bytes[2] > 240);
        packet.rtp_timestamp = (random >> 32) as u32 & if bytes[3] > 128 { u32::MAX } else { 0xffff };
        packet.received_at = Timestamp(u64::from(bytes[4]) * 20);
        packet.payload = bytes.repeat(usize::from(bytes[5] % 20)).into();
        intake.packet(packet, &mut heard, &mut counters);
        assert!(heard.len() < 1_000);
        heard.clear();
    }
    assert!(counters.late > 0 && counters.lost > 0);
}
