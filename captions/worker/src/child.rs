//! The captioning process: reads packets from its parent's socket, writes caption events to it, and dies with it.
//!
//! ```text
//!  socket ─► reader thread ─┐                         ┌─► pool threads (whisper) ─┐
//!                           ├─► main loop (Pipeline) ─┤                           │
//!                           │◄────────────────────────┼───────────────────────────┘
//!                                                     └─► socket
//! ```

use std::ffi::OsString;
use std::io::{self, BufReader, Write};
use std::os::fd::{FromRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use hearken_captions_core::{Job, Policy, SAMPLE_RATE, Transcriber};

use crate::clock::{Clock, milliseconds};
use crate::model;
use crate::pipeline::Pipeline;
use crate::pool::{Done, Pool};
use crate::processor::{self, ProcessorError};
use crate::whisper::{WhisperError, WhisperModel, WhisperTranscriber};
use crate::wire::{self, FromWorker, Report, ToWorker, WireError};

/// Names of the variables by which the parent tells its child what it needs.
pub(crate) const SOCKET_VARIABLE: &str = "CAPTION_WORKER_SOCKET";
pub(crate) const MODEL_VARIABLE: &str = "CAPTION_WORKER_MODEL";
pub(crate) const THREADS_VARIABLE: &str = "CAPTION_WORKER_THREADS";
pub(crate) const EPOCH_VARIABLE: &str = "CAPTION_WORKER_EPOCH";
pub(crate) const CLOCK_VARIABLE: &str = "CAPTION_WORKER_CLOCK";

/// Exit code: not started by `hearken serve`.
pub const EXIT_USAGE: u8 = 2;
/// Exit code: the model cannot be used. Starting again is pointless until it is replaced.
pub const EXIT_MODEL: u8 = 3;
/// Exit code: the processor is too old. Starting again is pointless.
pub const EXIT_PROCESSOR: u8 = 4;

/// Messages and results that wait for the main loop. Full: the reader waits, then the parent drops packets.
const WAKES_MAX: usize = 1_024;
/// How often time passes for the pipeline when nothing else happens.
const TICK: Duration = Duration::from_millis(50);
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Threads unless told otherwise, at the most: four speakers at once.
const THREADS_MAX_DEFAULT: usize = 4;

/// What the process needs to know.
#[derive(Debug)]
pub struct WorkerConfig {
    /// The model's file.
    pub model: PathBuf,
    /// How many jobs are done at once; by default one for each core, at most four.
    pub threads: Option<usize>,
    /// Part of every caption's id: larger for each new process.
    pub epoch: u64,
    /// By which packets are stamped.
    pub clock: Clock,
}

/// Why the process ended.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// It was started by hand.
    #[error("`hearken captions` is started by `hearken serve`, which gives it a socket ({0} is not set)")]
    NotAChild(&'static str),
    /// See there.
    #[error(transparent)]
    Processor(#[from] ProcessorError),
    /// See there.
    #[error(transparent)]
    Model(#[from] model::ModelError),
    /// See there.
    #[error(transparent)]
    Whisper(#[from] WhisperError),
    /// The parent said something that makes no sense, or the socket failed.
    #[error(transparent)]
    Wire(#[from] WireError),
}

impl WorkerError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::NotAChild(_) => EXIT_USAGE,
            Self::Processor(_) => EXIT_PROCESSOR,
            Self::Model(_) | Self::Whisper(_) => EXIT_MODEL,
            Self::Wire(_) => 1,
        }
    }
}

/// All of `hearken captions`: what it needs is in its environment, where the supervisor put it. A reason for
/// failing is printed and becomes the exit code.
pub fn main_from_environment() -> ! {
    let code = match start() {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(io::stderr(), "hearken captions: {error}");
            error.exit_code()
        }
    };
    // Threads may be inside of whisper.cpp: its global objects must not be torn down under them.
    // SAFETY: ends the process without running anything of it; nothing is buffered.
    unsafe { libc::_exit(code.into()) }
}

fn start() -> Result<(), WorkerError> {
    let variable = |name| std::env::var_os(name).ok_or(WorkerError::NotAChild(name));
    let descriptor: RawFd =
        number(&variable(SOCKET_VARIABLE)?).ok_or(WorkerError::NotAChild(SOCKET_VARIABLE))?;
    let config = WorkerConfig {
        model: variable(MODEL_VARIABLE)?.into(),
        threads: std::env::var_os(THREADS_VARIABLE).as_ref().and_then(number),
        epoch: number(&variable(EPOCH_VARIABLE)?).ok_or(WorkerError::NotAChild(EPOCH_VARIABLE))?,
        clock: number(&variable(CLOCK_VARIABLE)?)
            .map(Clock::from_offset)
            .ok_or(WorkerError::NotAChild(CLOCK_VARIABLE))?,
    };
    // SAFETY: the supervisor made this descriptor for us, and nothing else in this process has it.
    let socket = unsafe { UnixStream::from_raw_fd(descriptor) };
    run(&config, socket)
}

fn number<N: std::str::FromStr>(text: &OsString) -> Option<N> {
    text.to_str().and_then(|text| text.parse().ok())
}

/// Captions what comes over the socket until it closes.
///
/// # Errors
/// When captions cannot start, or the other side makes no sense.
pub fn run(config: &WorkerConfig, mut socket: UnixStream) -> Result<(), WorkerError> {
    // When memory runs out, captions go before calls do.
    let _ = std::fs::write("/proc/self/oom_score_adj", "500");
    processor::check()?;
    send(&mut socket, &FromWorker::Hello { epoch: config.epoch })?;
    model::check(&config.model)?;
    let model = WhisperModel::load(&config.model)?;
    let threads = config.threads.unwrap_or_else(default_threads).max(1);
    let mut transcribers = Vec::new();
    let mut trial = Duration::ZERO;
    for _ in 0..threads {
        let mut transcriber = model.transcriber()?;
        trial = warm_up(&mut transcriber);
        transcribers.push(transcriber);
    }
    let (wakes, inbox) = sync_channel(WAKES_MAX);
    let done = wakes.clone();
    let pool = Pool::start(transcribers, move |job| {
        let _ = done.send(Wake::Done(job));
    });
    let reader = BufReader::new(socket.try_clone().map_err(WireError::Io)?);
    thread::spawn(move || listen(reader, &wakes));
    send(&mut socket, &FromWorker::Ready(model.abilities()))?;
    Worker {
        pipeline: Pipeline::new(config.epoch, Policy::default()),
        model,
        pool,
        socket,
        clock: config.clock,
        busy: Duration::ZERO,
        trial,
    }
    .run(&inbox)
}

/// One for each core: this process is nicer than the one that forwards media, which gets its core when it wants it.
fn default_threads() -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    cores.clamp(1, THREADS_MAX_DEFAULT)
}

