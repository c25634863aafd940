//! The program: the command line, and the wiring of the parts. Nothing else is in here.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod addresses;
mod assets;
mod captions;
mod cli;
mod config;
mod listen;
mod log;
mod media;
mod metrics;
mod models;
mod operator_key;
mod serve;
mod terminal;
mod tls;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command, ModelCommand};

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(flags) => serve::main(&flags),
        Command::Captions => hearken_captions_worker::main_from_environment(),
        Command::Model(ModelCommand::List) => models::list(),
        Command::Model(ModelCommand::Fetch { model }) => models::fetch(model),
        Command::Model(ModelCommand::Import { file }) => models::import(&file),
        Command::Model(ModelCommand::Use { model }) => models::choose(&model),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::complain(&format!("hearken: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
