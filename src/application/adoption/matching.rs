//! Which records of other programs are what is wanted: by type and by what identifies a resource in the cloud (its physical
//! name, and what it belongs to), or by what a person says.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use resource_graph::{
    OutputReference, Ownership, PropertyMap, Resolved, ResourceRecord, ResourceSpec, Selection, Urn, Value,
};

use super::candidates::{Candidates, is_named, shown};
use super::identities::Identities;
use super::renamed::with_names;
use super::{Adoption, Adoptions, Mapping};
use crate::application::error::{ApplicationError, ErrorKind};
use crate::application::plan::recorded::{output_of, recorded_output};
use crate::domain::deployment::ErrorDetail;
use crate::ports::clock::recorded_time;
use crate::ports::{Cloud, CloudIdentity, RecordedResource, ResourceProvider, WallClock};

/// A wanted resource and the record that a person says it is.
pub struct Mapped<'s, 'r> {
    pub spec: &'s ResourceSpec,
    pub record: &'r RecordedResource,
}

/// Finds out what is taken over.
///
/// # Errors
/// When several records could be the one, when a mapping names nothing, or when one of our names stands for something else.
pub fn find(
    cloud: &dyn Cloud,
    clock: &dyn WallClock,
    mappings: &[Mapping],
    selection: &Selection,
    specs: &[Arc<ResourceSpec>],
    records: &[RecordedResource],
) -> Result<Adoptions, ApplicationError> {
    let ownership = Ownership::of(records);
    let all: Vec<&ResourceSpec> = specs.iter().map(Arc::as_ref).collect();
    let wanted: HashSet<&Urn> = all.iter().map(|spec| &spec.urn).collect();
    let is_somebodys = |(index, record): (usize, &RecordedResource)| {
        let token = record.urn().type_token();
        !token.is_stack() && !token.is_provider() && (!wanted.contains(record.urn()) || ownership.is_foreign(index))
    };
    if mappings.is_empty() && !records.iter().enumerate().any(is_somebodys) {
        return Ok(Adoptions::default());
    }
    let all_wanted = *selection == Selection::All;
    let candidates = Candidates::of(cloud, &ownership, records, all_wanted.then_some(&wanted));
    let mapped = resolve_mappings(cloud, mappings, &all, &candidates, &ownership, all_wanted)?;
    let mut search = Search {
        cloud,
        candidates,
        taken: mapped.iter().map(|one| one.record.urn()).collect(),
        mapped: mapped.into_iter().map(|one| (one.spec.urn.clone(), one.record)).collect(),
        live: crate::application::plan::recorded::live(records),
        identities: HashMap::new(),
        found: Vec::new(),
        places: HashMap::new(),
        problems: Vec::new(),
    };
    let selected = selected(selection, &all);
    for spec in all.iter().filter(|spec| selected.contains(&spec.urn)) {
        let is_ours = search.live.contains_key(&spec.urn) && !ownership.is_foreign_name(spec.urn.as_str());
        if !is_ours {
            search.look_for(spec)?;
        }
    }
    if !search.problems.is_empty() {
        return Err(ApplicationError { kind: ErrorKind::Usage, details: search.problems });
    }
    let Search { live, found, .. } = search;
    Ok(finished(found, &all, &live, &recorded_time(clock.now_ms())))
}

/// With the credentials of another account what is taken over would seem to be gone.
///
/// # Errors
/// When a record that is to be taken over is in another account.
pub fn refuse_other_account(
    cloud: &dyn Cloud,
    identity: &CloudIdentity,
    adoptions: &Adoptions,
) -> Result<(), ApplicationError> {
    let elsewhere = adoptions.records.iter().find_map(|adoption| {
        let account = cloud.account_of(adoption.record.as_ref())?;
        (account != identity.account).then_some((adoption, account))
    });
    let Some((adoption, account)) = elsewhere else { return Ok(()) };
    let message = format!(
        "{} is in the account {account}, but the credentials are those of {} ({})",
        adoption.from, identity.account, identity.principal
    );
    Err(ApplicationError::new(ErrorKind::Usage, "other-account", message)
        .with_hint(format!("use credentials of {account}, or another stack for this account")))
}

