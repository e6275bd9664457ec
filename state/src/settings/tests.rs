//! Changes in place, by example and by chance.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::secrets::SecretsProvider;

const FILE: &str = "Pulumi.dev.yaml";

const LIVED_IN: &str = "\
# Settings of dev.
encryptionsalt: v1:fozI5u6B030=:v1:F+6ZduKKd8G0/V7L:PGMFeIzwobWRKmEAzUdaQHqC5mMRIQ==
config:
    # The region.
    aws:region:   eu-west-1   # Ireland

    shop:token:   # set by ann
        secure: v1:AAAAAAAAAAAAAAAD:uE0Mj01VHDdJks9QcoU7WlWe2hhVMw==   # s3cr3t
    shop:config:old: \"x\"
    shop:hosts:
        - a   # first
        - b
    shop:text: |
        line one
        line two
    shop:nested: { inner: 1, other: [true] }
    shop:deep:
        one:
            two: 2   # two
        three: 3
environment:
    - shared/dev   # ESC
";

fn settings(text: &str) -> StackSettings {
    StackSettings::of_text(Path::new(FILE), text.to_owned()).unwrap()
}

fn key(text: &str) -> ConfigKey {
    ConfigKey::in_project(text, "shop").unwrap()
}

fn path(text: &str) -> PropertyPath {
    PropertyPath::parse(text).unwrap()
}

/// The lines that differ, `-` before those that are gone and `+` before those that are new.
fn difference(old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[same..], &new[same..]);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let lines = |mark: char, lines: &[&str]| lines.iter().map(|line| format!("{mark}{line}")).collect::<String>();
    format!("{}{}", lines('-', &old[..old.len() - tail]), lines('+', &new[..new.len() - tail]))
}

fn after_set(text: &str, name: &str, inner: &str, value: Value) -> String {
    let mut changed = settings(text);
    changed.set(&key(name), &path(inner), ConfigValue::from_json(value)).unwrap_or_else(|error| panic!("{error}"));
    changed.as_str().to_owned()
}

fn after_remove(text: &str, name: &str, inner: &str) -> String {
    let mut changed = settings(text);
    assert!(changed.remove(&key(name), &path(inner)).unwrap_or_else(|error| panic!("{error}")));
    changed.as_str().to_owned()
}

#[test]
fn values_are_changed_in_their_lines_alone() {
    for (name, inner, value, expected) in [
        (
            "aws:region",
            "",
            json!("us-east-1"),
            "-    aws:region:   eu-west-1   # Ireland\n+    aws:region: us-east-1   # Ireland\n",
        ),
        (
            "aws:region",
            "",
            json!({ "secure": "v1:a:b" }),
            "-    aws:region:   eu-west-1   # Ireland\n+    aws:region: # Ireland\n+      secure: v1:a:b\n",
        ),
        (
            "token",
            "",
            json!("plain"),
            "-    shop:token:   # set by ann\n-        secure: v1:AAAAAAAAAAAAAAAD:uE0Mj01VHDdJks9QcoU7WlWe2hhVMw==   # s3cr3t\n\
             +    shop:token: plain # set by ann\n",
        ),
        ("old", "", json!("true"), "-    shop:config:old: \"x\"\n+    shop:config:old: \"true\"\n"),
        (
            "text",
            "",
            json!("short"),
            "-    shop:text: |\n-        line one\n-        line two\n+    shop:text: short\n",
        ),
        (
            "nested",
            "inner",
            json!(2),
            "-    shop:nested: { inner: 1, other: [true] }\n+    shop:nested: { inner: 2, other: [true] }\n",
        ),
        (
            "nested",
            "new.x",
            json!("y"),
            "-    shop:nested: { inner: 1, other: [true] }\n+    shop:nested: { inner: 1, other: [true], \"new\": {\"x\": \"y\"} }\n",
        ),
        ("deep", "one.two", json!("zwei"), "-            two: 2   # two\n+            two: zwei   # two\n"),
        ("deep", "one.more", json!([1]), "+            more:\n+              - 1\n"),
        ("deep", "four", json!(null), "+        four: null\n"),
        ("new", "", json!("a: b"), "+    shop:new: \"a: b\"\n"),
        ("new", "list[0].x", json!("1"), "+    shop:new:\n+      list:\n+        - x: \"1\"\n"),
        (
            "hosts",
            "[1]",
            json!("c"),
            "-    shop:hosts:\n-        - a   # first\n-        - b\n+    shop:hosts:\n+      - a\n+      - c\n",
        ),
    ] {
        let changed = after_set(LIVED_IN, name, inner, value.clone());
        assert_eq!(
            difference(LIVED_IN, &changed),
            expected.replace("-    shop:hosts:\n", "").replace("+    shop:hosts:\n", ""),
            "{name} {inner}"
        );
        let read = settings(&changed).value(&key(name)).unwrap().get(&path(inner)).unwrap();
        assert_eq!(read.as_json(), &value);
    }
}

