use super::*;
use crate::{Archive, ArchiveSource, Asset, AssetSource, OperationCost, OutputReference, TypeToken, Urn};

const COST: OperationCost = OperationCost::new(&[], 100);

fn type_info() -> ResourceTypeInfo {
    ResourceTypeInfo {
        token: "t:m:T",
        replace_on: &["name"],
        stable_outputs: &["id"],
        delete_before_replace: false,
        conflict_input: None,
        conflict_scope: "",
        id_within: &[],
        create: COST,
        update: COST,
        delete: COST,
        read: COST,
        equivalent: |input, old, new| {
            let text = |value: &Value| value.as_str().map(|text| text.replace(' ', ""));
            input == "policy" && text(old).is_some() && text(old) == text(new)
                || input == "rules" && old.as_list().is_some_and(|a| new.as_list().is_some_and(|b| a.len() == b.len()))
        },
    }
}

fn changes(old: &PropertyMap, new: &PropertyMap) -> Vec<PropertyChange> {
    let info = type_info();
    DiffRules::new(Some(&info), &ResourceOptions::default()).unwrap().diff(old, new)
}

fn map<const N: usize>(items: [(&str, Value); N]) -> PropertyMap {
    items.into()
}

fn shown(old: PropertyMap, new: PropertyMap) -> Vec<String> {
    changes(&old, &new).iter().map(ToString::to_string).collect()
}

fn reference() -> Value {
    OutputReference::new(Urn::new("dev", "shop", None, &TypeToken::new("a:b:C"), "x"), "arn").into()
}

#[test]
fn each_difference_names_its_path_and_both_values() {
    let old = map([
        ("memorySize", 256.0.into()),
        ("environment", map([("variables", map([("A", "1".into()), ("B", "2".into())]).into())]).into()),
        ("rules", vec![Value::from(map([("port", 80.0.into())])), map([("port", 81.0.into())]).into()].into()),
        ("gone", true.into()),
    ]);
    let new = map([
        ("memorySize", 512.0.into()),
        ("environment", map([("variables", map([("A", "9".into()), ("C", "3".into())]).into())]).into()),
        ("rules", vec![Value::from(map([("port", 80.0.into())]))].into()),
        ("name", "n".into()),
    ]);
    assert_eq!(
        shown(old, new),
        [
            "environment.variables.A \"1\" → \"9\"",
            "environment.variables.B \"2\" → unset",
            "environment.variables.C unset → \"3\"",
            "gone true → unset",
            "memorySize 256 → 512",
            "name unset → \"n\" (forces replacement)",
            "rules[1] {port: 81} → unset",
        ]
    );
}

#[test]
fn null_and_absent_are_one_at_every_level() {
    let old = map([("a", Value::Null), ("b", map([("c", Value::Null)]).into())]);
    let new = map([("b", map([("d", Value::Null)]).into()), ("e", Value::Null)]);
    assert_eq!(changes(&old, &new), []);
    assert_eq!(changes(&PropertyMap::new(), &old).len(), 1, "an empty map isn't an absent one");
}

#[test]
fn internal_names_are_neither_compared_nor_shown() {
    let inner = |defaults: &str| map([("__defaults", defaults.into()), ("x", 1.0.into())]);
    let old = map([("__defaults", "a".into()), ("b", inner("1").into()), ("c", Value::secret(inner("1")))]);
    let new = map([("__meta", "b".into()), ("b", inner("2").into()), ("c", inner("2").into())]);
    assert_eq!(changes(&old, &new), []);
    assert_eq!(shown(PropertyMap::new(), map([("b", inner("1").into())])), ["b unset → {x: 1}"]);
}

#[test]
fn secrets_are_compared_inside_and_hidden_on_both_sides() {
    let secret = |text: &str| map([("key", Value::secret(text))]);
    assert_eq!(changes(&secret("k1"), &map([("key", "k1".into())])), [], "secretness alone is no change");
    for (old, new) in [
        (secret("k1"), secret("k2")),
        (secret("k1"), map([("key", "k1x".into())])),
        (map([("key", "k1".into())]), secret("k2")),
        (map([("key", map([("in", Value::secret("k1"))]).into())]), map([("key", "k2".into())])),
    ] {
        let shown = format!("{:?} {:?}", changes(&old, &new), changes(&old, &new)[0].to_string());
        assert!(shown.contains("[secret]") && !shown.contains("k1"), "{shown}");
    }
}

