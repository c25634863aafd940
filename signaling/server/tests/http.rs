//! The operator's API and the pages, over real sockets.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::atomic::Ordering;

use hearken_protocol::{CaptionAbilities, CaptionNews};
use support::World;

#[tokio::test]
async fn a_session_is_made_looked_at_and_ended() {
    let world = World::start().await;
    let made = world
        .api(
            "POST",
            "/api/v1/sessions",
            r#"{"name":"Tuesday circle","capacity":5}"#,
        )
        .await;
    assert_eq!(made.status, 201);
    let made = made.json();
    let id = made["session_id"].as_str().unwrap();
    for field in ["facilitator_url", "member_url"] {
        let (place, token) = made[field].as_str().unwrap().split_once('#').unwrap();
        assert!(
            place.starts_with("http://127.0.0.1:") && place.ends_with(&format!("/s/{id}")),
            "{place}"
        );
        assert!(token.len() > 100);
    }
    assert_ne!(made["facilitator_url"], made["member_url"]);

    let path = format!("/api/v1/sessions/{id}");
    let shown = world.api("GET", &path, "").await.json();
    assert_eq!(
        (&shown["name"], &shown["capacity"]),
        (&"Tuesday circle".into(), &5.into())
    );
    assert_eq!(
        (&shown["state"], &shown["waiting_room"]),
        (&"open".into(), &true.into())
    );
    assert!(shown["starts_at"].as_str().unwrap().ends_with('Z'));

    assert_eq!(world.api("DELETE", &path, "").await.status, 204);
    let shown = world.api("GET", &path, "").await.json();
    assert_eq!(
        (&shown["state"], &shown["end_reason"]),
        (&"ended".into(), &"operator".into())
    );
    assert_eq!(world.api("DELETE", &path, "").await.status, 204);
}

#[tokio::test]
async fn a_language_is_refused_that_the_caption_model_does_not_know() {
    let world = World::start().await;
    let german = r#"{"name":"x","language":"de","translate":true,"vocabulary":["Sertralin"]}"#;
    // Nothing is known of the model yet: nothing speaks against it.
    let made = world.api("POST", "/api/v1/sessions", german).await;
    let path = format!("/api/v1/sessions/{}", made.json()["session_id"].as_str().unwrap());
    let shown = world.api("GET", &path, "").await.json();
    assert_eq!(
        (&shown["language"], &shown["translate"]),
        (&"de".into(), &true.into())
    );
    assert_eq!(shown["vocabulary"][0], "Sertralin");

    let model = CaptionNews::Model(CaptionAbilities::English);
    world.captions.send(model).await.unwrap();
    world.captions.reserve_many(100).await.unwrap(); // it was taken
    let refused = world.api("POST", "/api/v1/sessions", german).await;
    assert_eq!(refused.refusal(), (400, "invalid_value".to_owned()));
    assert!(refused.body.contains("hearken model fetch base"), "{refused:?}");
}

#[tokio::test]
async fn without_the_key_nothing_is_told() {
    let world = World::start().await;
    let links = world.session(r#"{"name":"x"}"#).await;
    let path = format!("/api/v1/sessions/{}", links.session);
    for (method, path) in [("POST", "/api/v1/sessions"), ("GET", &path), ("DELETE", &path)] {
        let missing = world
            .request(method, path, &[("Content-Type", "application/json")], "{}")
            .await;
        assert_eq!(missing.refusal(), (401, "unauthorized".to_owned()));
        assert_eq!(
            missing.header("WWW-Authenticate"),
            Some("Bearer realm=\"Hearken\"")
        );
    }
    let wrong = [("Authorization", "Bearer operator-key-of-somebody")];
    assert_eq!(world.request("GET", &path, &wrong, "").await.refusal().0, 401);
    assert_eq!(world.api("GET", &path, "").await.status, 200);
}

#[tokio::test]
async fn bad_requests_get_the_right_status_and_a_code() {
    let world = World::start().await;
    let create = "/api/v1/sessions";
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(20_000));
    for (method, path, body, expected) in [
        ("POST", create, "{", (400, "malformed")),
        (
            "POST",
            create,
            r#"{"name":"x","capacity":0}"#,
            (400, "invalid_value"),
        ),
        ("POST", create, large.as_str(), (413, "too_large")),
        ("PUT", create, "", (405, "method_not_allowed")),
        ("POST", "/", "", (405, "method_not_allowed")),
        ("GET", "/api/v1/sessions/0123", "", (404, "not_found")),
        (
            "GET",
            "/api/v1/sessions/00000000000000000000000000000000",
            "",
            (404, "not_found"),
        ),
        (
            "DELETE",
            "/api/v1/sessions/00000000000000000000000000000000",
            "",
            (404, "not_found"),
        ),
        ("GET", "/api/v2/anything", "", (404, "not_found")),
        ("GET", "/no/such/page", "", (404, "not_found")),
        ("GET", "/api/v1/ws", "", (400, "malformed")),
    ] {
        let (status, code) = world.api(method, path, body).await.refusal();
        assert_eq!((status, code.as_str()), expected, "{method} {path}");
    }
    let authorization = format!("Bearer {}", support::KEY);
    let text = [
        ("Authorization", authorization.as_str()),
        ("Content-Type", "text/plain"),
    ];
    let response = world.request("POST", create, &text, "{}").await;
    assert_eq!(response.refusal(), (415, "unsupported_media_type".to_owned()));
}

