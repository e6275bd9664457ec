//! Which project, environment, provider and stack a command is about: the configuration is found and read, and what was
//! left out on the command line is settled where there is only one choice.

use std::path::{Path, PathBuf};

use crate::adapters::configuration::{AnyCloud, Configuration, ConfigurationErrors, Draft};
use crate::domain::deployment::ErrorDetail;
use crate::domain::names::{EnvironmentName, StackName};
use crate::domain::provider::Provider;

use super::rules::all_problems;
use super::selection;
use crate::cli::arguments::StackSelection;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::process::session::Session;

/// The stack that a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectedStack {
    /// The environment of the configuration; `None` where only the stack was named and none goes with it.
    pub environment: Option<EnvironmentName>,
    /// The cloud.
    pub provider: Provider,
    /// The stack's name.
    pub name: StackName,
}

impl Session {
    /// Finds and reads the configuration.
    ///
    /// # Errors
    /// When there is none, or everything that is wrong with it.
    pub fn configuration(&self) -> Result<Configuration, Failure> {
        let draft = self.draft(&self.configuration_path()?)?;
        if draft.errors.is_some() {
            return match all_problems(self, draft, None)? {
                Some(errors) => Err(errors.into()),
                None => Err(Failure::usage("the configuration is wrong")),
            };
        }
        let configuration = draft.finished()?;
        let redactor = self.output.redactor();
        redactor.add_public(configuration.project_name().as_str());
        configuration.component_names().into_iter().for_each(|name| redactor.add_public(name));
        Ok(configuration)
    }

    /// The configuration file that is named, or else the one in the working folder or above.
    ///
    /// # Errors
    /// When there is none.
    pub fn configuration_path(&self) -> Result<PathBuf, Failure> {
        Ok(match &self.global.config {
            Some(path) => self.process.resolve(path),
            None => Configuration::find(self.folder()?)?,
        })
    }

    /// Reads the configuration as far as it can be read, with the secrets that it takes from this process's environment.
    ///
    /// # Errors
    /// When nothing of it can be read.
    pub fn draft(&self, path: &Path) -> Result<Draft, ConfigurationErrors> {
        let mut draft = Configuration::draft(path, self.clouds)?;
        draft.configuration.take_secrets(&|name| {
            let secret = self.process.text(name)?;
            self.output.redactor().add_secret(secret);
            Some(secret.to_owned())
        });
        Ok(draft)
    }

    /// Settles which stack is meant.
    ///
    /// # Errors
    /// When it was left out and there is more than one choice, or there is no such thing.
    pub fn select_stack(
        &self,
        configuration: &Configuration,
        selection: &StackSelection,
    ) -> Result<SelectedStack, Failure> {
        let preset = self.process.text("SEMANTEST_ENVIRONMENT");
        let is_left_out = *selection == StackSelection::default() && preset.is_none();
        let chosen = is_left_out.then(|| selection::chosen(self, configuration.path())).flatten();
        let selected = select(configuration, &selection.named(chosen.as_deref()), preset)?;
        self.set_stack(configuration.project_name().as_str(), selected.name.as_str());
        if let Some(environment) = &selected.environment {
            self.output.redactor().add_public(environment.as_str());
        }
        Ok(selected)
    }
}

