//! `Pulumi.<stack>.yaml`.

use std::path::Path;

use state::settings::{ConfigKey, ConfigValue, PathStep, PropertyPath, StackSettings};

/// Reads settings, and edits them in place.
pub fn settings(content: &[u8]) {
    let Ok(text) = std::str::from_utf8(content) else { return };
    let Ok(settings) = read(text) else { return };
    let _ = settings.secrets();
    let whole = PropertyPath::default();
    let key = ConfigKey::new("shop", "fuzzed");
    let set = edited(&settings, &key, |settings| settings.set(&key, &whole, ConfigValue::text("new: #")).is_ok());
    if let Some(set) = set {
        assert_eq!(set.value(&key), Some(ConfigValue::text("new: #")));
    }
    // A part of a value, where it has such a part or can get it.
    let part = PropertyPath(vec![PathStep::Key("a".to_owned()), PathStep::Index(0)]);
    edited(&settings, &key, |settings| settings.set(&key, &part, ConfigValue::secure("v1:x")).is_ok());
    for removed in settings.keys().cloned().collect::<Vec<_>>() {
        let without = edited(&settings, &removed, |settings| settings.remove(&removed, &whole).is_ok());
        if let Some(without) = without {
            assert_eq!(without.value(&removed), None);
        }
    }
}

fn read(text: &str) -> Result<StackSettings, impl std::fmt::Debug> {
    StackSettings::of_text(Path::new("Pulumi.dev.yaml"), text.to_owned())
}

/// Edits settings, if they can be edited: the text that comes of it is read, and says the same of all other keys.
fn edited(
    settings: &StackSettings,
    key: &ConfigKey,
    edit: impl FnOnce(&mut StackSettings) -> bool,
) -> Option<StackSettings> {
    let mut edited = settings.clone();
    if !edit(&mut edited) {
        return None;
    }
    let again = read(edited.as_str()).expect("what was edited is read");
    for other in settings.keys().filter(|other| *other != key) {
        assert_eq!(again.value(other), settings.value(other));
    }
    Some(again)
}
