//! Captions that are put right, by whoever may.

use crate::writing::{captioned, correct, corrects_over, cut_off, fates, history, speaks, types};

#[test]
fn speakers_put_their_own_last_lines_right_and_captioners_anybodys() {
    let mut world = captioned(&["ann", "ben"]);
    speaks(&mut world, "ann", 1, "I am find");
    world.all_read();
    correct(&mut world, "ann", 1, "I am fine");
    assert_eq!(world.hears("ben"), ["ann Final 2: I am fine| (corrected)"]);
    correct(&mut world, "ben", 1, "not his");
    assert_eq!(world.hears("ben"), ["error NotFound"]);
    correct(&mut world, "cara", 1, "I am fine, thanks");
    assert_eq!(
        world.hears("ben"),
        ["ann Final 3: I am fine, thanks| (corrected)"]
    );
    assert_eq!(history(&mut world, "ben"), ["I am fine, thanks"]);
    for number in 2..7 {
        speaks(&mut world, "ann", number, "later");
    }
    world.all_read();
    correct(&mut world, "ann", 1, "too late");
    assert_eq!(world.hears("ann"), ["error NotFound"]);
    correct(&mut world, "ann", 6, "");
    assert_eq!(world.hears("ann"), ["ann Final 2: | (corrected)"]);
}

#[test]
fn nobody_writes_over_a_correction_that_they_have_not_seen() {
    let mut world = captioned(&["ann", "ben"]);
    let cut = cut_off(&mut world, "ann", "My sitser");
    assert_eq!((cut.stable.as_str(), cut.revision), ("My sitser", 2));
    world.connects("ann");
    world.all_read();
    corrects_over(&mut world, "cara", cut.id, "My sister", Some(2));
    // She has the line open, and finishes it as she knew it.
    corrects_over(&mut world, "ann", cut.id, "My sitser said no", Some(2));
    assert_eq!(world.hears("ann").last().unwrap(), "error ChangedMeanwhile");
    assert_eq!(
        world.hears("ben"),
        ["ann Final 3: My sister| (typed) (corrected)"]
    );
    // Whatever follows: she is told what stood when she was cut off, and that it was changed.
    types(&mut world, "ann", 2, "Sorry", true);
    assert_eq!(fates(&mut world, "ann"), ["1 Changed \"My sitser\"", "2 Done"]);
    // What she has seen, she may change.
    corrects_over(&mut world, "ann", cut.id, "My little sister", Some(3));
    corrects_over(&mut world, "cara", cut.id, "My brother", Some(3));
    assert_eq!(world.hears("cara").last().unwrap(), "error ChangedMeanwhile");
    assert_eq!(history(&mut world, "ben"), ["My little sister", "Sorry"]);
    assert_eq!(fates(&mut world, "ann"), ["1 Changed \"My sitser\"", "2 Done"]);
}

#[test]
fn a_typist_learns_that_their_own_end_of_a_line_was_taken_whoever_changed_it_since() {
    let mut world = captioned(&["ann"]);
    let cut = cut_off(&mut world, "ann", "My sister");
    world.connects("ann");
    corrects_over(&mut world, "ann", cut.id, "My sister said no", Some(2));
    corrects_over(&mut world, "cara", cut.id, "My sister said: no", Some(3));
    let mended = "1 Mended \"My sister\" \"My sister said no\"";
    assert_eq!(fates(&mut world, "ann"), [mended]);
    // What follows goes by the same number.
    types(&mut world, "ann", 1, "Never.", true);
    assert_eq!(fates(&mut world, "ann"), ["1 Done"]);
}

#[test]
fn a_typist_learns_that_a_line_was_taken_back_and_so_does_everybody_who_was_away() {
    let mut world = captioned(&["ann", "ben"]);
    let cut = cut_off(&mut world, "ann", "My sitser");
    world.drops("ben");
    corrects_over(&mut world, "cara", cut.id, "", Some(2));
    world.connects("ann");
    world.connects("ben");
    assert_eq!(fates(&mut world, "ann"), ["1 Changed \"My sitser\""]);
    let known = world.snapshot("ben").captions.pop().unwrap();
    assert_eq!(
        (known.id, known.revision, known.stable.as_str(), known.corrected),
        (cut.id, 3, "", true)
    );
    // What follows goes by the same number.
    types(&mut world, "ann", 1, "said no", true);
    assert_eq!(fates(&mut world, "ann"), ["1 Done"]);
}
