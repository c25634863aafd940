//! The child process and its supervisor: captions come, a child that is killed comes back, one that cannot
//! work is called unavailable. The server never notices more than that.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use hearken_captions_worker::{
    Clock, Restarts, Supervisor, SupervisorConfig, WireError, WorkerConfig, WorkerError,
};
use hearken_protocol::{
    CaptionNews, CaptionStatus, CaptionsState, GroupSpeech, Sensitive, SessionId, SpeechPacket,
};
use prometheus::Registry;
use support::{packets, recording, silence};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::OpenOptions;
use tokio::sync::mpsc;
use tokio::time::{interval, timeout};

/// More than anything here takes on a busy machine; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Packets in a second of sound.
const SECOND: usize = 50;

fn config(model: PathBuf) -> SupervisorConfig {
    SupervisorConfig {
        program: env!("CARGO_BIN_EXE_hearken-captions").into(),
        arguments: Vec::new(),
        threads: Some(1),
        ..SupervisorConfig::new(Some(model))
    }
}

struct Running {
    supervisor: Supervisor,
    news: mpsc::Receiver<CaptionNews>,
    speech: mpsc::Sender<SpeechPacket>,
    registry: Registry,
    state: Option<CaptionsState>,
}

fn start(config: SupervisorConfig) -> Running {
    let (speech, packets) = mpsc::channel(4_096);
    let registry = Registry::new();
    let (supervisor, news) = Supervisor::start(config, &registry, packets).unwrap();
    Running {
        supervisor,
        news,
        speech,
        registry,
        state: None,
    }
}

impl Running {
    async fn next(&mut self) -> CaptionNews {
        timeout(PATIENCE, self.news.recv())
            .await
            .expect("news in time")
            .expect("the supervisor runs")
    }

    /// The next change of state. That captions come late for a while, and no longer, is a matter of how fast this machine
    /// is, and passed over.
    async fn next_state(&mut self) -> CaptionsState {
        loop {
            if let CaptionNews::State(state) = self.next().await
                && state != CaptionsState::Late
                && self.state.replace(state) != Some(state)
            {
                return state;
            }
        }
    }

    async fn final_text(&mut self) -> String {
        loop {
            if let CaptionNews::Event { event, .. } = self.next().await
                && event.status == CaptionStatus::Final
            {
                return event.stable.0;
            }
        }
    }

    /// Sends packets at the pace of speech until something of them is shown, as partial or as final text. Gives how many were sent.
    async fn speak_until_shown(&mut self, packets: &[SpeechPacket]) -> usize {
        let mut pace = interval(Duration::from_secs(1) / SECOND as u32);
        let mut sent = 0;
        loop {
            tokio::select! {
                news = self.next() => {
                    if matches!(news, CaptionNews::Event { .. }) {
                        return sent;
                    }
                }
                _ = pace.tick(), if sent < packets.len() => {
                    self.speech.send(packets[sent].clone()).await.unwrap();
                    sent += 1;
                }
            }
        }
    }

    /// Sends packets to a child that reads none, until so many were dropped in all.
    async fn send_until_dropped(&self, dropped: f64) {
        let packet = &speech()[0];
        let sends = async {
            while self.metric("hearken_captions_dropped_packets_total") < dropped {
                self.speech.send(packet.clone()).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, sends).await.expect("the child is deaf");
    }

    fn metric(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name).unwrap();
        let metrics = family.get_metric().iter();
        metrics
            .map(|metric| metric.get_counter().get_value() + metric.get_gauge().get_value())
            .sum()
    }
}

impl Running {
    fn histogram_sum(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name).unwrap();
        let metrics = family.get_metric().iter();
        metrics
            .map(|metric| metric.get_histogram().get_sample_sum())
            .sum()
    }
}

fn speech() -> Vec<SpeechPacket> {
    packets(1, &[silence(0.3), recording("0930"), silence(1.5)].concat())
}

fn is_alive(id: u32) -> bool {
    // A dead child is a zombie until its parent has looked; its command line is empty then.
    std::fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| !line.is_empty())
}

fn kill(id: u32) {
    // SAFETY: a plain system call; the process is our own child.
    assert_eq!(unsafe { libc::kill(id as libc::pid_t, libc::SIGKILL) }, 0);
}

