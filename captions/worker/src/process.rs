//! The captioning child as a process: how it is started, and what its end means.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::child::{
    CLOCK_VARIABLE, EPOCH_VARIABLE, EXIT_MODEL, EXIT_PROCESSOR, MODEL_VARIABLE, SOCKET_VARIABLE,
    THREADS_VARIABLE,
};
use crate::supervisor::SupervisorConfig;

/// The child is nicer than the server: media goes first.
const NICENESS: libc::c_int = 5;
/// How long a child may take to end when asked to.
const GOODBYE: Duration = Duration::from_secs(1);

impl SupervisorConfig {
    /// Starts a child with a model; gives it and the server's end of its socket.
    pub(crate) fn spawn(&self, model: &Path, epoch: u64) -> io::Result<(Child, UnixStream)> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = Command::new(&self.program);
        command
            .arg0("hearken")
            .args(&self.arguments)
            .env(SOCKET_VARIABLE, theirs.as_raw_fd().to_string())
            .env(MODEL_VARIABLE, model)
            .env(EPOCH_VARIABLE, epoch.to_string())
            .env(CLOCK_VARIABLE, self.clock.offset().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // Ctrl-C in a terminal is for the server, which ends its child in order.
            .process_group(0)
            .kill_on_drop(true);
        match self.threads {
            Some(threads) => command.env(THREADS_VARIABLE, threads.to_string()),
            None => command.env_remove(THREADS_VARIABLE),
        };
        let (descriptor, parent) = (theirs.as_raw_fd(), std::process::id());
        // SAFETY: between fork and exec only system calls are made, on values copied before.
        unsafe {
            command.pre_exec(move || prepare_child(descriptor, parent));
        }
        let child = command.spawn()?;
        Ok((child, UnixStream::from_std(ours)?))
    }
}

/// Its socket is closed: the child ends by itself, or is killed.
pub(crate) async fn part_with(child: &mut Child) -> Option<ExitStatus> {
    if let Ok(Ok(status)) = timeout(GOODBYE, child.wait()).await {
        return Some(status);
    }
    let _ = child.kill().await;
    None
}

/// In the child, before the program starts: it inherits one socket, is nicer, and dies with its parent.
fn prepare_child(descriptor: libc::c_int, parent: u32) -> io::Result<()> {
    // SAFETY: plain system calls without pointers.
    unsafe {
        if libc::fcntl(descriptor, libc::F_SETFD, 0) == -1 {
            return Err(io::Error::last_os_error());
        }
        libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS);
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        // The parent may have died before that.
        if libc::getppid() as u32 != parent {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
    }
    Ok(())
}

/// Whether another child would end like this one.
pub(crate) fn is_hopeless(status: ExitStatus) -> bool {
    let hopeless = [i32::from(EXIT_MODEL), i32::from(EXIT_PROCESSOR)];
    status.code().is_some_and(|code| hopeless.contains(&code))
}