#[test]
fn values_are_removed_with_their_lines_alone() {
    for (name, inner, expected) in [
        ("aws:region", "", "-    aws:region:   eu-west-1   # Ireland\n"),
        (
            "token",
            "",
            "-    shop:token:   # set by ann\n-        secure: v1:AAAAAAAAAAAAAAAD:uE0Mj01VHDdJks9QcoU7WlWe2hhVMw==   # s3cr3t\n",
        ),
        ("old", "", "-    shop:config:old: \"x\"\n"),
        ("text", "", "-    shop:text: |\n-        line one\n-        line two\n"),
        ("deep", "one.two", "-        one:\n-            two: 2   # two\n+        one: {}\n"),
        ("deep", "three", "-        three: 3\n"),
        ("nested", "other", "-    shop:nested: { inner: 1, other: [true] }\n+    shop:nested: { inner: 1 }\n"),
        ("nested", "inner", "-    shop:nested: { inner: 1, other: [true] }\n+    shop:nested: { other: [true] }\n"),
    ] {
        let changed = after_remove(LIVED_IN, name, inner);
        assert_eq!(difference(LIVED_IN, &changed), expected, "{name} {inner}");
        assert!(settings(&changed).value(&key(name)).and_then(|value| value.get(&path(inner))).is_none());
    }
    let mut same = settings(LIVED_IN);
    assert!(!same.remove(&key("nothing"), &path("")).unwrap() && !same.remove(&key("deep"), &path("x.y")).unwrap());
    assert_eq!(same.as_str(), LIVED_IN);
}

#[test]
fn every_beginning_of_a_file_takes_values() {
    for (text, expected) in [
        ("", "config:\n  shop:a: b\n"),
        ("# comment only", "# comment only\nconfig:\n  shop:a: b\n"),
        ("encryptionsalt: v1:x", "encryptionsalt: v1:x\nconfig:\n  shop:a: b"),
        ("config:\n", "config:\n  shop:a: b\n"),
        ("config: {}\n", "config:\n  shop:a: b\n"),
        ("config: {} # none\n", "config: # none\n  shop:a: b\n"),
        ("config:\r\n  shop:x: 1\r\n", "config:\r\n  shop:x: 1\r\n  shop:a: b\r\n"),
        ("config:\n  shop:x: 1", "config:\n  shop:x: 1\n  shop:a: b"),
        ("config: {shop:x: 1}\n", "config: {shop:x: 1, \"shop:a\": \"b\"}\n"),
        ("{}\n", "{\"config\": {\"shop:a\": \"b\"}}\n"),
        (
            "{\n    \"config\": {\n        \"shop:x\": 1\n    }\n}\n",
            "{\n    \"config\": {\n        \"shop:x\": 1,\n        \"shop:a\": \"b\"\n    }\n}\n",
        ),
    ] {
        assert_eq!(after_set(text, "a", "", json!("b")), expected, "{text:?}");
        let gone = after_remove(expected, "a", "");
        assert!(settings(&gone).value(&key("a")).is_none(), "{text:?}");
    }
}

#[test]
fn the_secrets_manager_is_read_and_changed() {
    let mut changed = settings(LIVED_IN);
    let salt = "v1:fozI5u6B030=:v1:F+6ZduKKd8G0/V7L:PGMFeIzwobWRKmEAzUdaQHqC5mMRIQ==";
    assert_eq!(changed.secrets(), ConfiguredSecrets::Manager(SecretsProvider::passphrase(salt)));
    let cloud = SecretsProvider::cloud("awskms://alias/shop?region=eu-west-1", "AAAA");
    changed.set_secrets(&cloud).unwrap();
    assert_eq!(changed.secrets(), ConfiguredSecrets::Manager(cloud));
    let expected = format!(
        "-encryptionsalt: {salt}\n+secretsprovider: \"awskms://alias/shop?region=eu-west-1\"\n+encryptedkey: AAAA\n"
    );
    let (first, last) = expected.split_at(expected.find("+s").unwrap());
    let text = changed.as_str().to_owned();
    assert!(difference(LIVED_IN, &text).starts_with(first), "{text}");
    assert!(text.ends_with(&last.replace('+', "")), "{text}");
    changed.set_secrets(&SecretsProvider::passphrase(salt)).unwrap();
    assert_eq!(changed.secrets(), ConfiguredSecrets::Manager(SecretsProvider::passphrase(salt)));
    assert!(!changed.as_str().contains("secretsprovider") && !changed.as_str().contains("encryptedkey"));
    let text = "secretsprovider: awskms://k\nencryptedkey: \"\"\n";
    assert_eq!(settings(text).secrets(), ConfiguredSecrets::NewDataKey { url: "awskms://k".to_owned() });
    assert_eq!(settings("secretsprovider: passphrase\n").secrets(), ConfiguredSecrets::None);
}

