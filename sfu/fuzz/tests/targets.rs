//! Every target holds for a few inputs, and for each that once broke it.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use hearken_fuzz::engine::{Until, fuzz};
use hearken_fuzz::targets::{TARGETS, named};

#[test]
fn every_target_takes_its_seeds_and_changes_of_them() {
    for target in &TARGETS {
        let inputs = if target.name == "core" { 100 } else { 2000 };
        let summary = fuzz(target, 1, Until::Inputs(inputs));
        assert_eq!(summary.unwrap().inputs, inputs, "{}", target.name);
    }
}

#[test]
fn what_once_broke_a_target_does_so_no_more() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut inputs = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // Named TARGET.what-was-wrong
        let name = path.file_name().unwrap().to_str().unwrap();
        let target = named(name.split('.').next().unwrap()).unwrap();
        (target.run)(&std::fs::read(&path).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0);
}
