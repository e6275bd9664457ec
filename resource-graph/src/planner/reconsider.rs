//! Looking again at a conditional step once all of its inputs are known.

use super::diff::DiffRules;
use crate::{Operation, PropertyChange, PropertyMap, ResourceTypes, Step};

/// What a conditional step comes down to.
#[derive(Clone, Debug, PartialEq)]
pub enum Reconsidered {
    /// Nothing changes: report [`StepResult::BecameSame`] without a call. So does the first half of a replacement that
    /// deletes first also for an update, which the second half then does.
    ///
    /// [`StepResult::BecameSame`]: crate::StepResult::BecameSame
    Same,
    /// The resource changes in place. For a step that was planned as a replacement, report
    /// [`StepResult::BecameUpdate`] afterwards.
    ///
    /// [`StepResult::BecameUpdate`]: crate::StepResult::BecameUpdate
    Update(Vec<PropertyChange>),
    /// The resource is replaced, as planned.
    Replace(Vec<PropertyChange>),
    /// It would have to be replaced, but is protected: the step must fail.
    Protected(Vec<PropertyChange>),
}

impl Step {
    /// Compares the recorded inputs with the wanted ones, now that these are resolved. Steps that aren't conditional
    /// stay what they are.
    pub fn reconsider(&self, resolved: &PropertyMap, types: &dyn ResourceTypes) -> Reconsidered {
        let is_replacement = matches!(self.operation, Operation::CreateReplacement | Operation::DeleteReplaced);
        let changes = match (&self.spec, &self.record) {
            (Some(spec), Some(record)) => match DiffRules::new(types.info(&self.type_token), &spec.options) {
                Ok(rules) => rules.diff(&record.inputs, resolved),
                // The planner has refused broken patterns already.
                Err(_) => self.changes.clone(),
            },
            _ => self.changes.clone(),
        };
        let is_protected = self.spec.as_ref().is_some_and(|spec| spec.options.protect == Some(true))
            || self.record.as_ref().is_some_and(|record| record.protect);
        if !self.conditional {
            if is_replacement { Reconsidered::Replace(changes) } else { Reconsidered::Update(changes) }
        } else if changes.is_empty() {
            Reconsidered::Same
        } else if !is_replacement || !changes.iter().any(|change| change.forces_replacement) {
            Reconsidered::Update(changes)
        } else if is_protected {
            Reconsidered::Protected(changes)
        } else {
            Reconsidered::Replace(changes)
        }
    }
}
