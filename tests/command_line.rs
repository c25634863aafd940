//! The program as it is started: what it says when something is wrong, and that it stops when told to.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// The program on free ports, with nothing of this machine's settings.
fn serve(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearken"));
    command
        .arg("serve")
        .env_clear()
        .env("HOME", data_dir)
        .env("HEARKEN_DATA_DIR", data_dir.join("data"))
        .env("HEARKEN_LISTEN", "127.0.0.1:0")
        .env("HEARKEN_METRICS_LISTEN", "127.0.0.1:0")
        .env("HEARKEN_MEDIA_PORT", "0")
        .stdin(Stdio::null());
    command
}

fn complaint(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Ends the program by SIGTERM, also when a test fails on the way.
struct Running(Child);

impl Running {
    fn stop(mut self) -> bool {
        let pid = self.0.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        self.0.wait().unwrap().success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_unreadable_setting_is_named_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.toml");
    std::fs::write(&file, "# mine\nlisten = 'nowhere'\n").unwrap();
    let output = serve(folder.path())
        .env_remove("HEARKEN_LISTEN")
        .arg("--config")
        .arg(&file)
        .output()
        .unwrap();
    let complaint = complaint(&output);
    assert!(
        complaint.contains("settings.toml, line 2: `listen`"),
        "{complaint}"
    );
}

#[test]
fn a_port_in_use_is_named_with_the_setting_to_change() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for setting in ["HEARKEN_LISTEN", "HEARKEN_METRICS_LISTEN"] {
        let output = serve(folder.path()).env(setting, &address).output().unwrap();
        let complaint = complaint(&output);
        let port = taken.local_addr().unwrap().port().to_string();
        assert!(
            complaint.contains(&port) && complaint.contains(setting),
            "{complaint}"
        );
    }
}

#[test]
fn without_a_model_it_serves_and_says_so_and_stops_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let child = serve(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let mut lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
    let mut said = String::new();
    while !said.contains("There are no captions") {
        said += &lines.next().expect("a word about captions").unwrap();
        said.push('\n');
    }
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.0.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size"));
    let core: Vec<_> = core.unwrap().split_whitespace().skip(4).take(2).collect();
    assert_eq!(core, ["0", "0"], "a crash leaves nothing of what was said");
    assert!(
        said.contains("http://localhost:") && said.contains("hearken model fetch"),
        "{said}"
    );
    let key_file = folder.path().join("data/operator-key");
    let key = std::fs::read_to_string(&key_file).unwrap();
    assert!(said.contains(key.trim()), "the key is shown once");
    assert_eq!(
        std::fs::metadata(&key_file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(running.stop());
}
