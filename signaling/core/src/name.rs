//! Names that people go by: readable, bounded, and told apart from everybody else's.

use hearken_protocol::{NAME_CHARACTERS_MAX, Sensitive};

/// A name that can be shown: 1 to [`NAME_CHARACTERS_MAX`] characters, no white space at its ends or twice in a
/// row, nothing invisible that could turn the text around it or make it look like somebody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(Sensitive<String>);

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing of it can be seen.
    #[error("the name is empty")]
    Empty,
    /// Longer than [`NAME_CHARACTERS_MAX`].
    #[error("the name is longer than {NAME_CHARACTERS_MAX} characters")]
    TooLong,
    /// It has control, direction or other invisible characters.
    #[error("the name has characters that cannot be shown")]
    NotWritable,
}

impl Name {
    /// Reads a name as somebody typed it.
    ///
    /// # Errors
    /// If nothing can be seen of it, it is too long, or it has characters that cannot be shown.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if key(&name).is_empty() {
            return Err(NameError::Empty);
        }
        if name.chars().count() > NAME_CHARACTERS_MAX {
            return Err(NameError::TooLong);
        }
        if name.chars().any(is_deceptive) {
            return Err(NameError::NotWritable);
        }
        Ok(Self(Sensitive(name)))
    }

    /// The name itself, or with the lowest number from 2 on that tells it apart from those taken.
    pub(crate) fn unique<'a>(&self, taken: impl Iterator<Item = &'a str>) -> Sensitive<String> {
        let taken: Vec<String> = taken.map(key).collect();
        let is_free = |name: &String| !taken.contains(&key(name));
        let numbered = (2..).map(|number| format!("{} ({number})", *self.0));
        let name = std::iter::once(self.0.0.clone()).chain(numbered).find(is_free);
        Sensitive(name.expect("there are more numbers than names taken"))
    }
}

/// What two names have in common that look the same: case, white space and invisible joiners do not count.
fn key(name: &str) -> String {
    name.chars()
        .filter(|&c| !is_joiner(c) && !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Needed in some scripts and in emoji, but nothing to be seen by itself.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}')
}

/// Controls, directional marks and overrides, invisible fillers, tags, private and unassigned noncharacters.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{E000}'..='\u{F8FF}' | '\u{FEFF}'
            | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFF}' | '\u{E0000}'..='\u{10FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, NameError> {
        Name::parse(text).map(|name| name.0.0)
    }

    #[test]
    fn white_space_is_tidied() {
        assert_eq!(
            parse("  Ann \t of\u{3000}Avonlea "),
            Ok("Ann of Avonlea".to_owned())
        );
    }

    #[test]
    fn nothing_to_see_is_no_name() {
        for empty in ["", "   ", "\u{200D}", "\u{FE0F} \u{200C}"] {
            assert_eq!(parse(empty), Err(NameError::Empty), "{empty:?}");
        }
    }

    #[test]
    fn forty_characters_are_a_name_and_forty_one_are_not() {
        assert!(parse(&"é".repeat(40)).is_ok());
        assert_eq!(parse(&"é".repeat(41)), Err(NameError::TooLong));
    }

    #[test]
    fn what_could_deceive_is_refused() {
        for wrong in [
            "a\u{202E}nnA",
            "A\u{0}nn",
            "Ann\u{200B}",
            "A\u{2066}nn",
            "Ann\u{3164}",
            "\u{FEFF}Ann",
        ] {
            assert_eq!(parse(wrong), Err(NameError::NotWritable), "{wrong:?}");
        }
    }

    #[test]
    fn names_of_all_scripts_are_names() {
        for name in ["Žofie", "محمد", "نیم‌فاصله", "小林", "👩‍👩‍👧", "O'Neil-Smith (she)"]
        {
            assert_eq!(parse(name).as_deref(), Ok(name));
        }
    }

    #[test]
    fn the_same_name_gets_the_lowest_free_number() {
        let unique = |text: &str, taken: &[&str]| {
            let name = Name::parse(text).unwrap();
            name.unique(taken.iter().copied()).0
        };
        assert_eq!(unique("Ann", &["Bob"]), "Ann");
        assert_eq!(unique("ANN", &["Ann"]), "ANN (2)");
        assert_eq!(unique("Ann", &["Ann", "ann (2)", "Ann (4)"]), "Ann (3)");
        assert_eq!(unique("A\u{200D}nn", &["Ann"]), "A\u{200D}nn (2)");
    }
}
