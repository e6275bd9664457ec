//! The frame that all resource types share: property maps to typed structs and back, what a failure means for each
//! operation, drift, secrets, and checks that no property is dropped silently.

use std::ops::Deref;
use std::sync::Arc;

use async_trait::async_trait;
use resource_graph::{PropertyMap, ResourceTypeInfo, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::import_form::ImportForm;
use super::properties::{self, Shape};
use super::tags::{self, Tags};
use crate::adapters::aws::calls::{Absence, Class, Patience, Sender};
use crate::adapters::aws::connection::clients::ServiceClient;
use crate::adapters::aws::connection::connection::Connection;
use crate::ports::{
    AdoptionFacts, Found, ImportedId, OperationContext, ProviderError, ProviderErrorKind, ResourceProvider,
    ResourceState, Whose,
};

/// A resource as the cloud has it: its id in the form of Pulumi's states, and its typed outputs.
#[derive(Clone, Debug)]
pub(in crate::adapters::aws) struct Remote<T> {
    pub(in crate::adapters::aws) id: String,
    pub(in crate::adapters::aws) outputs: T,
}

/// What one type of resource knows. Everything else is the frame's.
///
/// A failure of kind `NotFound` means: gone to [`Self::read`], done to [`Self::delete`], nothing there to [`Self::find`].
#[async_trait]
pub(in crate::adapters::aws) trait AwsResource: Send + Sync + 'static {
    /// The inputs; serde names are Pulumi's property names.
    type Inputs: Serialize + DeserializeOwned + Send + Sync;
    /// The outputs; the inputs' names stand among them.
    type Outputs: Serialize + Send;

    /// Facts for the planner.
    const INFO: &'static ResourceTypeInfo;
    /// What serde's types can't say.
    const SHAPE: Shape;
    /// How Pulumi writes the id by which one is imported.
    const IMPORT: ImportForm;
    /// What it takes to go on with one that another program made.
    const ADOPTION: AdoptionForm;

    /// Makes it.
    async fn create(call: &Call<'_>, inputs: &Self::Inputs) -> Result<Remote<Self::Outputs>, ProviderError>;

    /// Reads it.
    async fn read(call: &Call<'_>, id: &str, inputs: &Self::Inputs) -> Result<Self::Outputs, ProviderError>;

    /// Changes it in place.
    async fn update(
        call: &Call<'_>,
        id: &str,
        old: &Self::Inputs,
        inputs: &Self::Inputs,
    ) -> Result<Self::Outputs, ProviderError>;

    /// Deletes it.
    async fn delete(call: &Call<'_>, id: &str, inputs: &Self::Inputs) -> Result<(), ProviderError>;

    /// Looks for it, and says whose it is.
    async fn find(
        call: &Call<'_>,
        inputs: &Self::Inputs,
    ) -> Result<Option<(Whose, Remote<Self::Outputs>)>, ProviderError>;

    /// Files and directives that the cloud shows to differ from the given ones.
    fn observed(_given: &PropertyMap, _outputs: &Self::Outputs) -> Vec<(&'static str, Value)> {
        Vec::new()
    }
}

/// What it takes to go on with resources of a type that another program made and recorded (SPEC.md section 6.1).
#[derive(Clone, Copy, Debug)]
pub(in crate::adapters::aws) struct AdoptionForm {
    /// The input that holds the physical name, where that is free to choose.
    pub(in crate::adapters::aws) name_input: Option<&'static str>,
    /// Inputs by which one is recognised where all of the identifying ones don't.
    pub(in crate::adapters::aws) recognising_inputs: &'static [&'static str],
    /// Types that it had in earlier versions of Pulumi's provider.
    pub(in crate::adapters::aws) former_types: &'static [&'static str],
}

impl AdoptionForm {
    /// Resources have no physical name that is free to choose; all of the identifying inputs recognise one.
    pub(in crate::adapters::aws) const UNNAMED: Self =
        Self { name_input: None, recognising_inputs: &[], former_types: &[] };

    /// An input holds the physical name; all of the identifying inputs recognise one.
    pub(in crate::adapters::aws) const fn named(input: &'static str) -> Self {
        Self { name_input: Some(input), ..Self::UNNAMED }
    }
}

/// One operation on one resource: who asks, the way to AWS, and the inputs that serde doesn't carry.
pub(in crate::adapters::aws) struct Call<'a> {
    pub(in crate::adapters::aws) context: &'a OperationContext,
    pub(in crate::adapters::aws) connection: &'a Connection,
    /// The inputs as they were given, with their files.
    pub(in crate::adapters::aws) given: &'a PropertyMap,
    /// The inputs of the state, when there is one.
    pub(in crate::adapters::aws) recorded: &'a PropertyMap,
    sender: Sender<'a>,
}

