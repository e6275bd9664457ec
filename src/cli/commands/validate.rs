//! `validate`: the configuration and the cloud's rules, without any call.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::adapters::aws::validation;
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
        Ok(configuration) => broken_rules(session, &configuration, arguments.environment.as_deref())?,
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
fn broken_rules(
    session: &Session,
    configuration: &Configuration,
    environment: Option<&str>,
) -> Result<Vec<ConfigurationErrors>, Failure> {
    let names: Vec<String> = match environment {
        Some(name) => vec![configuration.environment(name)?.name.to_string()],
        None => configuration.environments().map(|environment| environment.name.to_string()).collect(),
    };
    let mut told: Vec<String> = Vec::new();
    let mut found = Vec::new();
    for name in &names {
        let broken = broken_in(session, configuration, name)?;
        let Some(errors) = configuration.violations(name, &broken.components, &broken.environment) else { continue };
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
    session: &Session,
    configuration: &Configuration,
    environment: &str,
    components: &[Component],
    notices: &dyn NoticeHandler,
) -> Result<(), Failure> {
    let chosen = |name: &ComponentName| components.iter().any(|component| component.name() == name);
    let broken = broken_in(session, configuration, environment)?;
    let is_error = |violation: &Violation| violation.severity == Severity::Error;
    let (errors, warnings): (Vec<_>, Vec<_>) = broken
        .components
        .into_iter()
        .filter(|(component, _)| chosen(component))
        .partition(|(_, violation)| is_error(violation));
    let (settings, odd_settings): (Vec<_>, Vec<_>) = broken.environment.into_iter().partition(is_error);
    for (component, violation) in warnings {
        let message = format!("component {component}: {}", violation.message);
        notices.notice(Notice::Warning { message, hint: violation.hint });
    }
    for Violation { message, hint, .. } in odd_settings {
        notices.notice(Notice::Warning { message: format!("environment {environment}: {message}"), hint });
    }
    match configuration.violations(environment, &errors, &settings) {
        Some(errors) => Err(errors.into()),
        None => Ok(()),
    }
}

/// What breaks the cloud's rules in an environment.
struct Broken {
    components: Vec<(ComponentName, Violation)>,
    environment: Vec<Violation>,
}

fn broken_in(session: &Session, configuration: &Configuration, environment: &str) -> Result<Broken, Failure> {
    let settings = configuration.aws_settings(environment)?;
    let circumstances = validation::Circumstances {
        project: configuration.project_name(),
        environment: &configuration.environment(environment)?.name,
        local_cloud: settings.endpoint.is_some() || session.process.variable("AWS_ENDPOINT_URL").is_some(),
        added_variables: &[],
        today: chrono::Utc::now().date_naive(),
    };
    Ok(Broken {
        components: validation::check_all(&configuration.components_for(environment)?, &circumstances),
        environment: validation::check_settings(&settings),
    })
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
