//! The servers that can be measured.

use std::path::PathBuf;

use anyhow::Result;

use crate::{CaptionModel, Cost, JanusProcess, ServerProcess};

/// What to start for each run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerKind {
    /// Ours.
    Hearken {
        /// The program.
        binary: PathBuf,
        /// Its shards.
        shards: usize,
    },
    /// Debian's, with its VideoRoom.
    Janus,
}

/// One of them, running.
pub enum Server {
    /// Ours.
    Hearken(ServerProcess),
    /// Debian's.
    Janus(JanusProcess),
}

impl ServerKind {
    /// What it is called in tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hearken { .. } => "Hearken",
            Self::Janus => "Janus",
        }
    }

    /// Starts it and waits until it is ready.
    pub fn start(&self) -> Result<Server> {
        Ok(match self {
            Self::Hearken { binary, shards } => {
                Server::Hearken(ServerProcess::start(binary, *shards, CaptionModel::None)?)
            }
            Self::Janus => Server::Janus(JanusProcess::start()?),
        })
    }
}

impl Server {
    /// What its process has used so far.
    pub fn cost(&self) -> Result<Cost> {
        match self {
            Self::Hearken(server) => server.cost(),
            Self::Janus(server) => server.cost(),
        }
    }
}