#[test]
fn what_cant_be_settings_is_told_with_its_place() {
    for (text, expected) in [
        ("config:\n  a: [1\n", "Pulumi.dev.yaml:"),
        ("- a\n", "Pulumi.dev.yaml:1:1: settings are a mapping"),
        ("config: 3\n", "Pulumi.dev.yaml:1:9: `config` must be a mapping"),
        ("config:\n  region: x\n", "Pulumi.dev.yaml:2:3: invalid configuration key: could not parse region"),
        ("config:\n  a:b: 1\n  a:b: 2\n", "Pulumi.dev.yaml:3:3: the key \"a:b\" is given twice"),
        (
            "config:\n  a:config:b: 1\n  a:b: 2\n",
            "Pulumi.dev.yaml:3:3: `a:b` is the same key as `a:config:b`: only one of them can be",
        ),
        (
            "x: &x { a:c: 1 }\ny: &y { a:d: 2 }\nconfig:\n  <<: *x\n  <<: *y\n",
            "Pulumi.dev.yaml:5:3: the key \"<<\" is given twice",
        ),
        ("encryptionsalt: [x]\n", "Pulumi.dev.yaml:1:17: `encryptionsalt` must be text"),
        ("a: 1\n---\nb: 2\n", "Pulumi.dev.yaml:2:1: the file has more than one"),
    ] {
        let error = StackSettings::of_text(Path::new(FILE), text.to_owned()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{text:?}: {error}");
    }
}

#[test]
fn what_is_shared_isnt_changed_behind_ones_back() {
    let text = "config:\n  a:b: &x { k: 1 }\n  a:c: *x\n";
    let mut shared = settings(text);
    assert_eq!(shared.value(&ConfigKey::new("a", "c")).unwrap().as_json(), &json!({ "k": 1 }));
    let error = shared.set(&ConfigKey::new("a", "b"), &path("k"), ConfigValue::text("2")).unwrap_err();
    assert!(matches!(error, SettingsError::NotEditable { .. }), "{error}");
    assert_eq!(shared.as_str(), text);
}

#[test]
fn files_are_written_whole_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inner/Pulumi.dev.yaml");
    let mut new = StackSettings::read(&file).unwrap();
    assert!(!new.exists());
    new.set(&key("a"), &path(""), ConfigValue::text("b")).unwrap();
    new.write().unwrap();
    assert_eq!(StackSettings::read(&file).unwrap().as_str(), "config:\n  shop:a: b\n");
    assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    std::fs::write(&file, b"a: \xff").unwrap();
    let error = StackSettings::read(&file).unwrap_err().to_string();
    assert!(error.ends_with("Pulumi.dev.yaml:1:4: this is not UTF-8"), "{error}");
    assert!(matches!(StackSettings::read(folder.path()), Err(SettingsError::Read { .. })));
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[ -~\n\t\u{85}\u{2028}]{0,12}".prop_map(Value::from),
        "[a-z:.#' \"-]{0,8}".prop_map(Value::from),
        Just(json!({ "secure": "v1:a:b" })),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z .:#-]{1,6}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Whatever is set is read again, and the lines of everything else are still there, in their order.
    #[test]
    fn setting_and_removing_keep_all_other_lines(
        operations in prop::collection::vec((0..6_usize, 0..5_usize, any_value(), any::<bool>()), 1..6)
    ) {
        const NAMES: [&str; 6] = ["aws:region", "token", "text", "nested", "deep", "new"];
        const PATHS: [&str; 5] = ["", "one", "one.two", "list[0]", "[\"a.b\"].c"];
        let mut changed = settings(LIVED_IN);
        let mut touched = Vec::new();
        for (name, inner, value, removes) in operations {
            let (name, inner) = (key(NAMES[name]), path(PATHS[inner]));
            let mut expected = changed.value(&name).unwrap_or_default();
            if removes {
                let removed = changed.remove(&name, &inner).unwrap();
                prop_assert!(!removed || changed.value(&name).and_then(|whole| whole.get(&inner)).is_none());
            } else if expected.set(&inner, ConfigValue::from_json(value.clone())).is_ok() {
                changed.set(&name, &inner, ConfigValue::from_json(value)).unwrap();
                prop_assert_eq!(changed.value(&name), Some(expected));
            }
            touched.push(name);
        }
        let again = settings(changed.as_str());
        for name in settings(LIVED_IN).keys().filter(|name| !touched.contains(name)) {
            prop_assert_eq!(again.value(name), settings(LIVED_IN).value(name));
        }
        for line in ["# Settings of dev.\n", "    # The region.\n", "    shop:config:old: \"x\"\n", "        - a   # first\n", "environment:\n    - shared/dev   # ESC\n"] {
            prop_assert!(changed.as_str().contains(line), "{:?} is gone:\n{}", line, changed.as_str());
        }
    }

    /// Arbitrary text is settings or an error, and what is settings takes a value or says why not.
    #[test]
    fn arbitrary_text_never_panics(text in "[a-c:{}\\[\\]\"'#&*|>!, \n-]{0,40}") {
        if let Ok(mut read) = StackSettings::of_text(Path::new(FILE), text) {
            let _ = read.set(&key("a"), &path("b"), ConfigValue::text("c"));
            let _ = read.remove(&key("a"), &path(""));
        }
    }
}
