//! The rules that a state must keep (SPEC.md section 1.9), with Pulumi's texts.
//!
//! Checked when a checkpoint is read, before it is written and after. Pulumi names the first broken rule; here all are
//! collected, that one first. Texts are those of Pulumi's check on reading and importing; its check on writing words a few
//! of them differently (`refers to missing dependency`).

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::fmt;

use foldhash::fast::RandomState;
use resource_graph::Urn;
use serde::Deserialize;

use super::deployment::{Deployment, Manifest};
use super::resource::ResourceFields;
use crate::codec::value::UNKNOWN;

/// Rules of a state are broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegrityError {
    /// When it was noticed.
    pub when: CheckedWhen,
    /// Every broken rule, in the order of the state.
    pub problems: Vec<IntegrityProblem>,
}

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegrityProblem {
    /// The resource that breaks it.
    pub urn: Option<Urn>,
    /// Pulumi's text.
    pub message: String,
}

/// When a state was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckedWhen {
    /// On its own.
    Verified,
    /// After reading a checkpoint.
    Read {
        /// The file.
        file: String,
    },
    /// Before writing a checkpoint; nothing was written.
    BeforeWrite {
        /// The file.
        file: String,
    },
    /// After writing a checkpoint.
    AfterWrite {
        /// The file.
        file: String,
        /// Where the state before is kept.
        backup: String,
    },
}

impl fmt::Display for IntegrityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.when {
            CheckedWhen::Verified => f.write_str("state file contains errors: ")?,
            CheckedWhen::Read { file } => write!(f, "{file}: snapshot integrity failure; refusing to use it: ")?,
            CheckedWhen::BeforeWrite { file } => {
                write!(f, "{file}: snapshot integrity failure; it was not written: ")?;
            }
            CheckedWhen::AfterWrite { file, backup } => write!(
                f,
                "{file}: snapshot integrity failure; it was already written, but is invalid (backup available at \
                 {backup}): "
            )?,
        }
        for (index, problem) in self.problems.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "; " })?;
            f.write_str(&problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for IntegrityError {}

impl IntegrityError {
    pub(crate) fn noticed(mut self, when: CheckedWhen) -> Self {
        self.when = when;
        self
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match &self.when {
            CheckedWhen::Verified => return None,
            CheckedWhen::Read { file } => format!(
                "nothing was overwritten; `semantest-iac state repair` can put the resources in order, and the state before \
                 is kept as {file}.bak"
            ),
            CheckedWhen::BeforeWrite { .. } => {
                "this is a fault of semantest-iac: please report it; the state before is still in place".to_owned()
            }
            CheckedWhen::AfterWrite { backup, .. } => format!("put {backup} in its place"),
        })
    }
}

impl Deployment {
    /// Checks all rules.
    ///
    /// # Errors
    /// [`IntegrityError`] with every broken rule.
    pub fn verify(&self) -> Result<(), IntegrityError> {
        let mut check =
            Check { deployment: self, seen: HashMap::default(), last: OnceCell::new(), problems: Vec::new() };
        check.manifest(&self.manifest);
        check.resources();
        check.snippets();
        if check.problems.is_empty() {
            Ok(())
        } else {
            Err(IntegrityError { when: CheckedWhen::Verified, problems: check.problems })
        }
    }
}

struct Check<'d> {
    deployment: &'d Deployment,
    /// Names that came before, and whether one of their resources is live.
    seen: HashMap<&'d str, bool, RandomState>,
    /// The last position of each name; only made where something is wrong.
    last: OnceCell<HashMap<&'d str, usize>>,
    problems: Vec<IntegrityProblem>,
}

impl<'d> Check<'d> {
    fn problem(&mut self, urn: Option<&Urn>, message: String) {
        self.problems.push(IntegrityProblem { urn: urn.cloned(), message });
    }

    fn manifest(&mut self, manifest: &Manifest) {
        if manifest.magic != Manifest::magic_of(&manifest.version) {
            self.problem(None, "magic cookie mismatch; possible tampering/corruption detected".to_owned());
        }
    }

    fn resources(&mut self) {
        let deployment = self.deployment;
        let mut providers: HashSet<(&str, &str)> = HashSet::new();
        // Most resources have the provider of the one before.
        let mut provider_before = None;
        // Told after all other rules of resources, as Pulumi does.
        let mut duplicates = Vec::new();
        self.seen.reserve(deployment.resources.len());
        for (index, resource) in deployment.resources.iter().enumerate() {
            let urn = &resource.urn;
            if !resource.custom && resource.id.is_some() {
                // The missing quote is Pulumi's.
                self.problem(Some(urn), format!("resource '{urn}' has 'custom false but non-empty ID"));
            }
            if resource.type_token.is_provider() && !resource.type_token.name().is_empty() {
                match not_a_provider(urn) {
                    Some(reason) => {
                        self.problem(Some(urn), format!("provider {urn} is not referenceable: {reason}"));
                    }
                    None => {
                        providers.insert((urn.as_str(), provider_id(resource)));
                    }
                }
            }
            if let Some(provider) = &resource.provider
                && provider_before != Some(provider)
            {
                match parse_reference(provider) {
                    Err(reason) => self
                        .problem(Some(urn), format!("failed to parse provider reference for resource {urn}: {reason}")),
                    Ok(reference) if !providers.contains(&reference) => {
                        if !resource.pending_replacement {
                            self.problem(Some(urn), format!("resource {urn} refers to unknown provider {provider}"));
                        }
                    }
                    Ok(_) => provider_before = Some(provider),
                }
            }
            self.references(index, resource);
            let live = !resource.delete;
            let before = self.seen.entry(urn.as_str()).or_insert(false);
            if *before && live {
                duplicates.push(urn);
            } else {
                *before |= live;
            }
        }
        for urn in duplicates {
            self.problem(Some(urn), format!("duplicate resource {urn} (not marked for deletion)"));
        }
    }

