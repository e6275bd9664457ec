//! Colours by meaning, so that every part of the output uses the same ones, and none where colour is off.

use std::fmt::Display;

use console::Style;

/// Colours, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    enabled: bool,
}

impl Palette {
    /// With or without colour.
    pub fn new(enabled: bool) -> Self {
        Self { enabled }
    }

    /// Whether there is colour.
    pub fn is_enabled(self) -> bool {
        self.enabled
    }

    fn paint(self, style: Style, text: impl Display) -> String {
        style.force_styling(self.enabled).apply_to(text).to_string()
    }

    /// Something new, or something that went well.
    pub fn good(self, text: impl Display) -> String {
        self.paint(Style::new().green(), text)
    }

    /// Something that changes, or needs attention.
    pub fn changed(self, text: impl Display) -> String {
        self.paint(Style::new().yellow(), text)
    }

    /// Something that goes away, or went wrong.
    pub fn bad(self, text: impl Display) -> String {
        self.paint(Style::new().red(), text)
    }

    /// Something under way.
    pub fn busy(self, text: impl Display) -> String {
        self.paint(Style::new().cyan(), text)
    }

    /// Something of less importance.
    pub fn faint(self, text: impl Display) -> String {
        self.paint(Style::new().dim(), text)
    }

    /// A heading or a name.
    pub fn strong(self, text: impl Display) -> String {
        self.paint(Style::new().bold(), text)
    }

    /// The word before an error.
    pub fn error(self, text: impl Display) -> String {
        self.paint(Style::new().red().bold(), text)
    }

    /// The word before a warning.
    pub fn warning(self, text: impl Display) -> String {
        self.paint(Style::new().yellow().bold(), text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colour_there_is_nothing_but_the_text() {
        assert_eq!(Palette::new(false).error("error"), "error");
        assert_eq!(Palette::new(true).good("ok"), "\u{1b}[32mok\u{1b}[0m");
    }
}