#[tokio::test]
async fn a_store_that_fails_is_said_so() {
    let world = World::start().await;
    world.store.fail();
    let refused = world.api("POST", "/api/v1/sessions", r#"{"name":"x"}"#).await;
    assert_eq!(refused.refusal(), (503, "store_unavailable".to_owned()));
}

#[tokio::test]
async fn pages_carry_the_headers_that_protect_them() {
    let world = World::start().await;
    for path in ["/", "/s/0123456789abcdef0123456789abcdef"] {
        let page = world.request("GET", path, &[], "").await;
        assert_eq!(
            (page.status, page.header("Content-Type")),
            (200, Some("text/html"))
        );
        assert_eq!(page.header("Cache-Control"), Some("no-store"));
        let policy = page.header("Content-Security-Policy").unwrap();
        assert!(
            policy.contains("frame-ancestors 'none'")
                && policy.contains("connect-src 'self' ws://127.0.0.1:")
        );
        assert_eq!(page.header("X-Content-Type-Options"), Some("nosniff"));
        assert_eq!(page.header("Referrer-Policy"), Some("no-referrer"));
        assert!(
            page.header("Permissions-Policy")
                .unwrap()
                .contains("camera=(self)")
        );
    }
    let asset = world.request("GET", "/assets/index-1a2b.js", &[], "").await;
    assert_eq!(asset.header("Content-Type"), Some("text/javascript"));
    assert!(asset.header("Cache-Control").unwrap().contains("immutable"));
}

#[tokio::test]
async fn files_are_sent_compressed_to_those_who_take_it() {
    let world = World::start().await;
    for (accepted, encoding, body) in [
        ("gzip, deflate, br, zstd", Some("br"), "as br"),
        ("gzip;q=0.5", Some("gzip"), "as gzip"),
        ("br;q=0, gzip", Some("gzip"), "as gzip"),
        ("identity", None, "export {}"),
    ] {
        let headers = [("Accept-Encoding", accepted)];
        let asset = world.request("GET", "/assets/index-1a2b.js", &headers, "").await;
        assert_eq!(
            (asset.header("Content-Encoding"), asset.body.as_str()),
            (encoding, body),
            "{accepted}"
        );
        assert_eq!(asset.header("Content-Type"), Some("text/javascript"));
        assert_eq!(asset.header("Vary"), Some("accept-encoding"));
    }
    let page = world.request("GET", "/", &[("Accept-Encoding", "br")], "").await;
    assert_eq!(
        page.header("Content-Encoding"),
        None,
        "there is nothing compressed beside it"
    );
}

#[tokio::test]
async fn readiness_follows_the_media_plane_and_the_store() {
    let world = World::start().await;
    assert_eq!(world.request("GET", "/healthz", &[], "").await.status, 200);
    assert_eq!(world.request("GET", "/readyz", &[], "").await.status, 200);
    world.media.down.store(true, Ordering::Relaxed);
    let down = world.request("GET", "/readyz", &[], "").await;
    assert_eq!(
        (down.status, down.body.as_str()),
        (503, "the media plane is down\n")
    );
    assert_eq!(world.request("GET", "/healthz", &[], "").await.status, 200);
}

#[tokio::test]
async fn readiness_knows_a_broken_store() {
    let world = World::start().await;
    world.store.fail();
    assert_eq!(world.request("GET", "/readyz", &[], "").await.status, 503);
}
