//! The captioning process alone: what `hearken captions` is, for this crate's own tests.

fn main() {
    hearken_captions_worker::main_from_environment()
}
