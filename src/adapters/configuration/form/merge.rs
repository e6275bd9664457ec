//! What an environment changes about a component: mappings are merged, anything else replaces
//! what it was, and an empty value (`~`) removes it. Every value keeps the place where it was
//! written, so that messages point at the line that counts.

use crate::adapters::configuration::document::tree::{Content, Entry, Node};
use crate::adapters::configuration::shape::ObjectShape;

/// `base` with the changes of `change`. Of keys of which `shape` wants exactly one, the changed
/// one drives out the others.
pub fn merged(base: &Node, change: &Node, shape: &ObjectShape) -> Node {
    let mut node = merged_mappings(base, change);
    let changed: Vec<&str> = shape
        .exactly_one
        .iter()
        .copied()
        .filter(|key| change.get(key).is_some_and(|value| value.content != Content::Null))
        .collect();
    if let (Content::Map(entries), [_, ..]) = (&mut node.content, changed.as_slice()) {
        entries
            .retain(|entry| !shape.exactly_one.contains(&entry.key.as_str()) || changed.contains(&entry.key.as_str()));
    }
    node
}

fn merged_mappings(base: &Node, change: &Node) -> Node {
    let (Content::Map(base_entries), Content::Map(changes)) = (&base.content, &change.content) else {
        // A mapping of changes that are all left out or commented out changes nothing.
        return if change.content == Content::Null { base.clone() } else { change.clone() };
    };
    let mut entries: Vec<Entry> = base_entries
        .iter()
        .filter_map(|entry| match changes.iter().find(|changed| changed.key == entry.key) {
            None => Some(entry.clone()),
            Some(changed) if changed.value.content == Content::Null => None,
            Some(changed) => Some(Entry {
                key: entry.key.clone(),
                key_span: changed.key_span,
                value: merged_mappings(&entry.value, &changed.value),
            }),
        })
        .collect();
    let added = changes.iter().filter(|changed| {
        changed.value.content != Content::Null && !base_entries.iter().any(|entry| entry.key == changed.key)
    });
    entries.extend(added.map(|changed| Entry { value: without_removals(&changed.value), ..changed.clone() }));
    Node { span: base.span, content: Content::Map(entries) }
}

/// A change to something that wasn't there: there is nothing in it to remove.
fn without_removals(change: &Node) -> Node {
    let Content::Map(entries) = &change.content else { return change.clone() };
    let kept = entries
        .iter()
        .filter(|entry| entry.value.content != Content::Null)
        .map(|entry| Entry { value: without_removals(&entry.value), ..entry.clone() })
        .collect();
    Node { span: change.span, content: Content::Map(kept) }
}
