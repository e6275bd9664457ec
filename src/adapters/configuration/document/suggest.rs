//! Did-you-mean: which of the known words somebody who wrote another one most likely meant.

/// The known word nearest to `given`, if it is near enough to be a slip of the pen.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let simple = |word: &str| word.to_lowercase().replace(['_', ' '], "-");
    let given = simple(given);
    let longest_distance = match given.chars().count() {
        0 => return None,
        1..=3 => 1,
        4..=8 => 2,
        _ => 3,
    };
    // A word that was cut short, or has something before or after it, is near however long the rest is.
    let contains = |word: &str| {
        let word = simple(word);
        given.len().min(word.len()) >= 4 && (word.contains(&given) || given.contains(&word))
    };
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&given, &simple(word)), word))
        .filter(|(distance, word)| {
            (*distance <= longest_distance && *distance < word.chars().count()) || contains(word)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// The hint for an unknown word: the nearest known one, and which there are.
pub fn hint(given: &str, known: &[&str]) -> String {
    let all = list(known);
    match nearest(given, known.iter().copied()) {
        Some(word) if known.len() > 1 => format!("did you mean {word:?}? known are: {all}"),
        Some(word) => format!("did you mean {word:?}?"),
        None if known.is_empty() => "there are none yet".to_owned(),
        None => format!("known are: {all}"),
    }
}

/// Words in one line, separated by commas.
pub fn list(words: &[&str]) -> String {
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let known = ["memory", "timeout", "max-age", "expose-headers", "url"];
        for (slip, meant) in [
            ("memroy", "memory"),
            ("Memory", "memory"),
            ("time_out", "timeout"),
            ("maxAge", "max-age"),
            ("expose_headers", "expose-headers"),
            ("ulr", "url"),
            ("timeout-seconds", "timeout"),
            ("expose", "expose-headers"),
        ] {
            assert_eq!(nearest(slip, known), Some(meant), "{slip}");
        }
        for other in ["", "x", "layers", "reserved-concurrency", "cpu"] {
            assert_eq!(nearest(other, known), None, "{other}");
        }
    }
}
