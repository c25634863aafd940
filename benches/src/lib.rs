//! Load generator, micro-benchmarks and caption delay, over the public protocol.