/// The first job of a state is slow: memory is allocated, the model's pages are read. Gives what it took.
fn warm_up(transcriber: &mut WhisperTranscriber) -> Duration {
    let began = Instant::now();
    let _ = transcriber.transcribe(&Job::of_nobody(vec![0.0; SAMPLE_RATE * 2]));
    began.elapsed()
}

/// Everything that wakes the main loop, besides time.
enum Wake {
    Message(ToWorker),
    Gone(WireError),
    Done(Done),
}

fn listen(mut socket: BufReader<UnixStream>, wakes: &SyncSender<Wake>) {
    loop {
        let (wake, is_last) = match wire::read(&mut socket) {
            Ok(message) => (Wake::Message(message), false),
            Err(error) => (Wake::Gone(error), true),
        };
        if wakes.send(wake).is_err() || is_last {
            return;
        }
    }
}

struct Worker {
    pipeline: Pipeline,
    model: WhisperModel,
    pool: Pool,
    socket: UnixStream,
    clock: Clock,
    /// Time of the pool's threads in use so far.
    busy: Duration,
    trial: Duration,
}

impl Worker {
    fn run(mut self, inbox: &Receiver<Wake>) -> Result<(), WorkerError> {
        let mut ticked = Instant::now();
        let mut reported = Instant::now();
        let mut looked = Instant::now();
        loop {
            let woken = inbox.recv_timeout(TICK);
            let before = std::mem::replace(&mut looked, Instant::now());
            self.busy += (looked - before) * u32::try_from(self.pool.busy()).unwrap_or(u32::MAX);
            let now = self.clock.now();
            match woken {
                Ok(Wake::Message(ToWorker::Shutdown)) | Ok(Wake::Gone(WireError::Closed)) => return Ok(()),
                Ok(Wake::Gone(error)) => return Err(error.into()),
                Ok(Wake::Message(ToWorker::Speech(packet))) => self.pipeline.packet(now, packet),
                Ok(Wake::Message(ToWorker::ForgetSession(session))) => {
                    self.pipeline.forget_session(session);
                    self.model.forget_session(session);
                }
                Ok(Wake::Message(ToWorker::Listen(session, speech))) => self.pipeline.listen(session, speech),
                Ok(Wake::Done(done)) => {
                    self.pool.finished();
                    self.pipeline.finish_job(done.job, done.result);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                self.pipeline.tick(now);
            }
            while self.pool.has_free_thread()
                && let Some(job) = self.pipeline.next_job(now)
            {
                self.pool.start_job(job);
            }
            while let Some(event) = self.pipeline.poll_event() {
                send(&mut self.socket, &FromWorker::Caption(event))?;
            }
            if reported.elapsed() >= REPORT_INTERVAL {
                reported = Instant::now();
                let report = FromWorker::Report(self.report());
                send(&mut self.socket, &report)?;
            }
        }
    }

    fn report(&self) -> Report {
        let (intake, packets_refused) = self.pipeline.intake_counters();
        let counters = self.pipeline.counters();
        Report {
            backlog_milliseconds: milliseconds(self.pipeline.backlog(self.clock.now())),
            delay_milliseconds: milliseconds(self.pipeline.delay(self.clock.now())),
            speech_milliseconds: counters.speech_milliseconds,
            cpu_milliseconds: milliseconds(cpu_time()),
            jobs: counters.jobs,
            jobs_failed: counters.jobs_failed,
            hypotheses_rejected: counters.hypotheses_rejected,
            finals_undecoded: counters.finals_undecoded,
            packets_garbage: intake.garbage,
            packets_late: intake.late,
            packets_lost: intake.lost,
            packets_refused,
            threads: self.pool.threads() as u64,
            busy_milliseconds: milliseconds(self.busy),
            trial_milliseconds: milliseconds(self.trial),
        }
    }
}

fn send(socket: &mut UnixStream, message: &FromWorker) -> Result<(), WireError> {
    let bytes = wire::encode(message)?;
    socket.write_all(&bytes).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => WireError::Closed,
        _ => WireError::Io(error),
    })
}

/// Processor time of this process so far.
fn cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a live timespec.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    if result != 0 {
        return Duration::ZERO;
    }
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}
