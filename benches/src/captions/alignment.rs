//! Which heard word stands for which said one.

/// How the heard words differ from the said ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Errors {
    /// Another word instead.
    pub substitutions: usize,
    /// Said, not heard.
    pub deletions: usize,
    /// Heard, not said.
    pub insertions: usize,
}

impl Errors {
    /// All of them.
    pub fn sum(self) -> usize {
        self.substitutions + self.deletions + self.insertions
    }
}

impl std::ops::AddAssign for Errors {
    fn add_assign(&mut self, other: Self) {
        self.substitutions += other.substitutions;
        self.deletions += other.deletions;
        self.insertions += other.insertions;
    }
}

/// The cheapest way to make `heard` of `said`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alignment {
    /// What it costs.
    pub errors: Errors,
    /// Pairs of places, in said and in heard, that hold the same word.
    pub hits: Vec<(usize, usize)>,
}

/// Aligns two texts, word by word.
pub fn align(said: &[String], heard: &[String]) -> Alignment {
    let (rows, columns) = (said.len() + 1, heard.len() + 1);
    let mut cost = vec![0usize; rows * columns];
    for row in 0..rows {
        for column in 0..columns {
            cost[row * columns + column] = match (row, column) {
                (0, _) => column,
                (_, 0) => row,
                _ => {
                    let replaced = usize::from(said[row - 1] != heard[column - 1]);
                    let diagonal = cost[(row - 1) * columns + column - 1] + replaced;
                    let above = cost[(row - 1) * columns + column] + 1;
                    let left = cost[row * columns + column - 1] + 1;
                    diagonal.min(above).min(left)
                }
            };
        }
    }
    let (mut row, mut column) = (said.len(), heard.len());
    let mut alignment = Alignment::default();
    while row > 0 || column > 0 {
        let here = cost[row * columns + column];
        if row > 0 && column > 0 {
            let same = said[row - 1] == heard[column - 1];
            if here == cost[(row - 1) * columns + column - 1] + usize::from(!same) {
                (row, column) = (row - 1, column - 1);
                if same {
                    alignment.hits.push((row, column));
                } else {
                    alignment.errors.substitutions += 1;
                }
                continue;
            }
        }
        if row > 0 && here == cost[(row - 1) * columns + column] + 1 {
            row -= 1;
            alignment.errors.deletions += 1;
        } else {
            column -= 1;
            alignment.errors.insertions += 1;
        }
    }
    alignment.hits.reverse();
    alignment
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(said: &str, heard: &str) -> Alignment {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        align(&words(said), &words(heard))
    }

    #[test]
    fn every_kind_of_error_is_counted_as_what_it_is() {
        let errors = |said, heard| {
            let errors = of(said, heard).errors;
            [errors.substitutions, errors.deletions, errors.insertions]
        };
        assert_eq!(errors("a b c d", "a b c d"), [0, 0, 0]);
        assert_eq!(errors("a b c d", "a x c d"), [1, 0, 0]);
        assert_eq!(errors("a b c d", "a c d"), [0, 1, 0]);
        assert_eq!(errors("a b c d", "a b b c d"), [0, 0, 1]);
        assert_eq!(errors("a b c d", ""), [0, 4, 0]);
    }

    #[test]
    fn words_that_were_heard_right_are_paired() {
        assert_eq!(of("a b c d", "x a b d").hits, [(0, 1), (1, 2), (3, 3)]);
    }
}
