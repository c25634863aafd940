//! Debian's Janus as a server to compare with: a configuration of its own in a temporary folder, with nothing but the
//! VideoRoom and its WebSocket. Its media go over this machine's other addresses, since it knows no loopback; they do
//! not leave it either.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process::{Cost, Stat, free_port};

const PROGRAM: &str = "/usr/bin/janus";
/// What the modules are called below the multiarch library folder.
const PLUGIN: &str = "janus/plugins/libjanus_videoroom.so";
const TRANSPORT: &str = "janus/transports/libjanus_websockets.so";
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// What our shards ask for, so that no server is preferred to the other. Where it isn't allowed, neither gets it: nice(1)
/// then starts the program all the same.
const NICENESS: &str = "-10";

/// A running Janus.
pub struct JanusProcess {
    child: Child,
    _folder: tempfile::TempDir,
    /// Of the WebSocket: `127.0.0.1:PORT`.
    pub address: String,
}

impl JanusProcess {
    /// Whether it is installed.
    pub fn is_installed() -> bool {
        Path::new(PROGRAM).exists() && library_folder().is_some()
    }

    /// Starts one and waits until its WebSocket is there.
    pub fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = free_port()?;
        write_configuration(folder.path(), port)?;
        let child = Command::new("nice")
            .args(["-n", NICENESS, PROGRAM])
            .arg("--configs-folder")
            .arg(folder.path())
            .arg("--config")
            .arg(folder.path().join("janus.jcfg"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {PROGRAM}"))?;
        let mut server = Self {
            child,
            _folder: folder,
            address: format!("127.0.0.1:{port}"),
        };
        let started = Instant::now();
        while TcpStream::connect(&server.address).is_err() {
            if let Some(status) = server.child.try_wait()? {
                bail!("Janus ended at once: {status}");
            }
            if started.elapsed() > START_TIMEOUT {
                bail!("Janus was not ready within {} s", START_TIMEOUT.as_secs());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// What its process has used so far.
    pub fn cost(&self) -> Result<Cost> {
        Stat::read(self.child.id())?.cost()
    }
}

impl Drop for JanusProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `/usr/lib/x86_64-linux-gnu` or what it is called here.
fn library_folder() -> Option<std::path::PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?;
    folders
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|folder| folder.join(PLUGIN).exists() && folder.join(TRANSPORT).exists())
}

/// Folders with the two modules only, so that no other is loaded, and the two configuration files; no logs.
/// Everything else is as Debian has it.
fn write_configuration(folder: &Path, port: u16) -> Result<()> {
    let library = library_folder().context("Janus is not installed")?;
    for (name, module) in [("plugins", PLUGIN), ("transports", TRANSPORT)] {
        let modules = folder.join(name);
        fs::create_dir(&modules)?;
        let module = library.join(module);
        symlink(&module, modules.join(module.file_name().context("a file")?))?;
    }
    let path = folder.display();
    fs::write(
        folder.join("janus.jcfg"),
        format!(
            "general: {{\n  configs_folder = \"{path}\"\n  plugins_folder = \"{path}/plugins\"\n  \
             transports_folder = \"{path}/transports\"\n  events_folder = \"{path}/none\"\n  \
             loggers_folder = \"{path}/none\"\n  debug_level = 2\n  session_timeout = 0\n}}\n\
             media: {{\n  rtp_port_range = \"30000-39999\"\n}}\n\
             nat: {{\n}}\n"
        ),
    )?;
    fs::write(
        folder.join("janus.transport.websockets.jcfg"),
        format!(
            "general: {{\n  json = \"compact\"\n  ws = true\n  ws_port = {port}\n  ws_ip = \"127.0.0.1\"\n  \
             wss = false\n}}\n"
        ),
    )?;
    fs::write(
        folder.join("janus.plugin.videoroom.jcfg"),
        "general: {\n  events = false\n}\n",
    )?;
    Ok(())
}