#[tokio::test]
async fn speech_becomes_captions_in_another_process() {
    let mut running = start(config(support::model_path()));
    assert_eq!(running.next_state().await, CaptionsState::Starting);
    assert_eq!(running.next_state().await, CaptionsState::On);
    for packet in speech() {
        running.speech.send(packet).await.unwrap();
    }
    let text = running.final_text().await;
    assert!(
        support::share_right(support::transcript("0930"), &text) >= 0.8,
        "{text}"
    );
    assert_eq!(running.metric("hearken_captions_up"), 1.0);
    let child = running.supervisor.child_id().unwrap();
    running.supervisor.shutdown().await;
    assert!(!is_alive(child), "shutdown ends the child");
}

#[tokio::test]
async fn a_killed_child_comes_back_and_captions_with_it() {
    let mut running = start(config(support::model_path()));
    assert_eq!(running.next_state().await, CaptionsState::Starting);
    assert_eq!(running.next_state().await, CaptionsState::On);
    let first = running.supervisor.child_id().unwrap();
    kill(first);
    assert_eq!(
        running.next_state().await,
        CaptionsState::Starting,
        "open captions are closed"
    );
    assert_eq!(running.next_state().await, CaptionsState::On);
    let second = running.supervisor.child_id().unwrap();
    assert_ne!(first, second);
    for packet in speech() {
        running.speech.send(packet).await.unwrap();
    }
    assert!(!running.final_text().await.is_empty());
    assert_eq!(running.metric("hearken_captions_restarts_total"), 1.0);
}

#[tokio::test]
async fn a_child_killed_in_mid_sentence_takes_nothing_of_the_next_ones() {
    let mut running = start(config(support::model_path()));
    while running.next_state().await != CaptionsState::On {}
    // Ann is in the middle of a sentence: something of it is shown.
    let sentence = recording("0870");
    let ann = packets(1, &[silence(0.3), sentence.repeat(12)].concat());
    let spoken = running.speak_until_shown(&ann).await;
    kill(running.supervisor.child_id().unwrap());
    assert_eq!(
        running.next_state().await,
        CaptionsState::Starting,
        "the room is told"
    );
    assert_eq!(running.next_state().await, CaptionsState::On);
    assert_eq!(running.metric("hearken_captions_restarts_total"), 1.0);
    // Ann goes on, and Ben speaks too: both are heard, each in captions of their own.
    let rest = ann
        .into_iter()
        .skip(spoken)
        .take(sentence.len() * 2 / support::PACKET_SAMPLES);
    let ben = packets(2, &[silence(0.3), recording("0930"), silence(1.5)].concat());
    for packet in rest.chain(ben) {
        running.speech.send(packet).await.unwrap();
    }
    let mut heard = std::collections::BTreeMap::<u64, String>::new();
    while heard.len() < 2 {
        if let CaptionNews::Event { event, .. } = running.next().await
            && event.status == CaptionStatus::Final
        {
            *heard.entry(event.participant.0).or_default() += &event.stable.0;
        }
    }
    let right = support::share_right(support::transcript("0930"), &heard[&2]);
    assert!(right >= 0.8, "{heard:?}");
}

#[tokio::test]
async fn captions_go_by_the_packets_clock_whatever_the_time_of_day_is_set_to() {
    // As if the wall clock had been set years ahead since the server started.
    let mut running = start(SupervisorConfig {
        clock: Clock::starting_at(support::START),
        ..config(support::model_path())
    });
    while running.next_state().await != CaptionsState::On {}
    for packet in speech() {
        running.speech.send(packet).await.unwrap();
    }
    assert!(!running.final_text().await.is_empty());
    let late = running.histogram_sum("hearken_captions_final_seconds");
    assert!(late < PATIENCE.as_secs_f64(), "{late} s");
}

