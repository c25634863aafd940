//! What the wire format promises, whatever the types behind it.

#![allow(clippy::unwrap_used)]

use hearken_protocol::{
    ClientMessage, ErrorCode, GroupId, Hello, Importance, ParticipantId, Request, Sensitive, ServerMessage,
    SessionId, Slot, Timestamp, TrackSource, ViewItem, ViewMode,
};
use serde_json::{from_str, from_value, json, to_value};

#[test]
fn ids_are_fixed_length_lower_case_hexadecimal() {
    assert_eq!(ParticipantId(0xab).to_string(), "00000000000000ab");
    assert_eq!(SessionId(1).to_string(), "00000000000000000000000000000001");
    assert_eq!("00000000000000ab".parse(), Ok(ParticipantId(0xab)));
    assert_eq!("000000000000000000000000000000ff".parse(), Ok(GroupId(0xff)));
    for wrong in [
        "",
        "ab",
        "00000000000000AB",
        "+0000000000000ab",
        "00000000000000abc",
        "0x000000000000ab",
    ] {
        assert!(
            wrong.parse::<ParticipantId>().is_err(),
            "{wrong:?} was taken for an id"
        );
    }
}

#[test]
fn ids_are_strings_in_json() {
    let id = ParticipantId(u64::MAX);
    assert_eq!(to_value(id).unwrap(), json!("ffffffffffffffff"));
    assert_eq!(
        from_value::<ParticipantId>(json!("ffffffffffffffff")).unwrap(),
        id
    );
    assert!(from_value::<ParticipantId>(json!(7)).is_err());
}

#[test]
fn a_request_is_its_message_with_an_optional_number_beside() {
    let plain = Request {
        request: None,
        message: ClientMessage::RaiseHand,
    };
    assert_eq!(to_value(&plain).unwrap(), json!({"type": "raise_hand"}));
    let numbered = Request {
        request: Some(7),
        message: ClientMessage::Admit {
            participant: ParticipantId(5),
        },
    };
    let wire = json!({"request": 7, "type": "admit", "participant": "0000000000000005"});
    assert_eq!(to_value(&numbered).unwrap(), wire);
    assert_eq!(from_value::<Request>(wire).unwrap(), numbered);
    assert_eq!(
        from_value::<Request>(json!({"type": "raise_hand"})).unwrap(),
        plain
    );
    assert_eq!(
        from_value::<Request>(json!({"type": "raise_hand", "request": null})).unwrap(),
        plain
    );
}

#[test]
fn every_shape_of_message_survives_the_round_trip() {
    let items = vec![ViewItem {
        participant: ParticipantId(9),
        source: TrackSource::ScreenAudio,
        width: 640,
        height: 360,
        importance: Importance::Pinned,
    }];
    let hello = Hello {
        versions: vec![1, 2],
        session_id: SessionId(u128::MAX),
        token: "token".into(),
        name: "Ann".into(),
        guidelines_accepted: true,
        resume: Some("resume".into()),
    };
    for message in [
        ClientMessage::Hello(hello),
        ClientMessage::Ping,
        ClientMessage::Offer {
            negotiation: u32::MAX,
            sdp: "v=0\r\n".into(),
            end_to_end_encrypted: true,
        },
        ClientMessage::View {
            items,
            mode: ViewMode::AudioOnly,
        },
        ClientMessage::LowerHand { participant: None },
        ClientMessage::LowerHand {
            participant: Some(ParticipantId(3)),
        },
    ] {
        let request = Request {
            request: Some(1),
            message,
        };
        let text = serde_json::to_string(&request).unwrap();
        assert_eq!(from_str::<Request>(&text).unwrap(), request, "{text}");
    }
    let slot = ServerMessage::Slot(Slot {
        mid: "4".into(),
        generation: 2,
        content: None,
    });
    assert_eq!(
        to_value(&slot).unwrap(),
        json!({"type": "slot", "mid": "4", "generation": 2, "content": null})
    );
}

