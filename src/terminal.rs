//! What is said to whoever started the program, and to nobody else: this never goes through the log.

use std::io::{self, Write};

/// Says something. A closed terminal is no reason to stop.
pub fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Says what went wrong.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
