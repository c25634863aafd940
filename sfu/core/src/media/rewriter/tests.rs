//! What becomes of numbers at switches, pauses, jumps, and where something is late, lost or given up.

mod contents;
mod groups;
mod numbers;
mod temporal;

use super::*;
use crate::media::picture::PictureNumbers;
use crate::media::svc::LayeredFrame;
use crate::media::temporal::TemporalPlace;

const Q: StreamId = StreamId(1);
const F: StreamId = StreamId(2);

fn begin(rewriter: &mut Rewriter, stream: StreamId, sequence: u64, timestamp_in: u32, timestamp: u32) {
    let start = RunStart {
        stream,
        sequence,
        timestamp: timestamp_in,
        numbers: PictureNumbers::default(),
        target: None,
        pace: Pace::FULL,
    };
    rewriter.begin(&start, timestamp);
}

fn rewrite(rewriter: &mut Rewriter, stream: StreamId, sequence: u64, timestamp: u32) -> Option<Rewritten> {
    let rewritten = rewriter.rewrite(&Incoming {
        stream,
        sequence,
        timestamp,
        numbers: None,
        layers: None,
        temporal: None,
    })?;
    rewriter.sent(rewritten.index);
    Some(rewritten)
}

#[test]
fn a_switch_goes_on_where_the_last_run_ended() {
    let mut rewriter = Rewriter::new(7);
    begin(&mut rewriter, Q, 41, 1000, 50_000);
    let out: Vec<_> = (41..44)
        .map(|sequence| rewrite(&mut rewriter, Q, sequence, 1000).unwrap().index)
        .collect();
    begin(&mut rewriter, F, 907, 5, 50_001);
    assert_eq!(out, [7, 8, 9]);
    let rewritten = rewrite(&mut rewriter, F, 908, 6).unwrap();
    assert_eq!((rewritten.index, rewritten.timestamp), (11, 50_002));
    assert_eq!(rewrite(&mut rewriter, Q, 44, 1000), None);
}

#[test]
fn a_late_packet_fills_its_gap_after_the_switch() {
    let mut rewriter = Rewriter::new(0);
    begin(&mut rewriter, Q, 10, 0, 0);
    rewrite(&mut rewriter, Q, 10, 0);
    rewrite(&mut rewriter, Q, 12, 0);
    begin(&mut rewriter, F, 100, 0, 0);
    rewrite(&mut rewriter, F, 100, 0);
    assert_eq!(
        rewrite(&mut rewriter, Q, 11, 0).map(|rewritten| rewritten.index),
        Some(1)
    );
    assert_eq!(rewrite(&mut rewriter, Q, 9, 0), None);
}

#[test]
fn what_was_lost_is_found_across_runs_and_nothing_after_the_owner_has_changed() {
    let mut rewriter = Rewriter::new(0);
    begin(&mut rewriter, Q, 10, 0, 100);
    rewrite(&mut rewriter, Q, 10, 0);
    begin(&mut rewriter, F, 200, 0, 300);
    rewrite(&mut rewriter, F, 200, 0);
    let source = rewriter.source(0).unwrap();
    assert_eq!(
        (source.stream, source.sequence, source.rewrite(5).timestamp),
        (Q, 10, 105)
    );
    assert_eq!(rewriter.source(1).map(|source| source.sequence), Some(200));
    assert_eq!(rewriter.source(2), None);
    rewriter.forget();
    assert_eq!(rewriter.source(1), None);
}

#[test]
fn a_pause_leaves_no_gap() {
    let mut rewriter = Rewriter::new(0);
    begin(&mut rewriter, Q, 10, 0, 0);
    rewrite(&mut rewriter, Q, 10, 0);
    rewriter.close();
    assert_eq!(
        (rewriter.current(), rewrite(&mut rewriter, Q, 11, 0)),
        (None, None)
    );
    begin(&mut rewriter, Q, 50, 0, 0);
    assert_eq!(rewrite(&mut rewriter, Q, 50, 0).unwrap().index, 1);
    assert_eq!(rewrite(&mut rewriter, Q, 30, 0), None);
}

