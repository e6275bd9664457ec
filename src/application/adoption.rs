//! Taking over resources that another program recorded in the stack: what is wanted, isn't recorded as ours, and is recorded
//! by somebody else is gone on with, instead of being made a second time.
//!
//! [`matching`] finds out which those are, [`names`] which physical names they bring along, [`renamed`] shows the state as it
//! is when they are ours. Nothing is done in the cloud: a record gets our name and our parent in the place where it stands, and
//! what is wanted otherwise is an ordinary update of the plan.

mod candidates;
mod identities;
mod matching;
mod names;
mod renamed;

use std::collections::HashMap;
use std::sync::Arc;

use resource_graph::{Operation, Plan, ResourceRecord, Urn};

use self::renamed::Renamed;
use super::error::{ApplicationError, ErrorKind};
use super::report::AdoptedResource;
use crate::domain::deployment::ErrorDetail;
use crate::ports::RecordedResource;

pub use self::matching::{find, refuse_other_account};
pub use self::names::{kept, mapped};

/// That one of our resources is a certain record of another program's, though its physical name doesn't tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Ours: the URN, or its last part, such as `api-role`.
    pub ours: String,
    /// Theirs: the URN, its last part, or the id in the cloud.
    pub theirs: String,
}

/// A record of another program's that is taken over.
#[derive(Clone, Debug)]
pub struct Adoption {
    /// The name that it had.
    pub from: Urn,
    /// What it is from now on.
    pub record: Arc<ResourceRecord>,
    /// Inputs that aren't managed here: they stay in the cloud as they are, and are no longer recorded as inputs.
    pub unmanaged: Vec<String>,
    /// The other program marked it to be replaced.
    pub tainted: bool,
}

/// All that is taken over by one deployment.
#[derive(Clone, Debug, Default)]
pub struct Adoptions {
    /// What the records belong to from now on and isn't recorded yet, outermost first.
    pub groups: Vec<Arc<ResourceRecord>>,
    /// The records, each after those that it depends on.
    pub records: Vec<Adoption>,
}

impl Adoptions {
    /// Whether nothing is taken over.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The state's records as they are when everything is taken over.
    pub fn applied_to(&self, records: &[RecordedResource]) -> Vec<RecordedResource> {
        if self.is_empty() {
            return records.to_vec();
        }
        let adopted: HashMap<&Urn, &Adoption> = self.records.iter().map(|one| (&one.from, one)).collect();
        let names: HashMap<String, Urn> =
            self.records.iter().map(|one| (one.from.to_string(), one.record.urn.clone())).collect();
        let names = Arc::new(names);
        let shown =
            records.iter().map(|record| match adopted.get(record.urn()).filter(|_| !record.marks().pending_deletion) {
                Some(adoption) => Arc::new(ResourceRecord::clone(&adoption.record)) as RecordedResource,
                None => Arc::new(Renamed::new(Arc::clone(record), Arc::clone(&names))) as RecordedResource,
            });
        let groups = self.groups.iter().map(|group| Arc::new(ResourceRecord::clone(group)) as RecordedResource);
        groups.chain(shown).collect()
    }

    /// What is taken over, for a report.
    pub fn reported(&self) -> Vec<AdoptedResource> {
        let reported = self.records.iter().map(|adoption| AdoptedResource {
            urn: adoption.record.urn.to_string(),
            from: adoption.from.to_string(),
            id: adoption.record.id.clone(),
            unmanaged: adoption.unmanaged.clone(),
        });
        reported.collect()
    }

    /// Refuses a plan that would replace what is taken over: that it is gone on with is the point of it.
    ///
    /// # Errors
    /// Each resource with what would replace it.
    pub fn refuse_replacements(&self, plan: &Plan) -> Result<(), ApplicationError> {
        let replacements = plan.steps().iter().filter(|step| step.operation == Operation::CreateReplacement);
        let replaced: HashMap<&Urn, String> = replacements.map(|step| (&step.urn, step.reason())).collect();
        let mut details = Vec::new();
        for adoption in &self.records {
            let why = match replaced.get(&adoption.record.urn) {
                Some(reason) => reason,
                None if adoption.tainted => "it is marked to be replaced",
                None => continue,
            };
            details.push(ErrorDetail {
                urn: Some(adoption.record.urn.to_string()),
                code: "adoption-replaces".into(),
                message: format!(
                    "{} ({}) can be taken over, but would be replaced: {why}",
                    adoption.from,
                    adoption.record.id.as_deref().unwrap_or_default()
                ),
                hint: Some(
                    "change it with the program that made it, so that it fits; --replace-adopted lets it be replaced"
                        .into(),
                ),
            });
        }
        if details.is_empty() { Ok(()) } else { Err(ApplicationError { kind: ErrorKind::Failed, details }) }
    }
}
