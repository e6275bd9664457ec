//! Holds the generated references in `docs/reference` to what the program says of itself.
//! `UPDATE_REFERENCE=1 cargo test --test reference` writes them anew.

use std::path::Path;

#[test]
fn the_references_are_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference");
    let update = std::env::var_os("UPDATE_REFERENCE").is_some();
    let mut stale = Vec::new();
    for (name, text) in semantest_iac::cli::reference::references() {
        let file = folder.join(&name);
        if std::fs::read_to_string(&file).is_ok_and(|there| there == text) {
            continue;
        }
        if update {
            std::fs::create_dir_all(&folder).expect("the folder can be made");
            std::fs::write(&file, text).expect("the file can be written");
        } else {
            stale.push(name);
        }
    }
    assert!(stale.is_empty(), "stale: {stale:?}; run UPDATE_REFERENCE=1 cargo test --test reference");
}
