//! Tables for people: columns as wide as their widest cell, colour codes not counted.

use console::{measure_text_width, pad_str};

/// Between two columns.
const GAP: &str = "  ";

/// Lays rows out below their headings; lines have no spaces at their ends.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|cell| measure_text_width(cell)).max().unwrap_or_default();
        widest.max(measure_text_width(headings[column]))
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<_> =
            cells.zip(&widths).map(|(cell, width)| pad_str(cell, *width, console::Alignment::Left, None)).collect();
        format!("{}\n", cells.join(GAP).trim_end())
    };
    let mut text = line(&mut headings.iter().copied());
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["\u{1b}[1mlong name\u{1b}[0m".to_owned(), "1".to_owned()], vec!["x".into(), String::new()]];
        let text = table(&["NAME", "COUNT"], &rows);
        assert_eq!(console::strip_ansi_codes(&text), "NAME       COUNT\nlong name  1\nx\n");
    }
}
