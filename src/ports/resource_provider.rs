//! The trait of a resource type: create, read, update, delete and find one resource in its cloud.

use std::fmt;

use async_trait::async_trait;
use resource_graph::{PropertyMap, ResourceTypeInfo};

use super::OperationContext;

/// What the cloud says of a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceState {
    /// Its id, in the form that Pulumi keeps in its state.
    pub id: String,
    /// The inputs that would make it as it is now. Only those that the given inputs name, and others that differ from
    /// their default (SPEC.md section 6.1, "read extraction").
    pub inputs: PropertyMap,
    /// All outputs, under Pulumi's property names.
    pub outputs: PropertyMap,
}

/// Who made something, as its tags (or those of what it belongs to) say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This stack.
    Ours,
    /// A stack of the same project and name that has another identity: somebody else's, or this one before its state was lost.
    Namesake(Maker),
    /// Another stack, another program, or a person.
    Others,
}

/// What tags say of the stack that made something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Maker {
    /// Its identity; none where it was deployed before stacks had one.
    pub identity: Option<String>,
    /// The deployment. Its id begins with the time, as `YYYYMMDDhhmmss` in UTC.
    pub deployment: Option<String>,
    /// Who deployed.
    pub user: Option<String>,
}

impl Maker {
    /// As a part of a sentence: `, deployed by alice on 2026-12-01 at 07:15 UTC (its identity is …)`.
    pub fn described(&self) -> String {
        let by = self.user.as_ref().map(|user| format!(" by {user}")).unwrap_or_default();
        let when =
            self.deployment.as_deref().and_then(time_of).map(|time| format!(" on {time} UTC")).unwrap_or_default();
        let deployed = if by.is_empty() && when.is_empty() { String::new() } else { format!(", deployed{by}{when}") };
        match &self.identity {
            Some(identity) => format!("{deployed} (its identity is {identity})"),
            None => format!("{deployed} (it has no identity: it was last deployed before stacks had one)"),
        }
    }

    /// What to do where a stack of the same name is in the way.
    pub fn hint(&self) -> String {
        "if others deploy this stack, share its state: set `state.url` to where theirs is; if it is yours and its state was lost, \
         take it over with `semantest-iac deploy --reclaim`; else give the project or the stack another name"
            .into()
    }
}

/// When a deployment began, by its id: `2026-12-01 at 07:15`.
fn time_of(deployment: &str) -> Option<String> {
    let digits = deployment.get(..14).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some(format!("{}-{}-{} at {}:{}", &digits[..4], &digits[4..6], &digits[6..8], &digits[8..10], &digits[10..12]))
}

/// A resource that stands where one is to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Who made it.
    pub whose: Whose,
    /// What it is.
    pub state: ResourceState,
}

/// What it takes to go on with resources of a type that another program made.
#[derive(Clone, Copy, Debug, Default)]
pub struct AdoptionFacts {
    /// The inputs by which one is recognised where all of the identifying ones don't: fewer of them, for types of which there is
    /// mostly one in whatever it belongs to.
    pub recognising_inputs: &'static [&'static str],
    /// The input that holds the physical name, where that is free to choose: whatever exists keeps the one that it has.
    pub name_input: Option<&'static str>,
    /// Types that it had in earlier versions of Pulumi's provider.
    pub former_types: &'static [&'static str],
    /// Inputs of Pulumi's that only repeat others.
    pub repeated_inputs: &'static [&'static str],
}

/// How the resource of an import id is read from the cloud.
#[derive(Clone, Debug, PartialEq)]
pub enum ImportedId {
    /// By its id in the state's form, and by inputs that say what it belongs to.
    Read {
        /// The id.
        id: String,
        /// The inputs.
        inputs: PropertyMap,
    },
    /// By what identifies it; its id follows from that.
    Find {
        /// The identifying inputs.
        inputs: PropertyMap,
    },
}

/// One resource type of one cloud.
///
/// Inputs hold no references and no unknowns. An operation that is tried again after it was cut off at any point ends in the
/// same state as one that ran once. No method has a default: whoever wraps a type and forgets to hand one on would answer in
/// its place.
#[async_trait]
pub trait ResourceProvider: Send + Sync {
    /// Facts about the type.
    fn info(&self) -> &'static ResourceTypeInfo;

    /// Whether the cloud gives it an id that has nothing to do with its inputs, so that making it twice makes two.
    fn has_generated_id(&self) -> bool;

