//! Versions, features, members and layout of files (SPEC.md sections 1.1 to 1.8, 4.3).

use state::{Compression, Export, ValueDecoder};

use crate::format::support::{Never, checkpoint, compact, deployment, export, refusal, rewritten, with_resource};

/// A file with something unknown at every level, in the order in which it is written.
const UNKNOWN_EVERYWHERE: &str = r#"{"version":3,"checkpoint":{"stack":"organization/shop/dev","latest":{"manifest":{"time":"2026-01-02T03:04:05.6+01:00","magic":"","version":"","plugins":[{"name":"aws","path":"/p","type":"resource","version":"7.0.0"}],"m":[1]},"secrets_providers":{"type":"b64","state":{"s":[]},"p":{"q":null}},"resources":[{"urn":"urn:pulumi:dev::shop::a:b:C::x","custom":true,"id":"1","type":"a:b:C","inputs":{"n":12345678901234567890,"e":1e5},"customTimeouts":{"create":1.5,"refresh":7},"defaults":{"d":1},"Later":"x"}],"pending_operations":[{"resource":{"urn":"urn:pulumi:dev::shop::a:b:C::y","custom":true,"type":"a:b:C","of":"the future"},"type":"importing","since":3}],"metadata":{"integrity_error":{"version":"v3","command":"up","error":"e","env_vars":{"A":"b"}},"also":0},"later":{"deep":[{"er":1e400}]}},"config":{"aws:region":"eu-west-1"},"c":false},"around":{"x":"y"}}"#;

#[test]
fn what_is_not_known_is_kept_at_every_level() {
    let read = checkpoint(UNKNOWN_EVERYWHERE).unwrap();
    assert_eq!(String::from_utf8(read.to_bytes()).unwrap(), UNKNOWN_EVERYWHERE);
    let mut anew = read.clone();
    anew.latest = anew.latest.as_ref().map(rewritten);
    assert_eq!(String::from_utf8(anew.to_bytes()).unwrap(), UNKNOWN_EVERYWHERE);

    // As an export, and from there back.
    let printed = Export { deployment: read.latest.clone(), unknown: read.around.clone() }.to_bytes();
    let back = export(printed).unwrap();
    assert_eq!(back.unknown.len(), read.around.len());
    let mut again = read.clone();
    again.latest = back.deployment;
    assert_eq!(String::from_utf8(again.to_bytes()).unwrap(), UNKNOWN_EVERYWHERE);
}

#[test]
fn exports_are_indented_by_four_spaces_and_escape_no_html() {
    let state = with_resource(
        r#","inputs":{"s":"\u003ca href='x'\u003e \u0026 \u2028\u0000","l":[],"m":{},"o":[1,{"p":null}]}"#,
    );
    let printed = String::from_utf8(Export { deployment: Some(state), unknown: Vec::new() }.to_bytes()).unwrap();
    let inputs = printed.split_once("\"inputs\": ").unwrap().1;
    assert_eq!(
        inputs,
        r#"{
                    "s": "<a href='x'> & \u2028\u0000",
                    "l": [],
                    "m": {},
                    "o": [
                        1,
                        {
                            "p": null
                        }
                    ]
                }
            }
        ],
        "metadata": {}
    }
}
"#
    );
    assert!(
        printed.starts_with("{\n    \"version\": 3,\n    \"deployment\": {\n        \"manifest\": {\n"),
        "{printed}"
    );
}

