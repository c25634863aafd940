//! What holds whatever happens, over random sequences of events.

use std::collections::BTreeSet;

use hearken_protocol::{ClientMessage, Microphone, ParticipantId, Role, ServerMessage, ViewMode};
use hearken_signaling_core::{Input, MicrophoneRule, SessionSettings, Standing};
use proptest::prelude::*;

use crate::world::{START, World, minutes, seconds, settings};

const PEOPLE: [&str; 6] = ["host", "cohost", "ann", "ben", "cleo", "dora"];

#[derive(Debug, Clone)]
enum Step {
    Arrive(usize),
    Connect(usize),
    Drop(usize),
    Say(usize, Act, usize),
    Pass(u64),
    Restart,
}

#[derive(Debug, Clone, Copy)]
enum Act {
    MicrophoneOn,
    MicrophoneOff,
    Camera,
    Offer,
    View,
    Raise,
    Type,
    TypeForOther,
    OffRecord,
    SetVocabulary,
    Agree,
    GetCaptionLink,
    Admit,
    AdmitAll,
    Deny,
    Mute,
    MuteEveryone,
    LockMicrophones,
    UnlockMicrophones,
    Ask,
    StopCamera,
    Remove,
    LockSession,
    UnlockSession,
    RenewLink,
    Leave,
    End,
}

impl Act {
    fn message(self, participant: ParticipantId) -> ClientMessage {
        match self {
            Self::MicrophoneOn => ClientMessage::SetMicrophone { on: true },
            Self::MicrophoneOff => ClientMessage::SetMicrophone { on: false },
            Self::Camera => ClientMessage::SetCamera { on: true },
            Self::Offer => ClientMessage::Offer {
                negotiation: 1,
                sdp: "v=0".into(),
                end_to_end_encrypted: false,
            },
            Self::View => ClientMessage::View {
                items: Vec::new(),
                mode: ViewMode::Full,
            },
            Self::Raise => ClientMessage::RaiseHand,
            Self::Type => ClientMessage::Type {
                line: 1,
                text: "typed".into(),
                done: false,
                speaker: None,
                off_record: false,
            },
            Self::TypeForOther => ClientMessage::Type {
                line: 2,
                text: "typed".into(),
                done: true,
                speaker: Some(participant),
                off_record: false,
            },
            Self::OffRecord => ClientMessage::SetOffRecord { on: true },
            Self::SetVocabulary => ClientMessage::SetVocabulary {
                terms: vec![participant.to_string()].into(),
            },
            Self::Agree => ClientMessage::AgreeToTranscript { agree: true },
            Self::GetCaptionLink => ClientMessage::GetCaptionLink,
            Self::Admit => ClientMessage::Admit { participant },
            Self::AdmitAll => ClientMessage::AdmitAll,
            Self::Deny => ClientMessage::Deny { participant },
            Self::Mute => ClientMessage::Mute { participant },
            Self::MuteEveryone => ClientMessage::MuteEveryone,
            Self::LockMicrophones => ClientMessage::LockMicrophones { locked: true },
            Self::UnlockMicrophones => ClientMessage::LockMicrophones { locked: false },
            Self::Ask => ClientMessage::AskToUnmute { participant },
            Self::StopCamera => ClientMessage::StopCamera { participant },
            Self::Remove => ClientMessage::Remove { participant },
            Self::LockSession => ClientMessage::LockSession { locked: true },
            Self::UnlockSession => ClientMessage::LockSession { locked: false },
            Self::RenewLink => ClientMessage::RenewLink,
            Self::Leave => ClientMessage::Leave,
            Self::End => ClientMessage::EndSession,
        }
    }
}

fn act() -> impl Strategy<Value = Act> {
    use Act::*;
    let often = [
        MicrophoneOn,
        MicrophoneOff,
        Camera,
        Offer,
        View,
        Raise,
        Type,
        TypeForOther,
        OffRecord,
        SetVocabulary,
        Agree,
        GetCaptionLink,
        Admit,
        AdmitAll,
        Deny,
        Mute,
        MuteEveryone,
        LockMicrophones,
        UnlockMicrophones,
        Ask,
        StopCamera,
        Remove,
        LockSession,
        UnlockSession,
        RenewLink,
        Leave,
    ];
    prop_oneof![200 => proptest::sample::select(often.to_vec()), 40 => Just(MicrophoneOn), 40 => Just(AdmitAll), 1 => Just(End)]
}

fn step() -> impl Strategy<Value = Step> {
    let person = || 0..PEOPLE.len();
    prop_oneof![
        2 => person().prop_map(Step::Arrive),
        3 => person().prop_map(Step::Connect),
        3 => person().prop_map(Step::Drop),
        20 => (person(), act(), person()).prop_map(|(who, act, whom)| Step::Say(who, act, whom)),
        3 => (1_u64..200).prop_map(Step::Pass),
        1 => Just(Step::Restart),
    ]
}

