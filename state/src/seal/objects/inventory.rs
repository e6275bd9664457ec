//! All files of a stack, each with its name in either form.

use std::collections::HashMap;

use super::names::NEXT;
use crate::codec::Compression;
use crate::error::Result;
use crate::seal::anchor::Mark;
use crate::seal::keys::{SealedObject, StackKey};
use crate::seal::{Kind, Place, SEALED, StackForm};
use crate::secrets::SecretsError;
use crate::store::layout::STACKS;
use crate::store::{Entry, StackId, StackStore};

/// A file of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::seal) struct Item {
    /// Its key in clear; of a sealed file without what its compression adds, see [`Item::clear_key`].
    pub clear: String,
    /// Its key when it is sealed; nothing where another takes its place.
    pub sealed: Option<String>,
    pub kind: Kind,
    /// Its name, as its head says.
    pub name: String,
    /// Of a checkpoint that is kept with an entry of the history: the entry's number.
    pub number: Option<String>,
}

impl Item {
    /// What is expected of it as a file of a stack.
    pub fn place<'p>(&'p self, id: &'p StackId) -> Place<'p> {
        Place { id, kind: self.kind, name: &self.name }
    }

    /// The key in clear of a content: the names of packed checkpoints say how.
    pub fn clear_key(&self, content: &[u8]) -> String {
        match self.kind {
            Kind::Checkpoint | Kind::History => {
                let suffix = Compression::of(content).suffix();
                match self.clear.rsplit_once(".json") {
                    Some((before, after)) => format!("{before}.json{suffix}{after}"),
                    None => self.clear.clone(),
                }
            }
            _ => self.clear.clone(),
        }
    }
}

/// Seals the files of an inventory one after the other, as one key does: entries of the history name the checkpoints that were
/// kept with them, which come before them.
pub(in crate::seal) struct InventorySealer<'k> {
    key: &'k StackKey,
    id: &'k StackId,
    kept: HashMap<String, Mark>,
}

impl<'k> InventorySealer<'k> {
    /// Seals for a stack, by its key.
    pub fn new(key: &'k StackKey, id: &'k StackId) -> Self {
        Self { key, id, kept: HashMap::new() }
    }

    /// Seals the content of a file.
    pub fn seal(
        &mut self,
        item: &Item,
        generation: u64,
        content: &[u8],
    ) -> std::result::Result<SealedObject, SecretsError> {
        let named = self.kept.get(&item.name).filter(|_| item.kind == Kind::History).cloned();
        let sealed = self.key.seal(item.place(self.id), generation, named, content)?;
        if let Some(number) = &item.number {
            self.kept.insert(number.clone(), sealed.mark.clone());
        }
        Ok(sealed)
    }
}

/// What a stack's folders hold.
#[derive(Debug, Default)]
pub(in crate::seal) struct Inventory {
    /// The stack's files: checkpoints that are kept with the history before its entries, the checkpoint itself last.
    pub items: Vec<Item>,
    /// Keys of what lies in the stack's own folders and isn't known.
    pub unknown: Vec<String>,
}

/// What is known of a file by its name.
struct Known {
    /// Its name in the other form, without its folder.
    other: String,
    kind: Kind,
    name: String,
    number: Option<String>,
}

impl Known {
    fn new(other: String, kind: Kind) -> Self {
        Self { other, kind, name: String::new(), number: None }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A name without what compression adds.
fn unpacked(name: &str) -> &str {
    name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name)
}

/// Tells what a file of an area is by its name.
type Naming = fn(Area, &StackId, &str) -> Option<Known>;

/// The kinds of folders that hold files of stacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Area {
    /// Of all stacks of a project.
    Stacks,
    History,
    Backups,
    /// Event logs.
    Events,
    /// Audit logs.
    Audit,
}

const AREAS: [Area; 5] = [Area::Backups, Area::History, Area::Events, Area::Audit, Area::Stacks];

impl Area {
    /// The folder of each form: clear and sealed.
    fn folders(self, id: &StackId) -> (String, String) {
        let both = |folder: String| (folder.clone(), folder);
        match self {
            Self::Stacks => both(format!("{STACKS}/{}", id.project())),
            Self::History => (id.history(), id.sealed_history()),
            Self::Backups => (id.backups(), id.sealed_backups()),
            Self::Events => both(id.events()),
            Self::Audit => both(id.audit()),
        }
    }

    fn log(self) -> Kind {
        if self == Self::Audit { Kind::Audit } else { Kind::Events }
    }