impl<'a> Deref for Call<'a> {
    type Target = Sender<'a>;

    fn deref(&self) -> &Sender<'a> {
        &self.sender
    }
}

impl<'a> Call<'a> {
    fn new(
        context: &'a OperationContext,
        connection: &'a Connection,
        given: &'a PropertyMap,
        recorded: &'a PropertyMap,
        absence: Option<&'a Absence<'a>>,
    ) -> Self {
        let (gate, origin) = (context.gate.as_ref(), &connection.origin);
        let sender = Sender { gate, origin, patience: Patience::Deployment, absence };
        Self { context, connection, given, recorded, sender }
    }

    /// The same operation, looking whether something is there: NotFound is an answer, whatever was made a moment ago.
    pub(in crate::adapters::aws) fn looking(&self) -> Self {
        Self { sender: Sender { absence: None, ..self.sender }, ..*self }
    }

    /// The client of a service.
    pub(in crate::adapters::aws) fn client<C: ServiceClient>(&self) -> C {
        self.connection.client()
    }

    /// The tags to make the resource with.
    pub(in crate::adapters::aws) fn creation_tags(&self, inputs: Option<&Tags>) -> Tags {
        tags::at_creation(inputs, &self.context.tags)
    }

    /// An error about this resource.
    pub(in crate::adapters::aws) fn error(&self, kind: ProviderErrorKind, message: impl Into<String>) -> ProviderError {
        ProviderError::new(kind, message)
    }
}

/// A required part of an answer.
pub(in crate::adapters::aws) fn required<T>(part: Option<T>, what: &str) -> Result<T, ProviderError> {
    part.ok_or_else(|| ProviderError::new(ProviderErrorKind::Internal, format!("AWS's answer lacks {what}")))
}

/// The failure of a lookup that found nothing.
pub(in crate::adapters::aws) fn absent(what: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::NotFound, format!("{what} isn't there"))
}

/// Turns `NotFound` into `None`.
pub(in crate::adapters::aws) fn optional<T>(result: Result<T, ProviderError>) -> Result<Option<T>, ProviderError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == ProviderErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A resource type behind the port.
pub(in crate::adapters::aws) struct Managed<R> {
    connection: Arc<Connection>,
    kind: std::marker::PhantomData<fn() -> R>,
}

impl<R: AwsResource> Managed<R> {
    pub(in crate::adapters::aws) fn provider(connection: &Arc<Connection>) -> Arc<dyn ResourceProvider> {
        Arc::new(Self { connection: connection.clone(), kind: std::marker::PhantomData })
    }

    /// Typed inputs of a state or a find, where properties that we don't manage are passed over.
    fn lenient(given: &PropertyMap) -> Result<R::Inputs, ProviderError> {
        properties::read(given, &R::SHAPE).map_err(|error| {
            let message = format!("inputs of {} that can't be read: {error}", R::INFO.token);
            ProviderError::new(ProviderErrorKind::Refused, message)
        })
    }

    /// Typed inputs of a resource that is to be made or changed: a property that would be dropped is an error.
    fn strict(given: &PropertyMap) -> Result<R::Inputs, ProviderError> {
        let missing = properties::missing(given, &R::SHAPE);
        if !missing.is_empty() {
            let message = format!("{} lacks inputs: {}", R::INFO.token, missing.join(", "));
            return Err(ProviderError::new(ProviderErrorKind::Refused, message).with_hint("give them"));
        }
        let typed = Self::lenient(given)?;
        let unsupported = properties::unsupported(given, &typed, &R::SHAPE);
        if unsupported.is_empty() {
            return Ok(typed);
        }
        let message = format!("{} has inputs that aren't supported: {}", R::INFO.token, unsupported.join(", "));
        Err(ProviderError::new(ProviderErrorKind::Refused, message).with_hint("leave them out"))
    }

    fn check_region(&self, given: &PropertyMap) -> Result<(), ProviderError> {
        match given.string("region") {
            Some(region) if region != self.connection.region && has_region(&R::SHAPE) => {
                let message = format!(
                    "the resource belongs to the region {region}, but this environment uses {}",
                    self.connection.region
                );
                Err(ProviderError::new(ProviderErrorKind::Refused, message)
                    .with_hint("give each region an environment (and so a stack) of its own"))
            }
            _ => Ok(()),
        }
    }

