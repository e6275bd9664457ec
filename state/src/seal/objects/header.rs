//! A sealed object's head: one line of JSON, in clear, that says what the object is. It is authenticated together with
//! the content, so that neither can be changed or given to another.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::codec::json::Json;
use crate::seal::SealError;
use crate::seal::anchor::Mark;
use crate::secrets::SecretsProvider;
use crate::store::StackId;

/// What every sealed object starts with.
pub(in crate::seal) const START: &[u8] = br#"{"format":"semantest-sealed","version":"#;
const FORMAT: &str = "semantest-sealed";
/// The version that is written; others are refused.
pub(in crate::seal) const VERSION: u32 = 1;
/// No head is longer: whatever is, isn't one.
const LONGEST: usize = 64 * 1024;

/// What a sealed object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// What the newest objects are.
    Anchor,
    /// A state, wherever a copy of it stands.
    Checkpoint,
    /// An entry of the history; its name is its number.
    History,
    /// A journal that is written.
    Journal,
    /// A finished journal; its name is the deployment.
    Events,
    /// An audit log; its name is the deployment.
    Audit,
    /// The stack's tags.
    Tags,
}

impl Kind {
    fn text(self) -> &'static str {
        match self {
            Self::Anchor => "the anchor",
            Self::Checkpoint => "a checkpoint",
            Self::History => "the history entry",
            Self::Journal => "the journal",
            Self::Events => "the event log",
            Self::Audit => "the audit log",
            Self::Tags => "the tags",
        }
    }
}

/// What is expected at a place of a store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'p> {
    pub id: &'p StackId,
    pub kind: Kind,
    /// Which of several of the kind; empty where there is one alone.
    pub name: &'p str,
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind.text())?;
        if !self.name.is_empty() {
            write!(f, " {}", self.name)?;
        }
        write!(f, " of stack '{}'", self.id)
    }
}

/// The secrets manager whose key sealed the object, as a state names it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::seal) struct Provider {
    #[serde(rename = "type")]
    kind: String,
    state: Option<Box<RawValue>>,
}

impl Provider {
    pub fn of(provider: &SecretsProvider) -> Self {
        let state = provider.state.as_ref().map(|state| state.as_str().to_owned());
        Self { kind: provider.kind.clone(), state: state.and_then(|state| RawValue::from_string(state).ok()) }
    }

    pub fn secrets_provider(&self) -> SecretsProvider {
        let state = self.state.as_ref().and_then(|state| Json::new(state.get()).ok());
        SecretsProvider { kind: self.kind.clone(), state, unknown: Vec::new() }
    }
}

/// The head.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::seal) struct Header {
    format: String,
    version: u32,
    pub project: String,
    pub stack: String,
    pub kind: Kind,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Grows with each write to the stack, see [`crate::seal::anchor`].
    pub generation: u64,
    /// Tells the key from others.
    pub key: String,
    pub provider: Provider,
    /// Of an entry of the history: the checkpoint that was kept with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Mark>,
}

impl Header {
    pub fn new(place: Place<'_>, generation: u64, key: &str, provider: Provider) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            project: place.id.project().to_owned(),
            stack: place.id.stack().to_owned(),
            kind: place.kind,
            name: place.name.to_owned(),
            generation,
            key: key.to_owned(),
            provider,
            checkpoint: None,
        }
    }

    /// The line, its end included.
    pub fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }

    /// Reads the line that a content starts with; gives its length, its end included. Nothing of it is authentic yet.
    ///
    /// # Errors
    /// When it has another form or version.
    pub fn read(content: &[u8], file: &str) -> Result<(Self, usize), SealError> {
        let malformed = |message: &str| SealError::NotSealed { file: file.to_owned(), message: message.to_owned() };
        if content.is_empty() {
            return Err(malformed("it is empty"));
        }
        if !content.starts_with(START) {
            return Err(malformed("it doesn't start with the head of a sealed file"));
        }
        let head = &content[..content.len().min(LONGEST)];
        let end = memchr::memchr(b'\n', head).ok_or_else(|| malformed("its head has no end"))?;
        let digits: String =
            head[START.len()..end].iter().map(|byte| char::from(*byte)).take_while(char::is_ascii_digit).collect();
        if digits != VERSION.to_string() {
            return Err(SealError::UnknownFormat { file: file.to_owned(), version: digits });
        }
        let header = serde_json::from_slice(&head[..end]).map_err(|error| malformed(&error.to_string()))?;
        Ok((header, end + 1))
    }

    /// Refuses an object that was sealed for another place.
    ///
    /// # Errors
    /// [`SealError::Misplaced`].
    pub fn expect(&self, place: Place<'_>, file: &str) -> Result<(), SealError> {
        let Self { project, stack, kind, name, .. } = self;
        if (project.as_str(), stack.as_str()) == (place.id.project(), place.id.stack())
            && (*kind, name.as_str()) == (place.kind, place.name)
        {
            return Ok(());
        }
        let name = if name.is_empty() { String::new() } else { format!(" {name}") };
        Err(SealError::Misplaced {
            file: file.to_owned(),
            found: format!("{}{name} of stack '{project}/{stack}'", kind.text()),
            expected: place.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(stack: &str) -> StackId {
        StackId::new("shop", stack).unwrap()
    }

    #[test]
    fn a_head_is_read_back_and_names_where_it_belongs() {
        let dev = id("dev");
        let place = Place { id: &dev, kind: Kind::History, name: "12" };
        let provider = SecretsProvider::passphrase("v1:salt:v1:nonce:word");
        let line = Header::new(place, 7, "k", Provider::of(&provider)).to_line();
        assert!(line.starts_with(START));
        let (header, length) = Header::read(&line, "file").unwrap();
        assert_eq!((length, header.generation), (line.len(), 7));
        assert_eq!(header.provider.secrets_provider(), provider);
        header.expect(place, "file").unwrap();
        let other = id("prod");
        for wrong in
            [Place { id: &other, ..place }, Place { kind: Kind::Checkpoint, ..place }, Place { name: "13", ..place }]
        {
            let error = header.expect(wrong, "file").unwrap_err().to_string();
            assert!(error.starts_with("file is the history entry 12 of stack 'shop/dev', not "), "{error}");
        }
    }

    #[test]
    fn what_is_no_head_is_refused() {
        let newer = br#"{"format":"semantest-sealed","version":2,"x":1}"#;
        let mut newer = newer.to_vec();
        newer.push(b'\n');
        assert!(matches!(Header::read(&newer, "f"), Err(SealError::UnknownFormat { version, .. }) if version == "2"));
        for text in [
            "",
            "{}",
            "{\"format\":\"semantest-sealed\",\"version\":1}",
            "{\"format\":\"semantest-sealed\",\"version\":1}\n",
        ] {
            assert!(matches!(Header::read(text.as_bytes(), "f"), Err(SealError::NotSealed { .. })), "{text}");
        }
    }
}
