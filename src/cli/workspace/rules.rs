//! What is wrong with a configuration beyond its form: the cloud's rules, and what has to be there on this machine. Told
//! together with errors of form, so that nobody has to mend a file in rounds.

use crate::adapters::configuration::{AnyCloud, Configuration, ConfigurationErrors, Draft};
use crate::domain::component::Component;
use crate::domain::names::{ComponentName, StackName};
use crate::domain::violation::{Severity, Violation};
use crate::ports::{BrokenRules, Notice, NoticeHandler, RulesRequest, Variables};

use super::config_values;
use super::project::SelectedStack;
use crate::cli::failure::Failure;
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
        let settings = configuration.environment(name)?.clone();
        let clouds = configuration.clouds().named(&settings.clouds);
        for cloud in &clouds {
            let stack = StackName::of(&cloud.provider(), &settings.name);
            found.extend(config_values::take_blinded(&mut configuration, name, stack.as_str())?);
            let components = configuration.whole_components(name)?;
            found.extend(config_values::missing(&configuration, name, stack.as_str(), &components)?);
            let broken = broken_in(session, &configuration, name, *cloud)?;
            found.extend(configuration.violations(name, &broken.components, &broken.environment));
        }
        let components = configuration.whole_components(name)?;
        found.extend(configuration.missing_sources(name, &components));
        // Whoever checks a file need not hold what it takes to deploy it.
        found.extend(configuration.missing_secrets(name, &components, Severity::Warning));
        for cloud in clouds {
            let settings = configuration.cloud_settings(name, &cloud.provider())?;
            let missing = cloud.missing(&settings, Variables(&session.process.variables));
            found
                .extend(missing.map(|missing| {
                    configuration.missing_setting(name, &cloud.provider(), &missing, Severity::Warning)
                }));
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
    selected: &SelectedStack,
    components: &[Component],
    notices: &dyn NoticeHandler,
) -> Result<(), Failure> {
    let chosen = |name: &ComponentName| components.iter().any(|component| component.name() == name);
    let cloud = configuration.cloud(selected.provider.as_str())?;
    let broken = broken_in(session, configuration, environment, cloud)?;
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
        config_values::missing(configuration, environment, selected.name.as_str(), components)?,
    ];
    match ConfigurationErrors::joined(found.into_iter().flatten()) {
        Some(errors) => Err(errors.into()),
        None => Ok(()),
    }
}

/// What breaks the rules of a cloud in an environment.
fn broken_in(
    session: &Session,
    configuration: &Configuration,
    environment: &str,
    cloud: AnyCloud,
) -> Result<BrokenRules, Failure> {
    Ok(cloud.check(&RulesRequest {
        project: configuration.project_name(),
        environment: &configuration.environment(environment)?.name,
        settings: &configuration.cloud_settings(environment, &cloud.provider())?,
        components: &configuration.whole_components(environment)?,
        variables: Variables(&session.process.variables),
        today: chrono::Utc::now().date_naive(),
    }))
}