/// The wanted resources that a deployment is about: what it doesn't touch isn't taken over either.
fn selected(selection: &Selection, specs: &[&ResourceSpec]) -> HashSet<Urn> {
    let mut selected = HashSet::new();
    // What depends on others comes after them, so that going backwards collects all that is needed.
    for spec in specs.iter().rev() {
        let is_selected = match selection {
            Selection::All => true,
            Selection::Components(roots) => {
                roots.contains(&spec.urn) || spec.options.parent.as_ref().is_some_and(|parent| roots.contains(parent))
            }
            Selection::Targets(targets) => targets.contains(&spec.urn) || selected.contains(&spec.urn),
        };
        if is_selected {
            selected.insert(spec.urn.clone());
            if matches!(selection, Selection::Targets(_)) {
                selected.extend(spec.dependencies());
            }
        }
    }
    selected
}

/// What each mapping means. One whose resource is ours already has done its work.
///
/// # Errors
/// When one names nothing, or several things.
pub fn resolve_mappings<'s, 'r>(
    cloud: &dyn Cloud,
    mappings: &[Mapping],
    specs: &[&'s ResourceSpec],
    candidates: &Candidates<'r>,
    ownership: &Ownership<'_, RecordedResource>,
    all_wanted: bool,
) -> Result<Vec<Mapped<'s, 'r>>, ApplicationError> {
    let mut details = Vec::new();
    let mut resolved: Vec<Mapped<'s, 'r>> = Vec::new();
    for mapping in mappings {
        let is_it = |spec: &&&'s ResourceSpec| {
            !spec.type_token.is_stack() && (spec.urn.as_str() == mapping.ours || spec.urn.name() == mapping.ours)
        };
        let named: Vec<&'s ResourceSpec> = specs.iter().filter(is_it).copied().collect();
        let spec = match named[..] {
            [spec] => spec,
            // It may belong to a component that wasn't chosen.
            [] if !all_wanted => continue,
            [] => {
                let known = specs.iter().filter(|spec| spec.custom).map(|spec| spec.urn.name().to_owned());
                details.push(wrong(
                    None,
                    format!("there is no resource {} in the configuration", mapping.ours),
                    listing("the names are", known),
                ));
                continue;
            }
            _ => {
                let known = named.iter().map(|spec| spec.urn.to_string());
                details.push(wrong(
                    None,
                    format!("{} may be several resources", mapping.ours),
                    listing("write one of", known),
                ));
                continue;
            }
        };
        if ownership.is_ours_name(spec.urn.as_str()) {
            continue;
        }
        let of_type: Vec<&'r RecordedResource> = match cloud.resource(&spec.type_token).filter(|_| spec.custom) {
            Some(provider) => candidates.of_type(provider.as_ref()).collect(),
            None => candidates.groups(&spec.urn).collect(),
        };
        let theirs: Vec<&'r RecordedResource> =
            of_type.iter().copied().filter(|record| is_named(record, &mapping.theirs)).collect();
        match theirs[..] {
            [record] => match resolved.iter().find(|other| other.record.urn() == record.urn()) {
                Some(other) => {
                    let message =
                        format!("{} can't be both {} and {}", shown(record), other.spec.urn.name(), spec.urn.name());
                    details.push(wrong(Some(&spec.urn), message, "map each resource of the stack once".into()));
                }
                None => resolved.push(Mapped { spec, record }),
            },
            _ => {
                let (what, known) = if theirs.is_empty() { ("no", &of_type) } else { ("more than one", &theirs) };
                let message =
                    format!("the stack has {what} {} of another program's called {}", spec.type_token, mapping.theirs);
                let hint = if known.is_empty() {
                    "`semantest-iac import` records a resource that only the cloud knows".to_owned()
                } else {
                    listing("it has", known.iter().map(|record| shown(record)))
                };
                details.push(wrong(Some(&spec.urn), message, hint));
            }
        }
    }
    if details.is_empty() { Ok(resolved) } else { Err(ApplicationError { kind: ErrorKind::Usage, details }) }
}

