//! The captioning process: intake, Opus, voice activity, whisper.
