//! What captions keep in memory: the model, a decoding thread, a speaker.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use hearken_captions_core::{Hypothesis, Job, Policy, SAMPLE_RATE};
use hearken_captions_worker::{Context, Pipeline, WhisperModel};

use crate::captions::decoder::Decoder;
use crate::captions::rehearsal::packets;
use crate::process::Stat;

/// Speakers at once, so that pages do not matter.
const SPEAKERS: u64 = 100;
/// Longest sound that a thread decodes.
const SOUND: Duration = Duration::from_secs(12);

/// Resident memory in bytes that came with each part.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Another decoding thread, after its first work.
    pub thread: u64,
    /// Another speaker in the middle of ten seconds without a pause.
    pub speaker: u64,
}

impl Memory {
    /// Measures it. `speech` is anybody's, of ten seconds or more.
    ///
    /// # Errors
    /// When there is no memory to read, or none left.
    pub fn measure(model: &WhisperModel, policy: Policy, speech: &[i16]) -> Result<Self> {
        let before = resident_bytes()?;
        let mut decoder = Decoder::new(model, Context::Fitted)?;
        let sound = speech.iter().cycle().take(SAMPLE_RATE * SOUND.as_secs() as usize);
        let job = Job::of_nobody(sound.map(|sample| f32::from(*sample) / 32_768.0).collect());
        let _ = decoder.decode(&job);
        drop(job);
        let thread = resident_bytes()?.saturating_sub(before);
        Ok(Self {
            thread,
            speaker: of_a_speaker(policy, speech)?,
        })
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "memory: {} KB a speaker, {} MB a decoding thread",
            self.speaker / 1_000,
            self.thread / 1_000_000
        )
    }
}

fn of_a_speaker(policy: Policy, speech: &[i16]) -> Result<u64> {
    let sent = packets(0, &speech[..speech.len().min(SAMPLE_RATE * 10)], 0.0)?;
    let mut pipeline = Pipeline::new(1, policy);
    let before = resident_bytes()?;
    for packet in &sent {
        for speaker in 0..SPEAKERS {
            let mut packet = packet.clone();
            packet.participant = hearken_protocol::ParticipantId(speaker);
            let now = packet.received_at;
            pipeline.packet(now, packet);
            // A model that takes no time and hears nothing: only what speakers keep counts.
            while let Some(job) = pipeline.next_job(now) {
                pipeline.finish_job(job.id, Ok(Hypothesis::silence()));
            }
            while pipeline.poll_event().is_some() {}
        }
    }
    Ok(resident_bytes()?.saturating_sub(before) / SPEAKERS)
}

/// Resident memory of this process.
///
/// # Errors
/// Where there is no `/proc`.
pub fn resident_bytes() -> Result<u64> {
    Ok(Stat::read(std::process::id())?.cost()?.memory_bytes)
}

/// What of it the allocator has given out.
pub fn allocated_bytes() -> u64 {
    // SAFETY: takes no arguments and only reads the allocator's own counters.
    let info = unsafe { libc::mallinfo2() };
    (info.uordblks + info.hblkhd) as u64
}