    /// Looks until what was made or changed a moment ago, and is noted by this name, is seen, for as long as that may take. Listings
    /// leave it out where other answers are NotFound, so the whole look is repeated.
    async fn until_seen<T, F>(
        &self,
        context: &OperationContext,
        noted: &str,
        look: impl Fn() -> F,
    ) -> Result<Option<T>, ProviderError>
    where
        F: Future<Output = Result<Option<T>, ProviderError>>,
    {
        let begun = context.gate.now();
        for looks in 1.. {
            let seen = look().await?;
            let backoff = Patience::Deployment.backoff(Class::Propagating);
            let elapsed = context.gate.now().saturating_sub(begun);
            match backoff.filter(|backoff| elapsed < backoff.budget) {
                Some(backoff) if seen.is_none() && self.connection.recent.has(noted) => {
                    context.gate.sleep(backoff.wait(looks, 1.0)).await?;
                }
                _ => return Ok(seen),
            }
        }
        Ok(None)
    }

    fn state(&self, remote: &Remote<R::Outputs>, given: &PropertyMap) -> Result<ResourceState, ProviderError> {
        let broken = |error: serde_json::Error| ProviderError::new(ProviderErrorKind::Internal, error.to_string());
        let mut outputs = properties::outputs(&remote.outputs, &remote.id, given, &R::SHAPE).map_err(broken)?;
        tags::without_deployment(&mut outputs);
        if has_region(&R::SHAPE) && !outputs.contains_key("region") {
            outputs.insert("region", self.connection.region.as_str());
        }
        Ok(ResourceState { id: remote.id.clone(), inputs: given.clone(), outputs })
    }

    /// The state with the inputs that the cloud shows instead of the given ones.
    fn found_state(&self, remote: &Remote<R::Outputs>, given: &PropertyMap) -> Result<ResourceState, ProviderError> {
        let broken = |error: serde_json::Error| ProviderError::new(ProviderErrorKind::Internal, error.to_string());
        let mut state = self.state(remote, given)?;
        state.inputs = properties::found_inputs::<R::Inputs>(given, &state.outputs, &R::SHAPE, R::INFO.equivalent)
            .map_err(broken)?;
        for (name, value) in R::observed(given, &remote.outputs) {
            state.outputs.insert(name, value.clone());
            state.inputs.insert(name, value);
        }
        Ok(state)
    }
}

/// A resource as it is noted before its id is known.
fn urn(context: &OperationContext) -> String {
    context.urn.to_string()
}

/// A resource as it is noted: its URN and id, since another of the same URN may take its place.
fn numbered(context: &OperationContext, id: &str) -> String {
    format!("{} {id}", context.urn)
}

/// The names under which a resource is noted: its own, and those by which the properties of others call it.
fn names(context: &OperationContext, state: &ResourceState) -> [String; 4] {
    let arn = state.outputs.string("arn").unwrap_or_default().to_owned();
    [urn(context), numbered(context, &state.id), state.id.clone(), arn]
}

fn has_region(shape: &Shape) -> bool {
    shape.directives.iter().any(|(name, _)| *name == "region")
}

/// Takes secrets out of an error: AWS quotes values back in some of its messages.
fn without_secrets(mut error: ProviderError, given: &PropertyMap) -> ProviderError {
    let mut secrets = Vec::new();
    collect_secrets(&Value::Map(given.clone()), false, &mut secrets);
    // The longest first, lest a part of another be taken out of its middle.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in secrets {
        error.message = error.message.replace(&secret, "[secret]");
        error.hint = error.hint.map(|hint| hint.replace(&secret, "[secret]"));
    }
    error
}

fn collect_secrets(value: &Value, inside: bool, out: &mut Vec<String>) {
    match value {
        Value::Secret(secret) => collect_secrets(secret.expose(), true, out),
        Value::String(text) if inside && !text.is_empty() => out.push(text.clone()),
        Value::List(list) => list.iter().for_each(|value| collect_secrets(value, inside, out)),
        Value::Map(map) => map.values().for_each(|value| collect_secrets(value, inside, out)),
        _ => {}
    }
}

