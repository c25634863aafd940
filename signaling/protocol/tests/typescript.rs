//! Makes the TypeScript types of the browser protocol and fails when the committed file is stale.
//!
//! `UPDATE_GENERATED=1 cargo test -p hearken-protocol --test typescript` writes it anew.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use hearken_protocol as protocol;
use ts_rs::{Config, TS, TypeVisitor};

const GENERATED: &str = "../../web-client/src/protocol/generated.ts";

const HEADER: &str = "\
// Made from the crate in signaling/protocol by its test tests/typescript.rs: do not edit.
// To make it anew: UPDATE_GENERATED=1 cargo test -p hearken-protocol --test typescript
";

/// Declarations by name, so that the file's order does not depend on where a type is first used.
#[derive(Default)]
struct Declarations {
    config: Config,
    by_name: BTreeMap<String, String>,
}

impl TypeVisitor for Declarations {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        // Primitives and wrappers have no file, so no declaration; but what they wrap may have one.
        if T::output_path().is_some() {
            let name = T::ident(&self.config);
            if self.by_name.contains_key(&name) {
                return;
            }
            let docs = T::docs().unwrap_or_default();
            self.by_name
                .insert(name, format!("{docs}export {}\n", T::decl(&self.config)));
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
}

/// Names, what they mean, and values.
const CONSTANTS: [(&str, &str, usize); 13] = [
    (
        "PROTOCOL_VERSION",
        "Version of the browser protocol.",
        protocol::PROTOCOL_VERSION as usize,
    ),
    (
        "MESSAGE_BYTES_MAX",
        "Largest message a client may send, except an offer, in bytes.",
        protocol::MESSAGE_BYTES_MAX,
    ),
    (
        "SDP_MESSAGE_BYTES_MAX",
        "Largest offer a client may send, in bytes.",
        protocol::SDP_MESSAGE_BYTES_MAX,
    ),
    (
        "CAPTION_HISTORY_MAX",
        "How many final captions the server keeps for who comes later.",
        protocol::CAPTION_HISTORY_MAX,
    ),
    (
        "OWN_CAPTIONS_CORRECTABLE",
        "How many of their latest captions speakers can put right.",
        protocol::OWN_CAPTIONS_CORRECTABLE,
    ),
    (
        "ALL_CAPTIONS_CORRECTABLE",
        "How many of the latest captions of all captioners can put right.",
        protocol::ALL_CAPTIONS_CORRECTABLE,
    ),
    (
        "WORD_SURE_MIN",
        "A word of which the model is less sure than this, of 100, is a guess.",
        protocol::WORD_SURE_MIN as usize,
    ),
    (
        "TYPED_CHARACTERS_MAX",
        "Longest line that somebody types instead of speaking, in characters.",
        protocol::TYPED_CHARACTERS_MAX,
    ),
    (
        "TYPED_ENDS_MAX",
        "Lines of each typist of which it is remembered what became of them; a client has fewer that it does not know of.",
        protocol::TYPED_ENDS_MAX,
    ),
    (
        "VOCABULARY_TERMS_MAX",
        "Most terms of a group's vocabulary.",
        protocol::VOCABULARY_TERMS_MAX,
    ),
    (
        "VOCABULARY_TERM_CHARACTERS_MAX",
        "Longest term of a vocabulary, in characters.",
        protocol::VOCABULARY_TERM_CHARACTERS_MAX,
    ),
    (
        "VOCABULARY_CHARACTERS_MAX",
        "Longest vocabulary, in characters of all its terms.",
        protocol::VOCABULARY_CHARACTERS_MAX,
    ),
    (
        "NAME_CHARACTERS_MAX",
        "Longest name, in characters.",
        protocol::NAME_CHARACTERS_MAX,
    ),
];

/// In lines of a bearable length.
fn languages() -> String {
    let codes: Vec<String> = protocol::Language::all()
        .map(|language| format!("\"{}\"", language.code()))
        .collect();
    let lines: Vec<String> = codes.chunks(18).map(|line| line.join(", ")).collect();
    lines.join(",\n  ")
}

fn generate() -> String {
    let mut declarations = Declarations::default();
    declarations.visit::<protocol::Request>();
    declarations.visit::<protocol::ClientMessage>();
    declarations.visit::<protocol::ServerMessage>();

    let mut text = String::from(HEADER);
    for (name, docs, value) in CONSTANTS {
        writeln!(text, "\n/** {docs} */\nexport const {name} = {value};").unwrap();
    }
    writeln!(
        text,
        "\n/** Languages that speech models know, by code. */\nexport const LANGUAGES = [\n  {},\n] as const;",
        languages()
    )
    .unwrap();
    for declaration in declarations.by_name.values() {
        write!(text, "\n{declaration}").unwrap();
    }
    text
}

#[test]
fn generated_types_are_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(GENERATED);
    let wanted = generate();
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "{GENERATED} is stale: run UPDATE_GENERATED=1 cargo test -p hearken-protocol --test typescript"
    );
}
