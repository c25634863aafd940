//! A UDP proxy that treats packets as the model says: what stands between a real browser and the server in tests.
//!
//! It is driven over standard input, one command a line, answers each with one line on standard output, and ends
//! with its input. Every leg has a port of its own on loopback, so every browser can have its own network.
//!
//! ```text
//! open 127.0.0.1:40000             → open 1 53211          leg 1 listens on port 53211 and forwards to 40000
//! up 1 loss=10 burst=4 delay=20    → up 1                  from the browser to the server
//! down 1 rate=300 queue=200        → down 1                from the server to the browser
//! tally 1                          → tally 1 812 90 0 600 61 0
//! forget 1                         → forget 1 2            two sockets come from new ports from now on
//! ```
//!
//! The tally counts packets: delivered, lost and overflowed on the way up, then on the way down. A leg that forgets is
//! address translation that has: what the server sends to the ports of before goes nowhere, without a word.

// The model has no clock and never waits; this program is its shell.
#![allow(clippy::disallowed_methods)]

use std::collections::{BinaryHeap, HashMap};
use std::io::{self, BufRead, Write};
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hearken_netsim::{Conditions, Link};

/// Browsers, or rather their sockets, on one leg. Full: packets of further ones are dropped.
const CLIENTS_MAX: usize = 64;
/// What a datagram takes of a link beyond its contents.
const IP_UDP_BYTES: usize = 28;
/// The largest datagram.
const DATAGRAM_MAX: usize = 65_536;

fn main() -> io::Result<()> {
    let seed = std::env::args()
        .nth(1)
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1);
    let mut legs: Vec<Arc<Leg>> = Vec::new();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let answer =
            obey(&line, seed, &mut legs).unwrap_or_else(|problem| format!("error {problem}: {line}"));
        let mut out = io::stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn obey(line: &str, seed: u64, legs: &mut Vec<Arc<Leg>>) -> Result<String, String> {
    let (command, rest) = line.split_once(' ').ok_or("no argument")?;
    if command == "open" {
        let target = rest.parse().map_err(|_| "not an address")?;
        let (leg, port) =
            Leg::open(seed + 2 * legs.len() as u64, target).map_err(|error| error.to_string())?;
        legs.push(leg);
        return Ok(format!("open {} {port}", legs.len()));
    }
    let (number, conditions) = rest.split_once(' ').unwrap_or((rest, ""));
    let leg = number
        .parse::<usize>()
        .ok()
        .and_then(|number| legs.get(number.checked_sub(1)?))
        .ok_or("no such leg")?;
    if command == "forget" {
        let forgotten = std::mem::take(&mut *leg.stand_ins()).len();
        return Ok(format!("forget {number} {forgotten}"));
    }
    let mut links = leg.links();
    let link = match command {
        "up" => &mut links.up,
        "down" => &mut links.down,
        "tally" => {
            let (up, down) = (links.up.tally(), links.down.tally());
            return Ok(format!(
                "tally {number} {} {} {} {} {} {}",
                up.delivered, up.lost, up.overflowed, down.delivered, down.lost, down.overflowed
            ));
        }
        _ => return Err("no such command".to_owned()),
    };
    let conditions: Conditions = conditions.parse().map_err(|error| format!("{error}"))?;
    link.set(conditions);
    Ok(format!("{command} {number}"))
}

/// One browser's network.
struct Leg {
    target: SocketAddr,
    began: Instant,
    /// Faces the browsers.
    front: UdpSocket,
    /// What stands for each of the browser's sockets; held while one is looked up.
    stand_ins: Mutex<HashMap<SocketAddr, Arc<UdpSocket>>>,
    /// Guards both directions' models; held for one packet at a time.
    links: Mutex<Links>,
    /// Guards what is under way; held while packets are put in and taken out.
    flights: Mutex<Flights>,
    changed: Condvar,
}

struct Links {
    up: Link,
    down: Link,
}

#[derive(Default)]
struct Flights {
    waiting: BinaryHeap<Flight>,
    count: u64,
}

/// A packet under way.
struct Flight {
    at: Duration,
    number: u64,
    way: Way,
    bytes: Vec<u8>,
}

enum Way {
    /// To the server, out of the socket that stands for this browser.
    Up(Arc<UdpSocket>),
    /// To the browser.
    Down(SocketAddr),
}