#[async_trait]
impl<R: AwsResource> ResourceProvider for Managed<R> {
    fn info(&self) -> &'static ResourceTypeInfo {
        R::INFO
    }

    fn has_generated_id(&self) -> bool {
        R::SHAPE.generated_id
    }

    fn identifying_inputs(&self) -> &'static [&'static str] {
        R::SHAPE.identity
    }

    fn adoption_facts(&self) -> AdoptionFacts {
        let AdoptionForm { name_input, recognising_inputs, former_types } = R::ADOPTION;
        AdoptionFacts { name_input, recognising_inputs, former_types, repeated_inputs: &["tagsAll"] }
    }

    fn unmanaged_inputs(&self, inputs: &PropertyMap) -> Vec<String> {
        let Ok(typed) = Self::lenient(inputs) else { return Vec::new() };
        let mut names = properties::unsupported(inputs, &typed, &R::SHAPE);
        // Parts of a property go with the whole.
        names.retain(|name| inputs.contains_key(name));
        names
    }

    fn default_inputs(&self, inputs: &PropertyMap) -> Vec<String> {
        let defaults = inputs.iter().filter(|(name, value)| {
            !R::SHAPE.files.contains(name) && properties::is_default(value.exposed(), name, &R::SHAPE)
        });
        defaults.map(|(name, _)| name.to_owned()).collect()
    }

    fn import_id(&self, id: &str, inputs: &PropertyMap) -> String {
        R::IMPORT.write(id, inputs)
    }

    fn of_import_id(&self, import_id: &str) -> Result<ImportedId, ProviderError> {
        let mut imported = R::IMPORT.read(R::INFO.token, import_id)?;
        let (ImportedId::Read { inputs, .. } | ImportedId::Find { inputs }) = &mut imported;
        if has_region(&R::SHAPE) {
            inputs.insert("region", self.connection.region.as_str());
        }
        Ok(imported)
    }

    async fn create(&self, context: &OperationContext, inputs: &PropertyMap) -> Result<ResourceState, ProviderError> {
        self.check_region(inputs)?;
        let typed = Self::strict(inputs)?;
        let absence = Absence::of_change(&self.connection.recent, urn(context), vec![inputs]);
        let call = Call::new(context, &self.connection, inputs, inputs, Some(&absence));
        let made = R::create(&call, &typed).await;
        // What exists already may be what an unheard call of this operation made.
        let exists = made.as_ref().is_err_and(|error| error.kind == ProviderErrorKind::AlreadyExists);
        if exists || absence.changed() {
            self.connection.recent.note([urn(context)]);
        }
        let remote = made.map_err(|error| without_secrets(error, inputs))?;
        let state = self.state(&remote, inputs)?;
        self.connection.recent.note(names(context, &state));
        Ok(state)
    }

    async fn read(
        &self,
        context: &OperationContext,
        id: &str,
        inputs: &PropertyMap,
    ) -> Result<Option<ResourceState>, ProviderError> {
        self.check_region(inputs)?;
        let typed = Self::lenient(inputs)?;
        let call = Call::new(context, &self.connection, inputs, inputs, None);
        let read = || async { optional(R::read(&call, id, &typed).await) };
        let read = self.until_seen(context, &numbered(context, id), read).await;
        match read.map_err(|error| without_secrets(error, inputs))? {
            Some(outputs) => self.found_state(&Remote { id: id.to_owned(), outputs }, inputs).map(Some),
            None => Ok(None),
        }
    }

    async fn update(
        &self,
        context: &OperationContext,
        old: &ResourceState,
        inputs: &PropertyMap,
    ) -> Result<ResourceState, ProviderError> {
        self.check_region(inputs)?;
        let (before, after) = (Self::lenient(&old.inputs)?, Self::strict(inputs)?);
        let absence =
            Absence::of_change(&self.connection.recent, numbered(context, &old.id), vec![inputs, &old.inputs]);
        let call = Call::new(context, &self.connection, inputs, &old.inputs, Some(&absence));
        let outputs =
            R::update(&call, &old.id, &before, &after).await.map_err(|error| without_secrets(error, inputs))?;
        let state = self.state(&Remote { id: old.id.clone(), outputs }, inputs)?;
        self.connection.recent.note(names(context, &state));
        Ok(state)
    }

    async fn delete(&self, context: &OperationContext, old: &ResourceState) -> Result<(), ProviderError> {
        self.check_region(&old.inputs)?;
        let typed = Self::lenient(&old.inputs)?;
        let absence = Absence::of_deletion(&self.connection.recent, numbered(context, &old.id));
        let call = Call::new(context, &self.connection, &old.inputs, &old.inputs, Some(&absence));
        let gone = optional(R::delete(&call, &old.id, &typed).await).map(drop);
        gone.map_err(|error| without_secrets(error, &old.inputs))?;
        self.connection.recent.forget(names(context, old));
        Ok(())
    }

    async fn find(&self, context: &OperationContext, inputs: &PropertyMap) -> Result<Option<Found>, ProviderError> {
        self.check_region(inputs)?;
        let typed = Self::lenient(inputs)?;
        let call = Call::new(context, &self.connection, inputs, inputs, None);
        let find = || async { optional(R::find(&call, &typed).await).map(Option::flatten) };
        let found = self.until_seen(context, &urn(context), find).await;
        let Some((whose, remote)) = found.map_err(|error| without_secrets(error, inputs))? else { return Ok(None) };
        let mut state = self.found_state(&remote, inputs)?;
        // Only identifying inputs may have been given; what is found must not look as if it had to move.
        if has_region(&R::SHAPE) && !state.inputs.contains_key("region") {
            state.inputs.insert("region", self.connection.region.as_str());
        }
        // What is settled after a deployment that died may have been made a moment ago.
        if whose == Whose::Ours {
            self.connection.recent.note(names(context, &state));
        }
        Ok(Some(Found { whose, state }))
    }
}
