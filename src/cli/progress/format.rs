//! Words, marks, times and sizes as people read them.

use crate::cli::terminal::palette::Palette;
use crate::domain::deployment::ResourceOperation;

/// A time in milliseconds: `0.04 s`, `1.2 s`, `2 min 05 s`, `1 h 02 min`.
pub fn duration(milliseconds: u64) -> String {
    match milliseconds {
        0..100 => format!("0.{:02} s", milliseconds / 10),
        100..59_950 => format!("{:.1} s", milliseconds as f64 / 1000.0),
        59_950..3_599_500 => {
            let seconds = (milliseconds + 500) / 1000;
            format!("{} min {:02} s", seconds / 60, seconds % 60)
        }
        _ => {
            let minutes = (milliseconds + 30_000) / 60_000;
            format!("{} h {:02} min", minutes / 60, minutes % 60)
        }
    }
}

/// A size in bytes: `812 bytes`, `1.4 kB`, `23.0 MB`.
pub fn bytes(count: u64) -> String {
    match count {
        0..1000 => format!("{count} bytes"),
        1000..999_950 => format!("{:.1} kB", count as f64 / 1e3),
        999_950..999_950_000 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.1} GB", count as f64 / 1e9),
    }
}

/// A number with its noun: `1 resource`, `2 resources`.
pub fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// The mark of an operation, in its colour.
pub fn mark(operation: ResourceOperation, palette: Palette) -> String {
    match operation {
        ResourceOperation::Same => palette.faint("="),
        ResourceOperation::Read => palette.faint(">"),
        ResourceOperation::Create => palette.good("+"),
        ResourceOperation::Update => palette.changed("~"),
        ResourceOperation::CreateReplacement => palette.changed("±"),
        ResourceOperation::Delete | ResourceOperation::DeleteReplaced => palette.bad("-"),
        ResourceOperation::Forget => palette.changed("×"),
    }
}

/// What an operation is called while it goes on.
pub fn progressive(operation: ResourceOperation) -> &'static str {
    match operation {
        ResourceOperation::Same => "leaving as it is",
        ResourceOperation::Create => "creating",
        ResourceOperation::Update => "updating",
        ResourceOperation::CreateReplacement => "replacing",
        ResourceOperation::DeleteReplaced => "deleting the replaced one",
        ResourceOperation::Delete => "deleting",
        ResourceOperation::Read => "reading",
        ResourceOperation::Forget => "forgetting",
    }
}

/// What an operation is called when it is done.
pub fn past(operation: ResourceOperation) -> &'static str {
    match operation {
        ResourceOperation::Same => "unchanged",
        ResourceOperation::Create => "created",
        ResourceOperation::Update => "updated",
        ResourceOperation::CreateReplacement => "replaced",
        ResourceOperation::DeleteReplaced => "replaced one deleted",
        ResourceOperation::Delete => "deleted",
        ResourceOperation::Read => "read",
        ResourceOperation::Forget => "forgotten",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short_and_never_show_sixty() {
        let cases = [
            (0, "0.00 s"),
            (47, "0.04 s"),
            (1_249, "1.2 s"),
            (59_949, "59.9 s"),
            (59_950, "1 min 00 s"),
            (125_000, "2 min 05 s"),
            (3_599_499, "59 min 59 s"),
            (3_599_500, "1 h 00 min"),
            (3_720_000, "1 h 02 min"),
        ];
        for (milliseconds, text) in cases {
            assert_eq!(duration(milliseconds), text);
        }
    }

    #[test]
    fn sizes_are_decimal() {
        for (count, text) in [(999, "999 bytes"), (1_400, "1.4 kB"), (999_950, "1.0 MB"), (2_500_000_000, "2.5 GB")] {
            assert_eq!(bytes(count), text);
        }
    }
}
