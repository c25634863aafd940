//! `PROTOCOL.md` is true: each of its examples is a message as it goes over the wire, and none is missing.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use hearken_protocol::{
    ALL_CAPTIONS_CORRECTABLE, CAPTION_HISTORY_MAX, ClientMessage, ErrorCode, MESSAGE_BYTES_MAX,
    NAME_CHARACTERS_MAX, OWN_CAPTIONS_CORRECTABLE, Permission, Request, SDP_MESSAGE_BYTES_MAX, ServerMessage,
    WORD_SURE_MIN,
};
use serde_json::Value;
use ts_rs::{Config, TS};

const PROTOCOL: &str = include_str!("../../PROTOCOL.md");

/// The code blocks whose info string is `json` and this word.
fn examples(of: &str) -> Vec<&'static str> {
    let opening = format!("```json {of}\n");
    let after = PROTOCOL.split(opening.as_str()).skip(1);
    after.map(|text| text.split_once("```").unwrap().0).collect()
}

/// The `type` of every variant of a message.
fn types<T: TS>() -> BTreeSet<String> {
    let declaration = T::decl(&Config::default());
    let after = declaration.split("\"type\": \"").skip(1);
    after
        .map(|text| text.split_once('"').unwrap().0.to_owned())
        .collect()
}

/// The words of an enum of words.
fn words<T: TS>() -> Vec<String> {
    let declaration = T::decl(&Config::default());
    declaration
        .split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn type_of(value: &Value) -> String {
    value["type"].as_str().unwrap().to_owned()
}

#[test]
fn every_example_says_who_says_it() {
    let all = PROTOCOL.matches("```json").count();
    assert_eq!(
        all,
        examples("client").len() + examples("server").len() + examples("http").len()
    );
}

#[test]
fn every_client_message_has_an_example_that_parses_to_nothing_less() {
    let mut shown = BTreeSet::new();
    for example in examples("client") {
        let request = Request::parse(example).unwrap_or_else(|error| panic!("{error}: {example}"));
        let value: Value = serde_json::from_str(example).unwrap();
        assert_eq!(
            serde_json::to_value(&request).unwrap(),
            value,
            "a field of this example is unknown"
        );
        shown.insert(type_of(&value));
    }
    assert_eq!(shown, types::<ClientMessage>());
}

#[test]
fn every_server_message_has_an_example_that_parses_to_nothing_less() {
    let mut shown = BTreeSet::new();
    for example in examples("server") {
        let message: ServerMessage =
            serde_json::from_str(example).unwrap_or_else(|error| panic!("{error}: {example}"));
        let value: Value = serde_json::from_str(example).unwrap();
        assert_eq!(
            serde_json::to_value(&message).unwrap(),
            value,
            "a field of this example is unknown"
        );
        shown.insert(type_of(&value));
    }
    assert_eq!(shown, types::<ServerMessage>());
}

#[test]
fn http_examples_are_json() {
    for example in examples("http") {
        let value: Value = serde_json::from_str(example).unwrap_or_else(|error| panic!("{error}: {example}"));
        assert!(value.is_object());
    }
}

#[test]
fn the_parser_knows_every_type() {
    let known: BTreeSet<String> = ClientMessage::TYPES.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(known, types::<ClientMessage>());
}

#[test]
fn every_error_code_and_permission_is_explained() {
    for code in words::<ErrorCode>() {
        assert!(PROTOCOL.contains(&format!("\n| `{code}` | ")), "{code}");
    }
    for permission in words::<Permission>() {
        assert!(PROTOCOL.contains(&format!("`{permission}`")), "{permission}");
    }
}

#[test]
fn limits_are_those_of_the_code() {
    for limit in [MESSAGE_BYTES_MAX, SDP_MESSAGE_BYTES_MAX] {
        assert!(PROTOCOL.contains(&format!("({limit} bytes)")), "{limit}");
    }
    assert!(PROTOCOL.contains(&format!("1 to {NAME_CHARACTERS_MAX} characters, trimmed")));
    assert!(PROTOCOL.contains(&format!("{CAPTION_HISTORY_MAX} at most")));
    assert!(PROTOCOL.contains(&format!(
        "own last {OWN_CAPTIONS_CORRECTABLE} captions, captioners the last {ALL_CAPTIONS_CORRECTABLE} of all"
    )));
    assert!(PROTOCOL.contains(&format!("below {WORD_SURE_MIN} it is a guess")));
}
