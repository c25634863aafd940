//! The process that writes captions, and the model it writes them with. Without a usable model the server runs
//! without captions, says so, and takes a model up when there is one.

use std::fs::Metadata;
use std::num::NonZero;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use hearken_captions_worker::model::{self, ModelError};
use hearken_captions_worker::{ModelChanger, Supervisor, SupervisorConfig};
use hearken_protocol::{CaptionNews, SpeechPacket};
use prometheus::Registry;
use tokio::sync::mpsc;

use crate::models;

/// How often the choice of the model and its file are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Captions as they are in this process.
pub struct Captions {
    /// Keeps the captions process running.
    pub supervisor: Supervisor,
    /// What it has to say.
    pub news: mpsc::Receiver<CaptionNews>,
    /// Why there are none, if there are none.
    pub missing: Option<ModelError>,
}

impl Captions {
    /// Starts the captions process with the model of this name or path, or without one the model chosen; and takes
    /// up another when that changes. `threads` voices are transcribed at once, or as many as the machine has cores
    /// for.
    ///
    /// # Errors
    ///
    /// If no process can be started at all.
    pub fn start(
        setting: Option<String>,
        threads: Option<NonZero<u16>>,
        registry: &Registry,
        speech: mpsc::Receiver<SpeechPacket>,
    ) -> anyhow::Result<Self> {
        let mut choice = Choice::new(setting, models::cache_dir());
        let (model, missing) = match choice.look() {
            Some(Ok(path)) => (Some(path), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        let config = SupervisorConfig {
            threads: threads.map(|threads| usize::from(threads.get())),
            ..SupervisorConfig::new(model)
        };
        let (supervisor, news) =
            Supervisor::start(config, registry, speech).context("the captions process cannot be started")?;
        tokio::spawn(follow(choice, supervisor.model_changer()));
        Ok(Self {
            supervisor,
            news,
            missing,
        })
    }
}

/// Gives the captions process the model that is chosen, whenever that changes.
async fn follow(mut choice: Choice, changer: ModelChanger) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    while changer.is_needed() {
        looks.tick().await;
        let looked = tokio::task::spawn_blocking(move || {
            let found = choice.look();
            (choice, found)
        });
        let Ok((looked_at, found)) = looked.await else {
            return;
        };
        choice = looked_at;
        match found {
            None => {}
            Some(Ok(path)) => {
                tracing::info!("another caption model is taken up when nobody speaks");
                if !changer.use_model(path) {
                    choice.forget();
                }
            }
            Some(Err(error)) => tracing::error!(%error, "another caption model can't be taken up"),
        }
    }
}

/// Which model is to be used, and which was found last.
struct Choice {
    setting: Option<String>,
    cache_dir: PathBuf,
    latest: Option<Found>,
}

/// What tells one model from another, or from nothing.
#[derive(PartialEq, Eq)]
enum Found {
    Missing(String),
    File {
        path: PathBuf,
        /// Device, number, size and time of change: the file under a name may be another one.
        identity: (u64, u64, u64, i64),
    },
}

impl Choice {
    fn new(setting: Option<String>, cache_dir: PathBuf) -> Self {
        Self {
            setting,
            cache_dir,
            latest: None,
        }
    }

    /// The model to be used, or why it can't be; nothing when it is the same as the last time.
    fn look(&mut self) -> Option<Result<PathBuf, ModelError>> {
        let wanted = models::wanted(self.setting.as_deref(), &self.cache_dir);
        let found = model::resolve(&wanted, &self.cache_dir);
        let now = match &found {
            Ok(path) => Found::File {
                path: path.clone(),
                identity: identity(path),
            },
            Err(_) => Found::Missing(wanted),
        };
        if self.latest.as_ref() == Some(&now) {
            return None;
        }
        self.latest = Some(now);
        // whisper.cpp would end its process on a broken one.
        Some(found.and_then(|path| model::check(&path).map(|_| path)))
    }

    /// Next time everything is new.
    fn forget(&mut self) {
        self.latest = None;
    }
}

fn identity(path: &Path) -> (u64, u64, u64, i64) {
    let of = |file: Metadata| (file.dev(), file.ino(), file.size(), file.mtime());
    path.metadata().map(of).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_told_once_and_again_when_it_or_its_file_changes() {
        let cache = tempfile::tempdir().unwrap();
        let models = cache.path().join("models");
        std::fs::create_dir(&models).unwrap();
        let mut choice = Choice::new(None, cache.path().to_owned());
        assert!(matches!(choice.look(), Some(Err(ModelError::NotFound(_)))));
        assert!(choice.look().is_none());
        std::fs::write(models.join("ggml-tiny.en-q8_0.bin"), "no model").unwrap();
        assert!(matches!(choice.look(), Some(Err(ModelError::Unusable { .. }))));
        assert!(choice.look().is_none());
        std::fs::write(models.join("ggml-tiny.en-q8_0.bin"), "another file").unwrap();
        assert!(choice.look().is_some());
        std::fs::write(cache.path().join("model-in-use"), "other").unwrap();
        assert!(matches!(choice.look(), Some(Err(ModelError::NotFound(_)))));
    }
}
