//! The proxy as tests use it: over its standard input, with real sockets.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

struct Proxy {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Proxy {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_netsim-proxy"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, output }
    }

    fn order(&mut self, line: &str) -> String {
        writeln!(self.input, "{line}").unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    }

    /// It ends with its input.
    fn end(self) {
        let Self { mut child, input, .. } = self;
        drop(input);
        assert!(child.wait().unwrap().success());
    }
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket
}

#[test]
#[allow(clippy::disallowed_methods)]
fn packets_go_both_ways_late_and_are_counted() {
    let mut proxy = Proxy::start();
    let server = socket();
    let answer = proxy.order(&format!("open {}", server.local_addr().unwrap()));
    let port: u16 = answer.strip_prefix("open 1 ").unwrap().parse().unwrap();
    assert_eq!(proxy.order("up 1 delay=80"), "up 1");
    let browser = socket();
    let sent = Instant::now();
    browser.send_to(b"hello", ("127.0.0.1", port)).unwrap();
    let mut buffer = [0; 100];
    let (len, source) = server.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..len], b"hello");
    assert!(sent.elapsed() >= Duration::from_millis(80));
    server.send_to(b"welcome", source).unwrap();
    let (len, source) = browser.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..len], source.port()), (&b"welcome"[..], port));

    assert_eq!(proxy.order("up 1 loss=100"), "up 1");
    browser.send_to(b"lost", ("127.0.0.1", port)).unwrap();
    while proxy.order("tally 1") != "tally 1 1 1 0 1 0 0" {}
    proxy.end();
}

#[test]
fn who_was_forgotten_comes_from_another_port_and_is_not_found_at_the_old_one() {
    let mut proxy = Proxy::start();
    let server = socket();
    let answer = proxy.order(&format!("open {}", server.local_addr().unwrap()));
    let port: u16 = answer.strip_prefix("open 1 ").unwrap().parse().unwrap();
    assert_eq!(proxy.order("forget 1"), "forget 1 0");
    let browser = socket();
    let mut buffer = [0; 100];
    browser.send_to(b"before", ("127.0.0.1", port)).unwrap();
    let (_, before) = server.recv_from(&mut buffer).unwrap();
    assert_eq!(proxy.order("forget 1"), "forget 1 1");
    browser.send_to(b"after", ("127.0.0.1", port)).unwrap();
    let (_, after) = server.recv_from(&mut buffer).unwrap();
    assert_ne!(before.port(), after.port());

    server.send_to(b"astray", before).unwrap();
    server.send_to(b"found", after).unwrap();
    let (len, _) = browser.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..len], b"found");
    assert_eq!(proxy.order("tally 1"), "tally 1 2 0 0 1 0 0");
    proxy.end();
}

#[test]
fn what_makes_no_sense_is_answered_with_an_error() {
    let mut proxy = Proxy::start();
    for line in [
        "",
        "open",
        "open nowhere",
        "up 1 loss=1",
        "up 0",
        "fly 1",
        "tally x",
    ] {
        assert!(proxy.order(line).starts_with("error "), "{line}");
    }
    let server = socket();
    proxy.order(&format!("open {}", server.local_addr().unwrap()));
    for line in ["up 1 loss=x", "sideways 1 loss=1"] {
        assert!(proxy.order(line).starts_with("error "), "{line}");
    }
    proxy.end();
}