#[test]
fn files_that_are_no_model_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(support::model_path()).unwrap();
    let mut single = whole[..4_096].to_vec();
    single[44..48].copy_from_slice(&0u32.to_le_bytes());
    for (bytes, reason) in [
        (&whole[..whole.len() / 3], "it ends early"),
        (&single[..], "f32"),
        (b"<!DOCTYPE html><html>", "it is no ggml model"),
        (b"GGUF and so on", "GGUF"),
        (b"", "it ends early"),
    ] {
        let model = folder.path().join("ggml-odd.bin");
        std::fs::write(&model, bytes).unwrap();
        let (_parent, child) = UnixStream::pair().unwrap();
        let worker = WorkerConfig {
            model,
            threads: Some(1),
            epoch: 1,
            clock: Clock::of_day(),
        };
        let error = hearken_captions_worker::run(&worker, child).unwrap_err();
        assert!(
            matches!(&error, WorkerError::Model(_)) && error.to_string().contains(reason),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_missing_model_makes_captions_unavailable_and_packets_are_dropped() {
    let mut running = start(config("/nowhere/ggml-none.bin".into()));
    assert_eq!(running.next_state().await, CaptionsState::Starting);
    assert_eq!(running.next_state().await, CaptionsState::Unavailable);
    for packet in speech() {
        running.speech.send(packet).await.unwrap();
    }
    // The queue is emptied though nobody listens: there is room for as many again.
    let room = timeout(PATIENCE, running.speech.reserve_many(4_096)).await;
    assert!(room.unwrap().is_ok());
    assert!(running.metric("hearken_captions_dropped_packets_total") > 0.0);
    assert_eq!(running.metric("hearken_captions_up"), 0.0);
}

/// The same model under another name.
fn another_model(folder: &tempfile::TempDir) -> PathBuf {
    let path = folder.path().join("ggml-another.bin");
    std::os::unix::fs::symlink(support::model_path(), &path).unwrap();
    path
}

#[tokio::test]
async fn another_model_is_taken_up_without_a_restart_of_anything_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = start(config(support::model_path()));
    assert_eq!(running.next_state().await, CaptionsState::Starting);
    assert_eq!(running.next_state().await, CaptionsState::On);
    let first = running.supervisor.child_id().unwrap();
    assert!(
        running
            .supervisor
            .model_changer()
            .use_model(another_model(&folder))
    );
    assert_eq!(running.next_state().await, CaptionsState::Starting);
    assert_eq!(running.next_state().await, CaptionsState::On);
    assert_ne!(running.supervisor.child_id().unwrap(), first);
    for packet in speech() {
        running.speech.send(packet).await.unwrap();
    }
    assert!(!running.final_text().await.is_empty());
    assert_eq!(running.metric("hearken_captions_restarts_total"), 0.0);
}

#[tokio::test]
async fn a_new_model_that_can_not_be_used_gives_way_to_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("ggml-cut.bin");
    let whole = std::fs::read(support::model_path()).unwrap();
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let mut running = start(config(support::model_path()));
    while running.next_state().await != CaptionsState::On {}
    assert!(running.supervisor.model_changer().use_model(cut));
    assert_eq!(running.next_state().await, CaptionsState::Starting);
    assert_eq!(running.next_state().await, CaptionsState::On);
}

#[tokio::test]
async fn captions_begin_when_there_is_a_model_at_last() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = start(SupervisorConfig {
        model: None,
        ..config(PathBuf::new())
    });
    assert_eq!(running.next_state().await, CaptionsState::Unavailable);
    let changer = running.supervisor.model_changer();
    assert!(changer.use_model(another_model(&folder)));
    assert_eq!(running.next_state().await, CaptionsState::Starting);
    assert_eq!(running.next_state().await, CaptionsState::On);
    running.supervisor.shutdown().await;
    assert!(!changer.is_needed());
}

#[tokio::test]
async fn a_child_that_keeps_failing_is_called_unavailable() {
    let mut failing = config(support::model_path());
    failing.program = "/bin/false".into();
    failing.restarts = Restarts {
        delay: Duration::from_millis(1),
        ..Restarts::default()
    };
    let mut running = start(failing);
    assert_eq!(running.next_state().await, CaptionsState::Starting);
    assert_eq!(running.next_state().await, CaptionsState::Unavailable);
}

