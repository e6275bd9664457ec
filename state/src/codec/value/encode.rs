//! From values to JSON text. What is the same as before keeps its text: digits that a double doesn't hold, members of
//! special values that aren't known, and ciphertexts.

mod unchanged;

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use resource_graph::{Archive, ArchiveSource, Asset, AssetSource, PropertyMap, Secret, Value};

use super::archive_hash::hash_texts;
use super::asset_hash;
use super::decode::{Bare, ValueDecoder};
use super::{ARCHIVE, ASSET, BYTES, FLOAT, Properties, RESOURCE, SECRET, SIGNATURE, UNKNOWN, ValueError};
use crate::codec::json::{Json, Layout, Writer, number_text};
use crate::secrets::{Crypter, SecretsError};
use unchanged::{OldList, OldMap, OldSecret};

/// Writes values.
pub struct ValueEncoder<'c> {
    protection: Protection<'c>,
    /// Inside of a secret strings are written as Go's default encoder does.
    html_safe: bool,
    /// Reads what stood there before.
    old: ValueDecoder<'static>,
}

#[derive(Clone, Copy)]
enum Protection<'c> {
    /// Secrets are encrypted; those that are the same as before keep their ciphertexts.
    Encrypts(&'c dyn Crypter),
    /// Secrets are encrypted, each of them anew.
    EncryptsAnew(&'c dyn Crypter),
    /// Secrets are written in the clear, marked as such.
    Reveals,
    /// There must be no secrets.
    None,
}

impl fmt::Debug for ValueEncoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encrypts = matches!(self.protection, Protection::Encrypts(_) | Protection::EncryptsAnew(_));
        f.debug_struct("ValueEncoder").field("encrypts", &encrypts).finish_non_exhaustive()
    }
}

impl<'c> ValueEncoder<'c> {
    fn with(protection: Protection<'c>) -> Self {
        Self { protection, html_safe: false, old: ValueDecoder::hiding() }
    }

    /// Encrypts secrets; needs no key where there are none.
    pub fn new(crypter: &'c dyn Crypter) -> Self {
        Self::with(Protection::Encrypts(crypter))
    }

    /// As [`Self::new`], but keeps no ciphertext: for another manager than the one that wrote them.
    pub fn encrypting_anew(crypter: &'c dyn Crypter) -> Self {
        Self::with(Protection::EncryptsAnew(crypter))
    }

