//! How long joining takes: from sending the offer to the first media, one after the other, into a session that is in
//! full swing. The others are served by a thread of their own, so that nothing of their work is in it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hearken_sfu_core::transport::Identity;

use crate::offer::offer;
use crate::peer::{Offering, Peer, Publishing};
use crate::run::{Load, join_room, pump};
use crate::synthetic::{Sound, VideoShape};
use crate::tally::{Tally, Window};
use crate::{CaptionModel, Links, Schedule, ServerProcess, Shape, Signaling};

/// The others serve their deadlines this long before they look whether it is over.
const SLICE: Duration = Duration::from_millis(100);
const JOIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Between one join and the next: the server takes note of who left.
const PAUSE: Duration = Duration::from_millis(100);
/// Joiners' numbers begin here, those of the others at 0.
const JOINERS: u32 = 1000;

/// What joins took, each list sorted.
#[derive(Debug, Clone, Default)]
pub struct JoinReport {
    /// Until the first packet.
    pub first_media: Vec<Duration>,
    /// Until the first packet of a picture, which begins with a key frame.
    pub first_video: Vec<Duration>,
}

/// `joins` people join a session of `people` others, and leave again.
pub fn measure_joins(binary: &Path, people: usize, joins: usize) -> Result<JoinReport> {
    let server = ServerProcess::start(binary, 1, CaptionModel::None)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let identity = Arc::new(Identity::generate()?);
    let mut tally = Tally::new(Instant::now(), Window::NEVER)?;
    let shape = Shape {
        rooms: 1,
        people,
        publishers: people,
    };
    // Seats of those who leave stay taken for a while, in case they come back.
    let capacity = people + joins;
    let joined = join_room(
        &server,
        capacity,
        (shape, Load::default()),
        &identity,
        0,
        &mut tally,
    );
    let (joined, links) = runtime.block_on(joined)?;
    let (lines, mut peers): (Vec<_>, Vec<_>) = joined.into_iter().unzip();

    let is_over = Arc::new(AtomicBool::new(false));
    let ending = Arc::clone(&is_over);
    let others = std::thread::spawn(move || -> Result<()> {
        while !ending.load(Ordering::Acquire) {
            pump(&mut peers, &mut tally, Instant::now() + SLICE)?;
        }
        Ok(())
    });
    let report = runtime.block_on(async {
        for line in lines {
            tokio::spawn(line.idle());
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        let mut report = JoinReport::default();
        for number in 0..joins {
            let number = JOINERS + u32::try_from(number)?;
            let peer = join_once(&server, &links, &identity, number, people).await?;
            report.first_media.extend(peer.first_media().any);
            report.first_video.extend(peer.first_media().video);
            tokio::time::sleep(PAUSE).await;
        }
        anyhow::Ok(report)
    });
    is_over.store(true, Ordering::Release);
    others.join().expect("it does not panic")?;
    let mut report = report?;
    report.first_media.sort();
    report.first_video.sort();
    Ok(report)
}

/// One join, until there are sound and picture.
async fn join_once(
    server: &ServerProcess,
    links: &Links,
    identity: &Arc<Identity>,
    number: u32,
    others: usize,
) -> Result<Peer> {
    let mut line = Signaling::join(&server.address, links, &format!("Joiner {number}")).await?;
    line.publish().await?;
    let present = line.present.clone();
    line.view_all(&present).await?;
    let mut offering = Offering::new(Arc::clone(identity), number)?;
    let sdp = offer(&offering.sections, others);
    offering.start_clock();
    let answer = line.negotiate(sdp).await?;
    let publishing = Publishing {
        schedule: Schedule::new(Instant::now(), number, VideoShape::default()),
        video: VideoShape::default(),
        sound: Sound::Speech,
        subscribers: 0,
    };
    let mut peer = offering.answered(&answer, Some(publishing))?;
    let mut tally = Tally::new(Instant::now(), Window::NEVER)?;
    let started = Instant::now();
    while peer.first_media().video.is_none() {
        ensure!(started.elapsed() < JOIN_TIMEOUT, "a join without media");
        let slice = Instant::now() + Duration::from_millis(1);
        pump(std::slice::from_mut(&mut peer), &mut tally, slice)?;
    }
    Ok(peer)
}
