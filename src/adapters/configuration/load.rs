//! The configuration of a project: found, read, checked as a whole, and then asked for what a
//! command needs. After a load nothing in it is invalid; names given by a user still may be.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::domain::code::config_text::ConfigText;
use crate::domain::code::environment::{Environment, VariableName, VariableValue};
use crate::domain::component::{Component, Project};
use crate::domain::names::{ComponentName, ProjectName};
use crate::domain::provider::Provider;
use crate::domain::violation::{FieldPath, FieldStep, Violation};
use crate::ports::CloudSettings;

use super::clouds::{AnyCloud, Clouds};
use super::components::{DeclaredEnvironment, ResolvedComponent, names_under, resolve_environments, unknown_overrides};
use super::decode;
use super::document::problem::{ConfigurationErrors, Problem};
use super::document::source::{SourceFile, Span};
use super::document::suggest;
use super::document::tree::{self, Node};
use super::form::check::check;
use super::references::{self, Reference};
use super::settings::{EnvironmentSettings, LeaseSpan, StateEncryption, StateLocation};
use super::shape::Shape;

/// The name of the configuration file.
pub const FILE_NAME: &str = "semantest-iac.yaml";

/// What could be made of a file, and what is wrong with it: more may be, in what could be read.
#[derive(Debug, Clone)]
pub struct Draft {
    /// All that could be read; with errors it is good for nothing but looking for more of them.
    pub configuration: Configuration,
    /// What is wrong so far.
    pub errors: Option<ConfigurationErrors>,
}

/// A project's configuration.
#[derive(Debug, Clone)]
pub struct Configuration {
    pub(super) source: Arc<SourceFile>,
    pub(super) tree: Node,
    clouds: &'static Clouds,
    project: ProjectName,
    state: StateLocation,
    encryption: StateEncryption,
    lease: Option<LeaseSpan>,
    environments: Vec<DeclaredEnvironment>,
}

impl Draft {
    /// The configuration, if nothing is wrong with it.
    ///
    /// # Errors
    /// What is wrong.
    pub fn finished(self) -> Result<Configuration, ConfigurationErrors> {
        match self.errors {
            None => Ok(self.configuration),
            Some(errors) => Err(errors),
        }
    }
}

