//! Arbitrary values and states: every field, every special value, members that nobody knows.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use resource_graph::{
    Archive, ArchiveSource, Asset, AssetSource, CustomTimeouts, PropertyMap, ResourceReference, Secret, TypeToken, Urn,
    Value,
};
use state::{
    Deployment, Json, Manifest, PendingOperation, Properties, Resource, ResourceFields, SecretsProvider, ValueEncoder,
};

use crate::format::support::Hex;

/// Any text: control characters, quotes, every plane.
pub fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![4 => proptest::char::range(' ', '~'), 1 => any::<char>(), 1 => Just('\u{2028}')];
    vec(character, 0..10).prop_map(|characters| characters.into_iter().collect())
}

/// A text that isn't empty: empty members count as absent.
fn filled() -> impl Strategy<Value = String> {
    text().prop_map(|text| format!("{text}."))
}

/// Any JSON, for members that nobody knows.
pub fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>()
            .prop_map(|number| serde_json::Number::from_f64(number).map_or(serde_json::Value::Null, Into::into)),
        text().prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Into::into),
            btree_map(text(), inner, 0..4).prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Members that nobody knows.
fn unknown() -> impl Strategy<Value = Vec<(String, Json)>> {
    let member = (text(), json()).prop_map(|(name, value)| (format!("?{name}"), Json::of(&value)));
    prop_oneof![2 => Just(Vec::new()), 1 => vec(member, 0..3)]
}

fn hash() -> impl Strategy<Value = String> {
    any::<[u8; 32]>().prop_map(hex::encode)
}

fn asset() -> impl Strategy<Value = Value> {
    let source = prop_oneof![
        text().prop_map(AssetSource::Text),
        filled().prop_map(AssetSource::Path),
        filled().prop_map(AssetSource::Uri),
    ];
    // A text gets its hash when it is written.
    (source, hash(), any::<bool>()).prop_map(|(source, hash, hashed)| {
        let hash = Some(hash).filter(|_| hashed || matches!(source, AssetSource::Text(_)));
        Value::Asset(Box::new(Asset { hash, source }))
    })
}

fn archive() -> impl Strategy<Value = Value> {
    let of = |source: ArchiveSource, hash| Value::Archive(Box::new(Archive { hash, source }));
    let leaf = prop_oneof![
        (filled(), option::of(hash())).prop_map(move |(path, hash)| of(ArchiveSource::Path(path), hash)),
        (filled(), option::of(hash())).prop_map(move |(uri, hash)| of(ArchiveSource::Uri(uri), hash)),
    ];
    leaf.prop_recursive(2, 6, 3, move |inner| {
        (vec((text(), prop_oneof![asset(), inner]), 0..3), hash())
            .prop_map(move |(assets, hash)| of(ArchiveSource::Assets(assets.into_iter().collect()), Some(hash)))
    })
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        any::<u64>().prop_map(f64::from_bits),
        any::<i32>().prop_map(f64::from),
        prop::sample::select(vec![
            0.0,
            -0.0,
            1e20,
            1e21,
            9_007_199_254_740_993.0,
            1e-6,
            1e-7,
            f64::MAX,
            f64::MIN_POSITIVE
        ]),
    ]
}

/// Any value that a state can hold.
pub fn value() -> impl Strategy<Value = Value> {
    let reference = (urn(), option::of(text()), text()).prop_map(|(urn, id, package_version)| ResourceReference {
        urn: urn.to_string(),
        id,
        package_version,
    });
    let leaf = prop_oneof![
        Just(Value::Null),
        Just(Value::Unknown),
        any::<bool>().prop_map(Value::Bool),
        number().prop_map(Value::Number),
        text().prop_map(Value::String),
        asset(),
        archive(),
        reference.prop_map(|reference| Value::Resource(Box::new(reference))),
        vec(any::<u8>(), 0..6).prop_map(|mut bytes| {
            bytes.push(0xff);
            Value::Bytes(bytes)
        }),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::List),
            map(inner.clone()).prop_map(Value::Map),
            inner.prop_map(|value| Value::Secret(Secret::new(value.exposed().clone()))),
        ]
    })
}

fn map(value: impl Strategy<Value = Value>) -> impl Strategy<Value = PropertyMap> {
    vec((text(), value), 0..5).prop_map(|members| members.into_iter().collect())
}

/// Any properties.
pub fn properties() -> impl Strategy<Value = PropertyMap> {
    map(value())
}

fn written(map: &PropertyMap) -> Properties {
    ValueEncoder::new(&Hex).properties(map, &Properties::none()).expect("properties")
}

