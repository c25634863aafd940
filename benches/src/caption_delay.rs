//! How late captions are: one participant speaks recorded speech, another one notes when it can read it.
//!
//! Everything is measured from outside, by one clock: from the moment at which a packet was sent to the moment at
//! which a caption's message was read from the WebSocket.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use hearken_protocol::{Caption, CaptionId, CaptionStatus, CaptionsState, ServerMessage, Timestamp};
use hearken_sfu_core::transport::Identity;
use tokio::time::timeout;

use crate::offer::offer;
use crate::peer::{Offering, Peer};
use crate::run::pump;
use crate::scoring::{word_errors, words};
use crate::script::{Script, Utterance};
use crate::synthetic::AUDIO_INTERVAL;
use crate::tally::{Tally, Window};
use crate::{ApiClient, CaptionModel, Recording, ServerProcess, Signaling};

/// A model of this size is loaded long before that.
const MODEL_TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// After the script's end, for the last final.
const DRAIN: Duration = Duration::from_secs(5);

/// What became of one utterance.
#[derive(Debug, Clone)]
pub struct Spoken {
    /// The recording's name.
    pub name: String,
    /// From its first loud packet to its first text.
    pub first: Option<Duration>,
    /// From its last loud packet to the last of its finals.
    pub settled: Option<Duration>,
    /// Words said, and errors in what was heard; `None` without a transcript.
    pub words: Option<(usize, usize)>,
    /// The finals.
    pub heard: String,
}

/// What a run showed.
#[derive(Debug)]
pub struct CaptionReport {
    /// Every utterance, in order.
    pub spoken: Vec<Spoken>,
    /// How long somebody spoke.
    pub speech: Duration,
    /// How long the run was, pauses counted.
    pub length: Duration,
    /// CPU time of the server's process in it.
    pub server_cpu: Duration,
    /// CPU time of its children, which is the captions worker.
    pub worker_cpu: Duration,
}

/// A message about a caption, and when it was read.
struct Read {
    at: Instant,
    caption: Caption,
}

/// Plays the script in real time to a server of its own. `None` where there are no captions: then it has no
/// usable model.
pub fn measure_captions(
    binary: &Path,
    recordings: &[Recording],
    script: &Script,
) -> Result<Option<CaptionReport>> {
    let server = ServerProcess::start(binary, 1, CaptionModel::AsConfigured)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let links = ApiClient::new(&server).create_captioned_session(2)?;
    let joined = runtime.block_on(async {
        let mut listener = Signaling::join(&server.address, &links, "Listener").await?;
        let ready = timeout(MODEL_TIMEOUT, captions_are_on(&mut listener));
        if !ready.await.context("the captions did not start")?? {
            return Ok(None);
        }
        let mut speaker = Signaling::join(&server.address, &links, "Speaker").await?;
        speaker.unmute().await?;
        let offering = Offering::new(Arc::new(Identity::generate()?), 0)?;
        let answer = speaker.negotiate(offer(&offering.sections, 1)).await?;
        anyhow::Ok(Some((listener, speaker, offering.answered(&answer, None)?)))
    })?;
    let Some((listener, speaker, mut peer)) = joined else {
        return Ok(None);
    };
    let (read, reads) = mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let sockets = std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::spawn(speaker.idle());
            tokio::spawn(listen(listener, read));
            let _ = stopped.await;
        });
    });

    let mut tally = silent_tally()?;
    connect(&mut peer, &mut tally)?;
    let before = (server.cost()?, server.children_cost()?);
    let started = Instant::now();
    let unix_time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let sent = play(&mut peer, script, &mut tally)?;
    pump(
        std::slice::from_mut(&mut peer),
        &mut tally,
        Instant::now() + DRAIN,
    )?;
    let after = (server.cost()?, server.children_cost()?);
    let length = started.elapsed();
    let _ = stop.send(());
    let _ = sockets.join();

    let times: Vec<(Instant, Instant)> = script
        .utterances
        .iter()
        .map(|utterance| (sent[*utterance.loud.start()], sent[*utterance.loud.end()]))
        .collect();
    let read_at = |timestamp: Timestamp| {
        let since = Duration::from_millis(timestamp.0).saturating_sub(unix_time);
        started + since
    };
    let mut by_utterance: Vec<Vec<Read>> = times.iter().map(|_| Vec::new()).collect();
    for read in reads {
        let at = which(&times, read_at(read.caption.started_at));
        by_utterance[at].push(read);
    }
    let spoken = script.utterances.iter().zip(&times).zip(&by_utterance);
    Ok(Some(CaptionReport {
        spoken: spoken
            .map(|((utterance, times), reads)| evaluate(utterance, recordings, *times, reads))
            .collect(),
        speech: script.speech(),
        length,
        server_cpu: after.0.cpu - before.0.cpu,
        worker_cpu: after.1.cpu.saturating_sub(before.1.cpu),
    }))
}

