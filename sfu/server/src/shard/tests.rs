//! How a shard shares its time, and what it remembers of joins.

use std::net::SocketAddr;
use std::sync::mpsc::{SyncSender, sync_channel};

use prometheus::Registry;

use super::*;
use crate::fixtures::{self, ANN, Ann, SESSION};

/// Nothing here takes that long: what is waited for longer never comes.
const WAIT_MAX: Duration = Duration::from_secs(30);

fn shard(now: Instant) -> (Shard, SyncSender<MediaCommand>) {
    let (waker, tcp) = (Waker::new().unwrap(), TcpMedia::new(Vec::new()).unwrap());
    let (orders, orders_in) = sync_channel(64);
    let shard = Shard {
        name: "0".to_owned(),
        core: fixtures::core(now),
        sockets: Vec::new(),
        sleep: Sleep::new(&waker, &tcp, &[]).unwrap(),
        tcp,
        waker,
        state: Arc::default(),
        orders: orders_in,
        events: tokio::sync::mpsc::channel(1).0,
        speech: tokio::sync::mpsc::channel(1).0,
        metrics: Arc::new(Metrics::register(&Registry::new()).unwrap()),
    };
    (shard, orders)
}

#[test]
fn orders_that_wait_leave_room_for_datagrams_and_keep_the_shard_awake() {
    let now = Instant::now();
    let (mut shard, orders) = shard(now);
    for session in 100..110 {
        let captions = false;
        let session = SessionId(session);
        orders
            .send(MediaCommand::OpenSession { session, captions })
            .unwrap();
    }
    shard.waker.wake();
    let mut journal = Journal::new(now);
    let (mut ready, mut wakes) = (Vec::new(), Vec::new());
    // Beside the one there was.
    for sessions in [5, 9, 11] {
        // Wakes by itself, or else by the alarm.
        shard.wait(&mut ready, &mut wakes, now + WAIT_MAX);
        assert_eq!(wakes, [Wake::Orders], "{} sessions", shard.core.sessions());
        shard.carry_out_orders(&mut journal, now);
        assert_eq!(shard.core.sessions(), sessions);
    }
}

#[test]
fn only_a_join_is_timed_and_none_that_failed_long_ago() {
    let now = Instant::now();
    let (ann, local) = (Ann::new(), SocketAddr::from(([127, 0, 0, 1], 1)));
    let server = SocketAddr::from(([127, 0, 0, 1], 9));
    let (mut core, mut journal) = (fixtures::core(now), Journal::new(now));
    let connected = MediaEvent::Connected {
        session: SESSION,
        participant: ANN,
    };

    journal.note_order(&ann.offer(), &core, now);
    core.handle_command(now, ann.offer());
    let mut client = ann.take_answer(&mut core, local, server, now);
    fixtures::connect(&mut core, &mut client, local, now);
    let joined = now + Duration::from_millis(80);
    assert_eq!(journal.note_event(&connected, joined), Some(joined - now));

    // Who is connected offers again, as for a slot more, falls silent, and is back an hour later.
    journal.note_order(&ann.offer(), &core, joined);
    let hour = Duration::from_secs(3_600);
    assert_eq!(journal.note_event(&connected, joined + hour), None);

    // An attempt that came to nothing.
    journal.note_order(&ann.offer(), &fixtures::core(now), now);
    assert_eq!(journal.offers.len(), 1);
    journal.forget_old_offers(now + JOIN_TIME_MAX);
    assert!(journal.offers.is_empty());
}
