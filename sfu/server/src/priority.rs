//! Whose turn it is when there is more to do than processors: forwarding's.

use std::io;

/// As nice as shards are, where they may be (nice(2); −20 to 19, less is preferred). By this they get nine times as much
/// of a processor that something of the usual niceness wants, too, and nearly always at once; yet nobody starves.
pub(crate) const SHARD_NICENESS: i32 = -10;

/// Makes the calling thread, and no other, as nice as `niceness`.
///
/// # Errors
/// The system's, as a rule that it is not allowed: that takes `CAP_SYS_NICE` or a high enough `RLIMIT_NICE`.
pub(crate) fn set_niceness(niceness: i32) -> io::Result<()> {
    // On Linux the priority is a thread's, and 0 means the calling one: setpriority(2), under "C library/kernel
    // differences".
    // SAFETY: a plain system call without pointers.
    match unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, niceness) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn niceness() -> i32 {
        // SAFETY: a plain system call without pointers.
        unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
    }

    #[test]
    fn only_the_thread_that_asks_becomes_nicer() {
        let before = niceness();
        // These tests may run as nicely as can be already.
        let nicer = (before + 1).min(19);
        let within = std::thread::spawn(move || set_niceness(nicer).map(|()| niceness()));
        assert_eq!(within.join().unwrap().unwrap(), nicer);
        assert_eq!(niceness(), before);
    }
}
