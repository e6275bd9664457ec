//! Adapters don't reach into each other: each can be taken out, but for what stands in a table here, with its reason.

use std::path::Path;

use super::circles::Modules;

/// Who may name whom, and why.
const ALLOWED: [(&str, &str, &str); 4] = [
    ("clouds", "aws", "the table of clouds names each of them"),
    ("clouds", "configuration", "the table is in the configuration's form, which takes its keys from it"),
    ("keys", "aws", "a key of AWS KMS is reached over AWS's own connection"),
    ("source_code", "packaging", "it is the port on top of the packaging"),
];

/// The words of an error with its causes: no outside thing.
const VOCABULARY: &str = "causes";

fn adapter_of(module: &str) -> Option<&str> {
    module.strip_prefix("crate::adapters::")?.split("::").next()
}

#[test]
fn adapters_dont_reach_into_each_other() {
    let modules = Modules::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let edges = modules.edges();
    let (mut wrong, mut used) = (Vec::new(), Vec::new());
    for (module, targets) in edges.iter().filter(|(module, _)| !module.ends_with("tests")) {
        let Some(from) = adapter_of(module) else { continue };
        for to in targets.iter().filter_map(|target| adapter_of(target)).filter(|to| *to != from && *to != VOCABULARY) {
            match ALLOWED.iter().find(|(one, other, _)| (*one, *other) == (from, to)) {
                Some(allowed) => used.push(allowed),
                None => wrong.push(format!("{module} reaches into {to}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let idle: Vec<_> = ALLOWED.iter().filter(|allowed| !used.contains(allowed)).collect();
    assert!(idle.is_empty(), "nobody needs what is allowed: {idle:?}");
}
