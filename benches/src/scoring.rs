//! How right a caption is.

/// Words as they are scored: lower case, without punctuation, hyphens as spaces, titles written out.
pub fn words(text: &str) -> Vec<String> {
    text.replace('-', " ")
        .split_whitespace()
        .map(|word| {
            let kept = word
                .chars()
                .filter(|character| character.is_alphanumeric() || *character == '\'');
            let word = kept.flat_map(char::to_lowercase).collect::<String>();
            match word.as_str() {
                "mr" => "mister".to_owned(),
                "mrs" => "missus".to_owned(),
                _ => word,
            }
        })
        .filter(|word| !word.is_empty())
        .collect()
}

/// Substitutions, insertions and deletions that make `heard` of `said`.
pub fn word_errors(said: &[String], heard: &[String]) -> usize {
    let mut distances: Vec<usize> = (0..=heard.len()).collect();
    for (row, word) in said.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut distances[0], row + 1);
        for (column, other) in heard.iter().enumerate() {
            let replaced = diagonal + usize::from(word != other);
            diagonal = distances[column + 1];
            distances[column + 1] = replaced.min(diagonal + 1).min(distances[column] + 1);
        }
    }
    distances[heard.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punctuation_and_case_do_not_count() {
        assert_eq!(
            words("Mr. Dashwood's, ill-disposed!"),
            ["mister", "dashwood's", "ill", "disposed"]
        );
    }

    #[test]
    fn every_kind_of_error_counts_once() {
        let errors = |said, heard| word_errors(&words(said), &words(heard));
        assert_eq!(errors("a b c d", "a b c d"), 0);
        assert_eq!(errors("a b c d", "a x c d"), 1);
        assert_eq!(errors("a b c d", "a c d"), 1);
        assert_eq!(errors("a b c d", "a b b c d"), 1);
        assert_eq!(errors("a b c d", ""), 4);
    }
}