    /// Writes secrets in the clear, as `pulumi stack export --show-secrets` does: what it writes must not be kept.
    pub fn revealing() -> ValueEncoder<'static> {
        ValueEncoder::with(Protection::Reveals)
    }

    /// For values without secrets; one is an error.
    pub fn without_secrets() -> ValueEncoder<'static> {
        ValueEncoder::with(Protection::None)
    }

    /// Writes properties over those that stood there before. Whatever is the same keeps its text, a secret its ciphertext,
    /// and so does a secret that [`ValueDecoder::hiding`] left unknown; where all is the same, `previous` is given back.
    ///
    /// # Errors
    /// When a secret can't be encrypted, or a reference has no value yet.
    pub fn properties(&self, map: &PropertyMap, previous: &Properties) -> Result<Properties, ValueError> {
        if map.is_empty() {
            return Ok(Properties::none());
        }
        let mut writer = Writer::new(Layout::Compact, 256);
        let is_kept = self.map(&mut writer, map, previous.json().map(Json::as_str))?;
        Ok(if is_kept { previous.clone() } else { Properties::new(writer.into_json()) })
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

    /// Writes one value over the one that stood there before, as [`Self::properties`] does.
    ///
    /// # Errors
    /// As [`Self::properties`].
    pub fn value_over(&self, value: &Value, previous: &Json) -> Result<Json, ValueError> {
        let mut writer = Writer::new(Layout::Compact, 64);
        let is_kept = self.write(&mut writer, value, Some(previous.as_str()))?;
        Ok(if is_kept { previous.clone() } else { writer.into_json() })
    }

    fn string(&self, writer: &mut Writer, text: &str) {
        if self.html_safe { writer.html_safe_string(text) } else { writer.string(text) }
    }

    fn key(&self, writer: &mut Writer, name: &str) {
        if self.html_safe { writer.html_safe_key(name) } else { writer.key(name) }
    }

    /// Writes a map; says whether all of it is as before.
    fn map(&self, writer: &mut Writer, map: &PropertyMap, old: Option<&str>) -> Result<bool, ValueError> {
        let old = old.and_then(OldMap::read);
        let mut is_kept = old.as_ref().is_some_and(|old| old.len() == map.len());
        writer.begin(b'{');
        for (name, value) in map.iter() {
            self.key(writer, name);
            is_kept &= self.write(writer, value, old.as_ref().and_then(|old| old.get(name)))?;
        }
        writer.end(b'}');
        Ok(is_kept)
    }

    fn list(&self, writer: &mut Writer, list: &[Value], old: Option<&str>) -> Result<bool, ValueError> {
        let old = old.and_then(OldList::read);
        let mut is_kept = old.as_ref().is_some_and(|old| old.len() == list.len());
        writer.begin(b'[');
        for (index, value) in list.iter().enumerate() {
            writer.item();
            is_kept &= self.write(writer, value, old.as_ref().and_then(|old| old.get(index)))?;
        }
        writer.end(b']');
        Ok(is_kept)
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

    /// Writes a value; says whether the text is as before.
    fn write(&self, writer: &mut Writer, value: &Value, old: Option<&str>) -> Result<bool, ValueError> {
        match value {
            Value::Map(map) => return self.map(writer, map, old),
            Value::List(list) => return self.list(writer, list, old),
            Value::Secret(secret) => return self.secret(writer, secret, old),
            _ => {}
        }
        if let Some(old) = old.filter(|old| unchanged::is_same(&self.old, value, old)) {
            writer.json_text(old);
            return Ok(true);
        }
        match value {
            Value::Null => writer.literal("null"),
            Value::Bool(truth) => writer.literal(if *truth { "true" } else { "false" }),
            Value::Number(number) if number.is_finite() => writer.literal(&number_text(*number)),
            Value::Number(number) => {
                self.special(writer, FLOAT, &[("value", Some(&format!("{:016x}", number.to_bits())))]);
            }
            Value::String(text) => self.string(writer, text),
            Value::Unknown => writer.string(UNKNOWN),
            Value::Asset(asset) => self.asset(writer, asset),
            Value::Archive(archive) => self.archive(writer, archive)?,
            Value::Resource(reference) => self.special(
                writer,
                RESOURCE,
                &[
                    ("id", reference.id.as_deref()),
                    ("packageVersion", Some(&reference.package_version)),
                    ("urn", Some(&reference.urn)),
                ],
            ),
            // As in Pulumi bytes that are text are written as text: old programs can't read the other form.
            Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => self.string(writer, text),
                Err(_) => self.special(writer, BYTES, &[("value", Some(&STANDARD.encode(bytes)))]),
            },
            Value::Output(output) => return Err(ValueError::Unresolved(output.urn.to_string())),
            Value::Interpolation(_) => {
                let mut target = String::new();
                value.for_each_reference(&mut |reference| target = reference.urn.to_string());
                return Err(ValueError::Unresolved(target));
            }
            Value::Map(_) | Value::List(_) | Value::Secret(_) => {}
        }
        Ok(false)
    }

    fn asset(&self, writer: &mut Writer, asset: &Asset) {
        let (name, source) = match &asset.source {
            AssetSource::Text(text) => ("text", Some(text.as_str()).filter(|text| !text.is_empty())),
            AssetSource::Path(path) => ("path", Some(path.as_str())),
            AssetSource::Uri(uri) => ("uri", Some(uri.as_str())),
        };
        self.special(writer, ASSET, &[("hash", hash_of_asset(asset).as_deref()), (name, source)]);
    }

    fn archive(&self, writer: &mut Writer, archive: &Archive) -> Result<(), ValueError> {
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
                self.map(writer, assets, None)?;
                if let Some(hash) = hash {
                    writer.key("hash");
                    writer.string(&hash);
                }
                writer.end(b'}');
            }
        }
        Ok(())
    }

    fn secret(&self, writer: &mut Writer, secret: &Secret, old: Option<&str>) -> Result<bool, ValueError> {
        let old = old.and_then(OldSecret::read);
        let crypter = match self.protection {
            Protection::Encrypts(crypter) | Protection::EncryptsAnew(crypter) => crypter,
            Protection::Reveals => {
                let plaintext = self.secret_text(secret)?;
                self.special(writer, SECRET, &[("plaintext", std::str::from_utf8(&plaintext).ok())]);
                return Ok(false);
            }
            Protection::None => return Err(SecretsError::NoManager.into()),
        };
        // Hidden: what stood there is all that is known of it.
        let is_hidden = matches!(secret.expose(), Value::Unknown);
        if let (Some(OldSecret { ciphertext: Some(ciphertext), whole, .. }), Protection::Encrypts(_)) =
            (&old, self.protection)
        {
            let is_same = is_hidden || {
                let text = crypter.decrypt(ciphertext)?;
                ValueDecoder::revealing(&Bare).text(&text).is_ok_and(|old| unchanged::identical(&old, secret.expose()))
            };
            if is_same {
                writer.json_text(whole);
                return Ok(true);
            }
        }
        let plaintext = match &old {
            Some(OldSecret { plaintext: Some(plaintext), .. }) if is_hidden => {
                zeroize::Zeroizing::new(plaintext.as_bytes().to_vec())
            }
            _ => self.secret_text(secret)?,
        };
        let ciphertext = crypter.encrypt(std::str::from_utf8(&plaintext).unwrap_or_default())?;
        self.special(writer, SECRET, &[("ciphertext", Some(&ciphertext))]);
        Ok(false)
    }

    /// The JSON text of what a secret holds; secrets inside of it are encrypted with it, not by themselves.
    fn secret_text(&self, secret: &Secret) -> Result<zeroize::Zeroizing<Vec<u8>>, ValueError> {
        let protection = match self.protection {
            Protection::Reveals => Protection::Reveals,
            _ => Protection::Encrypts(&Bare),
        };
        let inside = ValueEncoder { html_safe: true, ..ValueEncoder::with(protection) };
        let mut plaintext = Writer::new(Layout::Compact, 64);
        inside.write(&mut plaintext, secret.expose(), None)?;
        Ok(zeroize::Zeroizing::new(plaintext.into_bytes()))
    }
}

/// The hash that an asset carries; of a text it is computed where it is missing.
fn hash_of_asset(asset: &Asset) -> Option<Cow<'_, str>> {
    match (&asset.hash, &asset.source) {
        (Some(hash), _) => Some(hash.into()),
        (None, AssetSource::Text(text)) => Some(asset_hash(text.as_bytes()).into()),
        (None, _) => None,
    }
}

/// The hash that an archive carries; of texts alone it is computed where it is missing.
fn hash_of_archive(archive: &Archive) -> Option<Cow<'_, str>> {
    match (&archive.hash, &archive.source) {
        (Some(hash), _) => Some(hash.into()),
        (None, ArchiveSource::Assets(assets)) => hash_texts(assets).map(Cow::Owned),
        (None, _) => None,
    }
}
