//! No cloud is named outside of its own adapter and the table: neither the command line nor the configuration knows one.

use std::path::Path;

use super::{code, sources};

/// What may not stand in the sources of a folder, and the files in which it may.
const RULES: [(&str, &[&str], &[&str]); 4] = [
    // The state's bucket needn't be in the cloud that is deployed to.
    ("src/cli", &["adapters::aws", "Provider::known"], &["compose/aws.rs"]),
    ("src/adapters/configuration", &["Aws", "\"aws\"", "adapters::aws", "Provider::known"], &[]),
    ("src/application", &["Provider::known", "\"aws\""], &[]),
    ("src/ports", &["Provider::known", "\"aws\""], &[]),
];

#[test]
fn no_cloud_is_named_outside_of_its_adapter() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    for (folder, forbidden, allowed) in RULES {
        let folder = root.join(folder);
        let mut files = Vec::new();
        sources(&folder, &mut files);
        for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
            let name = file.strip_prefix(&folder).unwrap();
            if allowed.iter().any(|allowed| name == Path::new(allowed)) {
                continue;
            }
            let text = std::fs::read_to_string(file).unwrap();
            for (number, line) in code(&text) {
                if let Some(word) = forbidden.iter().find(|word| line.contains(**word)) {
                    wrong.push(format!("{}:{number}: {word}", file.strip_prefix(root).unwrap().display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
