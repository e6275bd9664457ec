//! What is written is read back the same, in every form; renames go there and back; edits keep the rules.

use bytes::Bytes;
use proptest::prelude::*;
use resource_graph::{ResourceRecord, TypeToken, Urn, Value};
use state::{
    Checkpoint, Compression, Deployment, Export, Manifest, Properties, Resource, ResourceFields, ValueDecoder,
    ValueEncoder,
};

use crate::format::arbitrary::{deployment, properties, resource, value};
use crate::format::support::{Hex, checkpoint, compact, export, rewritten};

fn of(latest: Deployment) -> Checkpoint {
    Checkpoint {
        stack: "organization/shop/dev".to_owned(),
        latest: Some(latest),
        unknown: Vec::new(),
        around: Vec::new(),
    }
}

const FORMS: [Compression; 3] = [Compression::None, Compression::Gzip, Compression::Zstd];

/// Every secret in the clear.
fn revealed(state: &Deployment) -> Deployment {
    let mut state = state.clone();
    state.reveal_secrets(&Hex).expect("secrets");
    // As it will be read.
    state.declares_byte_strings = state.features().contains(&"byteString");
    state
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn values_are_read_back_as_they_were_written(value in value()) {
        let json = ValueEncoder::new(&Hex).value(&value).unwrap();
        let back = ValueDecoder::revealing(&Hex).value(&json).unwrap();
        prop_assert_eq!(&back, &value, "{}", json.as_str());
        // To the last bit, and with no other text.
        prop_assert_eq!(ValueEncoder::new(&Hex).value(&back).unwrap(), json);
    }

    #[test]
    fn states_are_read_back_as_they_were_written(state in deployment()) {
        for state in [revealed(&state), state] {
            let written = of(state.clone()).to_bytes();
            prop_assert!(!written.contains(&b'\n'));
            let printed = Export { deployment: Some(state.clone()), unknown: Vec::new() }.to_bytes();
            for form in FORMS {
                let read = checkpoint(form.pack(written.clone()).unwrap()).unwrap();
                prop_assert_eq!(read.latest.as_ref(), Some(&state));
                // Byte for byte, from what was read and from its fields.
                prop_assert_eq!(read.to_bytes(), written.clone());
                prop_assert_eq!(compact(&rewritten(&state)).into_bytes(), written.clone());

                let read = export(form.pack(printed.clone()).unwrap()).unwrap();
                prop_assert_eq!(read.to_bytes(), printed.clone());
                // Only the layout is another.
                prop_assert_eq!(compact(read.deployment.as_ref().unwrap()).into_bytes(), written.clone());
            }
            let tree: serde_json::Value = serde_json::from_slice(&written).unwrap();
            let other: serde_json::Value = serde_json::from_slice(&printed).unwrap();
            prop_assert_eq!(&tree["checkpoint"]["latest"], &other["deployment"]);
        }
    }

    /// Shown, encrypted again, and handed to another manager, secrets hold what they held.
    #[test]
    fn secrets_survive_being_shown_and_encrypted_again(state in deployment()) {
        let values = |state: &Deployment| -> Vec<_> {
            let decoder = ValueDecoder::revealing(&Hex);
            state.resources.iter().map(|resource| resource.to_record(&decoder).expect("a record")).collect()
        };
        let mut shown = revealed(&state);
        prop_assert_eq!(values(&shown), values(&state));
        prop_assert!(!compact(&shown).contains("\"ciphertext\":\"hex:"));
        shown.encrypt_secrets(&Hex).unwrap();
        prop_assert_eq!(values(&shown), values(&state));
        prop_assert!(!compact(&shown).contains("\"plaintext\":"));
        shown.reencrypt_secrets(&Hex, &Hex).unwrap();
        prop_assert_eq!(values(&shown), values(&state));
    }

    /// With what Pulumi itself may have written, or a hand: any white space, any order, members that aren't in their place.
    #[test]
    fn layout_and_order_do_not_matter(state in deployment()) {
        let tree: serde_json::Value = serde_json::from_slice(&of(state.clone()).to_bytes()).unwrap();
        // Sorted by name.
        let sorted = serde_json::to_vec_pretty(&tree).unwrap();
        let read = checkpoint(sorted).unwrap();
        let again: serde_json::Value = serde_json::from_slice(&read.to_bytes()).unwrap();
        prop_assert_eq!(again, tree);
    }

    #[test]
    fn an_update_with_the_same_values_changes_nothing(resource in resource()) {
        let record = resource.to_record(&ValueDecoder::revealing(&Hex)).unwrap();
        let mut same = resource.clone();
        same.update_from(&record, &Hex).unwrap();
        prop_assert_eq!(&same, &resource);
        // Nor does one that hasn't looked into the secrets.
        let hidden = resource.to_record(&ValueDecoder::hiding()).unwrap();
        same.update_from(&hidden, &Hex).unwrap();
        prop_assert_eq!(&same, &resource);
    }

    /// Each value that is the same keeps its text; the others are what they should be.
    #[test]
    fn updates_write_what_changed(before in properties(), after in properties()) {
        let encoder = ValueEncoder::new(&Hex);
        let old = encoder.properties(&before, &Properties::none()).unwrap();
        let new = encoder.properties(&after, &old).unwrap();
        let back = ValueDecoder::revealing(&Hex).properties(&new).unwrap();
        prop_assert_eq!(back, after);
    }

    #[test]
    fn a_rename_there_and_back_is_none(state in deployment()) {
        let (here, there) = (("shop", "dev"), ("market", "prod"));
        let mut renamed = state.clone();
        renamed.rename(here, there, &Hex).unwrap();
        let text = compact(&renamed);
        prop_assert!(!state.resources.iter().any(|it| it.urn.stack() == "dev") || text.contains("urn:pulumi:prod::market::"));
        renamed.rename(there, here, &Hex).unwrap();
        prop_assert_eq!(compact(&renamed), compact(&state));
    }
}