#[tokio::test]
async fn a_child_that_talks_nonsense_is_replaced() {
    let mut babbling = config(support::model_path());
    babbling.program = "/bin/bash".into();
    let babble = "echo nonsense-nonsense >&$CAPTION_WORKER_SOCKET; exec sleep 60";
    babbling.arguments = ["-c", babble].map(Into::into).into();
    babbling.restarts = Restarts {
        delay: Duration::from_millis(1),
        ..Restarts::default()
    };
    let mut running = start(babbling);
    assert_eq!(running.next_state().await, CaptionsState::Starting);
    let first = running.supervisor.child_id();
    assert_eq!(running.next_state().await, CaptionsState::Unavailable);
    assert_ne!(running.supervisor.child_id(), first.or(Some(0)));
}

fn pipe(folder: &tempfile::TempDir, name: &str) -> PathBuf {
    let path = folder.path().join(name);
    let bytes = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).unwrap();
    // SAFETY: a plain system call with a string that ends in a zero.
    assert_eq!(unsafe { libc::mkfifo(bytes.as_ptr(), 0o600) }, 0);
    path
}

#[tokio::test]
async fn a_child_that_did_not_read_learns_how_a_group_speaks_when_it_reads_again() {
    let folder = tempfile::tempdir().unwrap();
    let (gate, said) = (pipe(&folder, "gate"), pipe(&folder, "said"));
    // Open for both ways, so that nobody waits for somebody to open the other end.
    let mut both_ways = OpenOptions::new();
    both_ways.read_write(true);
    let mut opener = both_ways.open_sender(&gate).unwrap();
    let mut listener = both_ways.open_receiver(&said).unwrap();
    // It reads nothing until the gate opens; then all that it is told goes to the other pipe.
    let script = format!(
        "read -r < {}; exec cat <&$CAPTION_WORKER_SOCKET > {}",
        gate.display(),
        said.display()
    );
    let mut deaf = config(support::model_path());
    deaf.program = "/bin/bash".into();
    deaf.arguments = ["-c", &script].map(Into::into).into();
    let mut running = start(deaf);
    assert_eq!(running.next_state().await, CaptionsState::Starting);
    running.send_until_dropped(1.0).await;
    running.supervisor.listen(
        SessionId(1),
        GroupSpeech {
            vocabulary: Sensitive(vec!["Escitalopram".to_owned()]),
            ..GroupSpeech::default()
        },
    );
    // By now it was not told: orders and packets are taken in turn.
    running.send_until_dropped(101.0).await;
    let hears = async {
        opener.write_all(b"\n").await.unwrap();
        let mut heard = Vec::new();
        while !heard.windows(12).any(|bytes| bytes == b"Escitalopram") {
            listener.read_buf(&mut heard).await.unwrap();
        }
    };
    timeout(PATIENCE, hears).await.unwrap();
}

#[test]
fn dropping_the_supervisor_ends_the_child() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut running = start(config(support::model_path()));
        while running.next_state().await != CaptionsState::On {}
        let child = running.supervisor.child_id().unwrap();
        drop(running.supervisor);
        // The news end when the supervisor has ended.
        while timeout(PATIENCE, running.news.recv()).await.unwrap().is_some() {}
        assert!(!is_alive(child));
    });
}

#[test]
fn a_child_ends_cleanly_when_its_parent_is_gone_and_with_an_error_on_nonsense() {
    let worker = || WorkerConfig {
        model: support::model_path(),
        threads: Some(1),
        epoch: 1,
        clock: Clock::of_day(),
    };
    let (parent, child) = UnixStream::pair().unwrap();
    parent.shutdown(std::net::Shutdown::Write).unwrap();
    hearken_captions_worker::run(&worker(), child).unwrap();
    drop(parent);

    let (mut parent, child) = UnixStream::pair().unwrap();
    parent.write_all(&[3, 0, 0, 0, 200, 200, 200]).unwrap();
    let error = hearken_captions_worker::run(&worker(), child).unwrap_err();
    assert!(
        matches!(error, WorkerError::Wire(WireError::Malformed(_))),
        "{error}"
    );
    let mut said = Vec::new();
    parent.read_to_end(&mut said).unwrap();
    assert!(!said.is_empty());
}

#[test]
fn started_by_hand_it_says_who_should() {
    let program = std::process::Command::new(env!("CARGO_BIN_EXE_hearken-captions"));
    let output = { program }.env_clear().output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(i32::from(hearken_captions_worker::EXIT_USAGE))
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("hearken serve"));
}
