//! What is wrong with a configuration beyond its form: the cloud's rules, and what has to be there on this machine. Told
//! together with errors of form, so that nobody has to mend a file in rounds.

use crate::adapters::aws::{self, validation};
use crate::adapters::configuration::{Configuration, ConfigurationErrors, Draft, Endpoint};
use crate::domain::component::Component;
use crate::domain::names::{ComponentName, StackName};
use crate::domain::provider::Provider;
use crate::domain::violation::{Severity, Violation};
use crate::ports::{Notice, NoticeHandler};

use super::config_values;
use crate::cli::failure::Failure;
use crate::cli::process::environment::Process;
use crate::cli::process::session::Session;

/// All that is wrong with a file, or soon will be, in `environment` or else in every one, in the order of the file. `None`
/// if there is nothing.
///
/// # Errors
/// When there is no such environment in a file that is sound.
pub fn all_problems(
    session: &Session,
    draft: Draft,
    environment: Option<&str>,
) -> Result<Option<ConfigurationErrors>, Failure> {
    let Draft { mut configuration, errors } = draft;
    let names: Vec<String> = match environment {
        Some(name) if errors.is_none() => vec![configuration.environment(name)?.name.to_string()],
        _ => configuration.environments().map(|environment| environment.name.to_string()).collect(),
    };
    let mut found: Vec<ConfigurationErrors> = errors.into_iter().chain(configuration.missing_environment()).collect();
    for name in &names {
        let stack = StackName::of(Provider::Aws, &configuration.environment(name)?.name.clone());
        found.extend(config_values::take_blinded(&mut configuration, name, stack.as_str())?);
        let components = configuration.whole_components(name)?;
        found.extend(config_values::missing(&configuration, name, stack.as_str(), &components)?);
        let broken = broken_in(session, &configuration, name)?;
        found.extend(configuration.violations(name, &broken.components, &broken.environment));
        found.extend(configuration.missing_sources(name, &components));
        // Whoever checks a file need not hold what it takes to deploy it.
        found.extend(configuration.missing_secrets(name, &components, Severity::Warning));
        if !may_have_region(session, &configuration, name)? {
            found.extend(configuration.missing_region(name, Severity::Warning));
        }
    }
    Ok(ConfigurationErrors::joined(found))
}

/// Refuses to deploy what can't be deployed or what the cloud would refuse; warnings are told and don't stop anything.
///
/// # Errors
/// All that is wrong, with the lines of the configuration.
pub fn check_rules(
    session: &Session,
    configuration: &Configuration,
    environment: &str,
    stack: &StackName,
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
    let found = [
        configuration.violations(environment, &errors, &settings),
        configuration.missing_sources(environment, components),
        configuration.missing_secrets(environment, components, Severity::Error),
        config_values::missing(configuration, environment, stack.as_str(), components)?,
    ];
    match ConfigurationErrors::joined(found.into_iter().flatten()) {
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
        components: aws::check_all(&configuration.whole_components(environment)?, &circumstances),
        environment: validation::check_settings(&settings),
    })
}

/// Whether the environment has a region, or may get one where nothing is looked at here: from a profile, or an option.
fn may_have_region(session: &Session, configuration: &Configuration, environment: &str) -> Result<bool, Failure> {
    let settings = configuration.aws_settings(environment)?;
    let is_set = |name| session.process.variable(name).is_some();
    Ok(settings.region.is_some()
        || settings.profile.is_some()
        || settings.endpoint == Some(Endpoint::Local)
        || ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"].into_iter().any(is_set)
        || has_shared_configuration(&session.process))
}

fn has_shared_configuration(process: &Process) -> bool {
    let file = match (process.variable("AWS_CONFIG_FILE"), process.variable("HOME")) {
        (Some(file), _) => file.into(),
        (None, Some(home)) => std::path::Path::new(home).join(".aws/config"),
        (None, None) => return false,
    };
    file.exists()
}
