//! Waking a shard that sleeps: an eventfd(2) beside its sockets.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;

/// Wakes one shard, from any thread.
#[derive(Debug, Clone)]
pub(crate) struct Waker(Arc<File>);

impl Waker {
    /// A new one; the shard polls it.
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: eventfd has no memory preconditions; its result is checked before it is owned.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel just gave us this descriptor, and nobody else has it.
        let owned = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self(Arc::new(File::from(owned))))
    }

    /// Makes the shard's sleep end, the present one or the next.
    pub(crate) fn wake(&self) {
        // Fails only when the counter is full, and then the shard is awake anyway.
        let _ = (&*self.0).write(&1u64.to_ne_bytes());
    }

    /// Forgets all wakes so far.
    pub(crate) fn reset(&self) {
        let _ = (&*self.0).read(&mut [0; 8]);
    }
}

impl AsRawFd for Waker {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
