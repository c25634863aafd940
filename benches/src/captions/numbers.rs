//! Spelled numbers as digits, so that "twenty five" and "25" are the same words.

/// Zero to nineteen.
const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 8] = [
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
];
const ORDINALS: [&str; 20] = [
    "zeroth",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
];
const ORDINAL_TENS: [&str; 8] = [
    "twentieth",
    "thirtieth",
    "fortieth",
    "fiftieth",
    "sixtieth",
    "seventieth",
    "eightieth",
    "ninetieth",
];

/// What a word says within a number.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    Unit(u64),
    Ten(u64),
    Hundred,
    Scale(u64),
    OrdinalUnit(u64),
    OrdinalTen(u64),
}

fn part(word: &str) -> Option<Part> {
    let at = |list: &[&str]| {
        list.iter()
            .position(|entry| *entry == word)
            .map(|index| index as u64)
    };
    if let Some(value) = at(&SMALL) {
        return Some(Part::Unit(value));
    }
    if let Some(tens) = at(&TENS) {
        return Some(Part::Ten((tens + 2) * 10));
    }
    if let Some(value) = at(&ORDINALS) {
        return Some(Part::OrdinalUnit(value));
    }
    if let Some(tens) = at(&ORDINAL_TENS) {
        return Some(Part::OrdinalTen((tens + 2) * 10));
    }
    match word {
        "hundred" => Some(Part::Hundred),
        "thousand" => Some(Part::Scale(1_000)),
        "million" => Some(Part::Scale(1_000_000)),
        "billion" => Some(Part::Scale(1_000_000_000)),
        _ => None,
    }
}

/// A number that is being put together.
#[derive(Debug, Default)]
struct Number {
    total: u64,
    group: Option<u64>,
    /// What `group` may still take: units after tens, tens after hundreds.
    room: u64,
    ordinal: bool,
}

impl Number {
    fn is_empty(&self) -> bool {
        self.group.is_none() && self.total == 0
    }

    /// Whether the part continues this number; if not, another one begins.
    fn take(&mut self, part: Part) -> bool {
        if self.ordinal {
            return false;
        }
        let (value, is_ordinal) = match part {
            Part::Unit(value) | Part::Ten(value) => (value, false),
            Part::OrdinalUnit(value) | Part::OrdinalTen(value) => (value, true),
            Part::Hundred => {
                let hundreds = self.group.filter(|group| (1..100).contains(group));
                let Some(hundreds) = hundreds else { return false };
                (self.group, self.room) = (Some(hundreds * 100), 100);
                return true;
            }
            Part::Scale(scale) => {
                let Some(group) = self.group.take() else {
                    return false;
                };
                self.total = self.total.saturating_add(group.saturating_mul(scale));
                self.room = scale.min(1_000);
                return true;
            }
        };
        match self.group {
            None => self.group = Some(value),
            Some(group) if value > 0 && value < self.room => self.group = Some(group + value),
            Some(_) => return false,
        }
        self.room = match value {
            20.. if value.is_multiple_of(10) => 10,
            _ => 0,
        };
        self.ordinal = is_ordinal;
        true
    }

    fn written(self) -> String {
        let value = self.total.saturating_add(self.group.unwrap_or(0));
        if !self.ordinal {
            return value.to_string();
        }
        let ending = match (value % 100, value % 10) {
            (11..=13, _) => "th",
            (_, 1) => "st",
            (_, 2) => "nd",
            (_, 3) => "rd",
            _ => "th",
        };
        format!("{value}{ending}")
    }
}

/// The words with every spelled number as one word in digits. "One" alone is a word more often than a number,
/// and a number either way: "one" and "1" are the same here, too.
pub fn in_digits(words: Vec<String>) -> Vec<String> {
    let mut out = Vec::with_capacity(words.len());
    let mut number = Number::default();
    for (index, word) in words.iter().enumerate() {
        if let Some(part) = part(word) {
            if !number.take(part) {
                flush(&mut number, &mut out);
                if !number.take(part) {
                    // "Hundred" or "thousand" without a number before it.
                    out.push(word.clone());
                }
            }
            continue;
        }
        let continues = word == "and"
            && number.room >= 100
            && words
                .get(index + 1)
                .and_then(|next| part(next))
                .is_some_and(|part| !matches!(part, Part::Hundred));
        if continues {
            continue;
        }
        flush(&mut number, &mut out);
        out.push(word.clone());
    }
    flush(&mut number, &mut out);
    out
}

fn flush(number: &mut Number, out: &mut Vec<String>) {
    let number = std::mem::take(number);
    if !number.is_empty() || number.group.is_some() {
        out.push(number.written());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> String {
        in_digits(text.split(' ').map(str::to_owned).collect()).join(" ")
    }

    #[test]
    fn spelled_numbers_become_digits() {
        assert_eq!(digits("twenty five and six"), "25 and 6");
        assert_eq!(digits("two hundred and seven miles"), "207 miles");
        assert_eq!(digits("three thousand four hundred twelve"), "3412");
        assert_eq!(digits("twenty one second"), "21 2nd");
        assert_eq!(digits("the twenty first day"), "the 21st day");
        assert_eq!(digits("one two three"), "1 2 3");
        assert_eq!(digits("a hundred men"), "a hundred men");
        assert_eq!(digits("nineteen fourteen"), "19 14");
    }
}