#[test]
fn what_has_not_gone_out_is_not_repaired_and_its_numbers_are_taken_back() {
    let mut rewriter = Rewriter::new(7);
    begin(&mut rewriter, Q, 41, 0, 0);
    rewrite(&mut rewriter, Q, 41, 0);
    let waits = |sequence, stream| Incoming {
        stream,
        sequence,
        timestamp: 0,
        numbers: None,
        layers: None,
        temporal: None,
    };
    rewriter.rewrite(&waits(42, Q));
    begin(&mut rewriter, F, 100, 0, 0);
    assert_eq!(rewriter.rewrite(&waits(100, F)).unwrap().index, 9);
    assert_eq!((rewriter.source(8), rewriter.source(9)), (None, None));
    let found = [8, 9].map(|index| rewriter.locate(index).map(|found| (found.stream, found.sequence)));
    assert_eq!(found, [Some((Q, 42)), Some((F, 100))]);
    rewriter.take_back(PictureCounters::default());
    assert_eq!((rewriter.current(), rewriter.locate(8)), (None, None));
    assert_eq!(rewriter.source(7).map(|source| source.sequence), Some(41));
    assert_eq!(rewriter.rewrite(&waits(42, Q)), None);
    begin(&mut rewriter, Q, 50, 0, 0);
    assert_eq!(rewriter.rewrite(&waits(50, Q)).unwrap().index, 8);
}

#[test]
fn a_jump_ends_the_run_and_the_next_one_closes_up_over_it() {
    let mut rewriter = Rewriter::new(7);
    begin(&mut rewriter, Q, 41, 0, 0);
    rewrite(&mut rewriter, Q, 41, 0);
    assert!(!rewriter.is_jump(42 + GAP_MAX) && rewriter.is_jump(43 + GAP_MAX));
    assert_eq!(rewrite(&mut rewriter, Q, 43 + GAP_MAX, 0), None);
    assert_eq!(
        (rewriter.current(), rewrite(&mut rewriter, Q, 42, 0)),
        (None, None)
    );
    begin(&mut rewriter, Q, 100_000, 0, 0);
    assert_eq!(rewrite(&mut rewriter, Q, 100_000, 0).unwrap().index, 8);
    assert_eq!(rewriter.source(7).map(|source| source.sequence), Some(41));
}

#[test]
fn gaps_between_the_packets_of_other_layers_are_bounded_in_sum() {
    let mut rewriter = Rewriter::new(7);
    let numbers = PictureNumbers::default();
    let start = RunStart {
        stream: Q,
        sequence: 0,
        timestamp: 0,
        numbers,
        target: Some(0),
        pace: Pace::FULL,
    };
    rewriter.begin(&start, 0);
    let packet = |sequence: u64, spatial| LayeredFrame {
        spatial,
        count: Some(3),
        ends_frame: true,
        frame: sequence as u32,
        needed_by: 1 << spatial,
        active: 7,
    };
    let mut send = |sequence, layer| {
        let layers = packet(sequence, layer);
        rewriter.rewrite(&Incoming {
            stream: Q,
            sequence,
            timestamp: 0,
            numbers: Some(&numbers),
            layers: Some(&layers),
            temporal: None,
        })
    };
    assert_eq!(send(0, 0).unwrap().index, 7);
    for step in 1..40 {
        assert_eq!(send(step * 900, 2), None);
    }
    assert_eq!(send(40 * 900, 0), None);
    assert_eq!(rewriter.current(), None);
}

/// A stretch that is forgotten must not look as if nothing had been left out.
#[test]
fn a_late_packet_of_a_run_that_newer_ones_have_pushed_out_gets_no_number() {
    let mut rewriter = Rewriter::new(7);
    let start = RunStart {
        stream: Q,
        sequence: 0,
        timestamp: 0,
        numbers: PictureNumbers::default(),
        target: None,
        pace: Pace(0),
    };
    rewriter.begin(&start, 0);
    let send = |rewriter: &mut Rewriter, sequence: u64, layer| {
        let place = TemporalPlace {
            layer,
            starts_frame: true,
            frame: sequence as u32,
            opens: None,
            is_counted: true,
        };
        let rewritten = rewriter.rewrite(&Incoming {
            stream: Q,
            sequence,
            timestamp: 0,
            numbers: Some(&PictureNumbers::default()),
            layers: None,
            temporal: Some(&place),
        });
        rewritten.map(|rewritten| {
            rewriter.sent(rewritten.index);
            rewritten.index
        })
    };
    let first_run = [(0, 0), (1, 2), (3, 2), (4, 0), (5, 0)];
    let numbers = first_run.map(|(sequence, layer)| send(&mut rewriter, sequence, layer));
    assert_eq!(numbers, [Some(7), None, None, Some(9), Some(10)]);
    rewriter.change_pace(Pace(1), 6);
    for sequence in 6..150 {
        send(&mut rewriter, sequence, 2 * (sequence % 2) as u8);
    }
    assert_eq!(
        send(&mut rewriter, 2, 0),
        None,
        "nobody knows any more that 8 is its"
    );
    assert_eq!(rewriter.locate(8), None);
    assert_eq!(rewriter.locate(9), None);
}