#[test]
fn files_are_compared_by_their_hashes() {
    let asset = |hash: &str, path: &str| {
        let asset = Asset { hash: Some(hash.to_owned()), source: AssetSource::Path(path.to_owned()) };
        map([("code", Value::Asset(Box::new(asset)))])
    };
    let archive = |hash: &str, path: &str| {
        let archive = Archive { hash: Some(hash.to_owned()), source: ArchiveSource::Path(path.to_owned()) };
        map([("code", Value::Archive(Box::new(archive)))])
    };
    assert_eq!(changes(&asset("a", "x"), &asset("a", "y")), []);
    assert_eq!(changes(&archive("a", "x"), &archive("a", "y")), []);
    assert_eq!(shown(archive("a", "x"), archive("b", "x")), ["code archive a → archive b"]);
    assert_eq!(shown(asset("a", "x"), archive("a", "x")), ["code asset a → archive a"]);
}

#[test]
fn what_is_not_known_yet_may_change_and_may_force_a_replacement() {
    let old = map([("name", "n".into()), ("role", "arn".into()), ("tags", map([("a", "b".into())]).into())]);
    let new = map([("name", reference()), ("role", Value::Unknown), ("tags", map([("a", reference())]).into())]);
    let changes = changes(&old, &new);
    assert!(changes.iter().all(|change| change.kind == ChangeKind::KnownAfterApply && !change.is_certain()));
    assert_eq!(
        changes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "name \"n\" → (known after apply) (forces replacement)",
            "role \"arn\" → (known after apply)",
            "tags.a \"b\" → (known after apply)",
        ]
    );
}

#[test]
fn an_unknown_within_a_secret_is_known_after_apply() {
    let changes = changes(&map([("a", Value::secret("x"))]), &map([("a", Value::secret(reference()))]));
    assert_eq!(changes[0].kind, ChangeKind::KnownAfterApply);
}

#[test]
fn an_unknown_that_a_failed_update_left_equals_nothing() {
    assert_eq!(changes(&map([("a", Value::Unknown)]), &map([("a", "x".into())]))[0].kind, ChangeKind::Changed);
}

#[test]
fn the_type_decides_whether_top_level_inputs_mean_the_same() {
    let policy = |text: &str| map([("policy", text.into())]);
    assert_eq!(changes(&policy("{ }"), &policy("{}")), []);
    assert_eq!(changes(&policy("{ }"), &policy("{1}")).len(), 1);
    let nested = |text: &str| map([("other", policy(text).into())]);
    assert_eq!(changes(&nested("{ }"), &nested("{}")).len(), 1, "only top-level inputs are asked about");
    let rules = |values: [Value; 2]| map([("rules", Value::List(values.into()))]);
    assert_eq!(changes(&rules([1.0.into(), 2.0.into()]), &rules([2.0.into(), 1.0.into()])), []);
    assert_eq!(changes(&rules([1.0.into(), 2.0.into()]), &rules([2.0.into(), reference()])).len(), 2);
}

#[test]
fn options_ignore_changes_and_force_replacements() {
    let options = ResourceOptions {
        ignore_changes: vec!["tags.owner".into()],
        replace_on_changes: vec!["tags.zone".into()],
        ..Default::default()
    };
    let rules = DiffRules::new(None, &options).unwrap();
    let tags = |owner: &str, zone: &str| map([("tags", map([("owner", owner.into()), ("zone", zone.into())]).into())]);
    let (old, mut new) = (tags("a", "1"), tags("b", "2"));
    rules.apply_ignored(&old, &mut new);
    let changes = rules.diff(&old, &new);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].to_string(), "tags.zone \"1\" → \"2\" (forces replacement)");
    let broken = ResourceOptions { ignore_changes: vec!["a[".into()], ..Default::default() };
    assert!(DiffRules::new(None, &broken).is_err());
}

#[test]
fn long_values_are_cut_at_a_character() {
    assert_eq!(render(&"äöü".repeat(50).into(), 5), "\"äöüä…");
}