impl Leg {
    fn open(seed: u64, target: SocketAddr) -> io::Result<(Arc<Self>, u16)> {
        let front = UdpSocket::bind(("127.0.0.1", 0))?;
        let port = front.local_addr()?.port();
        let leg = Arc::new(Self {
            target,
            began: Instant::now(),
            front,
            stand_ins: Mutex::default(),
            links: Mutex::new(Links {
                up: Link::new(seed, Conditions::default()),
                down: Link::new(seed + 1, Conditions::default()),
            }),
            flights: Mutex::default(),
            changed: Condvar::new(),
        });
        let (up, carrier) = (Arc::clone(&leg), Arc::clone(&leg));
        thread::spawn(move || up.take_from_browsers());
        thread::spawn(move || carrier.carry());
        Ok((leg, port))
    }

    fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stand_ins(&self) -> MutexGuard<'_, HashMap<SocketAddr, Arc<UdpSocket>>> {
        self.stand_ins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_from_browsers(self: Arc<Self>) {
        let mut buffer = vec![0; DATAGRAM_MAX];
        loop {
            // An error here is a port of somebody who has gone.
            let Ok((len, source)) = self.front.recv_from(&mut buffer) else {
                continue;
            };
            let Some(stand_in) = self.stand_in(source) else {
                continue;
            };
            let verdict = self.links().up.send(self.began.elapsed(), len + IP_UDP_BYTES);
            for at in verdict.arrivals() {
                self.fly(at, Way::Up(Arc::clone(&stand_in)), &buffer[..len]);
            }
        }
    }

    /// A socket of its own for each of a browser's: the server tells them apart by address.
    fn stand_in(self: &Arc<Self>, client: SocketAddr) -> Option<Arc<UdpSocket>> {
        let mut stand_ins = self.stand_ins();
        if let Some(known) = stand_ins.get(&client) {
            return Some(Arc::clone(known));
        }
        if stand_ins.len() == CLIENTS_MAX {
            return None;
        }
        let new = self.stand_for(client).ok()?;
        stand_ins.insert(client, Arc::clone(&new));
        Some(new)
    }

    fn stand_for(self: &Arc<Self>, client: SocketAddr) -> io::Result<Arc<UdpSocket>> {
        let back = Arc::new(UdpSocket::bind(("127.0.0.1", 0))?);
        back.connect(self.target)?;
        let (leg, reader) = (Arc::clone(self), Arc::clone(&back));
        thread::spawn(move || {
            let mut buffer = vec![0; DATAGRAM_MAX];
            loop {
                let Ok(len) = reader.recv(&mut buffer) else {
                    // The server is not there at present.
                    thread::sleep(Duration::from_millis(10));
                    continue;
                };
                if !leg
                    .stand_ins()
                    .get(&client)
                    .is_some_and(|known| Arc::ptr_eq(known, &reader))
                {
                    continue;
                }
                let verdict = leg.links().down.send(leg.began.elapsed(), len + IP_UDP_BYTES);
                for at in verdict.arrivals() {
                    leg.fly(at, Way::Down(client), &buffer[..len]);
                }
            }
        });
        Ok(back)
    }

    fn fly(&self, at: Duration, way: Way, bytes: &[u8]) {
        if at <= self.began.elapsed() {
            self.land(way, bytes);
            return;
        }
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.count += 1;
        let number = flights.count;
        let is_next = flights.waiting.peek().is_none_or(|next| at < next.at);
        flights.waiting.push(Flight {
            at,
            number,
            way,
            bytes: bytes.to_vec(),
        });
        if is_next {
            self.changed.notify_one();
        }
    }

    /// Lets packets land when it is their time.
    fn carry(self: Arc<Self>) {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let elapsed = self.began.elapsed();
            if flights.waiting.peek().is_some_and(|next| next.at <= elapsed) {
                let flight = flights.waiting.pop().expect("it was just looked at");
                drop(flights);
                self.land(flight.way, &flight.bytes);
                flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let wait = flights
                .waiting
                .peek()
                .map_or(Duration::from_secs(3600), |next| next.at - elapsed);
            (flights, _) = self
                .changed
                .wait_timeout(flights, wait)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A send that fails is a loss like any other.
    fn land(&self, way: Way, bytes: &[u8]) {
        let _ = match way {
            Way::Up(back) => back.send(bytes),
            Way::Down(client) => self.front.send_to(bytes, client),
        };
    }
}

/// The earliest is the greatest, for the heap.
impl Ord for Flight {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl PartialOrd for Flight {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Flight {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Flight {}