/// Waits until it is known whether there are captions.
async fn captions_are_on(line: &mut Signaling) -> Result<bool> {
    let mut state = line.captions;
    loop {
        match state {
            CaptionsState::On | CaptionsState::Late => return Ok(true),
            CaptionsState::Off | CaptionsState::Unavailable => return Ok(false),
            CaptionsState::Starting => {}
        }
        if let ServerMessage::Captions { state: new } = line.receive().await? {
            state = new;
        }
    }
}

async fn listen(mut line: Signaling, read: mpsc::Sender<Read>) {
    while let Ok(message) = line.receive().await {
        let at = Instant::now();
        if let ServerMessage::Caption(caption) = message
            && read.send(Read { at, caption }).is_err()
        {
            return;
        }
    }
}

/// One that counts nothing: the speaker's packets carry no time.
fn silent_tally() -> Result<Tally> {
    Tally::new(Instant::now(), Window::NEVER)
}

fn connect(peer: &mut Peer, tally: &mut Tally) -> Result<()> {
    let started = Instant::now();
    while !peer.is_connected() {
        ensure!(started.elapsed() < CONNECT_TIMEOUT, "no connection to the server");
        pump(std::slice::from_mut(peer), tally, Instant::now() + AUDIO_INTERVAL)?;
    }
    Ok(())
}

/// Sends every frame when it is due and returns when that was.
fn play(peer: &mut Peer, script: &Script, tally: &mut Tally) -> Result<Vec<Instant>> {
    let mut due = Instant::now();
    let mut sent = Vec::with_capacity(script.frames.len());
    for frame in &script.frames {
        pump(std::slice::from_mut(peer), tally, due)?;
        peer.send_speech(&frame.payload, frame.level)?;
        sent.push(Instant::now());
        due += AUDIO_INTERVAL;
    }
    Ok(sent)
}

/// To which utterance something belongs that was said at that time: the border is the middle of the pause.
fn which(times: &[(Instant, Instant)], at: Instant) -> usize {
    let borders = times.windows(2).map(|pair| {
        let (end, next) = (pair[0].1, pair[1].0);
        end + next.saturating_duration_since(end) / 2
    });
    borders.take_while(|border| *border <= at).count()
}

fn evaluate(
    utterance: &Utterance,
    recordings: &[Recording],
    (begun, ended): (Instant, Instant),
    reads: &[Read],
) -> Spoken {
    let recording = &recordings[utterance.recording];
    let has_text = |caption: &Caption| !caption.stable.0.is_empty() || !caption.tentative.0.is_empty();
    let first = reads.iter().find(|read| has_text(&read.caption));
    let finals = || {
        reads
            .iter()
            .filter(|read| read.caption.status == CaptionStatus::Final && has_text(&read.caption))
    };
    let texts: BTreeMap<CaptionId, &str> = finals()
        .map(|read| (read.caption.id, read.caption.stable.0.as_str()))
        .collect();
    let heard = texts.into_values().collect::<Vec<_>>().join(" ");
    Spoken {
        name: recording.name.clone(),
        first: first.map(|read| read.at.saturating_duration_since(begun)),
        settled: finals()
            .map(|read| read.at.saturating_duration_since(ended))
            .max(),
        words: recording.transcript.as_deref().map(|text| {
            let said = words(text);
            (said.len(), word_errors(&said, &words(&heard)))
        }),
        heard,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_belong_to_the_utterance_they_were_said_in() {
        let start = Instant::now();
        let second = |seconds: u64| start + Duration::from_secs(seconds);
        let times = [(second(2), second(6)), (second(10), second(12))];
        assert_eq!(which(&times, second(0)), 0);
        assert_eq!(which(&times, second(7)), 0);
        assert_eq!(which(&times, second(9)), 1);
        assert_eq!(which(&times, second(30)), 1);
    }
}
