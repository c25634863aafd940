//! The server ends in the middle of a session and comes back: nobody notices more than a moment.

#![allow(clippy::unwrap_used)]

mod support;

use hearken_protocol::MediaCommand;
use support::{Hello, World};

#[tokio::test]
async fn a_restart_keeps_seats_locks_mutes_blocks_and_links() {
    let world = World::start().await;
    let links = world.session(r#"{"name":"Circle"}"#).await;
    let (mut facilitator, mut member) = world.meeting(&links).await;
    let mut blocked = world.member(&links, "Max").await;
    facilitator.until("knock").await;
    facilitator
        .send(&format!(r#"{{"type":"admit","participant":"{}"}}"#, blocked.id()))
        .await;
    blocked.until("admitted").await;
    facilitator
        .send(&format!(
            r#"{{"type":"remove","participant":"{}"}}"#,
            blocked.id()
        ))
        .await;
    blocked.rest().await;
    facilitator
        .send(r#"{"type":"lock_microphones","locked":true}"#)
        .await;
    facilitator.send(r#"{"type":"lock_session","locked":true}"#).await;
    while facilitator.until("session").await["locked"] != true {}
    let first_epoch = member.welcome["media_epoch"].clone();

    let mut world = world.restart().await;

    // Browsers were told to come back, and what they hold still counts.
    assert_eq!(member.rest().await.1, Some(1012));
    world
        .order_like(|order| matches!(order, MediaCommand::OpenSession { .. }))
        .await;
    let mut back = world.browser().await;
    back.hello(Hello {
        resume: Some(member.resume()),
        ..Hello::new(&links, &links.member, "Mia")
    })
    .await;
    let snapshot = back.until("admitted").await;
    assert_eq!(back.id(), member.id());
    assert_ne!(back.welcome["media_epoch"], first_epoch);
    assert_eq!(back.welcome["session"]["locked"], true);
    assert_eq!(back.welcome["session"]["microphones_locked"], true);
    let me = snapshot["participants"]
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["participant"] == member.id().as_str());
    assert_eq!(
        (&me.unwrap()["microphone"], &me.unwrap()["name"]),
        (&"locked".into(), &"Mia".into())
    );
    assert_eq!(
        back.refusal(r#"{"type":"set_microphone","on":true}"#).await,
        "microphones_locked"
    );

    let removed = Hello {
        resume: Some(blocked.resume()),
        ..Hello::new(&links, &links.member, "Max")
    };
    assert_eq!(world.browser().await.refusal(&removed.text()).await, "blocked");
    let newcomer = Hello::new(&links, &links.member, "Moe");
    assert_eq!(
        world.browser().await.refusal(&newcomer.text()).await,
        "session_locked"
    );
    let mut facilitator_back = world.browser().await;
    let resume = Some(facilitator.resume());
    facilitator_back
        .hello(Hello {
            resume,
            ..Hello::new(&links, &links.facilitator, "Fay")
        })
        .await;
    assert_eq!(facilitator_back.id(), facilitator.id());
}

#[tokio::test]
async fn a_session_that_ended_stays_ended_over_a_restart() {
    let world = World::start().await;
    let links = world.session(r#"{"name":"Circle"}"#).await;
    let mut facilitator = world.facilitator(&links, "Fay").await;
    facilitator.send(r#"{"type":"end_session"}"#).await;
    facilitator.rest().await;
    let mut world = world.restart().await;
    let hello = Hello::new(&links, &links.facilitator, "Fay");
    assert_eq!(world.browser().await.refusal(&hello.text()).await, "ended");
    assert!(world.orders().is_empty());
}