fn wrong(urn: Option<&Urn>, message: String, hint: String) -> ErrorDetail {
    ErrorDetail { urn: urn.map(Urn::to_string), code: "adoption".into(), message, hint: Some(hint) }
}

fn listing(what: &str, names: impl IntoIterator<Item = String>) -> String {
    format!("{what} {}", names.into_iter().collect::<Vec<_>>().join(", "))
}

/// The search for one deployment.
struct Search<'a, 'r> {
    cloud: &'a dyn Cloud,
    candidates: Candidates<'r>,
    mapped: HashMap<Urn, &'r RecordedResource>,
    live: HashMap<&'r Urn, &'r RecordedResource>,
    /// By type and identifying inputs.
    identities: HashMap<(&'static str, &'static [&'static str]), Identities<'r>>,
    /// Records that are somebody's already, or said to be.
    taken: HashSet<&'r Urn>,
    found: Vec<(Urn, Adoption)>,
    /// Places of what is found, by our names.
    places: HashMap<Urn, usize>,
    problems: Vec<ErrorDetail>,
}

impl<'r> Search<'_, 'r> {
    fn look_for(&mut self, spec: &ResourceSpec) -> Result<(), ApplicationError> {
        let record = match self.mapped.get(&spec.urn).copied() {
            Some(record) => Some(record),
            None if spec.custom => self.matching(spec)?,
            None => None,
        };
        if let Some(record) = record {
            return self.take(spec, record);
        }
        // A group is only a name: that somebody else has one of the same is no reason to take what is in it for ours.
        if let Some(other) = self.live.get(&spec.urn) {
            let message = format!(
                "another program has recorded {} in this stack, and it isn't what is wanted here",
                shown(other)
            );
            let hint = format!(
                "give one of the two another name; if it is the one, deploy with --adopt {}={}",
                spec.urn.name(),
                other.id().unwrap_or(spec.urn.name())
            );
            self.problems.push(wrong(Some(&spec.urn), message, hint));
        }
        Ok(())
    }

    /// The record that has the identity of what is wanted.
    fn matching(&mut self, spec: &ResourceSpec) -> Result<Option<&'r RecordedResource>, ApplicationError> {
        let Some(provider) = self.cloud.resource(&spec.type_token) else { return Ok(None) };
        for names in [provider.identifying_inputs(), provider.adoption_facts().recognising_inputs] {
            let Some(wanted) = self.identity(spec, names) else { continue };
            let identities = match self.identities.entry((provider.info().token, names)) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(Identities::of(names, self.candidates.of_type(provider.as_ref()))?),
            };
            let mut same = identities.matching(provider.as_ref(), &wanted);
            same.retain(|record| !self.taken.contains(record.urn()));
            match same[..] {
                [] => {}
                [record] => return Ok(Some(record)),
                // Of several of our own none is gone on with: they are removed, as what isn't wanted is.
                _ if same.iter().all(|record| !self.candidates.is_foreign(record)) => {}
                _ => {
                    let message = format!("{} resources of the stack could be {}", same.len(), spec.urn.name());
                    let hint = format!(
                        "say which one with --adopt {}=<its URN or id>: {}",
                        spec.urn.name(),
                        same.iter().map(|record| shown(record)).collect::<Vec<_>>().join(", ")
                    );
                    self.problems.push(wrong(Some(&spec.urn), message, hint));
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    /// What identifies a wanted resource; `None` when that depends on something that isn't there.
    fn identity(&self, spec: &ResourceSpec, names: &[&str]) -> Option<PropertyMap> {
        let named = spec.inputs.iter().filter(|(name, _)| names.contains(name));
        let inputs: PropertyMap = named.map(|(name, value)| (name, value.clone())).collect();
        let resolved = inputs.resolve(&mut |reference| self.lookup(reference)).ok()?;
        let is_known = !resolved.values().any(Value::contains_unknown);
        is_known.then_some(resolved)
    }

    /// An output of a resource that is ours, or is to be.
    fn lookup(&self, reference: &OutputReference) -> Resolved {
        if let Some(place) = self.places.get(&reference.urn) {
            let adoption = &self.found[*place].1;
            return output_of(&adoption.record, &reference.path);
        }
        let ours = self.live.get(&reference.urn).filter(|record| !record.marks().pending_replacement);
        ours.map_or(Resolved::Unknown, |record| recorded_output(record, &reference.path))
    }

    fn take(&mut self, spec: &ResourceSpec, record: &'r RecordedResource) -> Result<(), ApplicationError> {
        let before = record.to_record().map_err(|error| ApplicationError::of_record(record.urn(), &error))?;
        let mut inputs = before.inputs.clone();
        let mut unmanaged = Vec::new();
        if let Some(provider) = self.cloud.resource(&spec.type_token) {
            unmanaged = provider.unmanaged_inputs(&inputs);
            inputs.retain(|name, _| !unmanaged.iter().any(|unmanaged| unmanaged == name));
            unmanaged.retain(|name| !provider.adoption_facts().repeated_inputs.contains(&name.as_str()));
            let wanted = spec.inputs.resolve_known(&mut |reference| self.lookup(reference)).unwrap_or_default();
            complete(&mut inputs, &wanted, &before.outputs, provider.as_ref());
            // What was said to be as it is anyway needs no unsaying.
            let defaults = provider.default_inputs(&inputs);
            inputs.retain(|name, _| {
                let is_idle =
                    defaults.iter().any(|default| default == name) && !resource_graph::planner::diff::is_internal(name);
                wanted.contains_key(name) || !is_idle
            });
        }
        let adopted = ResourceRecord {
            urn: spec.urn.clone(),
            type_token: spec.type_token.clone(),
            parent: spec.options.parent.clone(),
            inputs,
            ..ResourceRecord::clone(&before)
        };
        self.taken.insert(record.urn());
        self.places.insert(spec.urn.clone(), self.found.len());
        let (from, tainted) = (record.urn().clone(), record.marks().tainted);
        self.found.push((spec.urn.clone(), Adoption { from, record: Arc::new(adopted), unmanaged, tainted }));
        Ok(())
    }
}

/// Adds the wanted inputs that the other program left to their defaults, where the cloud shows them to be as wanted: they are
/// nothing to be changed.
fn complete(inputs: &mut PropertyMap, wanted: &PropertyMap, outputs: &PropertyMap, provider: &dyn ResourceProvider) {
    for (name, wanted) in wanted.iter() {
        let is_left_out = inputs.get(name).is_none_or(Value::is_null);
        if let Some(actual) = outputs.get(name).filter(|_| is_left_out)
            && (resource_graph::planner::diff::same(actual, wanted)
                || (provider.info().equivalent)(name, actual.exposed(), wanted.exposed()))
        {
            inputs.insert(name, actual.clone());
        }
    }
}

/// Puts together what was found: the records refer to each other by their new names, and what they belong to is there.
fn finished(
    found: Vec<(Urn, Adoption)>,
    specs: &[&ResourceSpec],
    live: &HashMap<&Urn, &RecordedResource>,
    now: &str,
) -> Adoptions {
    let names: HashMap<String, Urn> = found.iter().map(|(urn, one)| (one.from.to_string(), urn.clone())).collect();
    let by_urn: HashMap<&Urn, &ResourceSpec> = specs.iter().map(|spec| (&spec.urn, *spec)).collect();
    let mut adoptions = Adoptions::default();
    let mut known: HashSet<Urn> = found.iter().map(|(urn, _)| urn.clone()).collect();
    for (_, adoption) in found {
        let mut missing = Vec::new();
        let mut parent = adoption.record.parent.clone();
        while let Some(spec) = parent.as_ref().and_then(|urn| by_urn.get(urn)) {
            if !live.contains_key(&spec.urn) && known.insert(spec.urn.clone()) {
                let mut group = ResourceRecord::new(spec.urn.clone(), spec.custom);
                group.parent.clone_from(&spec.options.parent);
                (group.created, group.modified) = (Some(now.to_owned()), Some(now.to_owned()));
                missing.push(Arc::new(group));
            }
            parent = spec.options.parent.clone();
        }
        adoptions.groups.extend(missing.into_iter().rev());
        let record = Arc::new(with_names(&adoption.record, &names));
        adoptions.records.push(Adoption { record, ..adoption });
    }
    adoptions
}
