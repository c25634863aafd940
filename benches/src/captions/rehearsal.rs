//! Speech through the real caption pipeline in virtual time: sound takes as long as it lasts, decoding as long as
//! the processor really works at it. What else runs on the machine does not count.

use std::time::Duration;

use anyhow::Result;
use hearken_captions_core::{Hypothesis, JobId, Policy, SAMPLE_RATE, TranscribeError};
use hearken_captions_worker::{Pipeline, Report};
use hearken_protocol::{CaptionEvent, ParticipantId, SessionId, SpeechPacket, Timestamp};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::captions::decoder::Decoder;

/// Samples in a packet: 20 ms.
pub(crate) const PACKET_SAMPLES: usize = SAMPLE_RATE / 50;
/// When the virtual time begins.
pub const START: Timestamp = Timestamp(1_700_000_000_000);
/// How finely virtual time passes while nothing comes in.
const TICK: Duration = Duration::from_millis(5);
/// How long the pipeline is left to finish after the last packet.
const AFTERWARDS: Duration = Duration::from_secs(60);

/// Somebody's sound as a browser would send it: of which a share, 0 to 1, does not come.
///
/// # Errors
/// When there is no encoder.
pub fn packets(speaker: u64, sound: &[i16], loss: f64) -> Result<Vec<SpeechPacket>> {
    let mut microphone = Microphone::new(speaker)?;
    let mut random = SmallRng::seed_from_u64(speaker);
    let mut packets = Vec::new();
    for samples in sound.chunks_exact(PACKET_SAMPLES) {
        let packet = microphone.send(samples)?;
        if random.random::<f64>() >= loss {
            packets.push(packet);
        }
    }
    Ok(packets)
}

/// Encodes as a browser does: Opus of 20 ms, voice, 32 kbit/s, in-band FEC.
pub struct Microphone {
    speaker: u64,
    encoder: opus::Encoder,
    sent: u64,
}

impl Microphone {
    /// Nothing was said into it yet.
    ///
    /// # Errors
    /// When there is no encoder.
    pub fn new(speaker: u64) -> Result<Self> {
        let mut encoder =
            opus::Encoder::new(SAMPLE_RATE as u32, opus::Channels::Mono, opus::Application::Voip)?;
        encoder.set_bitrate(opus::Bitrate::Bits(32_000))?;
        encoder.set_inband_fec(true)?;
        encoder.set_packet_loss_perc(10)?;
        Ok(Self {
            speaker,
            encoder,
            sent: 0,
        })
    }

    /// The next packet, of 20 ms.
    ///
    /// # Errors
    /// When Opus refuses the sound.
    pub fn send(&mut self, samples: &[i16]) -> Result<SpeechPacket> {
        let index = self.sent;
        self.sent += 1;
        Ok(SpeechPacket {
            session: SessionId(1),
            participant: ParticipantId(self.speaker),
            stream: 0xabcd,
            sequence: 65_530 + index,
            rtp_timestamp: 0xffff_f000u32.wrapping_add(index as u32 * 960),
            received_at: START + Duration::from_millis(20 * (index + 1)),
            payload: self.encoder.encode_vec(samples, 1_500)?.into(),
        })
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Played {
    /// Every revision of a caption, and when it was made.
    pub events: Vec<(Timestamp, CaptionEvent)>,
    /// Processor time of everything: packets, voice detection, decoding.
    pub cpu: Duration,
    /// Decodings.
    pub jobs: usize,
    /// The longest that anything due waited.
    pub backlog: Duration,
}

struct Busy {
    until: Timestamp,
    job: JobId,
    result: Result<Hypothesis, TranscribeError>,
}

/// A pipeline with as many virtual threads as wanted; they decode one after the other, but at the same time.
pub struct Rehearsal<'a> {
    pipeline: Pipeline,
    decoder: &'a mut Decoder,
    threads: usize,
    busy: Vec<Busy>,
    /// Time of the threads in use so far.
    worked: Duration,
    now: Timestamp,
    played: Played,
}

impl<'a> Rehearsal<'a> {
    /// A pipeline of which nothing was heard yet.
    pub fn new(decoder: &'a mut Decoder, policy: Policy, threads: usize) -> Self {
        Self {
            pipeline: Pipeline::new(1, policy),
            decoder,
            threads,
            busy: Vec::new(),
            worked: Duration::ZERO,
            now: START,
            played: Played::default(),
        }
    }

    /// Plays packets of any number of speakers as they come in, until everything is said.
    pub fn play(mut self, mut packets: Vec<SpeechPacket>) -> Played {
        packets.sort_by_key(|packet| packet.received_at);
        for packet in packets {
            self.feed(packet);
        }
        self.finish()
    }

    /// Nothing more is said: what came of it when all that waited was decoded.
    pub fn finish(mut self) -> Played {
        let end = self.now + AFTERWARDS;
        let quiet = self.now + Duration::from_secs(3);
        while self.now < end && (self.now < quiet || !self.busy.is_empty() || !self.is_settled()) {
            self.run_until(self.now + TICK);
        }
        self.played
    }

    /// Plays the next packet; they have to come in the order of their times.
    pub fn feed(&mut self, packet: SpeechPacket) {
        self.run_until(packet.received_at);
        let before = thread_cpu_time();
        self.pipeline.packet(self.now, packet);
        self.played.cpu += thread_cpu_time() - before;
        self.work();
    }

    /// What the captioning process would report now, as far as the headroom and the back-log go by it.
    pub fn report(&self) -> Report {
        let counters = self.pipeline.counters();
        let milliseconds = |time: Duration| time.as_millis() as u64;
        Report {
            backlog_milliseconds: milliseconds(self.pipeline.backlog(self.now)),
            speech_milliseconds: counters.speech_milliseconds,
            jobs: counters.jobs,
            threads: self.threads as u64,
            busy_milliseconds: milliseconds(self.worked),
            ..Report::default()
        }
    }

    /// What came of it since the last time.
    pub fn take_played(&mut self) -> Played {
        std::mem::take(&mut self.played)
    }

    fn is_settled(&self) -> bool {
        self.pipeline.backlog(self.now).is_zero()
    }

    fn run_until(&mut self, until: Timestamp) {
        while self.now < until {
            let before = self.now;
            self.now = (self.now + TICK).min(until);
            self.worked += self.now.saturating_since(before) * self.busy.len() as u32;
            if self.now.0.is_multiple_of(50) {
                let before = thread_cpu_time();
                self.pipeline.tick(self.now);
                self.played.cpu += thread_cpu_time() - before;
                self.played.backlog = self.played.backlog.max(self.pipeline.backlog(self.now));
            }
            self.work();
        }
    }

    fn work(&mut self) {
        while let Some(index) = self.busy.iter().position(|busy| busy.until <= self.now) {
            let done = self.busy.swap_remove(index);
            self.pipeline.finish_job(done.job, done.result);
        }
        while self.busy.len() < self.threads {
            let Some(job) = self.pipeline.next_job(self.now) else {
                break;
            };
            let (result, cost) = self.decoder.decode(&job);
            self.played.cpu += cost;
            self.played.jobs += 1;
            let until = self.now + cost;
            self.busy.push(Busy {
                until,
                job: job.id,
                result,
            });
        }
        while let Some(event) = self.pipeline.poll_event() {
            self.played.events.push((self.now, event));
        }
    }
}

/// Processor time of this thread so far.
pub fn thread_cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a live timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