    fn references(&mut self, index: usize, resource: &'d ResourceFields) {
        let urn = &resource.urn;
        if let Some(parent) = &resource.parent
            && !self.seen.contains_key(parent.as_str())
        {
            let message = if self.comes_later(index, parent) {
                format!("child resource {urn}'s parent {parent} comes after it")
            } else {
                format!("child resource {urn} refers to missing parent {parent}")
            };
            self.problem(Some(urn), message);
        }
        for dependency in &resource.dependencies {
            if !self.seen.contains_key(dependency.as_str()) {
                let end =
                    if self.comes_later(index, dependency) { "comes after it" } else { "refers to missing resource" };
                self.problem(Some(urn), format!("resource {urn}'s dependency {dependency} {end}"));
            }
        }
        self.property_dependencies(index, resource);
        if !resource.has_rare() {
            return;
        }
        let rare = resource.rare();
        let others = rare.deleted_with.iter().map(|other| ("deleted", other));
        for (verb, other) in others.chain(rare.replace_with.iter().map(|other| ("replaced", other))) {
            if !self.seen.contains_key(other.as_str()) {
                let end = if self.comes_later(index, other) { "comes after it" } else { "is missing" };
                self.problem(
                    Some(urn),
                    format!("resource {urn} is specified as being {verb} with {other}, which {end}"),
                );
            }
        }
    }

    fn property_dependencies(&mut self, index: usize, resource: &ResourceFields) {
        if resource.property_dependencies_are(|urn| self.seen.contains_key(urn)) {
            return;
        }
        let urn = &resource.urn;
        let mut missing = Vec::new();
        let parsed = resource.for_each_property_dependencies(|name, urns| {
            for dependency in urns {
                if !self.seen.contains_key(dependency.as_str()) {
                    missing.push((name.to_owned(), dependency));
                }
            }
        });
        if let Err(error) = parsed {
            self.problem(Some(urn), format!("resource {urn} has malformed property dependencies: {error}"));
        }
        for (name, dependency) in missing {
            let end =
                if self.comes_later(index, &dependency) { "comes after it" } else { "refers to missing resource" };
            self.problem(
                Some(urn),
                format!("resource {urn}'s property dependency {dependency} (from property {name}) {end}"),
            );
        }
    }

    /// Whether a resource of the name comes after the one at a position.
    fn comes_later(&self, index: usize, urn: &Urn) -> bool {
        let last = self.last.get_or_init(|| {
            let resources = self.deployment.resources.iter().enumerate();
            resources.map(|(index, resource)| (resource.urn.as_str(), index)).collect()
        });
        last.get(urn.as_str()).is_some_and(|last| *last > index)
    }

    fn snippets(&mut self) {
        #[derive(Deserialize)]
        struct Snippet {
            #[serde(default)]
            uuid: String,
        }
        let Some(snippets) = &self.deployment.snippets else { return };
        let list: Vec<Snippet> = match snippets.parse() {
            Ok(list) => list,
            Err(error) => return self.problem(None, format!("malformed snippets: {error}")),
        };
        let mut seen = HashMap::new();
        for (index, snippet) in list.into_iter().enumerate() {
            if snippet.uuid.is_empty() {
                self.problem(None, format!("snippet at index {index} missing required 'uuid' field"));
            } else if let Some(other) = seen.get(&snippet.uuid) {
                let message = format!("duplicate snippet uuid {:?} at indexes {other} and {index}", snippet.uuid);
                self.problem(None, message);
            } else {
                seen.insert(snippet.uuid, index);
            }
        }
    }
}

/// Splits a provider's reference at the last `::` (SPEC.md section 1.7).
///
/// # Errors
/// The reason why it isn't one.
pub(crate) fn parse_reference(reference: &str) -> Result<(&str, &str), String> {
    let (urn, id) =
        reference.rsplit_once("::").ok_or_else(|| format!("expected '::' in provider reference '{reference}'"))?;
    let parsed = Urn::parse(urn).map_err(|_| format!("{urn} is not a valid URN"))?;
    not_a_provider(&parsed).map_or(Ok((urn, id)), Err)
}

/// The id by which others refer to a provider; one that isn't known has a text of its own.
pub(crate) fn provider_id(provider: &ResourceFields) -> &str {
    provider.id.as_deref().filter(|id| !id.is_empty()).unwrap_or(UNKNOWN)
}

/// Why a name can't be a provider's.
fn not_a_provider(urn: &Urn) -> Option<String> {
    let token = urn.type_token();
    let module = token.as_str().rsplit_once(':').map_or("", |(module, _)| module);
    if module != "pulumi:providers" {
        return Some(format!("invalid module in type: expected 'pulumi:providers', got '{module}'"));
    }
    token.name().is_empty().then(|| "provider URNs must specify a type name".to_owned())
}