#[test]
fn unknown_fields_are_ignored() {
    let wire = json!({"type": "set_microphone", "on": true, "gain": 3, "request": 1, "trace": {"a": [1]}});
    let request: Request = from_value(wire).unwrap();
    assert_eq!(
        request,
        Request {
            request: Some(1),
            message: ClientMessage::SetMicrophone { on: true }
        }
    );
    let request: Request = from_value(json!({"type": "leave", "why": "tea"})).unwrap();
    assert_eq!(request.message, ClientMessage::Leave);
}

#[test]
fn an_unknown_type_is_told_from_a_malformed_message() {
    let parse = |wire: &str| Request::parse(wire).map_err(|error| (error.request, error.code));
    assert_eq!(
        parse(r#"{"type":"unmute_by_force","request":3}"#),
        Err((Some(3), ErrorCode::UnknownMessage))
    );
    for wire in [
        r#"{"type":7}"#,
        "{}",
        "[]",
        r#""ping""#,
        "{",
        "",
        r#"{"type":"mute"}"#,
        r#"{"type":"ping","request":-1}"#,
    ] {
        assert_eq!(parse(wire), Err((None, ErrorCode::Malformed)), "{wire}");
    }
    assert_eq!(
        parse(r#"{"type":"set_microphone","request":9}"#),
        Err((Some(9), ErrorCode::Malformed))
    );
    assert_eq!(
        parse(r#"{"type":"ping"}"#),
        Ok(Request {
            request: None,
            message: ClientMessage::Ping
        })
    );
}

#[test]
fn deep_nesting_is_an_error_not_an_overflow() {
    let wire = format!(
        r#"{{"type":"ping","x":{}{}}}"#,
        "[".repeat(7000),
        "]".repeat(7000)
    );
    assert_eq!(Request::parse(&wire).unwrap_err().code, ErrorCode::Malformed);
}

#[test]
fn values_out_of_range_are_rejected() {
    for wire in [
        json!({"type": "offer", "negotiation": -1, "sdp": ""}),
        json!({"type": "set_microphone", "on": "yes"}),
        json!({"type": "set_microphone"}),
        json!({"type": "ping", "request": 4_294_967_296_u64}),
        json!({"type": "view", "items": [{"participant": "0000000000000001", "source": "camera", "width": 70000, "height": 1}]}),
        json!({"type": "view", "items": [{"participant": "0000000000000001", "source": "face", "width": 7, "height": 1}]}),
    ] {
        assert!(
            from_value::<Request>(wire.clone()).is_err(),
            "{wire} was taken for a message"
        );
    }
}

#[test]
fn personal_data_never_shows_in_debug_output() {
    let secret: Sensitive<String> = "Ann of Green Gables".into();
    assert_eq!(format!("{secret:?}"), "[redacted]");
    let hello = ClientMessage::Hello(Hello {
        versions: vec![1],
        session_id: SessionId(1),
        token: "the-token".into(),
        name: "Ann".into(),
        guidelines_accepted: true,
        resume: Some("the-resume".into()),
    });
    let offer = ClientMessage::Offer {
        negotiation: 1,
        sdp: "a=candidate 192.0.2.7".into(),
        end_to_end_encrypted: false,
    };
    let shown = format!("{hello:?} {offer:?}");
    for part in ["the-token", "Ann", "the-resume", "192.0.2.7"] {
        assert!(!shown.contains(part), "{shown}");
    }
}

#[test]
fn times_are_plain_milliseconds() {
    assert_eq!(
        to_value(Timestamp(1_700_000_000_000)).unwrap(),
        json!(1_700_000_000_000_u64)
    );
    assert_eq!(from_value::<Timestamp>(json!(5)).unwrap(), Timestamp(5));
    assert!(from_value::<Timestamp>(json!(-5)).is_err());
    assert!(Timestamp::try_from(-1_i128).is_err());
}
