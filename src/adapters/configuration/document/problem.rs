//! What is wrong with a configuration: every problem with its place, what to do about it and a
//! stable code; several at once. Drawn by miette for people, plain for machines.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use serde::Serialize;

use crate::domain::invalid::InvalidValue;
use crate::domain::violation::Severity;

use super::source::{Position, SourceFile, Span};

/// How many problems are drawn at most; a file with more is something else altogether.
const MOST_DRAWN: usize = 50;
/// The longest line that is drawn, in bytes.
const LONGEST_DRAWN: usize = 500;

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(Box<Details>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Details {
    code: &'static str,
    severity: Severity,
    field: String,
    message: String,
    hint: Option<String>,
    place: Option<(Span, String)>,
    related: Option<(Span, String)>,
    source_url: Option<&'static str>,
}

impl Problem {
    /// An error named `code` that says `message`, without a place yet.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            code,
            severity: Severity::Error,
            field: String::new(),
            message: message.into(),
            hint: None,
            place: None,
            related: None,
            source_url: None,
        }))
    }

    /// An error made of a value that its type refuses.
    pub fn invalid(error: &InvalidValue) -> Self {
        let mut problem = Self::new("config/invalid-value", error.to_string());
        problem.0.hint = error.hint().map(str::to_owned);
        problem
    }

    /// Adds to what is wrong.
    #[must_use]
    pub fn saying_also(mut self, more: &str) -> Self {
        self.0.message.push_str(more);
        self
    }

    /// What to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the place, and what to write under it.
    #[must_use]
    pub fn at(mut self, span: Span, label: impl Into<String>) -> Self {
        self.0.place = Some((span, label.into()));
        self
    }

    /// Adds a second place that has to do with it.
    #[must_use]
    pub fn related_to(mut self, span: Span, label: impl Into<String>) -> Self {
        self.0.related = Some((span, label.into()));
        self
    }

    /// Adds which field of the configuration it is about.
    #[must_use]
    pub fn in_field(mut self, field: impl fmt::Display) -> Self {
        self.0.field = field.to_string();
        self
    }

    /// Makes it a warning, or an error again.
    #[must_use]
    pub fn of_severity(mut self, severity: Severity) -> Self {
        self.0.severity = severity;
        self
    }

    /// Adds where the rule is written down.
    #[must_use]
    pub fn by_rule_of(mut self, source_url: &'static str) -> Self {
        self.0.source_url = Some(source_url);
        self
    }

    /// The stable name of this kind of problem.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// Whether it stops a deployment.
    pub fn severity(&self) -> Severity {
        self.0.severity
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Where it is.
    pub fn span(&self) -> Option<Span> {
        self.0.place.as_ref().map(|(span, _)| *span)
    }

    /// Problems without a place come first, the others in the order of theirs.
    fn order(&self) -> Option<Span> {
        self.span()
    }
}

/// A problem as machines read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedProblem {
    /// The stable name of this kind of problem.
    pub code: String,
    /// `error` or `warning`.
    pub severity: String,
    /// The configuration file.
    pub file: PathBuf,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column in characters, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// The offending text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The field, such as `components.rest-api.memory`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Where the rule is written down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_url: Option<String>,
}

impl fmt::Display for ReportedProblem {
    /// `file:line:column: message (hint)`, on one line, for where nothing can be drawn.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.file.display())?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(formatter, ":{line}:{column}")?;
        }
        write!(formatter, ": {}", self.message)?;
        if let Some(hint) = &self.hint {
            write!(formatter, " ({hint})")?;
        }
        Ok(())
    }
}

/// All problems found in a configuration, in the order of their places. Never none.
#[derive(Debug, Clone)]
pub struct ConfigurationErrors {
    path: PathBuf,
    source: Option<Arc<SourceFile>>,
    drawn: Vec<DrawnProblem>,
}

impl ConfigurationErrors {
    /// Problems of the file at `path`, whose text couldn't be had.
    pub(in crate::adapters::configuration) fn of_unread_file(path: &Path, problem: Problem) -> Self {
        Self::build(path.to_owned(), None, vec![problem])
    }

    /// Problems of `source`; the same problem found twice is told once.
    pub(in crate::adapters::configuration) fn new(source: &Arc<SourceFile>, problems: Vec<Problem>) -> Self {
        Self::build(source.path().to_owned(), Some(Arc::clone(source)), problems)
    }

    fn build(path: PathBuf, source: Option<Arc<SourceFile>>, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(Problem::order);
        let mut told: Vec<DrawnProblem> = Vec::new();
        let named = source.as_ref().map(|source| {
            // The mark of byte order would be drawn; a space of the same length isn't.
            let text = source.text().replacen('\u{feff}', "   ", 1);
            Arc::new(NamedSource::new(path.to_string_lossy(), text))
        });
        let mut known = HashSet::new();
        for problem in problems {
            if known.insert((problem.0.message.clone(), problem.0.place.clone())) {
                let undrawable = source.as_deref().and_then(|source| undrawable_place(source, &problem));
                let source = named.clone().filter(|_| undrawable.is_none());
                told.push(DrawnProblem { problem, source, undrawable });
            }
        }
        Self { path, source, drawn: told }
    }

