//! A command that couldn't do its job: the exit code, what went wrong for machines, and how it is shown to people.

use std::fmt::Write as _;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use resource_graph::Urn;

use super::exit_code::ExitCode;
use super::terminal::palette::Palette;
use crate::adapters::causes::with_causes;
use crate::application::ApplicationError;
use crate::domain::deployment::ErrorDetail;

/// A command that couldn't do its job.
#[derive(Debug)]
pub struct Failure {
    /// How the process ends.
    pub exit: ExitCode,
    /// What went wrong, for machines; at least one.
    pub details: Vec<ErrorDetail>,
    /// The same with the offending lines, where there are some.
    drawing: Option<Box<dyn Diagnostic + Send + Sync>>,
}

impl Failure {
    /// A failure with one detail.
    pub fn new(exit: ExitCode, code: &str, message: impl Into<String>) -> Self {
        let detail = ErrorDetail { code: code.to_owned(), message: message.into(), ..ErrorDetail::default() };
        Self { exit, details: vec![detail], drawing: None }
    }

    /// Wrong arguments.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Usage, "usage", message)
    }

    /// Something of the machine that isn't as it must be: a file, a process, a terminal.
    pub fn system(action: impl Into<String>, error: &std::io::Error) -> Self {
        Self::new(ExitCode::Failed, "system", format!("{}: {error}", action.into()))
    }

    /// Adds what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(detail) = self.details.last_mut() {
            detail.hint = Some(hint.into());
        }
        self
    }

    /// Ends the process in another way.
    #[must_use]
    pub fn with_exit(mut self, exit: ExitCode) -> Self {
        self.exit = exit;
        self
    }

    /// Several problems of one file, with a drawing of the offending lines.
    pub fn drawn(exit: ExitCode, details: Vec<ErrorDetail>, drawing: Box<dyn Diagnostic + Send + Sync>) -> Self {
        Self { exit, details, drawing: Some(drawing) }
    }

    /// As text for people, `width` columns wide.
    pub fn render(&self, palette: Palette, width: usize) -> String {
        match &self.drawing {
            Some(drawing) => draw(drawing.as_ref(), palette, width),
            None => self.details.iter().map(|detail| render_detail(detail, palette)).collect(),
        }
    }
}

impl From<ApplicationError> for Failure {
    fn from(error: ApplicationError) -> Self {
        Self { exit: error.kind.into(), details: error.details, drawing: None }
    }
}

impl From<crate::ports::ProviderError> for Failure {
    fn from(error: crate::ports::ProviderError) -> Self {
        ApplicationError::from(error).into()
    }
}

impl From<localstack::Error> for Failure {
    fn from(error: localstack::Error) -> Self {
        let failure = Self::new(ExitCode::Failed, "local-cloud", with_causes(&error));
        match error.hint() {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }
}

/// The state's failures are those of a command that deploys.
pub fn store_failure(error: crate::ports::StoreError) -> Failure {
    ApplicationError::from(error).into()
}

/// A failure of Pulumi's files beside the configuration.
pub fn settings_failure(error: &state::SettingsError) -> Failure {
    let failure = Failure::new(ExitCode::Usage, "settings", error.in_full());
    error.hint().into_iter().fold(failure, Failure::with_hint)
}

/// Draws problems with the lines of the file that they are in: each by itself, and at the end how many there are.
pub fn draw(problem: &dyn Diagnostic, palette: Palette, width: usize) -> String {
    let theme = if palette.is_enabled() { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(width).with_links(false);
    let mut text = String::new();
    for related in problem.related().into_iter().flatten() {
        if handler.render_report(&mut text, related).is_err() {
            let _ = writeln!(text, "{related}");
        }
        text.push('\n');
    }
    let is_warning = problem.severity() == Some(miette::Severity::Warning);
    let word = if is_warning { palette.warning("warning") } else { palette.error("error") };
    let _ = writeln!(text, "{word}: {problem}");
    text
}

/// One error for people: what failed, on which resource, and what to do next.
pub fn render_detail(detail: &ErrorDetail, palette: Palette) -> String {
    let mut text = String::new();
    let mut lines = detail.message.trim_end().lines();
    let _ = writeln!(text, "{}: {}", palette.error("error"), lines.next().unwrap_or("unknown"));
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
    if let Some(urn) = &detail.urn {
        let resource = match Urn::parse(urn) {
            Ok(urn) => format!("{} {}", urn.type_token(), urn.name()),
            Err(_) => urn.clone(),
        };
        let _ = writeln!(text, "  {} {resource}", palette.faint("resource:"));
    }
    if let Some(hint) = &detail.hint {
        let mut lines = hint.lines();
        let _ = writeln!(text, "  {} {}", palette.busy("next:"), lines.next().unwrap_or_default());
        for line in lines {
            let _ = writeln!(text, "        {line}");
        }
    }
    text
}

/// A warning for people.
pub fn render_warning(message: &str, hint: Option<&str>, palette: Palette) -> String {
    let mut text = format!("{}: {message}\n", palette.warning("warning"));
    if let Some(hint) = hint {
        let _ = writeln!(text, "  {} {hint}", palette.busy("next:"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::ErrorKind;

    #[test]
    fn an_error_says_what_where_and_what_next() {
        let detail = ErrorDetail {
            urn: Some("urn:pulumi:aws-local::shop::c:RestApi$aws:lambda/function:Function::api-function".to_owned()),
            code: "refused".to_owned(),
            message:
                "creating the function failed: the role cannot be assumed (InvalidParameterValueException)\nsecond line"
                    .to_owned(),
            hint: Some("check the role's trust policy".to_owned()),
        };
        insta::assert_snapshot!(render_detail(&detail, Palette::new(false)), @r"
        error: creating the function failed: the role cannot be assumed (InvalidParameterValueException)
          second line
          resource: aws:lambda/function:Function api-function
          next: check the role's trust policy
        ");
    }

    #[test]
    fn the_kind_of_an_error_decides_the_exit_code() {
        for (kind, exit) in [
            (ErrorKind::Usage, ExitCode::Usage),
            (ErrorKind::Failed, ExitCode::Failed),
            (ErrorKind::Locked, ExitCode::Locked),
            (ErrorKind::NeedsAttention, ExitCode::NeedsAttention),
            (ErrorKind::Interrupted, ExitCode::Interrupted),
        ] {
            assert_eq!(Failure::from(ApplicationError::new(kind, "code", "message")).exit, exit);
        }
    }
}
