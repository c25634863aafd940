//! The server under load: started from its binary on loopback, read through `/proc`, ended with the benchmark.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

const START_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a server that was asked to end may take before it is killed.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// A running `hearken serve` with a data folder of its own.
pub struct ServerProcess {
    child: Child,
    _data: tempfile::TempDir,
    /// `127.0.0.1:PORT` of the page and the API.
    pub address: String,
    /// The key for the HTTP API.
    pub operator_key: &'static str,
}

/// Which caption model a server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptionModel {
    /// None, so that nothing but forwarding costs anything.
    None,
    /// What `HEARKEN_MODEL` names, or the default one.
    AsConfigured,
}

/// What a process had used at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// User and system time since its start.
    pub cpu: Duration,
    /// Resident memory of its own in bytes: without the pages of programs and libraries, which are there once,
    /// however many people come, and shared with whoever else uses them.
    pub memory_bytes: u64,
}

impl ServerProcess {
    /// Starts `binary serve` with that many shards and waits until it is ready.
    pub fn start(binary: &Path, shards: usize, model: CaptionModel) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let (port, metrics_port) = (free_port()?, free_port()?);
        let address = format!("127.0.0.1:{port}");
        let operator_key = "load-generator-key";
        let mut command = Command::new(binary);
        if model == CaptionModel::None {
            command.env("HEARKEN_MODEL", "none-for-this-benchmark");
        }
        let child = command
            .arg("serve")
            .env("HEARKEN_LISTEN", &address)
            .env("HEARKEN_OPERATOR_KEY", operator_key)
            .env("HEARKEN_DATA_DIR", data.path())
            .env("HEARKEN_MEDIA_PORT", "0")
            .env("HEARKEN_SHARDS", shards.to_string())
            .env("HEARKEN_METRICS_LISTEN", format!("127.0.0.1:{metrics_port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))?;
        let mut server = Self {
            child,
            _data: data,
            address,
            operator_key,
        };
        let started = Instant::now();
        while ureq::get(format!("http://{}/readyz", server.address))
            .call()
            .is_err()
        {
            if let Some(status) = server.child.try_wait()? {
                bail!("the server ended at once: {status}");
            }
            if started.elapsed() > START_TIMEOUT {
                bail!("the server was not ready within {} s", START_TIMEOUT.as_secs());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// What the server's process has used so far, without its children.
    pub fn cost(&self) -> Result<Cost> {
        Stat::read(self.child.id())?.cost()
    }

    /// What the processes that it started, such as the captions worker, have used together. One that has ended
    /// is no longer counted.
    pub fn children_cost(&self) -> Result<Cost> {
        let mut sum = Cost::default();
        for entry in fs::read_dir("/proc")? {
            let Ok(pid) = entry?.file_name().to_string_lossy().parse::<u32>() else {
                continue;
            };
            // It may have ended since.
            let Ok(stat) = Stat::read(pid) else { continue };
            if stat.number(PARENT)? == u64::from(self.child.id()) {
                let cost = stat.cost()?;
                sum.cpu += cost.cpu;
                sum.memory_bytes += cost.memory_bytes;
            }
        }
        Ok(sum)
    }
}

/// Numbers of fields in `/proc/PID/stat` (proc(5)): the parent's process id.
const PARENT: usize = 4;
/// Resident memory of its own in `/proc/PID/status`, in KiB.
const RESIDENT_ANONYMOUS: &str = "RssAnon:";

/// A process's `/proc/PID/stat`.
pub(crate) struct Stat {
    pid: u32,
    text: String,
}

impl Stat {
    pub(crate) fn read(pid: u32) -> Result<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        Ok(Self { pid, text })
    }

    fn number(&self, field: usize) -> Result<u64> {
        // After the name in parentheses, which may hold anything, comes field 3.
        let (_, rest) = self
            .text
            .rsplit_once(')')
            .context("/proc/PID/stat without a name")?;
        let field = rest.split_whitespace().nth(field - 3);
        Ok(field.context("/proc/PID/stat is short")?.parse()?)
    }

    pub(crate) fn cost(&self) -> Result<Cost> {
        Ok(Cost {
            cpu: cpu_time(self.pid)?,
            memory_bytes: resident_bytes(self.pid)?,
        })
    }
}

fn resident_bytes(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(RESIDENT_ANONYMOUS));
    let kibibytes = line.and_then(|line| line.split_whitespace().next());
    Ok(kibibytes
        .context("/proc/PID/status without RssAnon")?
        .parse::<u64>()?
        * 1024)
}

/// What all threads of a process have run so far, by its CPU clock: `/proc` counts in steps of 10 ms.
fn cpu_time(pid: u32) -> Result<Duration> {
    let mut clock = 0;
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: both pointers are to locals that live until the calls return.
    let failed = unsafe {
        libc::clock_getcpuclockid(libc::pid_t::try_from(pid)?, &raw mut clock) != 0
            || libc::clock_gettime(clock, &raw mut time) != 0
    };
    if failed {
        bail!("no CPU clock of process {pid}");
    }
    Ok(Duration::new(
        u64::try_from(time.tv_sec)?,
        u32::try_from(time.tv_nsec)?,
    ))
}

impl Drop for ServerProcess {
    /// Asks it to end, as an operator would: one that is killed writes down nothing that it was to count.
    fn drop(&mut self) {
        if let Ok(pid) = libc::pid_t::try_from(self.child.id()) {
            // SAFETY: no memory is passed, and the process is this one's child that nobody has waited for.
            unsafe { libc::kill(pid, libc::SIGTERM) };
        }
        let asked = Instant::now();
        while asked.elapsed() < END_TIMEOUT {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
