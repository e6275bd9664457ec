//! `validate`: the configuration and the cloud's rules, without any call.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::adapters::configuration::{Configuration, ConfigurationErrors};
use crate::cli::arguments::ValidateArguments;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::{Failure, draw};
use crate::cli::progress::plural;
use crate::cli::session::{CommandResult, Session};
use crate::domain::component::Component;
use crate::domain::names::ComponentName;
use crate::domain::violation::{Severity, Violation};
use crate::ports::{Notice, NoticeHandler};

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
    let path = match &session.global.config {
        Some(path) => session.process.resolve(path),
        None => Configuration::find(session.folder()?)?,
    };
    let found = match Configuration::load(&path) {
        Ok(configuration) => broken_rules(&configuration, arguments.environment.as_deref())?,
        Err(errors) => vec![errors],
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
        for errors in &found {
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

/// What breaks the clouds' rules in each environment that is to be checked; the same problem of several environments is
/// told once.
fn broken_rules(configuration: &Configuration, environment: Option<&str>) -> Result<Vec<ConfigurationErrors>, Failure> {
    let names: Vec<String> = match environment {
        Some(name) => vec![configuration.environment(name)?.name.to_string()],
        None => configuration.environments().map(|environment| environment.name.to_string()).collect(),
    };
    let mut told: Vec<String> = Vec::new();
    let mut found = Vec::new();
    for name in &names {
        let violations = violations_in(configuration, name)?;
        let Some(errors) = configuration.violations(name, &violations) else { continue };
        let text: Vec<String> = errors.reported().iter().map(ToString::to_string).collect();
        if text.iter().any(|line| !told.contains(line)) {
            told.extend(text);
            found.push(errors);
        }
    }
    Ok(found)
}

/// Refuses to deploy what the cloud would refuse; warnings are told and don't stop anything.
///
/// # Errors
/// The rules that are broken, with the lines of the configuration.
pub fn check_rules(
    configuration: &Configuration,
    environment: &str,
    components: &[Component],
    notices: &dyn NoticeHandler,
) -> Result<(), Failure> {
    let chosen = |name: &ComponentName| components.iter().any(|component| component.name() == name);
    let (errors, warnings): (Vec<_>, Vec<_>) = violations_in(configuration, environment)?
        .into_iter()
        .filter(|(component, _)| chosen(component))
        .partition(|(_, violation)| violation.severity == Severity::Error);
    for (component, violation) in warnings {
        let message = format!("component {component}: {}", violation.message);
        notices.notice(Notice::Warning { message, hint: violation.hint });
    }
    match configuration.violations(environment, &errors) {
        Some(errors) => Err(errors.into()),
        None => Ok(()),
    }
}

/// What breaks the cloud's rules in an environment.
fn violations_in(configuration: &Configuration, environment: &str) -> Result<Vec<(ComponentName, Violation)>, Failure> {
    let _ = configuration.components_for(environment)?;
    Ok(Vec::new())
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
