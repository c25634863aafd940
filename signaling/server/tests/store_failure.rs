//! The disk fails in the middle of a session: what opens something does not happen, what closes something does.

#![allow(clippy::unwrap_used)]

mod support;

use hearken_protocol::MediaCommand;
use support::{Hello, World};

#[tokio::test]
async fn nobody_is_admitted_without_it_being_saved() {
    let mut world = World::start().await;
    let links = world.session(r#"{"name":"Circle"}"#).await;
    let mut facilitator = world.facilitator(&links, "Fay").await;
    let mut member = world.member(&links, "Mia").await;
    facilitator.until("knock").await;
    world.orders();

    world.store.fail();
    let admit = format!(r#"{{"type":"admit","participant":"{}"}}"#, member.id());
    assert_eq!(facilitator.refusal(&admit).await, "store_unavailable");
    assert!(member.so_far().await.is_empty());
    assert!(world.orders().is_empty());

    world.store.recover();
    facilitator.send(&admit).await;
    member.until("admitted").await;
}

#[tokio::test]
async fn muting_and_removing_are_in_force_and_saved_later() {
    let mut world = World::start().await;
    let links = world.session(r#"{"name":"Circle"}"#).await;
    let (mut facilitator, mut member) = world.meeting(&links).await;
    member.send(r#"{"type":"set_microphone","on":true}"#).await;
    let grants_microphone = |order: &MediaCommand, on: bool| matches!(order, MediaCommand::SetGrants { grants, .. } if grants.microphone == on);
    world.order_like(|order| grants_microphone(order, true)).await;

    world.store.fail();
    facilitator
        .send(r#"{"type":"lock_microphones","locked":true}"#)
        .await;
    world.order_like(|order| grants_microphone(order, false)).await;
    member.until("muted").await;
    while facilitator.next().await["code"] != "store_unavailable" {}
    let remove = format!(r#"{{"type":"remove","participant":"{}"}}"#, member.id());
    assert_eq!(facilitator.refusal(&remove).await, "store_unavailable");
    assert_eq!(member.rest().await.0.last().unwrap()["type"], "removed");
    world
        .order_like(|order| matches!(order, MediaCommand::Leave { .. }))
        .await;

    // The next change that is saved takes what is owed along.
    world.store.recover();
    facilitator.send(r#"{"type":"lock_session","locked":true}"#).await;
    while facilitator.until("session").await["locked"] != true {}
    let world = world.restart().await;
    let hello = Hello {
        resume: Some(member.resume()),
        ..Hello::new(&links, &links.member, "Mia")
    };
    assert_eq!(world.browser().await.refusal(&hello.text()).await, "blocked");
    let fay = world.facilitator(&links, "Fay").await;
    assert_eq!(fay.welcome["session"]["microphones_locked"], true);
}

#[tokio::test]
async fn the_end_comes_even_if_it_cannot_be_saved() {
    let mut world = World::start().await;
    let links = world.session(r#"{"name":"Circle"}"#).await;
    let (mut facilitator, mut member) = world.meeting(&links).await;
    world.store.fail();
    facilitator.send(r#"{"type":"end_session"}"#).await;
    assert_eq!(member.rest().await.0.last().unwrap()["type"], "ended");
    world
        .order_like(|order| matches!(order, MediaCommand::CloseSession { .. }))
        .await;
    // It is over for newcomers too, though the store does not know yet.
    let hello = Hello::new(&links, &links.member, "Max");
    assert_eq!(world.browser().await.refusal(&hello.text()).await, "ended");
}
