//! From values to JSON text. Ciphertexts of secrets that didn't change are kept byte for byte.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use resource_graph::{Archive, ArchiveSource, Asset, AssetSource, PropertyMap, Secret, Value};
use serde_json::Value as Tree;

use super::decode::{Bare, ValueDecoder};
use super::{ARCHIVE, ASSET, BYTES, FLOAT, Properties, RESOURCE, SECRET, SIGNATURE, UNKNOWN, ValueError};
use super::{archive_hash, asset_hash};
use crate::json::{Json, Layout, Writer, number_text};
use crate::secrets::{Crypter, SecretsError};

/// Writes values.
pub struct ValueEncoder<'c> {
    crypter: Option<&'c dyn Crypter>,
    /// Inside of a secret strings are written as Go's default encoder does.
    html_safe: bool,
}

impl fmt::Debug for ValueEncoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValueEncoder").field("encrypts", &self.crypter.is_some()).finish_non_exhaustive()
    }
}

impl<'c> ValueEncoder<'c> {
    /// Encrypts secrets; needs no key where there are none.
    pub fn new(crypter: &'c dyn Crypter) -> Self {
        Self { crypter: Some(crypter), html_safe: false }
    }

    /// For values without secrets; one is an error.
    pub fn without_secrets() -> ValueEncoder<'static> {
        ValueEncoder { crypter: None, html_safe: false }
    }

    /// Writes properties. A secret that is the same as at its place in `previous` keeps its ciphertext, and so does one
    /// that [`ValueDecoder::hiding`] left unknown.
    ///
    /// # Errors
    /// When a secret can't be encrypted, or a reference has no value yet.
    pub fn properties(&self, map: &PropertyMap, previous: &Properties) -> Result<Properties, ValueError> {
        if map.is_empty() {
            return Ok(Properties::none());
        }
        let old = match previous.json() {
            Some(json) if previous.contain_secret() => json.parse::<Tree>().ok(),
            _ => None,
        };
        let mut writer = Writer::new(Layout::Compact, 256);
        self.map(&mut writer, map, old.as_ref())?;
        Ok(Properties::new(writer.into_json()))
    }

    /// Writes one value.
    ///
    /// # Errors
    /// As [`Self::properties`].
    pub fn value(&self, value: &Value) -> Result<Json, ValueError> {
        let mut writer = Writer::new(Layout::Compact, 64);
        self.write(&mut writer, value, None)?;
        Ok(writer.into_json())
    }

    fn string(&self, writer: &mut Writer, text: &str) {
        if self.html_safe { writer.html_safe_string(text) } else { writer.string(text) }
    }

    fn map(&self, writer: &mut Writer, map: &PropertyMap, old: Option<&Tree>) -> Result<(), ValueError> {
        writer.begin(b'{');
        for (name, value) in map.iter() {
            writer.key(name);
            self.write(writer, value, old.and_then(|old| old.get(name)))?;
        }
        writer.end(b'}');
        Ok(())
    }

    fn special(&self, writer: &mut Writer, signature: &str, members: &[(&str, Option<&str>)]) {
        writer.begin(b'{');
        writer.key(SIGNATURE);
        writer.string(signature);
        for (name, text) in members {
            if let Some(text) = text {
                writer.key(name);
                self.string(writer, text);
            }
        }
        writer.end(b'}');
    }

    fn write(&self, writer: &mut Writer, value: &Value, old: Option<&Tree>) -> Result<(), ValueError> {
        match value {
            Value::Null => writer.literal("null"),
            Value::Bool(truth) => writer.literal(if *truth { "true" } else { "false" }),
            Value::Number(number) if number.is_finite() => writer.literal(&number_text(*number)),
            Value::Number(number) => {
                self.special(writer, FLOAT, &[("value", Some(&format!("{:016x}", number.to_bits())))]);
            }
            Value::String(text) => self.string(writer, text),
            Value::Unknown => writer.string(UNKNOWN),
            Value::List(list) => {
                writer.begin(b'[');
                for (index, value) in list.iter().enumerate() {
                    writer.item();
                    self.write(writer, value, old.and_then(|old| old.get(index)))?;
                }
                writer.end(b']');
            }
            Value::Map(map) => self.map(writer, map, old)?,
            Value::Secret(secret) => self.secret(writer, secret, old)?,
            Value::Asset(asset) => self.asset(writer, asset),
            Value::Archive(archive) => self.archive(writer, archive, old)?,
            Value::Resource(reference) => self.special(
                writer,
                RESOURCE,
                &[
                    ("id", reference.id.as_deref()),
                    ("packageVersion", Some(&reference.package_version)),
                    ("urn", Some(&reference.urn)),
                ],
            ),
            Value::Bytes(bytes) => self.special(writer, BYTES, &[("value", Some(&STANDARD.encode(bytes)))]),
            Value::Output(output) => return Err(ValueError::Unresolved(output.urn.to_string())),
            Value::Interpolation(_) => {
                let mut target = String::new();
                value.for_each_reference(&mut |reference| target = reference.urn.to_string());
                return Err(ValueError::Unresolved(target));
            }
        }
        Ok(())
    }

    fn asset(&self, writer: &mut Writer, asset: &Asset) {
        let (name, source) = match &asset.source {
            AssetSource::Text(text) => ("text", Some(text.as_str()).filter(|text| !text.is_empty())),
            AssetSource::Path(path) => ("path", Some(path.as_str())),
            AssetSource::Uri(uri) => ("uri", Some(uri.as_str())),
        };
        self.special(writer, ASSET, &[("hash", hash_of_asset(asset).as_deref()), (name, source)]);
    }

    fn archive(&self, writer: &mut Writer, archive: &Archive, old: Option<&Tree>) -> Result<(), ValueError> {
        let hash = hash_of_archive(archive);
        match &archive.source {
            ArchiveSource::Path(path) => {
                self.special(writer, ARCHIVE, &[("hash", hash.as_deref()), ("path", Some(path))]);
            }
            ArchiveSource::Uri(uri) => self.special(writer, ARCHIVE, &[("hash", hash.as_deref()), ("uri", Some(uri))]),
            ArchiveSource::Assets(assets) => {
                writer.begin(b'{');
                writer.key(SIGNATURE);
                writer.string(ARCHIVE);
                writer.key("assets");
                self.map(writer, assets, old.and_then(|old| old.get("assets")))?;
                if let Some(hash) = hash {
                    writer.key("hash");
                    writer.string(&hash);
                }
                writer.end(b'}');
            }
        }
        Ok(())
    }

    fn secret(&self, writer: &mut Writer, secret: &Secret, old: Option<&Tree>) -> Result<(), ValueError> {
        let crypter = self.crypter.ok_or(SecretsError::NoManager)?;
        let old = old
            .filter(|old| old.get(SIGNATURE).and_then(Tree::as_str) == Some(SECRET))
            .and_then(|old| old.get("ciphertext").and_then(Tree::as_str));
        if let Some(ciphertext) = old {
            let unchanged = match secret.expose() {
                Value::Unknown => true,
                value => {
                    let text = crypter.decrypt(ciphertext)?;
                    ValueDecoder::revealing(&Bare).text(&text).is_ok_and(|old| old == *value)
                }
            };
            if unchanged {
                self.special(writer, SECRET, &[("ciphertext", Some(ciphertext))]);
                return Ok(());
            }
        }
        let inside = ValueEncoder { crypter: Some(&Bare), html_safe: true };
        let mut plaintext = Writer::new(Layout::Compact, 64);
        inside.write(&mut plaintext, secret.expose(), None)?;
        let plaintext = zeroize::Zeroizing::new(plaintext.into_bytes());
        let ciphertext = crypter.encrypt(std::str::from_utf8(&plaintext).unwrap_or_default())?;
        self.special(writer, SECRET, &[("ciphertext", Some(&ciphertext))]);
        Ok(())
    }
}

