//! Nothing personal in the log or in the metrics, over a whole session with everything in it.

#![allow(clippy::unwrap_used)]

mod support;

use std::io;
use std::sync::{Arc, Mutex};

use hearken_protocol::MediaEvent;
use prometheus::TextEncoder;
use support::{Browser, Hello, Links, World};
use tracing_subscriber::EnvFilter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn names_tokens_and_words_reach_neither_log_nor_metrics() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("debug,hearken=trace"))
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .init();

    let world = World::start().await;
    let links = world.session(r#"{"name":"Secretcirclename"}"#).await;
    let resume = everything_happens(&world, &links).await;
    let metrics = TextEncoder::new()
        .encode_to_string(&world.registry.gather())
        .unwrap();
    let world = world.restart().await;
    drop(world);

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains(&links.session), "the log is there:\n{log}");
    let secrets = [
        "Secretcirclename",
        "Facilitatrix",
        "Membername",
        "confessionword",
        "typedword",
        "Secretmedicine",
        "addressin",
        links.facilitator.as_str(),
        links.member.as_str(),
        resume.as_str(),
        support::KEY,
        "wrong-operator-key",
    ];
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None);
        assert!(!metrics.contains(secret), "{secret} in the metrics");
    }
    assert!(!metrics.contains(&links.session));
}

/// A whole session, with what goes wrong in it; the resume token of its member.
async fn everything_happens(world: &World, links: &Links) -> String {
    let mut facilitator = world.facilitator(links, "Facilitatrix").await;
    let mut member = world.member(links, "Membername").await;
    facilitator.until("knock").await;
    facilitator
        .send(&format!(r#"{{"type":"admit","participant":"{}"}}"#, member.id()))
        .await;
    member.until("admitted").await;
    they_talk(world, links, &mut facilitator, &mut member).await;
    member.refusal(r#"{"type":"nonsense","name":"Membername"}"#).await;
    world.store.fail();
    facilitator.refusal(r#"{"type":"renew_link"}"#).await;
    world.store.recover();
    facilitator
        .send(&format!(r#"{{"type":"remove","participant":"{}"}}"#, member.id()))
        .await;
    member.rest().await;
    let hello = Hello {
        resume: Some(member.resume()),
        ..Hello::new(links, &links.member, "Membername")
    };
    world.browser().await.refusal(&hello.text()).await;
    let wrong_key = [("Authorization", "Bearer wrong-operator-key")];
    world.request("GET", "/api/v1/sessions/x", &wrong_key, "").await;
    facilitator.send(r#"{"type":"end_session"}"#).await;
    facilitator.rest().await;
    member.resume()
}

/// What is said, typed, put right and negotiated.
async fn they_talk(world: &World, links: &Links, facilitator: &mut Browser, member: &mut Browser) {
    world.captions_begin().await;
    world.hears(member, links, "confessionword").await;
    facilitator.until("caption").await;
    member
        .send(r#"{"type":"type","line":1,"text":"typedword","done":true}"#)
        .await;
    facilitator.until("caption").await;
    facilitator
        .send(r#"{"type":"set_vocabulary","terms":["Secretmedicine"]}"#)
        .await;
    facilitator.until("vocabulary").await;
    member
        .send(r#"{"type":"offer","negotiation":1,"sdp":"addressinoffer"}"#)
        .await;
    let answer = MediaEvent::Answer {
        session: links.session.parse().unwrap(),
        participant: member.id().parse().unwrap(),
        negotiation: 1,
        sdp: "addressinanswer".into(),
    };
    world.events.send(answer).await.unwrap();
}