/// One of a few names, some of another stack.
pub fn urn() -> impl Strategy<Value = Urn> {
    let types = prop::sample::select(vec!["a:b:C", "aws:lambda/function:Function", "pulumi:providers:aws"]);
    let names = prop_oneof![3 => prop::sample::select(vec!["x", "y", "z"]).prop_map(str::to_owned), 1 => text()];
    let parents = option::weighted(0.2, Just("x:y:Z$p:q:R"));
    (prop_oneof![5 => Just("dev"), 1 => Just("other")], types, names, parents)
        .prop_map(|(stack, token, name, parent)| Urn::new(stack, "shop", parent, &TypeToken::new(token), &name))
}

fn urns() -> impl Strategy<Value = Vec<Urn>> {
    vec(urn(), 0..3)
}

fn time() -> impl Strategy<Value = Option<String>> {
    option::of((0..28_u32, any::<u32>()).prop_map(|(day, nanos)| format!("2026-02-{:02}T03:04:05.{nanos}Z", day + 1)))
}

fn seconds() -> impl Strategy<Value = Option<f64>> {
    option::of((1..100_000_u32).prop_map(|tenths| f64::from(tenths) / 10.0))
}

/// The fields that most resources have.
fn common_fields() -> impl Strategy<Value = ResourceFields> {
    let flags = any::<[bool; 6]>();
    let names = (urn(), option::of(filled()), option::of(urn()), urns(), option::of((urn(), filled())));
    let dependencies = option::of(vec((text(), urns()), 1..3));
    let values = (properties(), properties());
    (flags, names, dependencies, values, time(), time()).prop_map(
        |(flags, (urn, id, parent, dependencies, provider), by_property, (inputs, outputs), created, modified)| {
            let mut fields = ResourceFields::new(urn, flags[0]);
            [fields.delete, fields.protect, fields.external, fields.pending_replacement, fields.retain_on_delete] =
                [flags[1], flags[2], flags[3], flags[4], flags[5]];
            (fields.id, fields.parent, fields.dependencies) = (id, parent, dependencies);
            fields.provider = provider.map(|(urn, id)| format!("{urn}::{id}").into());
            if let Some(list) = by_property {
                fields.set_property_dependencies(&list);
            }
            (fields.inputs, fields.outputs) = (written(&inputs), written(&outputs));
            (fields.created, fields.modified) = (created, modified);
            fields
        },
    )
}

/// A resource with any fields.
pub fn resource() -> impl Strategy<Value = Resource> {
    let timeouts = (seconds(), seconds(), seconds(), seconds()).prop_map(|(create, update, delete, read)| {
        let timeouts = CustomTimeouts { create, update, delete, read };
        Some(timeouts).filter(|timeouts| *timeouts != CustomTimeouts::default())
    });
    let lists = (vec(text(), 0..3), vec(text(), 0..3), vec(text(), 0..3), vec(text(), 0..3));
    let others = (urns(), urns(), option::of(urn()), option::of(urn()));
    let texts = (option::of(filled()), option::of(filled()), option::of(filled()), option::of(filled()));
    let trigger = option::of(value().prop_filter("absent", |value| !value.is_null()));
    let more = (any::<[bool; 2]>(), timeouts, unknown(), unknown());
    let rare = (lists, others, texts, trigger, more);
    (common_fields(), option::weighted(0.4, rare)).prop_map(|(mut fields, rare)| {
        if let Some((lists, others, texts, trigger, (flags, timeouts, unknown_timeouts, unknown))) = rare {
            let rare = fields.rare_mut();
            // Something is always there: fields that are all absent are read as none.
            rare.import_id = Some("i".to_owned());
            (rare.init_errors, rare.additional_secret_outputs, rare.ignore_changes, rare.replace_on_changes) = lists;
            (rare.aliases, rare.replace_with, rare.deleted_with, rare.view_of) = others;
            (rare.source_position, rare.extension_ref, rare.snippet_id, _) = texts;
            [rare.taint, rare.refresh_before_update] = flags;
            rare.replacement_trigger = trigger.map(|value| ValueEncoder::new(&Hex).value(&value).expect("a value"));
            rare.hide_diff = Some(Json::of(&serde_json::json!([["a", 0]])));
            rare.stack_trace = Some(Json::of(&serde_json::json!([{ "sourcePosition": "project:///a#1,2" }])));
            rare.resource_hooks = flags[0].then(|| Json::of(&serde_json::json!({ "OnError": ["h"] })));
            (rare.custom_timeouts, rare.unknown_timeouts, rare.unknown) = (timeouts, unknown_timeouts, unknown);
        }
        Resource::from(fields)
    })
}

