//! Makes sure that the folder of the web client is there, so that cargo works without npm. An empty one is
//! served as a page that says how to build it.

use std::fs;
use std::path::Path;

fn main() {
    let folder = Path::new("web-client/dist");
    if !folder.exists()
        && let Err(error) = fs::create_dir_all(folder)
    {
        println!("cargo::error={} cannot be made: {error}", folder.display());
    }
    println!("cargo::rerun-if-changed={}", folder.display());
}