    /// What a file in clear is.
    fn of_clear(self, id: &StackId, name: &str) -> Option<Known> {
        let stack = id.stack();
        match self {
            Self::Stacks => {
                if name == format!("{stack}.pulumi-tags") {
                    return Some(Known::new(format!("{stack}.sealed-tags"), Kind::Tags));
                }
                let rest = name.strip_prefix(stack)?.strip_prefix(".json")?;
                let rest = [".gz", ".zst"].iter().find_map(|suffix| rest.strip_prefix(suffix)).unwrap_or(rest);
                match rest.strip_prefix('.') {
                    None if rest.is_empty() => Some(Known::new(format!("{stack}{SEALED}"), Kind::Checkpoint)),
                    Some("bak") => Some(Known::new(format!("{stack}{SEALED}.bak"), Kind::Checkpoint)),
                    Some(number) if is_number(number) => {
                        Some(Known::new(format!("{stack}{SEALED}.{number}"), Kind::Checkpoint))
                    }
                    _ => None,
                }
            }
            Self::History => {
                let plain = unpacked(name);
                if let Some(number) = numbered(plain, ".checkpoint.json") {
                    let before = plain.strip_suffix(".json")?;
                    let known = Known::new(format!("{before}{SEALED}"), Kind::Checkpoint);
                    return Some(Known { number: Some(number), ..known });
                }
                let number = numbered(plain, ".history.json")?;
                let before = plain.strip_suffix(".json")?;
                Some(Known { name: number, ..Known::new(format!("{before}{SEALED}"), Kind::History) })
            }
            Self::Backups => {
                let before = unpacked(name).strip_suffix(".json")?;
                is_number(before.rsplit_once('.')?.1).then(|| Known::new(format!("{before}{SEALED}"), Kind::Checkpoint))
            }
            Self::Events | Self::Audit => {
                let deployment = name.strip_suffix(".jsonl")?;
                Some(Known { name: deployment.to_owned(), ..Known::new(format!("{deployment}{SEALED}"), self.log()) })
            }
        }
    }

    /// What a sealed file is.
    fn of_sealed(self, id: &StackId, name: &str) -> Option<Known> {
        let stack = id.stack();
        match self {
            Self::Stacks => {
                if name == format!("{stack}.sealed-tags") {
                    return Some(Known::new(format!("{stack}.pulumi-tags"), Kind::Tags));
                }
                let rest = name.strip_prefix(stack)?.strip_prefix(SEALED)?;
                let is_copy = rest == ".bak" || rest.strip_prefix('.').is_some_and(is_number);
                (rest.is_empty() || is_copy).then(|| Known::new(format!("{stack}.json{rest}"), Kind::Checkpoint))
            }
            Self::History => {
                let before = name.strip_suffix(SEALED)?;
                let known = |kind| Known::new(format!("{before}.json"), kind);
                match (numbered(before, ".checkpoint"), numbered(before, ".history")) {
                    (Some(number), _) => Some(Known { number: Some(number), ..known(Kind::Checkpoint) }),
                    (_, Some(number)) => Some(Known { name: number, ..known(Kind::History) }),
                    _ => None,
                }
            }
            Self::Backups => {
                let before = name.strip_suffix(SEALED)?;
                is_number(before.rsplit_once('.')?.1).then(|| Known::new(format!("{before}.json"), Kind::Checkpoint))
            }
            Self::Events | Self::Audit => {
                let deployment = name.strip_suffix(SEALED)?;
                Some(Known { name: deployment.to_owned(), ..Known::new(format!("{deployment}.jsonl"), self.log()) })
            }
        }
    }
}

/// The number in `<stack>-<number><ending>`.
fn numbered(name: &str, ending: &str) -> Option<String> {
    let number = name.strip_suffix(ending)?.rsplit_once('-')?.1;
    is_number(number).then(|| number.to_owned())
}

impl StackStore {
    /// The stack's files in clear. Of several forms of one, the newest is sealed and the others only go.
    pub(in crate::seal) async fn clear_inventory(&self, id: &StackId) -> Result<Inventory> {
        let mut found = self.inventory(id, StackForm::Clear, "").await?;
        let items = &mut found.items;
        for index in 0..items.len() {
            let is_older = items[index].sealed.is_some()
                && items[index + 1..].iter().any(|later| later.sealed == items[index].sealed);
            if is_older {
                items[index].sealed = None;
            }
        }
        Ok(found)
    }

    /// The stack's sealed files.
    pub(in crate::seal) async fn sealed_inventory(&self, id: &StackId) -> Result<Inventory> {
        self.sealed_inventory_of(id, "").await
    }

    /// The stack's sealed files whose names have an addition at their end; the keys are without it.
    pub(in crate::seal) async fn sealed_inventory_of(&self, id: &StackId, addition: &str) -> Result<Inventory> {
        let mut found = self.inventory(id, StackForm::Sealed, addition).await?;
        for item in &mut found.items {
            let sealed = std::mem::replace(&mut item.clear, item.sealed.take().unwrap_or_default());
            item.sealed = Some(sealed);
        }
        Ok(found)
    }

