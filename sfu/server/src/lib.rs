//! Shards, sockets, batching and metrics around the media plane core.