    /// All problems of several findings in one file, in the order of their places; `None` if there are none.
    pub fn joined(findings: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut findings = findings.into_iter();
        let Self { path, source, mut drawn } = findings.next()?;
        drawn.extend(findings.flat_map(|finding| finding.drawn));
        Some(Self::build(path, source, drawn.into_iter().map(|drawn| drawn.problem).collect()))
    }

    /// The configuration file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The problems in the order of their places.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.drawn.iter().map(|drawn| &drawn.problem)
    }

    /// Whether at least one of them stops a deployment.
    pub fn has_errors(&self) -> bool {
        self.problems().any(|problem| problem.0.severity == Severity::Error)
    }

    /// The problems as machines read them.
    pub fn reported(&self) -> Vec<ReportedProblem> {
        self.problems()
            .map(|problem| {
                let place = problem.span().zip(self.source.as_ref());
                let position = place.map(|(span, source)| source.position(span.start));
                ReportedProblem {
                    code: problem.0.code.to_owned(),
                    severity: problem.0.severity.to_string(),
                    file: self.path.clone(),
                    line: position.map(|position| position.line),
                    column: position.map(|position| position.column),
                    text: place.map(|(span, source)| source.slice(span).to_owned()).filter(|text| !text.is_empty()),
                    field: problem.0.field.clone(),
                    message: problem.0.message.clone(),
                    hint: problem.0.hint.clone(),
                    source_url: problem.0.source_url.map(str::to_owned),
                }
            })
            .collect()
    }
}

/// Codes of what isn't wrong with the file, where no field of it is named, but with what somebody asked of it.
const ASKED_FOR: [&str; 2] = ["config/unknown-component", "config/unknown-environment"];

impl fmt::Display for ConfigurationErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |severity| self.problems().filter(|problem| problem.0.severity == severity).count();
        let name = self.path.display();
        if self.source.is_none() {
            return write!(formatter, "{name} can't be used");
        }
        if self.problems().all(|problem| ASKED_FOR.contains(&problem.0.code) && problem.0.field.is_empty()) {
            return write!(formatter, "the command line names what {name} doesn't have");
        }
        match (count(Severity::Error), count(Severity::Warning)) {
            (0, 1) => write!(formatter, "{name} has a problem ahead"),
            (0, warnings) => write!(formatter, "{name} has {warnings} problems ahead"),
            (1, _) => write!(formatter, "{name} has an error"),
            (errors, _) => write!(formatter, "{name} has {errors} errors"),
        }?;
        if self.drawn.len() > MOST_DRAWN { write!(formatter, "; the first {MOST_DRAWN} are shown") } else { Ok(()) }
    }
}

impl std::error::Error for ConfigurationErrors {}

impl Diagnostic for ConfigurationErrors {
    fn severity(&self) -> Option<miette::Severity> {
        (!self.has_errors()).then_some(miette::Severity::Warning)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.drawn.iter().take(MOST_DRAWN).map(|drawn| drawn as &dyn Diagnostic)))
    }
}

/// A problem together with the text that it is drawn on.
#[derive(Debug, Clone)]
struct DrawnProblem {
    problem: Problem,
    source: Option<Arc<NamedSource<String>>>,
    /// The place in words, where the lines are too long to be drawn.
    undrawable: Option<Position>,
}

/// Where a problem is, if the lines around it are too long to be drawn: one of them would fill screens.
fn undrawable_place(source: &SourceFile, problem: &Problem) -> Option<Position> {
    let place = source.position(problem.span()?.start);
    let lines = source.text().lines().skip(place.line.saturating_sub(2)).take(3);
    lines.into_iter().any(|line| line.len() > LONGEST_DRAWN).then_some(place)
}

impl fmt::Display for DrawnProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.problem.0.message)?;
        match &self.undrawable {
            Some(place) => write!(formatter, " (line {}, column {})", place.line, place.column),
            None => Ok(()),
        }
    }
}

impl std::error::Error for DrawnProblem {}

impl Diagnostic for DrawnProblem {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.problem.0.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.problem.0.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let hint = self.problem.0.hint.as_deref();
        let rule = self.problem.0.source_url.map(|url| format!("see {url}"));
        match (hint, rule) {
            (None, None) => None,
            (Some(hint), None) => Some(Box::new(hint)),
            (None, Some(rule)) => Some(Box::new(rule)),
            (Some(hint), Some(rule)) => Some(Box::new(format!("{hint}\n{rule}"))),
        }
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_deref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = |(span, label): &(Span, String), primary: bool| {
            let text = (!label.is_empty()).then(|| label.clone());
            let range = (span.start, span.end - span.start);
            if primary {
                LabeledSpan::new_primary_with_span(text, range)
            } else {
                LabeledSpan::new_with_span(text, range)
            }
        };
        let place = self.problem.0.place.as_ref().filter(|_| self.undrawable.is_none())?;
        let mut labels = vec![label(place, true)];
        labels.extend(self.problem.0.related.as_ref().map(|place| label(place, false)));
        Some(Box::new(labels.into_iter()))
    }
}