/// Plays a step; people who have not come yet come first.
fn play(world: &mut World, step: &Step) {
    let role = |who: usize| {
        if PEOPLE[who].ends_with("host") {
            Role::Facilitator
        } else {
            Role::Member
        }
    };
    match *step {
        Step::Arrive(who) => world.arrives(PEOPLE[who], role(who)),
        Step::Connect(who) if world.people.contains_key(PEOPLE[who]) => world.connects(PEOPLE[who]),
        Step::Drop(who) if world.people.contains_key(PEOPLE[who]) => world.drops(PEOPLE[who]),
        Step::Connect(who) | Step::Drop(who) => world.arrives(PEOPLE[who], role(who)),
        Step::Say(who, act, whom) => {
            let whom = world.people.get(PEOPLE[whom]).and_then(|person| person.seat);
            if world.people.contains_key(PEOPLE[who]) {
                world.says(PEOPLE[who], act.message(whom.unwrap_or(ParticipantId(0))));
            } else {
                world.arrives(PEOPLE[who], role(who));
            }
        }
        Step::Pass(time) => world.passes(seconds(time)),
        Step::Restart => world.restarts(),
    }
}

/// What must be so at every moment.
fn check(world: &mut World) {
    let counts = world.session.counts();
    let capacity = world.session.settings().capacity as usize;
    assert!(counts.inside <= capacity, "{counts:?}");
    assert_eq!(
        world.grants.len(),
        counts.inside,
        "inside and known to the media plane are the same"
    );
    // The store knows at every moment what a restart would need.
    let admitted: BTreeSet<_> = world
        .record
        .seats
        .iter()
        .filter(|seat| seat.standing == Standing::Admitted)
        .map(|seat| seat.participant)
        .collect();
    assert_eq!(admitted, world.grants.keys().copied().collect());
    for seat in &world.record.seats {
        if seat.microphone != MicrophoneRule::Free && seat.standing == Standing::Admitted {
            assert!(
                !world.grants[&seat.participant].microphone,
                "a muted microphone is granted"
            );
        }
        if seat.standing != Standing::Admitted {
            assert!(seat.name.is_empty(), "the name of somebody who is gone is kept");
        }
    }
    for messages in world.inboxes.values() {
        check_inbox(messages);
    }
}

/// Before anybody is admitted they hear nothing about others; participants have names of their own.
fn check_inbox(messages: &[ServerMessage]) {
    for message in messages
        .iter()
        .take_while(|message| !matches!(message, ServerMessage::Admitted(_)))
    {
        let about_others = matches!(
            message,
            ServerMessage::Participant(_)
                | ServerMessage::ParticipantLeft { .. }
                | ServerMessage::Knock(_)
                | ServerMessage::KnockEnded { .. }
                | ServerMessage::Speakers { .. }
                | ServerMessage::Caption(_)
                | ServerMessage::Slot(_)
                | ServerMessage::Answer { .. }
                | ServerMessage::MemberLink { .. }
        );
        assert!(!about_others, "{message:?} before being admitted");
    }
    for message in messages {
        if let ServerMessage::Admitted(snapshot) = message {
            let names: BTreeSet<_> = snapshot
                .participants
                .iter()
                .map(|participant| participant.name.to_lowercase())
                .collect();
            assert_eq!(names.len(), snapshot.participants.len(), "two people of one name");
        }
        if let ServerMessage::Participant(participant) = message {
            assert!(participant.microphone != Microphone::Locked || participant.role == Role::Member);
        }
    }
}

fn story(settings: SessionSettings, steps: &[Step]) {
    let mut world = World::with(settings, START - minutes(2));
    for step in steps {
        let over = world.session.is_over();
        let outputs = world.outputs;
        play(&mut world, step);
        check(&mut world);
        if over {
            let only_refusals = world.inboxes.values().flatten().all(|m| {
                matches!(
                    m,
                    ServerMessage::Error {
                        code: hearken_protocol::ErrorCode::Ended,
                        ..
                    }
                )
            });
            assert!(
                world.outputs == outputs || only_refusals,
                "something happened after the end"
            );
        }
        if world.session.is_over() {
            assert!(world.grants.is_empty() && world.record.seats.is_empty());
            world.all_read();
        }
    }
    world.passes(minutes(200));
    world.step(Input::Time);
    assert!(world.session.is_over());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_rules_hold_whatever_happens(
        steps in proptest::collection::vec(step(), 1..120),
        capacity in 1_u32..5,
        waiting_room in any::<bool>(),
    ) {
        story(SessionSettings { capacity, waiting_room, ..settings() }, &steps);
    }
}
