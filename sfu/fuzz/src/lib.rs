//! Fuzzing of everything that reaches the media plane from the network, on stable Rust and without a sanitizer.
//!
//! In: a target, which is a function of bytes that must not panic; seeds, which are inputs that make sense. Out:
//! the first input that breaks it. Inputs that reach new code are kept and changed further, where the compiler was
//! told to count (see `make fuzz`); elsewhere, as in the tests, changes are blind.

pub mod coverage;
pub mod engine;
pub mod mutation;
mod picture;
pub mod targets;
mod world;