    /// The stack's files in one form, those of a folder by age; the key of that form stands in `clear`.
    async fn inventory(&self, id: &StackId, form: StackForm, addition: &str) -> Result<Inventory> {
        let mut inventory = Inventory::default();
        for area in AREAS {
            let (clear, sealed) = area.folders(id);
            let (folder, other, of): (_, _, Naming) = match form {
                StackForm::Clear => (clear, sealed, Area::of_clear),
                StackForm::Sealed => (sealed, clear, Area::of_sealed),
            };
            let mut files = self.objects.list(&folder).await?.files;
            files.sort_by_key(|entry| entry.modified);
            for Entry { name, .. } in files {
                let key = format!("{folder}/{name}");
                let plain = name.strip_suffix(addition);
                match plain.and_then(|plain| of(area, id, plain)) {
                    Some(known) => inventory.items.push(Item {
                        clear: key.strip_suffix(addition).unwrap_or(&key).to_owned(),
                        sealed: Some(format!("{other}/{}", known.other)),
                        kind: known.kind,
                        name: known.name,
                        number: known.number,
                    }),
                    // Of files in the other form, and of those of other stacks, nobody need know here.
                    None if area == Area::Stacks || is_ours(area, id, &name) => {}
                    None => inventory.unknown.push(key),
                }
            }
        }
        let (clear, sealed) = (id.checkpoint(Compression::None), id.sealed_checkpoint());
        let is_checkpoint =
            |item: &Item| item.clear == sealed || item.sealed.as_ref() == Some(&sealed) || item.clear == clear;
        // Entries of the history name the checkpoints that are kept with them.
        inventory.items.sort_by_key(|item| (is_checkpoint(item), item.kind == Kind::History));
        Ok(inventory)
    }

    /// The newest checkpoint in clear.
    pub(in crate::seal) async fn clear_checkpoint(&self, id: &StackId) -> Result<Option<Item>> {
        let sealed = Some(id.sealed_checkpoint());
        Ok(self.clear_inventory(id).await?.items.into_iter().rfind(|item| item.sealed == sealed))
    }
}

fn is_ours(area: Area, id: &StackId, name: &str) -> bool {
    let name = name.strip_suffix(NEXT).unwrap_or(name);
    area.of_clear(id, name).is_some() || area.of_sealed(id, name).is_some() || name.ends_with(".attrs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_a_name_in_either_form() {
        let id = StackId::new("shop", "dev").unwrap();
        let cases = [
            (Area::Stacks, "dev.json", "dev.sealed", "dev.json"),
            (Area::Stacks, "dev.json.zst", "dev.sealed", "dev.json"),
            (Area::Stacks, "dev.json.bak", "dev.sealed.bak", "dev.json.bak"),
            (Area::Stacks, "dev.json.gz.bak", "dev.sealed.bak", "dev.json.bak"),
            (Area::Stacks, "dev.json.17", "dev.sealed.17", "dev.json.17"),
            (Area::Stacks, "dev.pulumi-tags", "dev.sealed-tags", "dev.pulumi-tags"),
            (Area::History, "dev-5.history.json", "dev-5.history.sealed", "dev-5.history.json"),
            (Area::History, "dev-5.checkpoint.json.gz", "dev-5.checkpoint.sealed", "dev-5.checkpoint.json"),
            (Area::Backups, "dev.5.json", "dev.5.sealed", "dev.5.json"),
            (Area::Events, "dep-1.jsonl", "dep-1.sealed", "dep-1.jsonl"),
            (Area::Audit, "dep-1.jsonl", "dep-1.sealed", "dep-1.jsonl"),
        ];
        for (area, clear, sealed, back) in cases {
            let known = area.of_clear(&id, clear).unwrap_or_else(|| panic!("{clear}"));
            assert_eq!(known.other, sealed);
            let reverse = area.of_sealed(&id, sealed).unwrap_or_else(|| panic!("{sealed}"));
            assert_eq!(reverse.other, back);
            assert_eq!((known.kind, known.name, known.number), (reverse.kind, reverse.name, reverse.number));
        }
        for name in ["dev2.json", "dev.json.attrs", "dev.sealed", "dev.json.bak2", "prod.pulumi-tags"] {
            assert!(Area::Stacks.of_clear(&id, name).is_none(), "{name}");
        }
        for name in ["dev.sealed-anchor", "dev.json", "dev.sealed.next", "dev2.sealed"] {
            assert!(Area::Stacks.of_sealed(&id, name).is_none(), "{name}");
        }
    }

    #[test]
    fn a_packed_checkpoint_gets_the_name_that_says_so() {
        let item =
            |clear: &str, kind| Item { clear: clear.to_owned(), sealed: None, kind, name: String::new(), number: None };
        let gzip = [0x1f, 0x8b, 0x08];
        assert_eq!(item("a/dev.json.bak", Kind::Checkpoint).clear_key(&gzip), "a/dev.json.gz.bak");
        assert_eq!(item("a/dev.json", Kind::Checkpoint).clear_key(b"{}"), "a/dev.json");
        assert_eq!(item("a/d.jsonl", Kind::Events).clear_key(&gzip), "a/d.jsonl");
    }
}
