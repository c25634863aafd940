//! What became of the lines that somebody typed.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{CaptionId, Sensitive};

/// A line that somebody typed and that has ended, for its typist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TypedEnd {
    /// As in `type`.
    pub line: u32,
    /// The caption that it is.
    pub id: CaptionId,
    /// What became of it.
    pub fate: TypedFate,
}

/// What became of a typed line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TypedFate {
    /// Its typist was done with it.
    Done,
    /// It ended as it stood, and stands so: its typist may put it right.
    Cut {
        /// What stands.
        #[ts(type = "string")]
        text: Sensitive<String>,
        /// The revision as which it ended.
        revision: u32,
    },
    /// It ended as it stood, off the record: its typist may put it right once, and nothing of it is kept.
    Unkept,
    /// It ended as it stood, and its typist was the first to put it right: by the end of the line, or beside it.
    Mended {
        /// What stood when it ended.
        #[ts(type = "string")]
        text: Sensitive<String>,
        /// What its typist made of it.
        #[ts(type = "string")]
        to: Sensitive<String>,
    },
    /// It ended as it stood, and somebody else has put it right since, or taken it back.
    Changed {
        /// What stood when it ended.
        #[ts(type = "string")]
        text: Sensitive<String>,
    },
}
