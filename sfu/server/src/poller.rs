//! Which of many sockets are ready: an epoll(7), whose own descriptor can be polled beside others.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Events taken in one look. More wait for the next turn of the loop.
const EVENTS_PER_LOOK: usize = 64;

/// What to be told of one socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interest {
    /// When there is something to read, or the other side has hung up.
    Read,
    /// Also when there is room to write.
    ReadAndWrite,
}

/// What one socket is ready for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ready {
    /// As it was given with the socket.
    pub(crate) token: u64,
    /// Something can be read, be it the end or an error.
    pub(crate) readable: bool,
    /// There is room to write.
    pub(crate) writable: bool,
}

/// A set of sockets. One that is closed leaves it by itself.
#[derive(Debug)]
pub(crate) struct Poller(OwnedFd);

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: epoll_create1 has no memory preconditions; its result is checked before it is owned.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel just gave us this descriptor, and nobody else has it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    pub(crate) fn add(&self, socket: &impl AsRawFd, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, socket, token, Interest::Read)
    }

    pub(crate) fn change(&self, socket: &impl AsRawFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, socket, token, interest)
    }

    /// Does not tell of this socket any more, until it is added again.
    pub(crate) fn remove(&self, socket: &impl AsRawFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, socket, 0, Interest::Read)
    }

    /// Lists what is ready now, without waiting.
    pub(crate) fn look(&self, ready: &mut Vec<Ready>) {
        self.list(ready, 0);
    }

    /// Sleeps until something is ready, and lists it. A signal may end the sleep with nothing to list.
    pub(crate) fn wait(&self, ready: &mut Vec<Ready>) {
        self.list(ready, -1);
    }

    /// Whether something is ready within so long. What ends a sleep for nothing, as a debugger's signal does, is slept
    /// over.
    #[cfg(test)]
    pub(crate) fn becomes_ready(&self, limit: std::time::Duration) -> bool {
        let began = std::time::Instant::now();
        let mut ready = Vec::new();
        while ready.is_empty() && began.elapsed() < limit {
            let left = limit.saturating_sub(began.elapsed()).as_millis();
            self.list(&mut ready, i32::try_from(left).unwrap_or(i32::MAX));
        }
        !ready.is_empty()
    }

    fn list(&self, ready: &mut Vec<Ready>, timeout_ms: i32) {
        ready.clear();
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS_PER_LOOK];
        let room = i32::try_from(EVENTS_PER_LOOK).expect("a small number");
        // SAFETY: `events` has room for that many and lives until the call returns.
        let count = unsafe { libc::epoll_wait(self.as_raw_fd(), events.as_mut_ptr(), room, timeout_ms) };
        let count = usize::try_from(count).unwrap_or(0);
        let is = |event: &libc::epoll_event, flags: i32| event.events & flags.cast_unsigned() != 0;
        ready.extend(events[..count].iter().map(|event| Ready {
            token: event.u64,
            readable: is(
                event,
                libc::EPOLLIN | libc::EPOLLHUP | libc::EPOLLERR | libc::EPOLLRDHUP,
            ),
            writable: is(event, libc::EPOLLOUT),
        }));
    }

    fn control(&self, what: i32, socket: &impl AsRawFd, token: u64, interest: Interest) -> io::Result<()> {
        let flags = match interest {
            Interest::Read => libc::EPOLLIN | libc::EPOLLRDHUP,
            Interest::ReadAndWrite => libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLOUT,
        };
        let mut event = libc::epoll_event {
            events: flags.cast_unsigned(),
            u64: token,
        };
        // SAFETY: `event` lives until the call returns; both descriptors are open.
        let done = unsafe { libc::epoll_ctl(self.as_raw_fd(), what, socket.as_raw_fd(), &raw mut event) };
        if done < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }
}

/// To be polled beside others: it is readable while any of the sockets is ready.
impl AsRawFd for Poller {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
