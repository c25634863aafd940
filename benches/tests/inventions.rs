//! Where nobody speaks there are no captions: the real model, the real pipeline, virtual time.

#![allow(clippy::unwrap_used)]

use hearken_benches::captions::{Decoder, Noise, Rehearsal, packets};
use hearken_captions_core::Policy;
use hearken_captions_worker::{Context, WhisperModel, model};

#[test]
fn no_noise_is_taken_for_words() {
    let name = std::env::var("HEARKEN_MODEL").unwrap_or_else(|_| model::DEFAULT_MODEL.into());
    let cache = model::default_cache_dir().unwrap();
    let model = WhisperModel::load(&model::resolve(&name, &cache).unwrap()).unwrap();
    let mut sound = Vec::new();
    for (seed, noise) in Noise::ALL.iter().enumerate() {
        sound.extend(noise.samples(2.5, seed as u64));
        sound.extend(Noise::Silence.samples(0.8, 0));
    }
    let mut decoder = Decoder::new(&model, Context::Fitted).unwrap();
    let played = Rehearsal::new(&mut decoder, Policy::default(), 1).play(packets(1, &sound, 0.0).unwrap());
    let said: Vec<_> = played
        .events
        .iter()
        .map(|(_, event)| {
            (
                event.started_at,
                event.stable.0.clone(),
                event.tentative.0.clone(),
            )
        })
        .filter(|(_, stable, tentative)| !stable.is_empty() || !tentative.is_empty())
        .collect();
    assert!(said.is_empty(), "{said:?}");
}
