//! A fixed number of threads that transcribe: one whisper state each, one model for all.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use hearken_captions_core::{Hypothesis, Job, JobId, TranscribeError, Transcriber};

/// What a thread says about a job.
pub struct Done {
    /// Which.
    pub job: JobId,
    /// What came of it.
    pub result: Result<Hypothesis, TranscribeError>,
}

/// Hands jobs to whichever thread is free.
pub struct Pool {
    jobs: SyncSender<Job>,
    threads: usize,
    /// Threads without a job.
    free: usize,
}

impl Pool {
    /// Starts a thread for each transcriber; `report` is called on it for every job done.
    pub fn start<T, F>(transcribers: Vec<T>, report: F) -> Self
    where
        T: Transcriber + Send + 'static,
        F: Fn(Done) + Send + Clone + 'static,
    {
        let threads = transcribers.len();
        let (jobs, queue) = sync_channel(threads.max(1));
        // Guards the receiving end: held while a thread waits for its next job.
        let queue = Arc::new(Mutex::new(queue));
        for transcriber in transcribers {
            let (queue, report) = (Arc::clone(&queue), report.clone());
            thread::spawn(move || work(transcriber, &queue, &report));
        }
        Self {
            jobs,
            threads,
            free: threads,
        }
    }

    /// Whether a job would be started at once.
    pub fn has_free_thread(&self) -> bool {
        self.free > 0
    }

    /// How many jobs can be done at once.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// How many are being done.
    pub fn busy(&self) -> usize {
        self.threads - self.free
    }

    /// Starts a job. To be called only when a thread is free.
    pub fn start_job(&mut self, job: Job) {
        self.free = self.free.saturating_sub(1);
        // The queue has room for one job per thread, and the threads live as long as this.
        let _ = self.jobs.try_send(job);
    }

    /// A job was reported as done.
    pub fn finished(&mut self) {
        self.free = (self.free + 1).min(self.threads);
    }
}

fn work<T: Transcriber>(mut transcriber: T, queue: &Mutex<Receiver<Job>>, report: &impl Fn(Done)) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        let result = catch_unwind(AssertUnwindSafe(|| transcriber.transcribe(&job)));
        let result = result.unwrap_or_else(|_| Err(TranscribeError("it panicked".into())));
        report(Done { job: job.id, result });
    }
}
