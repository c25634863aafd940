//! Pages that show nothing but captions.

use std::time::Duration;

use hearken_protocol::ClientMessage;

use crate::writing::{group, speaks};

#[test]
fn a_caption_page_shows_captions_to_whoever_has_a_seat_and_closes_with_it() {
    let mut world = group(&["ann", "ben"]);
    world.says("ann", ClientMessage::GetCaptionLink);
    assert_eq!(world.hears("ann"), ["captions of ann"]);
    speaks(&mut world, "ben", 1, "hello");
    let page = world.views("ann");
    speaks(&mut world, "ben", 2, "there");
    world.says_over(page, ClientMessage::Ping);
    world.says_over(page, ClientMessage::RaiseHand);
    world.says_over(page, ClientMessage::Leave);
    assert_eq!(
        world.hears_over(page),
        ["viewing: hello", "ben Final 1: there|", "pong"]
    );
    for _ in 0..2 {
        world.views("ann");
    }
    let fourth = world.views("ann");
    assert_eq!(world.hears_over(fourth), ["error Overloaded"]);
    // A lost connection leaves the seat, and the page with it.
    world.drops("ann");
    speaks(&mut world, "ben", 3, "ann?");
    assert_eq!(world.hears_over(page), ["ben Final 1: ann?|"]);
    world.passes(Duration::from_secs(121));
    assert_eq!(world.hears_over(page), ["removed"]);
    let late = world.views("ann");
    assert_eq!(world.hears_over(late), ["error NotFound"]);
    let page = world.views("ben");
    world.hears_over(page);
    world.says("host", ClientMessage::EndSession);
    assert_eq!(world.hears_over(page), ["ended: Facilitator"]);
}
