//! The caption model and the process that writes captions with it. Without a usable model the server runs
//! without captions, and says so.

use std::path::{Path, PathBuf};

use anyhow::Context;
use hearken_captions_worker::model::{self, ModelError};
use hearken_captions_worker::{Supervisor, SupervisorConfig};
use hearken_protocol::{CaptionNews, CaptionsState, SpeechPacket};
use prometheus::Registry;
use tokio::sync::mpsc;

use crate::terminal;

/// Captions as they are in this process.
pub struct Captions {
    /// Keeps the captions process running; absent without a model.
    pub supervisor: Option<Supervisor>,
    /// What it has to say.
    pub news: mpsc::Receiver<CaptionNews>,
    /// Why there are none, if there are none.
    pub missing: Option<ModelError>,
    /// Kept so that `news` stays open when nobody else has anything to say.
    _sender: Option<mpsc::Sender<CaptionNews>>,
}

impl Captions {
    /// Starts the captions process with the model of this name or path.
    ///
    /// # Errors
    ///
    /// If no process can be started at all.
    pub async fn start(
        model: Option<&str>,
        registry: &Registry,
        speech: mpsc::Receiver<SpeechPacket>,
    ) -> anyhow::Result<Self> {
        match find_model(model) {
            Ok(path) => {
                let (supervisor, news) = Supervisor::start(SupervisorConfig::new(path), registry, speech)
                    .context("the captions process cannot be started")?;
                Ok(Self {
                    supervisor: Some(supervisor),
                    news,
                    missing: None,
                    _sender: None,
                })
            }
            Err(error) => {
                let (sender, news) = mpsc::channel(1);
                sender
                    .send(CaptionNews::State(CaptionsState::Unavailable))
                    .await?;
                Ok(Self {
                    supervisor: None,
                    news,
                    missing: Some(error),
                    _sender: Some(sender),
                })
            }
        }
    }
}

/// Finds a model and looks at it: whisper.cpp would end its process on a broken one.
fn find_model(name: Option<&str>) -> Result<PathBuf, ModelError> {
    let name = name.unwrap_or(model::DEFAULT_MODEL);
    let path = model::resolve(name, &cache_dir())?;
    model::check(&path)?;
    Ok(path)
}

/// Without a home there is no cache; then only paths lead to a model.
fn cache_dir() -> PathBuf {
    model::default_cache_dir().unwrap_or_default()
}

/// `hearken model fetch`
///
/// # Errors
///
/// If pip is missing or fails, or the disk is full.
pub fn fetch_model() -> anyhow::Result<()> {
    model::fetch(&cache_dir(), &mut |step| terminal::say(&step.to_string()))?;
    Ok(())
}

/// `hearken model import FILE`
///
/// # Errors
///
/// If the file is no usable model, or the disk is full.
pub fn import_model(file: &Path) -> anyhow::Result<()> {
    let path = model::import(file, &cache_dir())?;
    let name = model::name_of(&path);
    terminal::say(&format!("The caption model is in {}.", path.display()));
    if name != model::DEFAULT_MODEL {
        terminal::say(&format!("To use it: HEARKEN_MODEL={name}"));
    }
    Ok(())
}
