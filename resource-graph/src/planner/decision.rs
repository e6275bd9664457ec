//! What happens to each wanted resource, in the order of dependencies.

use std::borrow::Cow;

use super::diff::DiffRules;
use super::{PlanError, Planner};
use crate::resource::recorded::Recorded;
use crate::{
    OutputReference, PropertyChange, PropertyMap, Reason, Resolved, ResourceSpec, ResourceTypeInfo, TypeToken, Value,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Left alone: not selected, or not owned.
    Untouched,
    Same,
    /// Only options that the state records differ.
    Options,
    Read,
    Create,
    Update,
    Replace,
}

/// Small for resources to which nothing happens.
#[derive(Debug)]
pub(super) struct Decision {
    pub fate: Fate,
    pub details: Option<Box<Details>>,
}

#[derive(Debug, Default)]
pub(super) struct Details {
    pub inputs: PropertyMap,
    pub changes: Vec<PropertyChange>,
    pub reasons: Vec<Reason>,
    pub conditional: bool,
    pub delete_first: bool,
    /// The old copy stays in the cloud (`retain_on_delete`).
    pub keep_old: bool,
}

impl Decision {
    fn plain(fate: Fate) -> Self {
        Self { fate, details: None }
    }

    fn with(fate: Fate, details: Details) -> Self {
        Self { fate, details: Some(Box::new(details)) }
    }

    pub fn deletes_first(&self) -> bool {
        self.fate == Fate::Replace && self.details.as_ref().is_some_and(|details| details.delete_first)
    }
}

/// Whether only the state knows the resource: the root, components, and providers.
pub(super) fn is_free(custom: bool, type_token: &TypeToken) -> bool {
    !custom || type_token.is_provider() || type_token.is_stack()
}

impl<'a, R: Recorded> Planner<'a, R> {
    pub(super) fn decide(&mut self) -> Result<(), PlanError> {
        self.decisions.reserve(self.specs.len());
        for (spec, position) in self.specs.clone().into_iter().zip(0..) {
            let decision = self.decide_one(spec, position)?;
            self.decisions.push(decision);
        }
        Ok(())
    }

    fn decide_one(&mut self, spec: &'a ResourceSpec, position: u32) -> Result<Decision, PlanError> {
        if !self.selected[position as usize] {
            return Ok(Decision::plain(Fate::Untouched));
        }
        let types = self.types;
        let info =
            if is_free(spec.custom, &spec.type_token) {
                None
            } else {
                Some(types.info(&spec.type_token).ok_or_else(|| PlanError::UnknownType {
                    urn: spec.urn.clone(),
                    type_token: spec.type_token.clone(),
                })?)
            };
        let rules = DiffRules::new(info, &spec.options)
            .map_err(|source| PlanError::InvalidOption { urn: spec.urn.clone(), source })?;
        let index = self.record_of(position);
        let (Some(index), false) = (index, self.is_absent(index)) else {
            let reason = match index {
                None => Reason::New,
                Some(index) if self.record(index).marks().pending_replacement => Reason::InterruptedReplacement,
                Some(_) => Reason::GoneFromCloud,
            };
            let inputs = self.known_inputs(spec)?.into_owned();
            return Ok(Decision::with(Fate::Create, Details { inputs, reasons: vec![reason], ..Details::default() }));
        };
        if self.record(index).marks().external {
            return Ok(Decision::plain(Fate::Untouched));
        }
        let mut inputs = self.known_inputs(spec)?;
        let record = self.record(index);
        let recorded_inputs = record.inputs().map_err(self.unreadable(index))?;
        if rules.ignores_changes() {
            rules.apply_ignored(&recorded_inputs, inputs.to_mut());
        }
        let changes = rules.diff(&recorded_inputs, &inputs);
        drop(recorded_inputs);
        self.judge(spec, position, index, info, inputs, changes)
    }

    fn judge(
        &self,
        spec: &ResourceSpec,
        position: u32,
        index: u32,
        info: Option<&ResourceTypeInfo>,
        inputs: Cow<'_, PropertyMap>,
        changes: Vec<PropertyChange>,
    ) -> Result<Decision, PlanError> {
        let marks = self.record(index).marks();
        let forced = info.is_some() && changes.iter().any(|change| change.forces_replacement);
        let is_tainted = marks.tainted && info.is_some();
        if changes.is_empty() && !is_tainted && !marks.has_init_errors {
            let differing = self.differing_options(spec, position, index);
            if differing.is_empty() {
                return Ok(Decision::plain(Fate::Same));
            }
            let reasons = vec![Reason::OptionsChanged(differing)];
            let details = Details { inputs: inputs.into_owned(), reasons, ..Details::default() };
            return Ok(Decision::with(Fate::Options, details));
        }
        let mut details = Details { inputs: inputs.into_owned(), ..Details::default() };
        if is_tainted {
            details.reasons.push(Reason::Tainted);
        }
        if marks.has_init_errors {
            let record = self.record(index).to_record().map_err(self.unreadable(index))?;
            details.reasons.push(Reason::NotHealthy(record.init_errors.clone()));
        }
        details.reasons.extend(Reason::of_changes(&changes));
        let fate = if forced || is_tainted {
            let by_type = info.is_some_and(|info| info.delete_before_replace);
            details.keep_old = spec.options.retain_on_delete.unwrap_or(marks.retain_on_delete);
            details.delete_first = !details.keep_old && spec.options.delete_before_replace.unwrap_or(by_type);
            details.conditional =
                !is_tainted && !changes.iter().any(|change| change.forces_replacement && change.is_certain());
            Fate::Replace
        } else {
            details.conditional = !marks.has_init_errors && !changes.iter().any(PropertyChange::is_certain);
            Fate::Update
        };
        details.changes = changes;
        Ok(Decision::with(fate, details))
    }