    /// Names of the inputs by which [`Self::find`] recognises it; none means all of them. They are written into the
    /// journal before the first call.
    fn identifying_inputs(&self) -> &'static [&'static str];

    /// What it takes to go on with resources that another program made.
    fn adoption_facts(&self) -> AdoptionFacts;

    /// Names of the given inputs that this type has no place for: whoever goes on with a resource of another program's leaves
    /// them as they are.
    fn unmanaged_inputs(&self, inputs: &PropertyMap) -> Vec<String>;

    /// Names of the given inputs that say what holds without them as well.
    fn default_inputs(&self, inputs: &PropertyMap) -> Vec<String>;

    /// The id by which `pulumi import` finds it (SPEC.md section 6.1): mostly the one that states hold.
    fn import_id(&self, id: &str, inputs: &PropertyMap) -> String;

    /// How the resource of an import id is read.
    ///
    /// # Errors
    /// [`ProviderErrorKind::Refused`] when the id hasn't the type's form.
    fn of_import_id(&self, import_id: &str) -> Result<ImportedId, ProviderError>;

    /// Makes it.
    ///
    /// # Errors
    /// [`ProviderErrorKind::AlreadyExists`] when something stands in its place: the caller then asks [`Self::find`].
    async fn create(&self, context: &OperationContext, inputs: &PropertyMap) -> Result<ResourceState, ProviderError>;

    /// Reads it; `None` when it is gone. `inputs` are the ones it was made with.
    ///
    /// # Errors
    /// When the cloud can't be asked.
    async fn read(
        &self,
        context: &OperationContext,
        id: &str,
        inputs: &PropertyMap,
    ) -> Result<Option<ResourceState>, ProviderError>;

    /// Changes it in place from `old` to `inputs`. `old.inputs` and `old.outputs` are what the state records.
    ///
    /// # Errors
    /// [`ProviderErrorKind::NotFound`] when it is gone: the caller makes it again.
    async fn update(
        &self,
        context: &OperationContext,
        old: &ResourceState,
        inputs: &PropertyMap,
    ) -> Result<ResourceState, ProviderError>;

    /// Deletes it; one that is gone already is fine.
    ///
    /// # Errors
    /// When the cloud refuses.
    async fn delete(&self, context: &OperationContext, old: &ResourceState) -> Result<(), ProviderError>;

    /// Looks for what an earlier, cut-off [`Self::create`] with these inputs may have made: by physical name, by natural
    /// key, or by tags where the id is generated. Something of that name that isn't ours is found too.
    ///
    /// # Errors
    /// When the cloud can't be asked.
    async fn find(&self, context: &OperationContext, inputs: &PropertyMap) -> Result<Option<Found>, ProviderError>;
}

/// The kind of a failure: what can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProviderErrorKind {
    /// The resource isn't there.
    NotFound,
    /// Something stands there already.
    AlreadyExists,
    /// The cloud refuses the input.
    Refused,
    /// Missing, wrong or insufficient credentials.
    Denied,
    /// Another change is under way on the same thing, and the budget for waiting is used up.
    Conflict,
    /// The cloud throttles, and the budget for retries is used up.
    Throttled,
    /// The cloud can't be reached or fails itself, and the budget for retries is used up.
    Unavailable,
    /// It took longer than it may.
    Timeout,
    /// The deployment is being stopped.
    Cancelled,
    /// A fault of ours, or an answer that makes no sense.
    Internal,
}

impl ProviderErrorKind {
    /// A stable code for machines.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::AlreadyExists => "already-exists",
            Self::Refused => "refused",
            Self::Denied => "denied",
            Self::Conflict => "conflict",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }
}

/// A failed operation: what the cloud answered, and what to do next.
#[derive(Debug, thiserror::Error)]
pub struct ProviderError {
    /// What can be done about it.
    pub kind: ProviderErrorKind,
    /// The cloud's own code, such as `ResourceConflictException`.
    pub code: Option<String>,
    /// What was tried and what the cloud answered.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ProviderError {
    /// An error with no more than its kind and message.
    pub fn new(kind: ProviderErrorKind, message: impl Into<String>) -> Self {
        Self { kind, code: None, message: message.into(), hint: None, source: None }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the cloud's code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{} ({code})", self.message),
            None => f.write_str(&self.message),
        }
    }
}