fn select(
    configuration: &Configuration,
    selection: &StackSelection,
    preset: Option<&str>,
) -> Result<SelectedStack, Failure> {
    let named = selection.stack.as_deref().map(StackName::new).transpose();
    let named = named.map_err(|error| {
        let failure = Failure::usage(error.to_string());
        match error.hint() {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    })?;
    // Told before anything else is: no other choice makes it right.
    let provider = selection.provider.as_deref().map(|name| configuration.cloud(name)).transpose()?;
    let asked = selection.environment.as_deref();
    let by_stack = named.as_ref().filter(|_| asked.is_none()).and_then(|stack| environment_of(configuration, stack));
    let (by_stack, provider_of_stack) = by_stack.unzip();
    let environment = match (asked, by_stack) {
        (Some(name), _) => Some(configuration.environment(name)?.name.clone()),
        (None, Some(environment)) => Some(environment),
        (None, None) => match (preset, only_environment(configuration)) {
            (Some(name), _) => Some(configuration.environment(name)?.name.clone()),
            (None, Ok(name)) => Some(name),
            // The stack's name says where the state is; whoever needs the environment says so.
            (None, Err(_)) if named.is_some() => None,
            (None, Err(failure)) => return Err(failure),
        },
    };
    let provider = match (provider, provider_of_stack) {
        (Some(cloud), _) => cloud.provider(),
        (None, Some(provider)) => provider,
        (None, None) => only_provider(configuration, environment.as_ref(), named.as_ref())?,
    };
    let name = match (named, &environment) {
        (Some(name), _) => name,
        (None, Some(environment)) => StackName::of(&provider, environment),
        (None, None) => return Err(Failure::usage("the stack isn't named")),
    };
    Ok(SelectedStack { environment, provider, name })
}

/// The environment whose stack has this name by default, and the cloud.
fn environment_of(configuration: &Configuration, stack: &StackName) -> Option<(EnvironmentName, Provider)> {
    let mut environments = configuration.environments().map(|environment| &environment.name);
    environments.find_map(|name| {
        let mut providers = configuration.clouds().iter().map(|cloud| cloud.provider());
        providers.find(|provider| StackName::of(provider, name) == *stack).map(|provider| (name.clone(), provider))
    })
}

fn only_environment(configuration: &Configuration) -> Result<EnvironmentName, Failure> {
    let mut names = configuration.environments().map(|environment| &environment.name);
    match (names.next(), names.next()) {
        (Some(only), None) => Ok(only.clone()),
        (None, _) => Err(Failure::usage("the configuration has no environment")
            .with_hint(format!("add one, such as {}, and name it with --env", configuration.example_environment()))),
        _ => {
            let names: Vec<_> = configuration.environments().map(|environment| environment.name.to_string()).collect();
            Err(Failure::usage("there is more than one environment")
                .with_hint(format!("name one with --env: {}", names.join(", "))))
        }
    }
}

/// The cloud where it was left out: the one that the environment names, or that the stack's name begins with, or the only one
/// that there is.
fn only_provider(
    configuration: &Configuration,
    environment: Option<&EnvironmentName>,
    stack: Option<&StackName>,
) -> Result<Provider, Failure> {
    let clouds = configuration.clouds();
    let named = match (environment, stack) {
        (Some(name), _) => clouds.named(&configuration.environment(name.as_str())?.clouds),
        (None, Some(stack)) => {
            let is_of = |cloud: &AnyCloud| stack.as_str().starts_with(&format!("{}-", cloud.provider()));
            clouds.iter().find(is_of).or(clouds.only()).into_iter().collect()
        }
        (None, None) => clouds.only().into_iter().collect(),
    };
    if let [only] = named.as_slice() {
        return Ok(only.provider());
    }
    let choice = if named.is_empty() { clouds.iter().collect() } else { named };
    let choice: Vec<String> = choice.iter().map(|cloud| cloud.provider().to_string()).collect();
    Err(Failure::usage("there is more than one cloud to choose from")
        .with_hint(format!("name one with --provider: {}", choice.join(", "))))
}

impl From<ConfigurationErrors> for Failure {
    fn from(errors: ConfigurationErrors) -> Self {
        Self::drawn(ExitCode::Usage, configuration_details(&errors), Box::new(errors))
    }
}

/// The problems for machines: each with its place in front.
pub fn configuration_details(errors: &ConfigurationErrors) -> Vec<ErrorDetail> {
    let detail = |problem: crate::adapters::configuration::ReportedProblem| {
        let mut place = problem.file.display().to_string();
        if let (Some(line), Some(column)) = (problem.line, problem.column) {
            place = format!("{place}:{line}:{column}");
        }
        ErrorDetail {
            urn: None,
            code: problem.code,
            message: format!("{place}: {}", problem.message),
            hint: problem.hint.or(problem.source_url.map(|url| format!("see {url}"))),
        }
    };
    errors.reported().into_iter().map(detail).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::clouds::CLOUDS;

    fn configuration(environments: &str) -> Configuration {
        let text = format!(
            "project: shop\ncomponents:\n  api: {{ kind: rest-api, source: ., start: node server.js }}\n{environments}"
        );
        Configuration::from_bytes(Path::new("/p/semantest-iac.yaml"), text.into_bytes(), &CLOUDS).unwrap()
    }

    const TWO: &str =
        "environments:\n  local: { aws: { endpoint: local } }\n  production: { aws: { region: eu-west-1 } }\n";

    fn selection(environment: Option<&str>, stack: Option<&str>) -> StackSelection {
        StackSelection { provider: None, environment: environment.map(str::to_owned), stack: stack.map(str::to_owned) }
    }

    fn selected(text: &str, environment: Option<&str>, stack: Option<&str>, preset: Option<&str>) -> (String, String) {
        let selected = select(&configuration(text), &selection(environment, stack), preset).unwrap();
        (selected.environment.map(|name| name.to_string()).unwrap_or_default(), selected.name.to_string())
    }

    fn pair(environment: &str, stack: &str) -> (String, String) {
        (environment.to_owned(), stack.to_owned())
    }

    #[test]
    fn what_is_left_out_is_settled_where_there_is_one_choice() {
        let one = "environments:\n  local: { aws: { endpoint: local } }\n";
        assert_eq!(selected(one, None, None, None), pair("local", "aws-local"));
        assert_eq!(selected(TWO, Some("production"), None, Some("local")), pair("production", "aws-production"));
        assert_eq!(selected(TWO, None, None, Some("local")), pair("local", "aws-local"));
        assert_eq!(selected(TWO, None, Some("aws-production"), Some("local")), pair("production", "aws-production"));
        assert_eq!(selected(TWO, None, Some("blue"), None), pair("", "blue"));
        assert_eq!(selected(TWO, Some("local"), Some("blue"), None), pair("local", "blue"));
    }

    #[test]
    fn more_than_one_choice_and_none_are_told() {
        let failure = select(&configuration(TWO), &selection(None, None), None).unwrap_err();
        assert_eq!(failure.details[0].hint.as_deref(), Some("name one with --env: local, production"));
        let failure = select(&configuration(""), &selection(None, None), None).unwrap_err();
        assert!(failure.details[0].message.contains("no environment"));
        let failure = select(&configuration(TWO), &selection(Some("prodution"), None), None).unwrap_err();
        assert!(failure.details[0].hint.as_deref().unwrap().contains("production"), "{failure:?}");
        let failure = select(&configuration(TWO), &selection(Some("local"), Some("a/b")), None).unwrap_err();
        assert_eq!(failure.exit, ExitCode::Usage);
    }

    #[test]
    fn a_cloud_that_there_is_not_is_refused() {
        let azure = StackSelection { provider: Some("azure".to_owned()), ..selection(Some("local"), None) };
        let failure = select(&configuration(TWO), &azure, None).unwrap_err();
        assert!(failure.details[0].message.contains("azure"), "{failure:?}");
    }
}