impl Configuration {
    /// Looks for [`FILE_NAME`] in `start` and the folders above it.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(start: &Path) -> Result<PathBuf, ConfigurationErrors> {
        let expected = start.join(FILE_NAME);
        for folder in start.ancestors() {
            let path = folder.join(FILE_NAME);
            if path.exists() {
                return Ok(path);
            }
        }
        let misnamed = start.ancestors().map(|folder| folder.join("semantest-iac.yml")).find(|path| path.exists());
        let problem = Problem::new(
            "config/not-found",
            format!("there is no {FILE_NAME} in {} or any folder above it", start.display()),
        );
        let problem = match misnamed {
            Some(path) => problem.with_hint(format!("rename {} to {FILE_NAME}", path.display())),
            None => {
                problem.with_hint("`semantest-iac init` writes one; -C names another folder, --config another file")
            }
        };
        Err(ConfigurationErrors::of_unread_file(&expected, problem))
    }

    /// Reads the file at `path` and checks all of it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(path: &Path, clouds: &'static Clouds) -> Result<Self, ConfigurationErrors> {
        Self::draft(path, clouds).and_then(Draft::finished)
    }

    /// Reads the file at `path` and makes of it what can be made.
    ///
    /// # Errors
    /// When nothing can.
    pub fn draft(path: &Path, clouds: &'static Clouds) -> Result<Draft, ConfigurationErrors> {
        let source = SourceFile::read(path).map_err(|problem| ConfigurationErrors::of_unread_file(path, problem))?;
        Self::from_source(source, clouds)
    }

    /// Takes `bytes` as the content of the file at `path`, which isn't read.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_bytes(path: &Path, bytes: Vec<u8>, clouds: &'static Clouds) -> Result<Self, ConfigurationErrors> {
        let source = SourceFile::from_bytes(path, bytes)
            .map_err(|problem| ConfigurationErrors::of_unread_file(path, problem))?;
        Self::from_source(source, clouds).and_then(Draft::finished)
    }

    fn from_source(source: SourceFile, clouds: &'static Clouds) -> Result<Draft, ConfigurationErrors> {
        let source = Arc::new(source);
        let (tree, mut problems) = tree::parse(&source);
        let Some(mut tree) = tree else {
            if problems.is_empty() {
                problems.push(
                    Problem::new("config/empty", "the file is empty")
                        .with_hint("`semantest-iac init` writes one with everything that is needed"),
                );
            }
            return Err(ConfigurationErrors::new(&source, problems));
        };
        references::mark(&mut tree, &mut problems);
        problems.extend(check(&tree, &Shape::Object(clouds.root()), &FieldPath::root()));
        problems.extend(unknown_overrides(&tree));
        let environments = resolve_environments(&tree, source.folder(), clouds, &mut problems);
        // The check has told already what is wrong with these two; names of one letter break no rule of length.
        let project = tree.get("project").and_then(|node| source_text(node).parse::<ProjectName>().ok());
        let state = decode::state_location(&tree, source.folder()).ok();
        if problems.is_empty() && (project.is_none() || state.is_none()) {
            problems.push(Problem::new("config/missing-key", "the project's name or the state's URL can't be read"));
        }
        let Some(project) = project.or_else(|| "p".parse().ok()) else {
            return Err(ConfigurationErrors::new(&source, problems));
        };
        let state = state.unwrap_or_else(|| StateLocation::unread(source.folder()));
        let lease = decode::state_lease(&tree).ok();
        let encryption = decode::state_encryption(&tree).unwrap_or_default();
        let errors = (!problems.is_empty()).then(|| ConfigurationErrors::new(&source, problems));
        Ok(Draft {
            configuration: Self { source, tree, clouds, project, state, encryption, lease, environments },
            errors,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.source.path()
    }

    /// The folder of the file, from which relative paths in it are seen.
    pub fn folder(&self) -> &Path {
        self.source.folder()
    }

    /// The project's name.
    pub fn project_name(&self) -> &ProjectName {
        &self.project
    }

    /// Where state is kept.
    pub fn state(&self) -> &StateLocation {
        &self.state
    }

    /// What of the state is encrypted.
    pub fn state_encryption(&self) -> StateEncryption {
        self.encryption
    }

    /// How long the lease of a stack's lock runs; `None` in a draft whose own can't be read.
    pub fn state_lease(&self) -> Option<LeaseSpan> {
        self.lease
    }

    /// What kind of secrets manager a stack gets that has none.
    pub fn secrets_provider(&self) -> state::NewSecrets {
        decode::secrets_provider(&self.tree)
    }

    /// The environments in the order in which they are written.
    pub fn environments(&self) -> impl Iterator<Item = &EnvironmentSettings> {
        self.environments.iter().map(|declared| &declared.settings)
    }

    /// The names of the components in the order in which they are written.
    pub fn component_names(&self) -> Vec<&str> {
        names_under(&self.tree, "components")
    }

    /// The environment of that name.
    ///
    /// # Errors
    /// When there is none; the error lists those there are.
    pub fn environment(&self, name: &str) -> Result<&EnvironmentSettings, ConfigurationErrors> {
        Ok(&self.declared(name)?.settings)
    }

    /// The components as they are in `environment`, in the order in which they are written.
    ///
    /// # Errors
    /// When there is no such environment, or a component refers to configuration values that weren't put in
    /// ([`Configuration::fill_config`]).
    pub fn components_for(&self, environment: &str) -> Result<Vec<Component>, ConfigurationErrors> {
        let unknown = self.open_references(environment)?.map(|(component, reference)| {
            Problem::new(
                "config/missing-value",
                format!("{} isn't known, or isn't what can stand here", reference.text),
            )
            .in_field(format!("components.{component}.{}", reference.field))
            .at(reference.span, "refers to it")
        });
        let unknown: Vec<Problem> = unknown.collect();
        if !unknown.is_empty() {
            return Err(ConfigurationErrors::new(&self.source, unknown));
        }
        self.whole_components(environment)
    }

    /// As [`Configuration::components_for`], without those that can't be read yet.
    ///
    /// # Errors
    /// When there is no such environment.
    pub fn whole_components(&self, environment: &str) -> Result<Vec<Component>, ConfigurationErrors> {
        let components = &self.declared(environment)?.components;
        Ok(components.iter().filter_map(ResolvedComponent::whole).cloned().collect())
    }

    /// The environment variables of components that can't be read yet, each with its component.
    pub(super) fn open_variables(
        &self,
        environment: &str,
    ) -> impl Iterator<Item = (&ComponentName, (&VariableName, &VariableValue))> {
        let components = self.declared(environment).map(|declared| declared.components.as_slice()).unwrap_or_default();
        let open = components.iter().filter(|resolved| resolved.whole().is_none());
        open.flat_map(|it| it.environment().into_iter().flatten().map(move |variable| (&it.name, variable)))
    }

    /// The references that keep components from being read, each with its component.
    ///
    /// # Errors
    /// When there is no such environment.
    pub(super) fn open_references(
        &self,
        environment: &str,
    ) -> Result<impl Iterator<Item = (&ComponentName, &Reference)>, ConfigurationErrors> {
        let components = &self.declared(environment)?.components;
        Ok(components.iter().flat_map(|it| it.references().iter().map(move |reference| (&it.name, reference))))
    }

    /// The components `names` as they are in `environment`, each once, in the order in which the
    /// file has them.
    ///
    /// # Errors
    /// When there is no such environment, or no component of one of the names.
    pub fn select(&self, environment: &str, names: &[String]) -> Result<Vec<Component>, ConfigurationErrors> {
        let known = self.component_names();
        let unknown: Vec<Problem> = names
            .iter()
            .filter(|name| !known.contains(&name.as_str()))
            .map(|name| self.unknown("component", "components", name, &known))
            .collect();
        if !unknown.is_empty() {
            return Err(ConfigurationErrors::new(&self.source, unknown));
        }
        let mut components = self.components_for(environment)?;
        components.retain(|component| names.iter().any(|name| name == component.name().as_str()));
        Ok(components)
    }

    /// The whole project as it is in `environment`.
    ///
    /// # Errors
    /// When there is no such environment.
    pub fn project_for(&self, environment: &str) -> Result<Project, ConfigurationErrors> {
        Project::new(self.project.clone(), self.components_for(environment)?)
            .map_err(|error| ConfigurationErrors::new(&self.source, vec![Problem::invalid(&error)]))
    }

    /// What `environment` says of a cloud: nothing where it doesn't name it.
    ///
    /// # Errors
    /// When there is no such environment.
    pub fn cloud_settings(&self, environment: &str, provider: &Provider) -> Result<CloudSettings, ConfigurationErrors> {
        let mut named = self.environment(environment)?.clouds.iter();
        Ok(named.find(|(name, _)| name == provider).map(|(_, settings)| settings.clone()).unwrap_or_default())
    }

    /// The clouds that there are.
    pub fn clouds(&self) -> &'static Clouds {
        self.clouds
    }

    /// Takes the components' secrets out of the variables that `lookup` knows; those that aren't there stay missing.
    pub fn take_secrets(&mut self, lookup: &dyn Fn(&str) -> Option<String>) {
        for declared in &mut self.environments {
            let environments = declared.components.iter_mut().filter_map(ResolvedComponent::environment_mut);
            environments.for_each(|environment| environment.take_secrets(lookup));
        }
    }

    /// The stack's configuration values that the components refer to in `environment`, each once.
    ///
    /// # Errors
    /// When there is no such environment.
    pub fn config_names(&self, environment: &str) -> Result<BTreeSet<String>, ConfigurationErrors> {
        let components = &self.declared(environment)?.components;
        let of_component = |resolved: &ResolvedComponent| -> Vec<String> {
            let outside = resolved.references().iter().flat_map(Reference::names);
            resolved
                .environment()
                .into_iter()
                .flat_map(Environment::config_names)
                .chain(outside)
                .map(str::to_owned)
                .collect()
        };
        Ok(components.iter().flat_map(of_component).collect())
    }

    /// Puts the stack's configuration values that `lookup` knows into the components of `environment`.
    ///
    /// # Errors
    /// Values that aren't what is wanted where they are referred to, and secret ones outside of environment variables.
    pub fn fill_config(
        &mut self,
        environment: &str,
        lookup: &dyn Fn(&str) -> Option<ConfigText>,
    ) -> Result<(), ConfigurationErrors> {
        let folder = self.source.folder().to_owned();
        let mut problems = Vec::new();
        for declared in self.environments.iter_mut().filter(|declared| declared.settings.name.as_str() == environment) {
            for resolved in &mut declared.components {
                problems.extend(resolved.fill_config(lookup, &folder).err().into_iter().flatten());
            }
        }
        match problems.is_empty() {
            true => Ok(()),
            false => Err(ConfigurationErrors::new(&self.source, problems)),
        }
    }

    /// The cloud of that name.
    ///
    /// # Errors
    /// When there is none; the error lists those there are.
    pub fn cloud(&self, name: &str) -> Result<AnyCloud, ConfigurationErrors> {
        let found = name.parse().ok().and_then(|provider| self.clouds.find(&provider));
        found.ok_or_else(|| {
            let known: Vec<String> = self.clouds.iter().map(|cloud| cloud.provider().to_string()).collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let message = format!("this version deploys to no provider {name:?}");
            let problem = Problem::new("config/unknown-provider", message).with_hint(suggest::hint(name, &known));
            ConfigurationErrors::new(&self.source, vec![problem])
        })
    }

    /// The violations of components' fields and of the environment's own, shown at the lines where
    /// the fields were written. `None` if there are none.
    pub fn violations(
        &self,
        environment: &str,
        of_components: &[(ComponentName, Violation)],
        of_environment: &[Violation],
    ) -> Option<ConfigurationErrors> {
        let components = of_components.iter().map(|(component, violation)| {
            let root = self.resolved(environment, component);
            self.problem_of(violation, format!("components.{component}"), root)
        });
        let environment = of_environment.iter().map(|violation| {
            let root = self.tree.get("environments").and_then(|environments| environments.get(environment));
            self.problem_of(violation, format!("environments.{environment}"), root)
        });
        let problems: Vec<Problem> = components.chain(environment).collect();
        (!problems.is_empty()).then(|| ConfigurationErrors::new(&self.source, problems))
    }

    fn problem_of(&self, violation: &Violation, under: String, root: Option<&Node>) -> Problem {
        let field = format!("{under}.{}", violation.field);
        let mut problem = Problem::new(violation.code, &violation.message)
            .of_severity(violation.severity)
            .in_field(field.trim_end_matches('.'))
            .by_rule_of(violation.source_url);
        if let Some(root) = root {
            problem = problem.at(locate(root, &violation.field), violation.severity.to_string());
        }
        match &violation.hint {
            Some(hint) => problem.with_hint(hint),
            None => problem,
        }
    }

    /// The tree of a component as it is in an environment.
    pub(super) fn resolved(&self, environment: &str, component: &ComponentName) -> Option<&Node> {
        let declared = self.declared(environment).ok()?;
        declared.components.iter().find(|resolved| resolved.name == *component).map(|resolved| &resolved.tree)
    }

    fn declared(&self, name: &str) -> Result<&DeclaredEnvironment, ConfigurationErrors> {
        self.environments.iter().find(|declared| declared.settings.name.as_str() == name).ok_or_else(|| {
            let known = names_under(&self.tree, "environments");
            let problem = self.unknown("environment", "environments", name, &known);
            ConfigurationErrors::new(&self.source, vec![problem])
        })
    }

    fn unknown(&self, what: &str, under: &str, name: &str, known: &[&str]) -> Problem {
        let problem = Problem::new(
            if what == "component" { "config/unknown-component" } else { "config/unknown-environment" },
            format!("there is no {what} {name:?}"),
        )
        .with_hint(if known.is_empty() {
            format!("declare it under `{under}`")
        } else {
            suggest::hint(name, known)
        });
        match self.tree.entry(under) {
            Some(entry) => problem.at(entry.key_span, format!("{what}s are declared here")),
            None => problem,
        }
    }
}

/// Where the field of `root` was written; where it was left out, the nearest thing around it.
pub(super) fn locate(root: &Node, field: &FieldPath) -> Span {
    let mut node = root;
    for step in field.steps() {
        let next = match step {
            FieldStep::Key(key) => node.get(key),
            FieldStep::Index(index) => node.items().get(*index),
        };
        match next {
            Some(next) => node = next,
            None => break,
        }
    }
    node.span
}

fn source_text(node: &Node) -> &str {
    match &node.content {
        tree::Content::Scalar(scalar) => &scalar.text,
        _ => "",
    }
}
