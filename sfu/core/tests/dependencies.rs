//! The core stays a core: nothing in it can wait, so nothing that waits may come in with a dependency.

#![allow(clippy::unwrap_used)]

use std::process::Command;

#[test]
fn there_is_no_tokio_below_the_core() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--package",
            "hearken-sfu-core",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let tree = String::from_utf8(output.stdout).unwrap();
    let crates: Vec<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains(&"hearken-sfu-core"));
    for banned in ["tokio", "mio", "async-std", "smol"] {
        assert!(!crates.contains(&banned), "{banned}");
    }
}
