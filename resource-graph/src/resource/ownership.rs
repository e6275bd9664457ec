//! Whose a recorded resource is. A state may hold resources of several programs; only those that this one made, or took over,
//! are ever changed or removed.
//!
//! What belongs to something is of the program that made the outermost thing it belongs to, the root of the stack aside: the
//! mark of that one ([`Recorded::is_foreign`]) is asked, so that a name that merely looks like one of ours proves nothing.

use foldhash::HashMap;

use super::recorded::Recorded;

/// Tells whose the records of a state are.
#[derive(Debug)]
pub struct Ownership<'r, R> {
    records: &'r [R],
    live: HashMap<&'r str, u32>,
}

impl<'r, R: Recorded> Ownership<'r, R> {
    /// Looks through the records of one state.
    pub fn of(records: &'r [R]) -> Self {
        let live = (0..).zip(records).filter(|(_, record)| !record.marks().pending_deletion);
        Self { records, live: live.map(|(index, record)| (record.urn().as_str(), index)).collect() }
    }

    /// Whether another program made the record at a place.
    pub fn is_foreign(&self, index: usize) -> bool {
        is_foreign(self.records, &self.live, index)
    }

    /// Whether the live record of a name is there and ours.
    pub fn is_ours_name(&self, urn: &str) -> bool {
        self.live.get(urn).is_some_and(|index| !self.is_foreign(*index as usize))
    }

    /// Whether the live record of a name is there and another program's.
    pub fn is_foreign_name(&self, urn: &str) -> bool {
        self.live.get(urn).is_some_and(|index| self.is_foreign(*index as usize))
    }
}

/// Whether another program made the record at `index`; `live` are the places of the live records by name.
pub(crate) fn is_foreign<R: Recorded>(records: &[R], live: &HashMap<&str, u32>, index: usize) -> bool {
    let mut top = &records[index];
    // A damaged state may hold parents in a circle.
    for _ in 0..records.len() {
        match top.parent().and_then(|parent| live.get(parent)).map(|parent| &records[*parent as usize]) {
            Some(parent) if !parent.urn().type_token().is_stack() => top = parent,
            _ => break,
        }
    }
    top.is_foreign()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PropertyMap, RecordError, RecordMarks, ResourceRecord, TypeToken, Urn, Value};

    struct Made(ResourceRecord, bool);

    impl Recorded for Made {
        fn urn(&self) -> &Urn {
            &self.0.urn
        }
        fn marks(&self) -> RecordMarks {
            self.0.marks()
        }
        fn id(&self) -> Option<&str> {
            self.0.id()
        }
        fn parent(&self) -> Option<&str> {
            self.0.parent()
        }
        fn for_each_dependency(&self, visit: &mut dyn FnMut(&str)) {
            self.0.for_each_dependency(visit);
        }
        fn deleted_with(&self) -> Option<&str> {
            self.0.deleted_with()
        }
        fn for_each_other_reference(&self, visit: &mut dyn FnMut(&str)) {
            self.0.for_each_other_reference(visit);
        }
        fn provider(&self) -> Option<&str> {
            self.0.provider()
        }
        fn is_foreign(&self) -> bool {
            self.1
        }
        fn inputs(&self) -> Result<std::borrow::Cow<'_, PropertyMap>, RecordError> {
            self.0.inputs()
        }
        fn output(&self, path: &[String]) -> Result<Option<Value>, RecordError> {
            self.0.output(path)
        }
        fn to_record(&self) -> Result<std::sync::Arc<ResourceRecord>, RecordError> {
            Ok(std::sync::Arc::new(self.0.clone()))
        }
    }

    fn made(token: &str, name: &str, parent: Option<&Urn>, foreign: bool) -> Made {
        let qualified = parent.filter(|urn| !urn.type_token().is_stack()).map(Urn::qualified_type);
        let mut record = ResourceRecord::new(Urn::new("dev", "shop", qualified, &TypeToken::new(token), name), true);
        record.parent = parent.cloned();
        Made(record, foreign)
    }

    #[test]
    fn what_belongs_to_something_is_of_whoever_made_that_whatever_its_own_name_and_mark_say() {
        let root = Urn::root("dev", "shop");
        let group = |name, foreign| made("semantest:index:RestApi", name, Some(&root), foreign);
        let (ours, theirs) = (group("api", false), group("web", true));
        let part = |group: &Made, name, foreign| made("aws:iam/role:Role", name, Some(&group.0.urn), foreign);
        let parts = [part(&ours, "api-role", true), part(&theirs, "web-role", false)];
        let below = made("a:b:C", "c", Some(&parts[0].0.urn), true);
        let alone = made("aws:iam/role:Role", "alone", None, true);
        let [part_of_ours, part_of_theirs] = parts;
        let records = [
            made("pulumi:pulumi:Stack", "shop-dev", None, true),
            ours,
            theirs,
            part_of_ours,
            part_of_theirs,
            below,
            alone,
        ];
        let ownership = Ownership::of(&records);
        let foreign: Vec<bool> = (1..records.len()).map(|index| ownership.is_foreign(index)).collect();
        assert_eq!(foreign, [false, true, false, true, false, true]);
        assert!(ownership.is_foreign_name(records[2].0.urn.as_str()));
        assert!(ownership.is_ours_name(records[1].0.urn.as_str()));
        let nobody = "urn:pulumi:dev::shop::a:b:C::nobody";
        assert!(!ownership.is_foreign_name(nobody) && !ownership.is_ours_name(nobody));
    }

    #[test]
    fn parents_in_a_circle_end_the_search() {
        let mut one = made("a:b:C", "one", None, false);
        let two = made("a:b:C", "two", Some(&one.0.urn), false);
        one.0.parent = Some(two.0.urn.clone());
        assert!(!Ownership::of(&[one, two]).is_foreign(0));
    }
}