/// A state with any resources, which needn't keep the rules.
pub fn deployment() -> impl Strategy<Value = Deployment> {
    let manifest = (time(), text(), unknown()).prop_map(|(time, version, unknown)| Manifest {
        unknown,
        ..Manifest::new(time.unwrap_or_else(|| "2026-01-02T03:04:05Z".to_owned()), version)
    });
    let provider = option::of((filled(), option::of(json()), unknown()).prop_map(|(kind, state, unknown)| {
        let state = state.filter(|state| !state.is_null()).map(|state| Json::of(&state));
        SecretsProvider { kind, state, unknown }
    }));
    let kinds = prop::sample::select(vec!["creating", "updating", "deleting", "reading", "importing", "?"]);
    let operation = (kinds, resource(), unknown())
        .prop_map(|(kind, resource, unknown)| PendingOperation { unknown, ..PendingOperation::new(kind, resource) });
    let metadata = option::of(prop_oneof![
        Just(Json::empty_object()),
        text().prop_map(|error| Json::of(&serde_json::json!({ "integrity_error": { "error": error } }))),
    ]);
    let prototypes = any::<[bool; 2]>();
    let parts = (manifest, provider, vec(resource(), 0..4), vec(operation, 0..2), metadata, prototypes, unknown());
    parts.prop_map(|(manifest, secrets_provider, resources, pending_operations, metadata, prototypes, unknown)| {
        let mut deployment = Deployment {
            manifest,
            secrets_provider,
            resources,
            pending_operations,
            metadata,
            snippets: prototypes[0].then(|| Json::of(&serde_json::json!([{ "uuid": "u" }]))),
            extensions: prototypes[1].then(|| Json::of(&serde_json::json!({ "e": { "name": "n" } }))),
            unknown,
            ..Deployment::default()
        };
        // As it will be read.
        deployment.declares_byte_strings = deployment.features().contains(&"byteString");
        deployment
    })
}

/// A state whose references lead anywhere.
#[derive(Clone, Debug)]
pub struct Damaged(pub Deployment);

/// Resources of a few names in any order, some twice, some missing, that refer to each other in any way.
pub fn damaged() -> impl Strategy<Value = Damaged> {
    const PARENTS: [Option<&str>; 3] = [None, Some("a:b:C"), Some("x:y:Z")];
    let name = (0..3_usize, 0..6_usize).prop_map(|(parent, number)| {
        Urn::new("dev", "shop", PARENTS[parent], &TypeToken::new("a:b:C"), &number.to_string())
    });
    let provider_name = || Urn::new("dev", "shop", None, &TypeToken::provider("aws"), "p");
    let references = (
        option::weighted(0.4, name.clone()),
        vec(name.clone(), 0..3),
        option::weighted(0.3, vec(("[ab]", vec(name.clone(), 0..2)), 1..3)),
        option::weighted(0.2, name.clone()),
        option::weighted(0.2, vec(name.clone(), 1..3)),
    );
    let provider = option::weighted(0.3, prop::sample::select(vec!["1", "2", ""]));
    let resource = (name, references, provider, option::weighted(0.2, Just(true)), any::<bool>()).prop_map(
        move |(urn, (parent, dependencies, by_property, deleted_with, replace_with), provider, delete, twice)| {
            let mut fields = ResourceFields::new(urn, true);
            fields.delete = delete.is_some();
            (fields.parent, fields.dependencies) = (parent, dependencies);
            fields.provider = provider.map(|id| format!("{}::{id}", provider_name()).into());
            if let Some(list) = by_property {
                fields.set_property_dependencies(&list);
            }
            if deleted_with.is_some() || replace_with.is_some() {
                let rare = fields.rare_mut();
                (rare.deleted_with, rare.replace_with) = (deleted_with, replace_with.unwrap_or_default());
            }
            (Resource::from(fields), twice)
        },
    );
    (vec(resource, 1..8), option::of(0..8_usize)).prop_map(move |(list, provider_at)| {
        let mut resources: Vec<Resource> = Vec::new();
        for (resource, twice) in list {
            resources.extend((twice && resources.len().is_multiple_of(3)).then(|| resource.clone()));
            resources.push(resource);
        }
        if let Some(at) = provider_at {
            let mut provider = ResourceFields::new(provider_name(), true);
            provider.id = Some("1".to_owned());
            resources.insert(at.min(resources.len()), provider.into());
        }
        Damaged(Deployment { resources, ..Deployment::new(Manifest::default(), None) })
    })
}