/// The hash that an asset carries; of a text it is computed where it is missing.
fn hash_of_asset(asset: &Asset) -> Option<String> {
    match (&asset.hash, &asset.source) {
        (Some(hash), _) => Some(hash.clone()),
        (None, AssetSource::Text(text)) => Some(asset_hash(text.as_bytes())),
        (None, _) => None,
    }
}

/// The hash that an archive carries; of texts alone it is computed where it is missing.
fn hash_of_archive(archive: &Archive) -> Option<String> {
    if archive.hash.is_some() {
        return archive.hash.clone();
    }
    let ArchiveSource::Assets(assets) = &archive.source else { return None };
    let mut entries = Vec::new();
    collect_texts(assets, "", &mut entries).then(|| archive_hash(entries))
}

fn collect_texts(assets: &PropertyMap, folder: &str, entries: &mut Vec<super::ArchiveEntry>) -> bool {
    assets.iter().all(|(name, value)| {
        let path = super::archive_hash::joined(folder, name);
        match value {
            Value::Asset(asset) => match &asset.source {
                AssetSource::Text(text) => {
                    entries.push(super::ArchiveEntry { name: path, content: text.clone().into_bytes() });
                    true
                }
                _ => false,
            },
            Value::Archive(archive) => match &archive.source {
                ArchiveSource::Assets(inner) => collect_texts(inner, &path, entries),
                _ => false,
            },
            _ => false,
        }
    })
}
