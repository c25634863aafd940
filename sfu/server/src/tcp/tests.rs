//! What connections may take of their shard.

use std::io::Write;
use std::net::{Shutdown, TcpStream};

use hearken_sfu_core::transport::frame_header;
use prometheus::Registry;
use socket2::SockRef;

use super::*;
use crate::fixtures::{self, Ann};

/// Nothing here takes that long: what is waited for longer never comes.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// TCP of a shard, and what the shard sleeps on.
struct World {
    tcp: TcpMedia,
    core: Core,
    sleep: Poller,
    registry: Registry,
    metrics: Metrics,
    now: Instant,
}

impl World {
    fn new() -> Self {
        let now = Instant::now();
        let listener = MediaListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (tcp, sleep) = (TcpMedia::new(vec![listener]).unwrap(), Poller::new().unwrap());
        sleep.add(&tcp, 0).unwrap();
        let registry = Registry::new();
        Self {
            core: fixtures::core(now),
            metrics: Metrics::register(&registry).unwrap(),
            tcp,
            sleep,
            registry,
            now,
        }
    }

    fn address(&self) -> SocketAddr {
        self.tcp.listeners[0].0.local_addr().unwrap()
    }

    /// Whether the shard would go on without any rest.
    fn is_ready(&self) -> bool {
        let mut ready = Vec::new();
        self.sleep.look(&mut ready);
        !ready.is_empty()
    }

    /// What the shard does when something is ready, which is waited for.
    #[track_caller]
    fn wake(&mut self) {
        assert!(self.sleep.becomes_ready(WAIT_MAX), "nothing is ready");
        self.turn();
    }

    fn turn(&mut self) {
        self.tcp.turn(&mut self.core, self.now, &self.metrics);
    }

    fn sweep(&mut self) {
        self.tcp.sweep(&mut self.core, self.now, &self.metrics);
    }

    fn accept_failures(&self) -> f64 {
        let families = self.registry.gather();
        let mut found = families
            .iter()
            .filter(|family| family.name() == "hearken_sfu_tcp_accept_failures_total");
        found.next().unwrap().get_metric()[0].get_counter().get_value()
    }
}

#[test]
fn a_listener_that_can_give_no_connection_lets_the_shard_sleep_until_the_next_sweep() {
    let mut world = World::new();
    // As without descriptors: ready all the time, and accept() fails each time.
    SockRef::from(&world.tcp.listeners[0].0)
        .shutdown(Shutdown::Both)
        .unwrap();
    for failures in 1..=3 {
        world.wake();
        assert!(!world.is_ready(), "it would never sleep again");
        assert!((world.accept_failures() - f64::from(failures)).abs() < 0.1);
        world.sweep();
    }
    // It can again.
    world.turn();
    SockRef::from(&world.tcp.listeners[0].0).listen(BACKLOG).unwrap();
    world.sweep();
    let _client = TcpStream::connect(world.address()).unwrap();
    world.wake();
    assert_eq!(world.tcp.connections(), 1);
}

#[test]
fn what_comes_at_once_is_read_as_far_as_the_outbox_has_room_and_the_rest_later() {
    const CHECKS: usize = 500;
    let mut world = World::new();
    let mut stream = TcpStream::connect(world.address()).unwrap();
    let (ann, local) = (Ann::new(), stream.local_addr().unwrap());
    world.core.handle_command(world.now, ann.offer());
    let server = world.address();
    let mut client = ann.take_answer(&mut world.core, local, server, world.now);
    let check = client.poll_transmit().unwrap().contents;
    let mut frame = frame_header(check.len()).unwrap().to_vec();
    frame.extend_from_slice(&check);

    world.wake();
    // Each is answered, so that the outbox grows as by media for many.
    stream.write_all(&frame.repeat(CHECKS)).unwrap();
    let elsewhere = Pair {
        remote: local,
        local: server,
        protocol: Protocol::Udp,
    };
    let room = 1_000;
    let waiting = vec![0; OUTBOX_BYTES_AT_ONCE - room];
    assert!(world.core.outbox().push_control(&waiting, elsewhere));
    world.wake();
    let waiting = world.core.outbox().waiting_bytes();
    assert!(
        (OUTBOX_BYTES_AT_ONCE..OUTBOX_BYTES_AT_ONCE + 2 * READ_BYTES).contains(&waiting),
        "{waiting}"
    );
    let (mut answers, mut wakes) = (0, 0);
    loop {
        answers += world.core.outbox().frames();
        world.core.outbox().clear();
        if answers >= CHECKS {
            break;
        }
        assert!(wakes < CHECKS, "{answers} of {CHECKS} checks are answered");
        wakes += 1;
        world.wake();
    }
}
