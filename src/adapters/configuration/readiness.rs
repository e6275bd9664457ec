//! What has to be there beside the file before its components can be deployed: source folders, the variables that secrets
//! are taken from, an environment, a setting of its cloud. Each problem is shown at the line that asks for it.

use crate::domain::component::Component;
use crate::domain::names::ComponentName;
use crate::domain::provider::Provider;
use crate::domain::violation::{FieldPath, Severity};
use crate::ports::MissingSetting;

use super::document::problem::{ConfigurationErrors, Problem};
use super::document::suggest;
use super::load::{Configuration, locate};
use super::sources;

impl Configuration {
    /// What is wrong with the source folders of `components`: every one that is missing, empty, a file, or can't be read.
    pub fn missing_sources(&self, environment: &str, components: &[Component]) -> Option<ConfigurationErrors> {
        let problems = components.iter().filter_map(|component| {
            let function = component.code()?;
            let (message, hint) = sources::problem_of(function.source.path(), function.build.is_some())?;
            let problem = Problem::new("config/source-folder", message).with_hint(hint);
            Some(self.at_field(problem, environment, component.name(), &FieldPath::of(["source"]), "this folder"))
        });
        self.told(problems.collect())
    }

    /// The variables that secrets of `components` are to be taken from and that aren't set, told as `severity`.
    pub fn missing_secrets(
        &self,
        environment: &str,
        components: &[Component],
        severity: Severity,
    ) -> Option<ConfigurationErrors> {
        let missing = components.iter().flat_map(|component| {
            component.environment().into_iter().flatten().filter_map(move |(name, value)| {
                let source = value.missing()?.as_str();
                let problem = Problem::new("config/missing-variable", format!("the variable {source} isn't set"))
                    .of_severity(severity)
                    .with_hint(format!("the secret {name} is taken from it: set it for the command that deploys"));
                let field = FieldPath::of(["environment", name.as_str()]);
                Some(self.at_field(problem, environment, component.name(), &field, "not set"))
            })
        });
        self.told(missing.collect())
    }

    /// The stack's configuration values that `components` refer to, or any that can't be read without, and that aren't in
    /// `file`; `known` are those that are.
    pub fn missing_config(
        &self,
        environment: &str,
        components: &[Component],
        known: &[String],
        file: &str,
    ) -> Option<ConfigurationErrors> {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let problem = |unknown: &str| {
            let message = format!("there is no configuration value {unknown:?} in {file}");
            let hint = match known.is_empty() {
                true => format!("set it: semantest-iac config set {unknown} --env {environment}"),
                false => suggest::hint(unknown, &known),
            };
            Problem::new("config/missing-value", message).with_hint(hint)
        };
        let mut missing = Vec::new();
        let variables = components.iter().flat_map(|component| {
            component.environment().into_iter().flatten().map(move |variable| (component.name(), variable))
        });
        for (component, (name, value)) in variables.chain(self.open_variables(environment)) {
            let field = FieldPath::of(["environment", name.as_str()]);
            let told = |unknown| self.at_field(problem(unknown), environment, component, &field, "refers to it");
            missing.extend(value.unknown_config().map(told));
        }
        for (component, reference) in self.open_references(environment).into_iter().flatten() {
            let told =
                |unknown| self.at_field(problem(unknown), environment, component, &reference.field, "refers to it");
            missing.extend(reference.unknown().map(told));
        }
        self.told(missing)
    }

    /// How one may write an environment.
    pub fn example_environment(&self) -> String {
        let cloud = self.clouds().iter().next().map(|cloud| format!("{}: {}", cloud.provider(), cloud.example()));
        format!("`environments: {{ local: {{ {} }} }}`", cloud.unwrap_or_default())
    }

    /// The warning that there is no environment at all, and so nowhere to deploy to.
    pub fn missing_environment(&self) -> Option<ConfigurationErrors> {
        if self.environments().next().is_some()
            || !self.tree.get("environments").is_none_or(|node| node.entries().is_empty())
        {
            return None;
        }
        let problem = Problem::new("config/no-environment", "there is no environment, so nothing can be deployed")
            .of_severity(Severity::Warning)
            .in_field("environments")
            .with_hint(format!("add one, such as {}", self.example_environment()));
        self.told(vec![match self.tree.entry("environments") {
            Some(entry) => problem.at(entry.key_span, "none in it"),
            None => problem.at(self.tree.span, "no `environments`"),
        }])
    }

    /// The problem that a setting of a cloud is missing in `environment`, told as `severity`.
    pub fn missing_setting(
        &self,
        environment: &str,
        provider: &Provider,
        missing: &MissingSetting,
        severity: Severity,
    ) -> ConfigurationErrors {
        let MissingSetting { code, key, hint } = *missing;
        let problem = Problem::new(code, format!("no {key} is set for the environment {environment}"))
            .of_severity(severity)
            .in_field(format!("environments.{environment}.{provider}.{key}"))
            .with_hint(hint);
        let entry = self.tree.get("environments").and_then(|environments| environments.entry(environment));
        let place = entry.and_then(|entry| entry.value.entry(provider.as_str())).or(entry);
        let problem = match place {
            Some(entry) => problem.at(entry.key_span, format!("has no {key}")),
            None => problem,
        };
        ConfigurationErrors::new(&self.source, vec![problem])
    }

    fn at_field(
        &self,
        problem: Problem,
        environment: &str,
        component: &ComponentName,
        field: &FieldPath,
        label: &str,
    ) -> Problem {
        let problem = problem.in_field(format!("components.{component}.{field}"));
        match self.resolved(environment, component) {
            Some(root) => problem.at(locate(root, field), label),
            None => problem,
        }
    }

    fn told(&self, problems: Vec<Problem>) -> Option<ConfigurationErrors> {
        (!problems.is_empty()).then(|| ConfigurationErrors::new(&self.source, problems))
    }
}
