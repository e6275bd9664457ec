//! `validate`: the configuration and the cloud's rules, without any call.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::adapters::configuration::ConfigurationErrors;
use crate::cli::arguments::ValidateArguments;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::draw;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::progress::plural;
use crate::cli::workspace::rules::all_problems;
use crate::domain::violation::Severity;

/// `validate --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValidationDocument {
    /// Version of this document's form: 1.
    pub schema_version: u32,
    /// The configuration file.
    pub file: String,
    /// Whether it can be deployed.
    pub valid: bool,
    /// What is wrong, in the order of the places.
    pub problems: Vec<ProblemDocument>,
}

/// Something that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemDocument {
    /// A stable code.
    pub code: String,
    /// `error` or `warning`.
    pub severity: String,
    /// The line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column in characters, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// The field, such as `components.rest-api.memory`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Where the rule is written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_url: Option<String>,
}

/// Checks and tells.
pub fn validate(session: &Session, arguments: &ValidateArguments) -> CommandResult {
    let path = session.configuration_path()?;
    let found = match session.draft(&path) {
        Ok(draft) => all_problems(session, draft, arguments.environment.as_deref())?,
        Err(errors) => Some(errors),
    };
    let severity = |wanted: Severity| {
        found.iter().flat_map(ConfigurationErrors::problems).filter(|problem| problem.severity() == wanted).count()
    };
    let (errors, warnings) = (severity(Severity::Error), severity(Severity::Warning));
    let valid = errors == 0 && (warnings == 0 || !arguments.deny_warnings);
    if session.output.json().is_some() {
        session.output.document(&ValidationDocument {
            schema_version: 1,
            file: path.display().to_string(),
            valid,
            problems: found.iter().flat_map(problems_of).collect(),
        });
    } else {
        let palette = session.output.message_palette();
        if let Some(errors) = &found {
            session.output.message(&draw(errors, palette, session.message_width()));
        }
        let sum = match (errors, warnings) {
            (0, 0) => "valid".to_owned(),
            (0, warnings) => format!("valid, with {}", plural(warnings, "warning")),
            (errors, 0) => plural(errors, "error"),
            (errors, warnings) => format!("{}, {}", plural(errors, "error"), plural(warnings, "warning")),
        };
        session.output.result(&format!("{}: {sum}\n", path.display()));
    }
    Ok(if valid { ExitCode::Done } else { ExitCode::Usage })
}

fn problems_of(errors: &ConfigurationErrors) -> impl Iterator<Item = ProblemDocument> {
    errors.reported().into_iter().map(|problem| ProblemDocument {
        code: problem.code,
        severity: problem.severity,
        line: problem.line,
        column: problem.column,
        field: problem.field,
        message: problem.message,
        hint: problem.hint,
        source_url: problem.source_url,
    })
}