/// One edit of a state.
#[derive(Clone, Debug)]
enum Edit {
    /// Records the resource of a number; it depends on those of lower numbers, and its parent is one of them.
    Upsert {
        number: usize,
        dependencies: Vec<usize>,
        parent: Option<usize>,
        value: Value,
    },
    Remove(usize),
    Mark(usize),
    RemoveLeftover(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let number = || 0..10_usize;
    prop_oneof![
        4 => (number(), prop::collection::vec(number(), 0..3), prop::option::of(number()), value()).prop_map(
            |(number, dependencies, parent, value)| Edit::Upsert { number, dependencies, parent, value }
        ),
        1 => number().prop_map(Edit::Remove),
        2 => number().prop_map(Edit::Mark),
        1 => number().prop_map(Edit::RemoveLeftover),
    ]
}

fn numbered(number: usize) -> Urn {
    Urn::new("dev", "shop", None, &TypeToken::new("a:b:C"), &number.to_string())
}

/// Whether another resource refers to a name.
fn is_referred_to(resources: &[Resource], urn: &Urn) -> bool {
    resources.iter().any(|it| it.urn != *urn && (it.parent.as_ref() == Some(urn) || it.dependencies.contains(urn)))
}

/// Does an edit as far as it leaves nothing that refers to what isn't there.
fn apply(state: &mut Deployment, edit: &Edit) {
    let count = |state: &Deployment, urn: &Urn, leftover: bool| {
        state.resources.iter().filter(|it| it.urn == *urn && it.delete == leftover).count()
    };
    let before = state.clone();
    let is_live = |number: &usize| count(&before, &numbered(*number), false) > 0;
    let is_last = |urn: &Urn| count(&before, urn, false) + count(&before, urn, true) == 1;
    let mut editor = state.edit();
    match edit {
        Edit::Upsert { number, dependencies, parent, value } => {
            let below = |other: &&usize| *other < number && is_live(other);
            let mut record = ResourceRecord::new(numbered(*number), true);
            record.dependencies = dependencies.iter().filter(below).map(|it| numbered(*it)).collect();
            record.property_dependencies = vec![("v".to_owned(), record.dependencies.clone())];
            record.parent = parent.as_ref().filter(below).map(|it| numbered(*it));
            record.inputs.insert("v", value.clone());
            editor.upsert(&record, &Hex).expect("a record");
        }
        Edit::Remove(number) => {
            let urn = numbered(*number);
            if !(is_last(&urn) && is_referred_to(&before.resources, &urn)) {
                assert_eq!(editor.remove(&urn), is_live(number));
            }
        }
        Edit::Mark(number) => assert_eq!(editor.mark_for_deletion(&numbered(*number)), is_live(number)),
        Edit::RemoveLeftover(number) => {
            let urn = numbered(*number);
            if !(is_last(&urn) && is_referred_to(&before.resources, &urn)) {
                assert_eq!(editor.remove_any_leftover(&urn), count(&before, &urn, true) > 0);
            }
        }
    }
    editor.finish();
}

proptest! {
    #[test]
    fn edits_keep_the_rules(edits in prop::collection::vec(edit(), 1..25)) {
        let mut state = Deployment::new(Manifest::new("2026-01-02T03:04:05Z", "v3.259.0"), None);
        state.resources.push(ResourceFields::new(Urn::root("dev", "shop"), false).into());
        for edit in &edits {
            apply(&mut state, edit);
            prop_assert!(state.verify().is_ok(), "{:?} after {:?}", state.verify(), edit);
            prop_assert!(state.resources[0].is_root());
            // Leftovers are at the end, but for those that a live resource refers to.
            let is_live = |urn: &Urn| state.resources.iter().any(|it| it.urn == *urn && !it.delete);
            let live = || state.resources.iter().filter(|it| !it.delete);
            if live().all(|it| it.parent.iter().chain(&it.dependencies).all(is_live)) {
                let first = state.resources.iter().position(|it| it.delete).unwrap_or(state.resources.len());
                prop_assert!(state.resources[first..].iter().all(|it| it.delete));
            }
        }
        // As it will be read.
        state.declares_byte_strings = state.features().contains(&"byteString");
        let read = checkpoint(Bytes::from(of(state.clone()).to_bytes())).unwrap();
        prop_assert_eq!(read.latest, Some(state));
    }
}
