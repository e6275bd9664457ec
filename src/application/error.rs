//! Errors of commands and queries, each with the kind that decides the exit code.

use resource_graph::{RecordError, Urn};

use crate::domain::deployment::{ErrorDetail, IllegalTransition};
use crate::ports::{ProviderError, ProviderErrorKind, StoreError, StoreErrorKind};

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Wrong arguments or configuration: exit code 2.
    Usage,
    /// It failed and nothing was changed: exit code 1.
    Failed,
    /// Somebody else holds the stack's lock: exit code 4.
    Locked,
    /// It failed and somebody must look at it: exit code 5.
    NeedsAttention,
    /// It was stopped from outside: exit code 130.
    Interrupted,
}

/// A command or query that couldn't do its job.
#[derive(Debug, thiserror::Error)]
#[error("{}", summary(.details))]
pub struct ApplicationError {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// What went wrong: at least one.
    pub details: Vec<ErrorDetail>,
}

fn summary(details: &[ErrorDetail]) -> String {
    details.iter().map(|detail| detail.message.as_str()).collect::<Vec<_>>().join("; ")
}

impl ApplicationError {
    /// An error with one detail.
    pub fn new(kind: ErrorKind, code: &str, message: impl Into<String>) -> Self {
        let detail = ErrorDetail { code: code.to_owned(), message: message.into(), ..ErrorDetail::default() };
        Self { kind, details: vec![detail] }
    }

    /// A resource that couldn't be read or looked for: nothing has changed then.
    pub(super) fn of_resource(error: &ProviderError, urn: &Urn) -> Self {
        Self { kind: kind_of(error), details: vec![detail_of(error, urn)] }
    }

    /// A record of the state that can't be decoded or decrypted.
    pub(super) fn of_record(urn: &Urn, error: &RecordError) -> Self {
        Self::new(ErrorKind::Failed, "state-unreadable", format!("the record of {urn} can't be read: {error}"))
    }

    /// Adds what to do next to the last detail.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(detail) = self.details.last_mut() {
            detail.hint = Some(hint.into());
        }
        self
    }
}

impl From<StoreError> for ApplicationError {
    fn from(error: StoreError) -> Self {
        let kind = match error.kind {
            StoreErrorKind::Locked => ErrorKind::Locked,
            StoreErrorKind::Unsupported | StoreErrorKind::Missing => ErrorKind::Usage,
            // Once a deployment has begun, its report says how it ended; until then nothing has been changed.
            StoreErrorKind::LockLost
            | StoreErrorKind::Corrupt
            | StoreErrorKind::Secrets
            | StoreErrorKind::Unavailable
            | StoreErrorKind::Refused => ErrorKind::Failed,
        };
        let detail =
            ErrorDetail { urn: None, code: error.kind.code().to_owned(), message: error.message, hint: error.hint };
        Self { kind, details: vec![detail] }
    }
}

fn kind_of(error: &ProviderError) -> ErrorKind {
    match error.kind {
        ProviderErrorKind::Cancelled => ErrorKind::Interrupted,
        _ => ErrorKind::Failed,
    }
}

impl From<ProviderError> for ApplicationError {
    fn from(error: ProviderError) -> Self {
        let kind = kind_of(&error);
        let detail = ErrorDetail {
            urn: None,
            code: error.code.clone().unwrap_or_else(|| error.kind.code().to_owned()),
            message: error.message,
            hint: error.hint,
        };
        Self { kind, details: vec![detail] }
    }
}

impl From<IllegalTransition> for ApplicationError {
    fn from(error: IllegalTransition) -> Self {
        Self::new(ErrorKind::NeedsAttention, "internal", error.to_string())
    }
}

/// A provider's error for people and machines.
pub fn detail_of(error: &ProviderError, urn: &Urn) -> ErrorDetail {
    ErrorDetail {
        urn: Some(urn.to_string()),
        code: error.code.clone().unwrap_or_else(|| error.kind.code().to_owned()),
        message: error.message.clone(),
        hint: error.hint.clone(),
    }
}