    /// Names of options that the state records, and that differ.
    fn differing_options(&self, spec: &ResourceSpec, position: u32, index: u32) -> Vec<&'static str> {
        let record = self.record(index);
        let marks = record.marks();
        let mut names = Vec::new();
        if spec.options.protect.is_some_and(|wanted| wanted != marks.protect) {
            names.push("protect");
        }
        if spec.options.retain_on_delete.is_some_and(|wanted| wanted != marks.retain_on_delete) {
            names.push("retain on delete");
        }
        let parent = spec.options.parent.as_ref().map(crate::Urn::as_str);
        if record.parent() != parent {
            names.push("parent");
        }
        let wanted = &self.needs[position as usize];
        let mut found = vec![false; wanted.len()];
        let mut differs = false;
        record.for_each_dependency(&mut |urn| {
            let place = self.position.get(urn).and_then(|needed| wanted.binary_search(needed).ok());
            match place {
                Some(place) => found[place] = true,
                None => differs |= Some(urn) != parent,
            }
        });
        let is_missing =
            |(needed, found): (&u32, &bool)| !*found && Some(self.specs[*needed as usize].urn.as_str()) != parent;
        if differs || wanted.iter().zip(&found).any(is_missing) {
            names.push("dependencies");
        }
        names
    }

    /// The inputs with all that is known filled in. Inputs without references are only borrowed.
    fn known_inputs(&mut self, spec: &'a ResourceSpec) -> Result<Cow<'a, PropertyMap>, PlanError> {
        if !spec.inputs.values().any(Value::contains_reference) {
            return Ok(Cow::Borrowed(&spec.inputs));
        }
        let mut failure = None;
        let resolved = spec.inputs.resolve_known(&mut |reference| match self.look_up(reference) {
            Ok(resolved) => resolved,
            Err(error) => {
                failure.get_or_insert(error);
                Resolved::Unknown
            }
        });
        match failure {
            Some(error) => Err(error),
            None => resolved.map(Cow::Owned).map_err(|source| PlanError::Unresolved { urn: spec.urn.clone(), source }),
        }
    }

    fn look_up(&mut self, reference: &'a OutputReference) -> Result<Resolved, PlanError> {
        let Some(position) = self.position.get(reference.urn.as_str()).copied() else { return Ok(Resolved::Missing) };
        let spec = self.specs[position as usize];
        let output = reference.path.first().map_or("", String::as_str);
        let is_id = reference.path.len() == 1 && output == "id";
        match self.decisions[position as usize].fate {
            Fate::Create | Fate::Replace => return Ok(Resolved::Unknown),
            Fate::Update => {
                let info = self.types.info(&spec.type_token);
                if !is_id && !info.is_some_and(|info| info.stable_outputs.contains(&output)) {
                    return Ok(Resolved::Unknown);
                }
            }
            Fate::Untouched | Fate::Same | Fate::Options | Fate::Read => {}
        }
        let Some(index) = self.record_of(position) else { return Ok(Resolved::Missing) };
        let record = self.record(index);
        if is_id {
            return Ok(record.id().map_or(Resolved::Missing, |id| Resolved::Known(id.into())));
        }
        let key = (index, reference.path.as_slice());
        let value = match self.outputs.get(&key) {
            Some(value) => value.clone(),
            None => {
                let value = record.output(&reference.path).map_err(self.unreadable(index))?;
                self.outputs.insert(key, value.clone());
                value
            }
        };
        Ok(match value {
            Some(Value::Unknown) | None => self.read_for(spec, position, output),
            Some(value) => Resolved::Known(value),
        })
    }

    /// A recorded resource lacks an output that is needed: it is read, if that is possible.
    fn read_for(&mut self, spec: &ResourceSpec, position: u32, output: &str) -> Resolved {
        let decision = &mut self.decisions[position as usize];
        if is_free(spec.custom, &spec.type_token) || decision.fate == Fate::Untouched {
            return Resolved::Missing;
        }
        let reason = Reason::OutputNotRecorded(output.to_owned());
        match decision.fate {
            Fate::Same | Fate::Options => {
                decision.fate = Fate::Read;
                decision.details.get_or_insert_default().reasons.push(reason);
            }
            Fate::Read => {
                let reasons = &mut decision.details.get_or_insert_default().reasons;
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
            _ => {}
        }
        Resolved::Unknown
    }
}
