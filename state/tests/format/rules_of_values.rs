//! Values: the special ones of SPEC.md section 2, numbers, and what of them survives a rewrite.

use resource_graph::{Archive, ArchiveSource, Asset, AssetSource, PropertyMap, ResourceRecord, Value};
use state::{Json, Properties, Resource, ValueDecoder, ValueEncoder};

use crate::format::support::{Hex, Never, compact, export, with_resource};

const SIGNATURE: &str = "4dabf18193072939515e22adb298388d";
const SECRET: &str = "1b47061264138c4ac30d75fd1eb44270";
const ASSET: &str = "c44067f5952c0a294b673a41bacd8c17";
const ARCHIVE: &str = "0def7320c3a5731c473e5ecbe6d01bc7";
const RESOURCE: &str = "5cf8f73096256a8f31e491e813e4eb8e";
const OUTPUT: &str = "d0e6a833031e9bbcd3f4e8bde6ca49a4";
const BYTES: &str = "803fd3297a5875dc03ca845dda5d2a98";
const FLOAT: &str = "8ad145fe-0d11-4827-bfd7-1abcbf086f5c";
const UNKNOWN: &str = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

fn special(signature: &str, members: &str) -> String {
    let comma = if members.is_empty() { "" } else { "," };
    format!(r#"{{"{SIGNATURE}":"{signature}"{comma}{members}}}"#)
}

fn decode(text: &str) -> Result<Value, String> {
    let json = Json::new(text).expect("JSON");
    ValueDecoder::revealing(&Hex).value(&json).map_err(|error| error.to_string())
}

fn encode(value: &Value) -> String {
    ValueEncoder::new(&Hex).value(value).expect("a value").as_str().to_owned()
}

/// Reads a resource with the given outputs, changes them, and gives the text that is written.
fn changed(outputs: &str, change: impl FnOnce(&mut PropertyMap)) -> String {
    let resource = &with_resource(&format!(r#","outputs":{outputs}"#)).resources[0];
    let mut record = resource.to_record(&ValueDecoder::revealing(&Hex)).expect("a record");
    change(&mut record.outputs);
    let mut resource = resource.clone();
    resource.update_from(&record, &Hex).expect("an update");
    let text = resource.to_json();
    text.as_str().split_once(r#""outputs":"#).expect("outputs").1.strip_suffix('}').expect("an end").to_owned()
}

#[test]
fn special_values_are_read_and_written_the_same() {
    let hash = "ab".repeat(32);
    for (signature, members) in [
        (SECRET, r#""ciphertext":"hex:226122""#.to_owned()),
        (ASSET, format!(r#""hash":"{hash}","text":"a\u0001""#)),
        (ASSET, format!(r#""hash":"{hash}","path":"./a""#)),
        (ASSET, format!(r#""hash":"{hash}","uri":"https://example.com/a""#)),
        (ASSET, r#""path":"./a""#.to_owned()),
        // An empty text is written as no source at all.
        (ASSET, r#""hash":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855""#.to_owned()),
        (ARCHIVE, format!(r#""hash":"{hash}","path":"./a.zip""#)),
        (ARCHIVE, format!(r#""hash":"{hash}","uri":"https://example.com/a.zip""#)),
        (
            ARCHIVE,
            format!(
                r#""assets":{{"d":{},"f":{}}},"hash":"{hash}""#,
                special(ARCHIVE, &format!(r#""assets":{{}},"hash":"{hash}""#)),
                special(ASSET, &format!(r#""hash":"{hash}","text":"x""#))
            ),
        ),
        (RESOURCE, r#""id":"i","packageVersion":"1.2.3","urn":"urn:pulumi:dev::shop::a:b:C::x""#.to_owned()),
        (RESOURCE, r#""id":"","packageVersion":"","urn":"urn:pulumi:dev::shop::a:b:C::x""#.to_owned()),
        (RESOURCE, r#""packageVersion":"","urn":"urn:pulumi:dev::shop::a:b:C::x""#.to_owned()),
        (BYTES, r#""value":"/wD+""#.to_owned()),
        (FLOAT, r#""value":"7ff0000000000000""#.to_owned()),
        (FLOAT, r#""value":"fff0000000000000""#.to_owned()),
        (FLOAT, r#""value":"7ff8000000000001""#.to_owned()),
    ] {
        let text = special(signature, &members);
        let value = decode(&text).unwrap();
        assert_eq!(encode(&value), text);
    }
    assert!(matches!(decode(&format!("\"{UNKNOWN}\"")).unwrap(), Value::Unknown));
    assert_eq!(encode(&Value::Unknown), format!("\"{UNKNOWN}\""));
}

#[test]
fn special_values_in_other_forms_are_understood() {
    // One old CLI (2.18.0) wrapped ids.
    let reference = |id: &str| {
        let text = special(RESOURCE, &format!(r#""id":{id},"packageVersion":"","urn":"u""#));
        match decode(&text)? {
            Value::Resource(reference) => Ok(reference.id),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(reference(r#"{"V":"i"}"#), Ok(Some("i".to_owned())));
    assert_eq!(reference(r#"{"V":null}"#), Ok(None));
    assert_eq!(reference(r#"{"V":{"Element":{"V":""}}}"#), Ok(Some(String::new())));
    assert_eq!(reference(&format!("\"{UNKNOWN}\"")), Ok(Some(String::new())));
    assert_eq!(reference("1"), Err("malformed resource reference: id must be a string".to_owned()));
    // Sources that are there but empty.
    let asset = decode(&special(ASSET, r#""hash":"h","text":"t","path":"","uri":"""#)).unwrap();
    assert!(matches!(asset, Value::Asset(asset) if asset.source == AssetSource::Text("t".into())));
    let archive = decode(&special(ARCHIVE, r#""hash":"h","assets":{},"path":"p","uri":"""#)).unwrap();
    assert!(matches!(archive, Value::Archive(archive) if archive.source == ArchiveSource::Path("p".into())));
    // Bytes that are text are text.
    assert_eq!(decode(&special(BYTES, r#""value":"YWI=""#)).unwrap(), Value::from("ab"));
    assert_eq!(encode(&Value::Bytes(b"ab".to_vec())), "\"ab\"");
}

#[test]
fn malformed_special_values_say_what_is_wrong() {
    let one = "malformed secret value: exactly one of `ciphertext` or `plaintext` must be supplied";
    for (text, message) in [
        (special("0123", ""), "unrecognized signature '0123' in property map"),
        (format!(r#"{{"{SIGNATURE}":1}}"#), "the signature of a special value is not a string"),
        (special(SECRET, ""), one),
        (special(SECRET, r#""ciphertext":"hex:31","plaintext":"1""#), one),
        (special(SECRET, r#""ciphertext":"""#), one),
        (special(SECRET, r#""plaintext":"""#), one),
        (special(SECRET, r#""plaintext":1"#), one),
        (special(SECRET, r#""plaintext":"{""#), "the decrypted text of a secret is not a JSON value"),
        (special(ASSET, r#""text":"a","path":"b""#), "an asset or archive has more than one source"),
        (special(ASSET, r#""hash":1"#), "`hash` of a special value is not a string"),
        (special(ARCHIVE, r#""assets":[]"#), "malformed archive: one of `assets`, `path` or `uri` must be supplied"),
        (special(RESOURCE, r#""packageVersion":"""#), "malformed resource reference: missing urn"),
        (special(OUTPUT, r#""value":1"#), "an output value can't stand in a state"),
        (special(BYTES, r#""value":"?""#), "malformed byte string: `value` is not base64"),
        (special(FLOAT, r#""value":"x""#), "malformed float: `value` is not 16 hex digits"),
        ("1e400".to_owned(), "number out of range at line 1 column 5"),
    ] {
        assert_eq!(decode(&text), Err(message.to_owned()), "{text}");
    }
}

#[test]
fn secrets_are_read_in_both_forms_and_secrets_inside_of_them_once() {
    let plain = decode(&special(SECRET, r#""plaintext":"{\"a\":\"b\"}""#)).unwrap();
    assert_eq!(plain, Value::secret(PropertyMap::from([("a", "b")])));
    // Inside of a secret the bare text stands where the ciphertext would.
    let inner = special(SECRET, r#""ciphertext":"\"x\"""#);
    let text = special(SECRET, &format!(r#""plaintext":{}"#, serde_json::Value::from(format!(r#"{{"i":{inner}}}"#))));
    let nested = Value::secret(PropertyMap::from([("i", Value::secret("x"))]));
    assert_eq!(decode(&text).unwrap(), nested);
    assert_eq!(decode(&encode(&nested)).unwrap(), nested);
    // What is encrypted is what Go's encoder makes, names too.
    let value = Value::secret(PropertyMap::from([("<", "&")]));
    let expected = hex::encode(r#"{"\u003c":"\u0026"}"#);
    assert_eq!(encode(&value), special(SECRET, &format!(r#""ciphertext":"hex:{expected}""#)));
}

#[test]
fn numbers_are_doubles_and_written_without_exponent_below_1e21() {
    for (text, written) in [
        ("1.0", "1"),
        ("-0", "-0"),
        ("1e20", "100000000000000000000"),
        ("1E21", "1e+21"),
        ("9007199254740993", "9007199254740992"),
        ("0.1", "0.1"),
        ("5e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        // To the last bit.
        ("2.2250738585072011e-308", "2.225073858507201e-308"),
        ("8.41e21", "8.41e+21"),
        ("123456789.01234567890123", "123456789.01234567"),
    ] {
        assert_eq!(encode(&decode(text).unwrap()), written);
    }
}

#[test]
fn a_changed_resource_keeps_the_text_of_all_that_did_not_change() {
    let secret = special(SECRET, r#""ciphertext":"hex:31","by":"hand""#);
    let asset = special(ASSET, r#""hash":"h","path":"p","later":1"#);
    let outputs = format!(
        r#"{{"a":{asset},"big":12345678901234567890,"l":[1.0,{{"n":-0,"x":1e2}}],"lone":"\ud800","s":{secret},"z":"\u0061"}}"#
    );
    let text = changed(&outputs, |outputs| {
        outputs.insert("new", 1.5);
    });
    assert_eq!(
        text,
        format!(
            r#"{{"a":{asset},"big":12345678901234567890,"l":[1.0,{{"n":-0,"x":1e2}}],"lone":"\ud800","new":1.5,"s":{secret},"z":"a"}}"#
        )
    );
    // Deep inside, too, only what changes is written anew.
    let text = changed(&outputs, |outputs| {
        let Some(Value::List(list)) = outputs.get_mut("l") else { panic!("a list") };
        let Value::Map(map) = &mut list[1] else { panic!("a map") };
        map.insert("n", 0.0);
    });
    assert!(text.contains(r#""l":[1.0,{"n":0,"x":1e2}]"#), "{text}");
    let text = changed(&outputs, |outputs| {
        outputs.insert("s", Value::secret(2.0));
        outputs.insert("big", 1e19);
    });
    assert!(text.contains(r#""big":10000000000000000000,"#) && text.contains(r#""ciphertext":"hex:32""#), "{text}");
    // Whatever stood there before may be of another kind.
    let text = changed(r#"{"a":[1],"b":{"c":1},"d":"x","e":null}"#, |outputs| {
        for (name, value) in outputs.iter_mut() {
            *value = if name == "b" { Value::List(vec![Value::Null]) } else { PropertyMap::from([("c", 1.0)]).into() };
        }
    });
    assert_eq!(text, r#"{"a":{"c":1},"b":[null],"d":{"c":1},"e":{"c":1}}"#);
}

/// An asset whose content stays but whose file moves is written anew, although both count as equal.
#[test]
fn a_new_source_of_the_same_content_is_written() {
    let asset = |path: &str| special(ASSET, &format!(r#""hash":"h","path":"{path}""#));
    let archive = |path: &str| special(ARCHIVE, &format!(r#""assets":{{"a":{}}},"hash":"h""#, asset(path)));
    let text = changed(&format!(r#"{{"a":{},"b":{}}}"#, asset("old"), archive("old")), |outputs| {
        let new = Asset { hash: Some("h".into()), source: AssetSource::Path("new".into()) };
        let source = ArchiveSource::Assets([("a", Value::Asset(Box::new(new.clone())))].into());
        outputs.insert("a", Value::Asset(Box::new(new)));
        outputs.insert("b", Value::Archive(Box::new(Archive { hash: Some("h".into()), source })));
    });
    assert_eq!(text, format!(r#"{{"a":{},"b":{}}}"#, asset("new"), archive("new")));
}

/// Hidden secrets go back as they were, from the clear too.
#[test]
fn a_secret_that_was_not_looked_at_is_never_lost() {
    let encoder = ValueEncoder::new(&Hex);
    let plain = special(SECRET, r#""plaintext":"12345678901234567890""#);
    let cipher = special(SECRET, r#""ciphertext":"hex:31""#);
    let old = Properties::new(Json::new(format!(r#"{{"a":{plain},"b":[{cipher}],"c":1}}"#)).unwrap());
    let mut hidden = ValueDecoder::hiding().properties(&old).unwrap();
    hidden.insert("c", 2.0);
    let written = encoder.properties(&hidden, &old).unwrap();
    let encrypted = special(SECRET, &format!(r#""ciphertext":"hex:{}""#, hex::encode("12345678901234567890")));
    assert_eq!(written.json().unwrap().as_str(), format!(r#"{{"a":{encrypted},"b":[{cipher}],"c":2}}"#));
}

#[test]
fn secrets_are_encrypted_anew_or_shown_where_that_is_asked_for() {
    let secret = special(SECRET, r#""ciphertext":"hex:31""#);
    let old = Properties::new(Json::new(format!(r#"{{"big":12345678901234567890,"s":{secret}}}"#)).unwrap());
    let values = ValueDecoder::revealing(&Hex).properties(&old).unwrap();
    assert_eq!(ValueEncoder::new(&Hex).properties(&values, &old).unwrap(), old);
    let text = |encoder: ValueEncoder<'_>| {
        let properties = encoder.properties(&values, &old).unwrap();
        properties.json().unwrap().as_str().to_owned()
    };
    assert_eq!(text(ValueEncoder::encrypting_anew(&Hex)), old.json().unwrap().as_str());
    assert_eq!(
        text(ValueEncoder::revealing()),
        format!(r#"{{"big":12345678901234567890,"s":{}}}"#, special(SECRET, r#""plaintext":"1""#))
    );
    assert!(ValueEncoder::without_secrets().properties(&values, &old).is_err());
}

#[test]
fn a_number_that_no_double_holds_is_carried_along_and_named_when_it_is_needed() {
    let state = with_resource(r#","outputs":{"n":1e400,"m":1}"#);
    assert!(compact(&state).contains(r#"{"n":1e400,"m":1}"#));
    let error = state.resources[0].to_record(&ValueDecoder::hiding()).unwrap_err();
    assert_eq!(error.to_string(), "outputs of urn:pulumi:dev::shop::a:b:C::x");
    assert!(std::error::Error::source(&error).unwrap().to_string().starts_with("number out of range"));
    // The others can be had alone.
    let outputs = &state.resources[0].outputs;
    assert_eq!(ValueDecoder::hiding().property(outputs, "m").unwrap(), Some(Value::from(1.0)));
}

/// Nobody sees them without the key, but old programs must not read them as text.
#[test]
fn bytes_inside_of_secrets_need_their_feature() {
    let mut record =
        ResourceRecord::new(resource_graph::Urn::parse("urn:pulumi:dev::shop::a:b:C::x").expect("a name"), true);
    record.outputs.insert("s", Value::secret(Value::Bytes(vec![0xff])));
    let mut state = with_resource("");
    state.resources = vec![Resource::from_record(&record, &Hex).unwrap()];
    let text = compact(&state);
    assert!(text.starts_with(r#"{"version":4,"features":["byteString"],"#) && !text.contains(BYTES), "{text}");
    // Whoever reads it can't know which secret it is, and keeps the feature while there is any.
    let mut read = crate::format::support::checkpoint(text).unwrap().latest.unwrap();
    assert_eq!(read.features(), ["byteString"]);
    read.resources.clear();
    assert!(read.features().is_empty());
    // Text is no reason.
    record.outputs.insert("s", Value::secret(Value::Bytes(b"text".to_vec())));
    state.resources = vec![Resource::from_record(&record, &Hex).unwrap()];
    assert!(state.features().is_empty());
}

#[test]
fn a_resource_without_secrets_is_updated_without_a_key() {
    let resource = &with_resource(r#","outputs":{"a":1}"#).resources[0];
    let mut record = resource.to_record(&ValueDecoder::hiding()).unwrap();
    record.outputs.insert("b", 2.0);
    let mut resource = resource.clone();
    resource.update_from(&record, &Never).unwrap();
    assert!(resource.to_json().as_str().ends_with(r#""outputs":{"a":1,"b":2}}"#));
}

/// What the values of Pulumi's own states look like to it: a null inside of a map is kept.
#[test]
fn nulls_inside_of_maps_are_kept() {
    let text = changed(r#"{"a":null,"b":{"c":null}}"#, |outputs| {
        outputs.insert("d", Value::Null);
    });
    assert_eq!(text, r#"{"a":null,"b":{"c":null},"d":null}"#);
    assert!(export(r#"{"version":3,"deployment":{"resources":null}}"#).is_ok());
}