#[test]
fn an_export_of_a_stack_without_a_state_is_read_and_written() {
    let empty = export(r#"{"version":3,"deployment":null}"#).unwrap();
    assert!(empty.deployment.is_none());
    assert_eq!(empty.to_bytes(), b"{\n    \"version\": 3,\n    \"deployment\": null\n}\n");
}

#[test]
fn version_4_is_written_for_features_alone_and_they_are_sorted() {
    let version = |members: &str| {
        let text = compact(&with_resource(members));
        text.split_once(",\"checkpoint\"").unwrap().0.to_owned()
    };
    assert_eq!(version(""), r#"{"version":3"#);
    assert_eq!(version(r#","taint":false,"replaceWith":[],"resourceHooks":{},"viewOf":"""#), r#"{"version":3"#);
    for (members, features) in [
        (r#","taint":true"#, r#"["taint"]"#),
        (r#","refreshBeforeUpdate":true"#, r#"["refreshBeforeUpdate"]"#),
        (r#","viewOf":"urn:pulumi:dev::shop::a:b:C::y""#, r#"["views"]"#),
        (r#","resourceHooks":{"OnError":["h"]}"#, r#"["hooks"]"#),
        (r#","replaceWith":["urn:pulumi:dev::shop::a:b:C::y"]"#, r#"["replaceWith"]"#),
        (r#","snippetID":"s""#, r#"["snippets-prototype"]"#),
        (r#","extensionRef":"e""#, r#"["extensionParameterization"]"#),
        (
            r#","inputs":{"b":{"4dabf18193072939515e22adb298388d":"803fd3297a5875dc03ca845dda5d2a98","value":"/w=="}},"taint":true"#,
            r#"["byteString","taint"]"#,
        ),
    ] {
        assert_eq!(version(members), format!(r#"{{"version":4,"features":{features}"#));
    }
    // What a pending operation is of doesn't count, as in Pulumi.
    let mut pending = with_resource("");
    let resource = with_resource(r#","taint":true"#).resources.remove(0);
    pending.pending_operations = vec![state::PendingOperation::new("updating", resource)];
    assert!(compact(&pending).starts_with(r#"{"version":3"#));
}

#[test]
fn features_that_are_not_known_are_refused_by_name_in_exports_and_checkpoints() {
    let refused = "the stack 'dev' uses features that are not supported by this version of semantest-iac: x, z";
    let features = r#""version":4,"features":["x","taint","z"]"#;
    assert_eq!(refusal(format!(r#"{{{features},"deployment":{{}}}}"#)), refused);
    // Wherever the version stands.
    assert_eq!(refusal(format!(r#"{{"deployment":{{}},{features}}}"#)), refused);
    let error = checkpoint(format!(r#"{{{features},"checkpoint":{{"stack":"s","latest":{{}}}}}}"#)).unwrap_err();
    assert_eq!(error.to_string(), refused);
    // Only version 4 has any.
    assert!(export(r#"{"version":3,"features":["x"],"deployment":{}}"#).is_ok());
}

#[test]
fn other_versions_are_refused() {
    for version in ["5", "18446744073709551615"] {
        let error = refusal(format!(r#"{{"version":{version},"deployment":{{"resources":"later"}}}}"#));
        assert!(error.starts_with("the stack 'dev' is newer than what this version"), "{error}");
    }
    assert!(refusal(r#"{"deployment":{}}"#).contains("is too old"));
    for version in ["-1", "3.5", "\"3\"", "[]"] {
        let error = refusal(format!(r#"{{"version":{version},"deployment":{{}}}}"#));
        assert!(error.contains("is not a Pulumi state"), "{error}");
    }
}

/// Version 0 stands for files without a version, whose members are at the top (SPEC.md section 4.3).
#[test]
fn an_unversioned_checkpoint_is_read_and_data_under_version_0_is_not_lost() {
    let old = r#"{"stack":"dev","config":{"a:b":"c"},"latest":{"manifest":{"time":"2018-01-02T03:04:05Z","magic":"","version":""},"resources":[{"urn":"urn:pulumi:dev::shop::a:b:C::x","custom":true,"type":"a:b:C"}]}}"#;
    let read = checkpoint(old).unwrap();
    assert_eq!((read.stack.as_str(), read.latest.as_ref().unwrap().resources.len()), ("dev", 1));
    let written = String::from_utf8(read.to_bytes()).unwrap();
    assert!(written.starts_with(r#"{"version":3,"checkpoint":{"stack":"dev","latest":"#), "{written}");
    assert!(written.ends_with(r#","config":{"a:b":"c"}}}"#), "{written}");

    let fresh = r#"{"version":0,"checkpoint":{"stack":"organization/shop/dev"}}"#;
    assert_eq!(String::from_utf8(checkpoint(fresh).unwrap().to_bytes()).unwrap(), fresh);
    // Found by fuzzing: an empty stack whose name isn't told, neither.
    for nameless in [r#"{"version":3,"checkpoint":{"stack":""}}"#, r#"{"version":0,"checkpoint":{}}"#] {
        let written = checkpoint(nameless).unwrap().to_bytes();
        assert_eq!(checkpoint(String::from_utf8(written.clone()).unwrap()).unwrap().to_bytes(), written);
    }
    assert!(checkpoint("{}").unwrap_err().to_string().contains("neither `version` nor `checkpoint`"));
    let error = checkpoint(r#"{"version":0,"checkpoint":{"stack":"s","latest":{}}}"#).unwrap_err().to_string();
    assert!(error.contains("Pulumi takes it for an empty stack"), "{error}");
}

#[test]
fn old_versions_get_the_property_dependencies_that_pulumi_gives_them() {
    let resource = r#"{"urn":"urn:pulumi:dev::shop::a:b:C::x","custom":false,"type":"a:b:C"},{"urn":"urn:pulumi:dev::shop::a:b:C::y","custom":true,"type":"a:b:C","inputs":{"b":1,"a":"x"},"dependencies":["urn:pulumi:dev::shop::a:b:C::x"]},{"urn":"urn:pulumi:dev::shop::a:b:C::z","custom":true,"type":"a:b:C","inputs":{"c":1}}"#;
    let manifest = r#""manifest":{"time":"2018-01-02T03:04:05Z","magic":"","version":""}"#;
    for version in [1, 2] {
        let text = format!(r#"{{"version":{version},"deployment":{{{manifest},"resources":[{resource}]}}}}"#);
        let state = export(text).unwrap().deployment.unwrap();
        let text = compact(&state);
        let x = r#"["urn:pulumi:dev::shop::a:b:C::x"]"#;
        assert!(text.contains(&format!(r#""propertyDependencies":{{"a":{x},"b":{x}}}"#)), "{text}");
        assert!(text.contains(r#""inputs":{"c":1},"propertyDependencies":{"c":null}"#), "{text}");
        state.verify().unwrap();
    }
    assert!(!compact(&deployment(resource)).contains("propertyDependencies"));
}

#[test]
fn compression_is_told_by_the_content_whatever_the_name() {
    let text = compact(&with_resource(""));
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let packed = compression.pack(text.clone().into_bytes()).unwrap();
        assert_eq!(Compression::of(&packed), compression);
        for file in ["dev.json", "dev.json.gz", "dev.json.zst"] {
            let read = state::Checkpoint::read(packed.clone(), state::Origin { file, stack: "dev" }).unwrap();
            assert_eq!(String::from_utf8(read.to_bytes()).unwrap(), text);
        }
        if compression != Compression::None {
            let error = checkpoint(packed.slice(..packed.len() / 2)).unwrap_err().to_string();
            assert_eq!(error, "dev.json can't be unpacked");
        }
    }
}

#[test]
fn members_that_must_be_there_once_are_not_there_twice() {
    for text in [
        r#"{"version":3,"deployment":{"resources":[]},"deployment":{}}"#,
        r#"{"version":3,"version":3,"deployment":{}}"#,
        r#"{"version":3,"deployment":{"resources":[],"resources":[]}}"#,
        r#"{"version":3,"deployment":{"resources":[],"manifest":{},"manifest":{}}}"#,
    ] {
        let error = refusal(text);
        assert!(error.contains("` is there twice"), "{error}");
    }
    assert!(checkpoint(r#"{"version":3,"checkpoint":{"stack":"a","stack":"b","latest":{}}}"#).is_err());
    // Of two members of a resource, and of two properties, the last one counts, as in Pulumi.
    let state = with_resource(r#","id":"1","id":"2","outputs":{"a":1,"a":2}"#);
    assert_eq!(state.resources[0].id.as_deref(), Some("2"));
    let outputs = ValueDecoder::hiding().properties(&state.resources[0].outputs).unwrap();
    assert_eq!(outputs.number("a"), Some(2.0));
}

/// An export that holds a checkpoint, too, doesn't lend it its resources.
#[test]
fn resources_belong_where_they_stand() {
    let resource = r#"{"urn":"urn:pulumi:dev::shop::a:b:C::x","custom":true,"type":"a:b:C"}"#;
    let text = format!(
        r#"{{"version":3,"deployment":{{"resources":[{resource}]}},"checkpoint":{{"stack":"s","latest":{{}}}}}}"#
    );
    assert_eq!(checkpoint(text.clone()).unwrap().latest.unwrap().resources.len(), 0);
    assert_eq!(export(text).unwrap().deployment.unwrap().resources.len(), 1);
}

#[test]
fn nesting_has_a_limit_and_what_is_within_it_is_carried_along() {
    let nested = |levels: usize| format!(r#","inputs":{{"d":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    // Nobody looks at it: it stays as it is.
    let state = with_resource(&nested(500));
    assert!(compact(&state).contains(&nested(500)));
    let inputs = &state.resources[0].inputs;
    let error = ValueDecoder::hiding().properties(inputs).unwrap_err().to_string();
    assert_eq!(error, "values are nested more than 127 levels deep");
    let text = format!(r#"{{"version":3,"deployment":{{"x":{}{}}}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let error = refusal(text);
    assert!(error.contains("nested more than 1000 levels deep (line 1, column 1"), "{error}");
    // A text of brackets isn't deep.
    assert!(export(format!(r#"{{"version":3,"deployment":{{"x":"{}"}}}}"#, "[".repeat(5000))).is_ok());
}

#[test]
fn what_surrounds_the_text_does_not_matter() {
    let text = compact(&with_resource(r#","outputs":{"s":"a\r\nb"}"#));
    let read = checkpoint(format!("\u{feff} \r\n\t{text}\r\n")).unwrap();
    assert_eq!(String::from_utf8(read.to_bytes()).unwrap(), text);
    // Windows's line ends between members.
    let export_text = String::from_utf8(Export { deployment: read.latest, unknown: Vec::new() }.to_bytes()).unwrap();
    let dos = export(export_text.replace('\n', "\r\n")).unwrap();
    assert_eq!(String::from_utf8(dos.to_bytes()).unwrap(), export_text);
    assert_eq!(compact(dos.deployment.as_ref().unwrap()), text);
    for (content, message) in [
        (&b" \n\t"[..], "dev.json is empty"),
        (b"{\"version\":3,", "dev.json is cut off after 13 bytes: its JSON ends in the middle"),
        (b"{}\n{}", "dev.json is not valid JSON: trailing characters at line 2, column 1"),
        (b"{\n \"a\": \"\xff\"}", "dev.json is not valid JSON: a byte that is not UTF-8 at line 2, column 8"),
        (
            b"{\"a\":\"\0\"}",
            "dev.json is not valid JSON: control character (\\u0000-\\u001F) found while parsing a string at line 1, column 6",
        ),
        (
            b"[]",
            "dev.json is not a Pulumi state: invalid type: sequence, expected an object with `version` and `deployment` or `checkpoint` (line 1, column 2)",
        ),
    ] {
        assert_eq!(refusal(content.to_vec()), message);
    }
}

#[test]
fn a_manifest_without_a_time_gets_the_one_that_pulumi_writes() {
    let state = export(r#"{"version":3,"deployment":{"resources":[]}}"#).unwrap().deployment.unwrap();
    state.verify().unwrap();
    assert!(compact(&state).contains(r#""manifest":{"time":"0001-01-01T00:00:00Z","magic":"","version":""}"#));
    // `metadata` stays away where it was.
    assert!(!compact(&state).contains("metadata"));
}

#[test]
fn pending_operations_of_each_kind_are_kept() {
    let of = |kind: &str| {
        format!(
            r#"{{"resource":{{"urn":"urn:pulumi:dev::shop::a:b:C::{kind}","custom":true,"type":"a:b:C"}},"type":"{kind}"}}"#
        )
    };
    let all = ["creating", "updating", "deleting", "reading", "importing", "of the future"].map(of).join(",");
    let text = format!(
        r#"{{"version":3,"checkpoint":{{"stack":"s","latest":{{"manifest":{{"time":"2026-01-02T03:04:05Z","magic":"","version":""}},"pending_operations":[{all}],"metadata":{{}}}}}}}}"#
    );
    let read = checkpoint(text.clone()).unwrap();
    assert_eq!(read.latest.as_ref().unwrap().pending_operations.len(), 6);
    assert_eq!(String::from_utf8(read.to_bytes()).unwrap(), text);
    let error = checkpoint(text.replacen("\"resource\":", "\"other\":", 1)).unwrap_err().to_string();
    assert_eq!(error, "dev.json: pending_operations[0]: it has no `resource`");
}

#[test]
fn snippets_and_extensions_are_carried_along_with_their_features() {
    let state = r#""manifest":{"time":"2026-01-02T03:04:05Z","magic":"","version":""},"metadata":{},"snippets":[{"uuid":"u","code":"c"}],"extensions":{"e":{"name":"n"}}"#;
    let text = format!(
        r#"{{"version":4,"features":["extensionParameterization","snippets-prototype"],"checkpoint":{{"stack":"s","latest":{{{state}}}}}}}"#
    );
    assert_eq!(String::from_utf8(checkpoint(text.clone()).unwrap().to_bytes()).unwrap(), text);
}

#[test]
fn empty_members_are_as_good_as_none() {
    let full = r#","id":"","inputs":{},"outputs":null,"parent":"","protect":false,"dependencies":["",""],"initErrors":[],"provider":"","propertyDependencies":{},"additionalSecretOutputs":[],"aliases":null,"customTimeouts":{"create":0},"importID":"","deletedWith":"","replaceWith":[""],"created":null,"stackTrace":[],"hideDiff":[],"replacementTrigger":null"#;
    let state = rewritten(&with_resource(full));
    assert_eq!(compact(&state), compact(&with_resource("")));
}

#[test]
fn resources_say_what_is_wrong_with_them_and_where() {
    for (resource, message) in [
        (r#"{"custom":true}"#, "resources[0]: resource at index 0 missing required 'urn' field"),
        (
            r#"{"urn":"urn:pulumi:dev::shop::a:b:C::x","custom":true}"#,
            "resources[0]: resource 'urn:pulumi:dev::shop::a:b:C::x' missing required 'type' field",
        ),
        (
            r#"{"urn":"x","type":"a:b:C"}"#,
            "resources[0]: 'x' is not a URN: expected urn:pulumi:<stack>::<project>::<type>::<name>",
        ),
        (
            r#"{"urn":"urn:pulumi:dev::shop::a:b:C::x","type":"a:b:C","inputs":[]}"#,
            "resources[0].inputs urn:pulumi:dev::shop::a:b:C::x: expected an object of properties",
        ),
        (
            r#"{"urn":"urn:pulumi:dev::shop::a:b:C::x","type":"a:b:C","custom":1}"#,
            "resources[0].custom urn:pulumi:dev::shop::a:b:C::x: invalid type: integer `1`, expected a boolean at line 1 column 1",
        ),
    ] {
        let error = refusal(format!(r#"{{"version":3,"deployment":{{"resources":[{resource}]}}}}"#));
        assert_eq!(error, format!("dev.json: {message}"));
    }
}

#[test]
fn a_checkpoint_and_an_export_are_told_apart() {
    let text = compact(&with_resource(""));
    assert!(refusal(text).contains("it is a checkpoint (it has `checkpoint`), not an export"));
    let export = Export { deployment: Some(with_resource("")), unknown: Vec::new() }.to_bytes();
    assert!(checkpoint(export).unwrap_err().to_string().contains("it is an export (it has `deployment`)"));
}

/// What was read and not touched is written without looking into it.
#[test]
fn resources_that_nobody_touches_keep_their_text_byte_for_byte() {
    let odd = r#"{ "type":"a:b:C", "urn":"urn:pulumi:dev::shop::a:b:C::x","custom":true,"outputs":{"z":1.0E+2,"a":-0,"s":"\u0061"}}"#;
    let mut state = deployment(&format!("{odd},{}", odd.replace("::x", "::y")));
    assert!(compact(&state).contains(odd));
    let record = state.resources[0].to_record(&ValueDecoder::hiding()).unwrap();
    state.resources[0].update_from(&record, &Never).unwrap();
    assert!(compact(&state).contains(odd), "an update without a change is no change");
    state.resources[1].edit().protect = true;
    let text = compact(&state);
    assert!(text.contains(odd) && text.contains(r#""outputs":{"z":1.0E+2,"a":-0,"s":"a"},"protect":true}"#), "{text}");
}
