//! The components as they are in each environment, as far as they could be read.

use std::path::Path;

use super::clouds::Clouds;
use super::decode;
use super::document::problem::Problem;
use super::document::suggest;
use super::document::tree::Node;
use super::form::check::check;
use super::form::merge::merged;
use super::kinds::{self, COMPONENT};
use super::references::{self, Reference};
use super::settings::EnvironmentSettings;
use super::shape::Shape;
use crate::domain::code::config_text::ConfigText;
use crate::domain::code::environment::Environment;
use crate::domain::component::Component;
use crate::domain::names::{ComponentName, EnvironmentName};
use crate::domain::violation::FieldPath;

/// An environment and the components as they are in it.
#[derive(Debug, Clone)]
pub struct DeclaredEnvironment {
    /// Its name, its clouds, and what it adopts.
    pub settings: EnvironmentSettings,
    /// The components, each with the environment's own changes.
    pub components: Vec<ResolvedComponent>,
}

/// A component as it is in an environment, and the tree that says where each field was written.
#[derive(Debug, Clone)]
pub struct ResolvedComponent {
    /// Its name.
    pub name: ComponentName,
    /// What was read.
    pub reading: Reading,
    /// What it was read from.
    pub tree: Node,
}

/// How far a component could be read.
#[derive(Debug, Clone)]
pub enum Reading {
    /// As a whole.
    Whole(Box<Component>),
    /// All but what refers to the stack's configuration values.
    Open {
        /// The variables of its code.
        environment: Environment,
        /// What it refers to.
        references: Vec<Reference>,
    },
}

impl ResolvedComponent {
    /// The variables of its code, if it runs any.
    pub fn environment(&self) -> Option<&Environment> {
        match &self.reading {
            Reading::Whole(component) => component.environment(),
            Reading::Open { environment, .. } => Some(environment),
        }
    }

    /// The same, to take values in.
    pub fn environment_mut(&mut self) -> Option<&mut Environment> {
        match &mut self.reading {
            Reading::Whole(component) => component.environment_mut(),
            Reading::Open { environment, .. } => Some(environment),
        }
    }

    /// The component, where nothing of it waits for configuration values.
    pub fn whole(&self) -> Option<&Component> {
        match &self.reading {
            Reading::Whole(component) => Some(component),
            Reading::Open { .. } => None,
        }
    }

    /// The configuration values that it waits for.
    pub fn references(&self) -> &[Reference] {
        match &self.reading {
            Reading::Whole(_) => &[],
            Reading::Open { references, .. } => references,
        }
    }

    /// Puts in the configuration values that `lookup` knows, and reads what could not be read without them.
    pub fn fill_config(
        &mut self,
        lookup: &dyn Fn(&str) -> Option<ConfigText>,
        folder: &Path,
    ) -> Result<(), Vec<Problem>> {
        if let Some(environment) = self.environment_mut() {
            environment.fill_config(lookup);
        }
        let Reading::Open { environment, references } = &mut self.reading else { return Ok(()) };
        let Some(filled) = references::fill(&self.tree, references, lookup)? else { return Ok(()) };
        let found = check(&filled, &Shape::Choice(&COMPONENT), &FieldPath::of(["components", self.name.as_str()]));
        // The line shows a reference, and not what is wrong with its value.
        let told = |problem: Problem| match references.iter().find(|reference| problem.span() == Some(reference.span)) {
            Some(reference) => problem.saying_also(&format!(", in {}", reference.text)),
            None => problem,
        };
        if !found.is_empty() {
            return Err(found.into_iter().map(told).collect());
        }
        let mut component = kinds::component(&filled, &self.name, folder).map_err(|problem| vec![told(problem)])?;
        if let Some(filled) = component.environment_mut() {
            *filled = std::mem::take(environment);
        }
        self.reading = Reading::Whole(Box::new(component));
        Ok(())
    }
}

/// Changes to components that there aren't.
pub fn unknown_overrides(tree: &Node) -> Vec<Problem> {
    let known = names_under(tree, "components");
    let environments = tree.get("environments").map(Node::entries).unwrap_or_default();
    environments
        .iter()
        .flat_map(|environment| {
            let changes = environment.value.get("components").map(Node::entries);
            let known = &known;
            changes.unwrap_or_default().iter().filter_map(move |change| {
                if known.contains(&change.key.as_str()) {
                    return None;
                }
                let path = FieldPath::of(["environments", &environment.key, "components", &change.key]);
                Some(
                    Problem::new("config/unknown-component", format!("there is no component {:?}", change.key))
                        .in_field(path)
                        .at(change.key_span, "not under `components`")
                        .with_hint(suggest::hint(&change.key, known)),
                )
            })
        })
        .collect()
}

/// Every environment with the components as they are in it. What is wrong with a component
/// itself is found even when there is no environment.
pub fn resolve_environments(
    tree: &Node,
    folder: &Path,
    known: &Clouds,
    problems: &mut Vec<Problem>,
) -> Vec<DeclaredEnvironment> {
    let components = tree.get("components").map(Node::entries).unwrap_or_default();
    let mut resolve = |environment: Option<(&str, &Node)>| -> Vec<ResolvedComponent> {
        let mut resolved = Vec::new();
        for entry in components {
            let Ok(name) = entry.key.parse::<ComponentName>() else {
                continue;
            };
            let change = environment.and_then(|(_, node)| node.get("components")?.get(&entry.key));
            let tree = match change {
                Some(change) if !check(change, &Shape::PartialChoice(&COMPONENT), &FieldPath::root()).is_empty() => {
                    // What is wrong with the change itself has been told at its place.
                    continue;
                }
                Some(change) => merged(&entry.value, change, kinds::form_of(&entry.value)),
                None => entry.value.clone(),
            };
            let path = FieldPath::of(["components", &entry.key]);
            let found = check(&tree, &Shape::Choice(&COMPONENT), &path);
            if !found.is_empty() {
                problems.extend(found);
                continue;
            }
            let references = references::of(&tree);
            let reading = match references.is_empty() {
                true => kinds::component(&tree, &name, folder).map(|component| Reading::Whole(Box::new(component))),
                false => kinds::environment(&tree, &name).map(|environment| Reading::Open { environment, references }),
            };
            match reading {
                Ok(reading) => resolved.push(ResolvedComponent { name, reading, tree }),
                Err(problem) => problems.push(problem),
            }
        }
        resolved
    };
    resolve(None);
    let declared = tree.get("environments").map(Node::entries).unwrap_or_default();
    let mut environments = Vec::new();
    for entry in declared {
        let components = resolve(Some((&entry.key, &entry.value)));
        if let Ok(name) = entry.key.parse::<EnvironmentName>() {
            // What is wrong with the settings has been told; the components are looked at all the same.
            let clouds = decode::clouds(&entry.value, known);
            let adopt = decode::adopted(&entry.value);
            environments
                .push(DeclaredEnvironment { settings: EnvironmentSettings { name, clouds, adopt }, components });
        }
    }
    environments
}

/// The names that stand under a key of the file, in their order.
pub fn names_under<'a>(tree: &'a Node, key: &str) -> Vec<&'a str> {
    tree.get(key).map(Node::entries).unwrap_or_default().iter().map(|entry| entry.key.as_str()).collect()
}
