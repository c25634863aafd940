//! The server under load: started from its binary on loopback, read through `/proc`, ended with the benchmark.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A running `hearken serve` with a data folder of its own.
pub struct ServerProcess {
    child: Child,
    _data: tempfile::TempDir,
    /// `127.0.0.1:PORT` of the page and the API.
    pub address: String,
    /// The key for the HTTP API.
    pub operator_key: &'static str,
}

/// What a process had used at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// User and system time since its start.
    pub cpu: Duration,
    /// Resident memory in bytes.
    pub memory_bytes: u64,
}

impl ServerProcess {
    /// Starts `binary serve` with that many shards and waits until it is ready.
    pub fn start(binary: &Path, shards: usize) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let (port, metrics_port) = (free_port()?, free_port()?);
        let address = format!("127.0.0.1:{port}");
        let operator_key = "load-generator-key";
        let child = Command::new(binary)
            .arg("serve")
            .env("HEARKEN_LISTEN", &address)
            .env("HEARKEN_OPERATOR_KEY", operator_key)
            .env("HEARKEN_DATA_DIR", data.path())
            .env("HEARKEN_MODEL", "none-for-this-benchmark")
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

    /// What the server's process has used so far.
    pub fn cost(&self) -> Result<Cost> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // After the name in parentheses (proc(5)): state is field 3, utime 14, stime 15, rss 24.
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .context("/proc/PID/stat")?
            .1
            .split_whitespace()
            .collect();
        let number = |field: usize| -> Result<u64> {
            Ok(fields
                .get(field - 3)
                .context("/proc/PID/stat is short")?
                .parse()?)
        };
        // SAFETY: sysconf has no preconditions.
        let (ticks, page) = unsafe {
            (
                libc::sysconf(libc::_SC_CLK_TCK),
                libc::sysconf(libc::_SC_PAGESIZE),
            )
        };
        let ticks_per_second = u64::try_from(ticks)?;
        Ok(Cost {
            cpu: Duration::from_millis((number(14)? + number(15)?) * 1000 / ticks_per_second),
            memory_bytes: number(24)? * u64::try_from(page)?,
        })
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
