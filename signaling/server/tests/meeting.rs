//! A meeting over real WebSockets: who comes in, what the media plane is told, what is refused.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use hearken_protocol::{MediaCommand, MediaEvent, ParticipantId, Slot, SlotContent, TrackSource};
use support::{Browser, Hello, World};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

const SESSION: &str = r#"{"name":"Circle"}"#;

fn participant(browser: &Browser) -> ParticipantId {
    browser.id().parse().unwrap()
}

#[tokio::test]
async fn who_waits_learns_nothing_and_has_no_media_until_admitted() {
    let mut world = World::start().await;
    let links = world.session(SESSION).await;
    let mut facilitator = world.facilitator(&links, "Fay").await;
    let mut member = world.member(&links, "Mia").await;
    assert_eq!(
        member
            .refusal(r#"{"type":"offer","negotiation":1,"sdp":"v=0"}"#)
            .await,
        "forbidden"
    );
    assert!(member.so_far().await.is_empty());
    let about_member = |order: &MediaCommand, id| matches!(order, MediaCommand::Admit { participant, .. } if *participant == id);
    let id = participant(&member);
    assert!(!world.orders().iter().any(|order| about_member(order, id)));

    let knock = facilitator.until("knock").await;
    assert_eq!(knock["name"], "Mia");
    facilitator
        .send(&format!(r#"{{"type":"admit","participant":"{}"}}"#, member.id()))
        .await;
    let snapshot = member.until("admitted").await;
    assert_eq!(snapshot["participants"].as_array().unwrap().len(), 2);
    assert_eq!(snapshot.get("member_link"), None);
    world.order_like(|order| about_member(order, id)).await;
}

#[tokio::test]
async fn relays_are_told_to_those_inside_only_and_say_nothing_about_them() {
    let world = World::start().await;
    let links = world.session(SESSION).await;
    let mut facilitator = world.browser().await;
    facilitator
        .hello(Hello::new(&links, &links.facilitator, "Fay"))
        .await;
    let snapshot = facilitator.until("admitted").await;
    let relay = &snapshot["ice_servers"][0];
    assert_eq!(relay["urls"][0], "turn:turn.example.org:3478?transport=udp");
    let username = relay["username"].as_str().unwrap();
    let (expires_at, random) = username.split_once(':').unwrap();
    assert!(
        expires_at.parse::<u64>().unwrap() > 1_700_000_000 && random.len() == 16,
        "{username}"
    );
    assert_eq!(
        relay["credential"].as_str().unwrap().len(),
        28,
        "a SHA-1 in base64"
    );

    let mut member = world.browser().await;
    member.hello(Hello::new(&links, &links.member, "Mia")).await;
    let waiting = member.until("waiting").await;
    assert!(!waiting.to_string().contains("turn:"));
}

#[tokio::test]
async fn a_facilitator_sees_a_member_link_that_works() {
    let world = World::start().await;
    let links = world.session(SESSION).await;
    let mut facilitator = world.browser().await;
    facilitator
        .hello(Hello::new(&links, &links.facilitator, "Fay"))
        .await;
    let snapshot = facilitator.until("admitted").await;
    let token = |link: &serde_json::Value| link.as_str().unwrap().split_once('#').unwrap().1.to_owned();
    let shown = token(&snapshot["member_link"]);
    world
        .browser()
        .await
        .hello(Hello::new(&links, &shown, "Mia"))
        .await;

    facilitator.send(r#"{"type":"renew_link"}"#).await;
    let renewed = token(&facilitator.until("member_link").await["url"]);
    let mut late = world.browser().await;
    assert_eq!(
        late.refusal(&Hello::new(&links, &shown, "Max").text()).await,
        "unauthorized"
    );
    world
        .browser()
        .await
        .hello(Hello::new(&links, &renewed, "Max"))
        .await;
}

#[tokio::test]
async fn a_denied_person_is_told_and_hung_up_on() {
    let world = World::start().await;
    let links = world.session(SESSION).await;
    let mut facilitator = world.facilitator(&links, "Fay").await;
    let mut member = world.member(&links, "Mia").await;
    facilitator
        .send(&format!(r#"{{"type":"deny","participant":"{}"}}"#, member.id()))
        .await;
    let (messages, code) = member.rest().await;
    assert_eq!(messages.last().unwrap()["type"], "denied");
    assert_eq!(code, Some(1000));
}

#[tokio::test]
async fn offers_answers_and_slots_find_their_way() {
    let mut world = World::start().await;
    let links = world.session(SESSION).await;
    let (mut facilitator, mut member) = world.meeting(&links).await;
    member
        .send(r#"{"type":"offer","negotiation":7,"sdp":"v=0","end_to_end_encrypted":true}"#)
        .await;
    let order = world
        .order_like(|order| matches!(order, MediaCommand::Offer { .. }))
        .await;
    let MediaCommand::Offer {
        session,
        participant: offerer,
        negotiation,
        sdp,
        end_to_end_encrypted,
    } = order
    else {
        unreachable!()
    };
    assert_eq!((offerer, sdp.as_str()), (participant(&member), "v=0"));
    assert!(end_to_end_encrypted);
    let answer = MediaEvent::Answer {
        session,
        participant: offerer,
        negotiation,
        sdp: "v=0 answer".into(),
    };
    world.events.send(answer).await.unwrap();
    let answer = member.until("answer").await;
    assert_eq!(
        (&answer["negotiation"], &answer["sdp"]),
        (&7.into(), &"v=0 answer".into())
    );

    let content = SlotContent {
        participant: participant(&facilitator),
        source: TrackSource::Camera,
        first_rtp_timestamp: 5,
    };
    let slot = Slot {
        mid: "4".to_owned(),
        generation: 1,
        content: Some(content),
    };
    world
        .events
        .send(MediaEvent::Slot {
            session,
            participant: offerer,
            slot,
        })
        .await
        .unwrap();
    assert_eq!(
        member.until("slot").await["content"]["participant"],
        facilitator.id()
    );
    assert!(
        facilitator
            .so_far()
            .await
            .iter()
            .all(|message| message["type"] != "slot")
    );
}

#[tokio::test]
async fn captions_carry_the_speakers_name() {
    let world = World::start().await;
    let links = world.session(SESSION).await;
    let (mut facilitator, mut member) = world.meeting(&links).await;
    world.captions_begin().await;
    assert_eq!(member.until("captions").await["state"], "on");
    world.hears(&member, &links, "good evening").await;
    let caption = facilitator.until("caption").await;
    assert_eq!(
        (&caption["name"], &caption["stable"]),
        (&"Mia".into(), &"good evening".into())
    );
    // A session that starts later knows at once that there are captions.
    let other = world.session(SESSION).await;
    let late = world.facilitator(&other, "Ann").await;
    assert_eq!(late.welcome["session"]["captions"], "on");
}

#[tokio::test]
async fn a_reload_keeps_the_seat_and_a_second_tab_takes_it_over() {
    let world = World::start().await;
    let links = world.session(SESSION).await;
    let (mut facilitator, member) = world.meeting(&links).await;
    let (id, resume) = (member.id(), member.resume());
    member.drop_connection();
    assert_eq!(facilitator.until("participant").await["connected"], false);

    let hello = Hello {
        resume: Some(resume),
        ..Hello::new(&links, &links.member, "Mia")
    };
    let mut reloaded = world.browser().await;
    reloaded.hello(hello.clone()).await;
    reloaded.until("admitted").await;
    assert_eq!(reloaded.id(), id);

    let mut second = world.browser().await;
    second.hello(hello).await;
    second.until("admitted").await;
    let (messages, code) = reloaded.rest().await;
    assert_eq!(messages.last().unwrap()["type"], "taken_over");
    assert_eq!(code, Some(1000));
    // The first tab's end takes nothing away from the second.
    assert!(second.so_far().await.is_empty());
}

#[tokio::test]
async fn a_resume_token_of_another_session_is_worth_nothing() {
    let world = World::start().await;
    let (one, other) = (world.session(SESSION).await, world.session(SESSION).await);
    let (_facilitator, member) = world.meeting(&one).await;
    let mut stranger = world.browser().await;
    let hello = Hello {
        resume: Some(member.resume()),
        ..Hello::new(&other, &other.member, "Mia")
    };
    stranger.hello(hello).await;
    stranger.until("waiting").await;
    assert_ne!(stranger.id(), member.id());
}

#[tokio::test]
async fn links_that_are_not_ours_are_refused() {
    let world = World::start().await;
    let links = world.session(SESSION).await;
    let other = world.session(SESSION).await;
    let good = Hello::new(&links, &links.member, "Mia");
    let foreign_server = World::start().await;
    let foreign = foreign_server.session(SESSION).await.member;
    let (head, signature) = links.member.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    for (hello, expected) in [
        (
            Hello {
                token: forged,
                ..good.clone()
            },
            "unauthorized",
        ),
        (
            Hello {
                token: foreign,
                ..good.clone()
            },
            "unauthorized",
        ),
        (
            Hello {
                token: other.member.clone(),
                ..good.clone()
            },
            "unauthorized",
        ),
        (
            Hello {
                token: String::new(),
                ..good.clone()
            },
            "unauthorized",
        ),
        (
            Hello {
                versions: vec![2, 3],
                ..good.clone()
            },
            "unsupported_version",
        ),
        (
            Hello {
                name: "  ".to_owned(),
                ..good.clone()
            },
            "invalid_name",
        ),
    ] {
        let mut browser = world.browser().await;
        assert_eq!(browser.refusal(&hello.text()).await, expected);
        let (_, code) = browser.rest().await;
        assert!(code.is_some(), "{expected}");
    }
}

#[tokio::test]
async fn an_ended_session_answers_ended() {
    let mut world = World::start().await;
    let links = world.session(SESSION).await;
    let (mut facilitator, mut member) = world.meeting(&links).await;
    facilitator.send(r#"{"type":"end_session"}"#).await;
    for browser in [&mut facilitator, &mut member] {
        let (messages, code) = browser.rest().await;
        assert_eq!(messages.last().unwrap()["reason"], "facilitator");
        assert_eq!(code, Some(1000));
    }
    world
        .order_like(|order| matches!(order, MediaCommand::CloseSession { .. }))
        .await;
    for token in [&links.facilitator, &links.member] {
        let mut late = world.browser().await;
        assert_eq!(
            late.refusal(&Hello::new(&links, token, "Max").text()).await,
            "ended"
        );
    }
    let hello = Hello {
        resume: Some(member.resume()),
        ..Hello::new(&links, &links.member, "Mia")
    };
    assert_eq!(world.browser().await.refusal(&hello.text()).await, "ended");
}

#[tokio::test]
async fn a_session_ends_hard_when_its_time_is_up() {
    let mut world = World::start().await;
    // Time enough to come in on a slow machine; in whole milliseconds, as the server counts, so that none is cut off.
    let end = OffsetDateTime::now_utc() + Duration::from_secs(4);
    let end = end.replace_millisecond(end.millisecond()).unwrap();
    let body = format!(r#"{{"name":"x","ends_at":"{}"}}"#, end.format(&Rfc3339).unwrap());
    let links = world.session(&body).await;
    let mut facilitator = world.facilitator(&links, "Fay").await;
    let (messages, _) = facilitator.rest().await;
    assert_eq!(messages.last().unwrap()["reason"], "time");
    assert!(OffsetDateTime::now_utc() >= end);
    world
        .order_like(|order| matches!(order, MediaCommand::CloseSession { .. }))
        .await;
    let mut late = world.browser().await;
    assert_eq!(
        late.refusal(&Hello::new(&links, &links.facilitator, "Fay").text())
            .await,
        "ended"
    );
}

#[tokio::test]
async fn the_operator_can_end_it_for_everyone() {
    let world = World::start().await;
    let links = world.session(SESSION).await;
    let (mut facilitator, _member) = world.meeting(&links).await;
    assert_eq!(
        world
            .api("DELETE", &format!("/api/v1/sessions/{}", links.session), "")
            .await
            .status,
        204
    );
    assert_eq!(facilitator.rest().await.0.last().unwrap()["reason"], "operator");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_the_connection_stays() {
    let world = World::start().await;
    let links = world.session(SESSION).await;
    let mut browser = world.browser().await;
    assert_eq!(browser.refusal(r#"{"type":"raise_hand"}"#).await, "out_of_order");
    assert_eq!(browser.refusal("{").await, "malformed");
    browser.hello(Hello::new(&links, &links.facilitator, "Fay")).await;
    browser.until("admitted").await;
    assert_eq!(browser.refusal("not json").await, "malformed");
    assert_eq!(browser.refusal(r#"{"type":"mute"}"#).await, "malformed");
    assert_eq!(
        browser.refusal(r#"{"type":"levitate","height":3}"#).await,
        "unknown_message"
    );
    assert_eq!(
        browser
            .refusal(&Hello::new(&links, &links.facilitator, "Fay").text())
            .await,
        "out_of_order"
    );
    browser
        .send(r#"{"type":"mute","request":99,"participant":"0000000000000000"}"#)
        .await;
    let error = browser.next().await;
    assert_eq!(
        (&error["request"], &error["code"]),
        (&99.into(), &"not_found".into())
    );
    assert!(browser.so_far().await.is_empty());
}

#[tokio::test]
async fn too_large_a_message_is_told_and_ends_the_connection() {
    let world = World::start().await;
    let links = world.session(SESSION).await;
    let padding = |bytes: usize| "x".repeat(bytes);
    for text in [
        format!(r#"{{"type":"ping","padding":"{}"}}"#, padding(17 * 1024)),
        format!(
            r#"{{"type":"offer","negotiation":1,"sdp":"{}"}}"#,
            padding(257 * 1024)
        ),
        format!(r#"{{"type":"ping","padding":"{}"}}"#, padding(400 * 1024)),
    ] {
        let mut browser = world.facilitator(&links, "Fay").await;
        assert_eq!(browser.refusal(&text).await, "too_large");
        assert_eq!(browser.rest().await.1, Some(1009));
    }
}

#[tokio::test]
async fn a_large_offer_is_carried() {
    let mut world = World::start().await;
    let links = world.session(SESSION).await;
    let mut facilitator = world.facilitator(&links, "Fay").await;
    let sdp = "x".repeat(200 * 1024);
    facilitator
        .send(&format!(r#"{{"type":"offer","negotiation":1,"sdp":"{sdp}"}}"#))
        .await;
    world
        .order_like(|order| matches!(order, MediaCommand::Offer { .. }))
        .await;
}

#[tokio::test]
async fn a_flood_is_refused_and_then_cut_off() {
    let world = World::start().await;
    let links = world.session(SESSION).await;
    let mut browser = world.facilitator(&links, "Fay").await;
    // 301 at once are too many. Of a server that takes ten seconds for them, 200 more are heard, and as many refusals
    // forgiven.
    browser.flood(r#"{"type":"ping","request":7}"#, 800).await;
    let (messages, code) = browser.rest().await;
    let is_refusal = |message: &&serde_json::Value| message["code"] == "too_many_messages";
    let refused = messages.iter().filter(is_refusal).count();
    assert!(refused >= 200, "{refused}");
    // Whoever sent them is told which they were.
    assert!(
        messages
            .iter()
            .filter(is_refusal)
            .all(|message| message["request"] == 7)
    );
    assert_eq!(code, Some(1008));
}

#[tokio::test]
async fn pages_of_other_sites_may_not_connect() {
    let world = World::start().await;
    let socket = |origin: String| {
        let mut request = world.socket_url().into_client_request().unwrap();
        request.headers_mut().insert("Origin", origin.parse().unwrap());
        tokio_tungstenite::connect_async(request)
    };
    assert!(socket("https://evil.example".to_owned()).await.is_err());
    assert!(socket(world.origin()).await.is_ok());
}
