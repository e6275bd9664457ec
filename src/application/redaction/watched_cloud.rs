//! A cloud that tells the redactor every secret that goes through it: what resources are made with, what they are now,
//! and what they give back. Whatever the cloud then quotes in an error or an answer is taken out before it is shown.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use resource_graph::{PropertyMap, Quota, Recorded, ResourceTypeInfo, ResourceTypes, TypeToken, Value};

use super::redactor::Redactor;
use crate::domain::provider::Provider;
use crate::ports::{
    Account, AdoptionFacts, Blueprint, BlueprintRequest, Blueprints, Catalogue, Cloud, CloudIdentity, Diagnostics,
    Found, ImportedId, Invoked, OperationContext, ProviderError, ResourceProvider, ResourceState,
};

/// A cloud whose secrets are known to the redactor.
pub struct WatchedCloud {
    cloud: Arc<dyn Cloud>,
    redactor: Arc<Redactor>,
}

impl WatchedCloud {
    /// Watches a cloud.
    pub fn new(cloud: Arc<dyn Cloud>, redactor: Arc<Redactor>) -> Self {
        Self { cloud, redactor }
    }
}

/// An error without the secrets that the cloud quotes back: it goes into events, the journal and the audit log as well.
fn redacted(redactor: &Redactor, error: ProviderError) -> ProviderError {
    let without = |text: String| redactor.text(&text).into_owned();
    ProviderError { message: without(error.message), hint: error.hint.map(without), source: None, ..error }
}

/// Tells every secret text and number in a map.
fn learn(redactor: &Redactor, properties: &PropertyMap) {
    properties.iter().for_each(|(_, value)| learn_value(redactor, value, false));
}

fn learn_value(redactor: &Redactor, value: &Value, is_secret: bool) {
    match value {
        Value::Secret(secret) => learn_value(redactor, secret.expose(), true),
        Value::String(text) if is_secret => redactor.add_secret(text),
        Value::Number(number) if is_secret => redactor.add_secret(&number.to_string()),
        Value::List(list) => list.iter().for_each(|value| learn_value(redactor, value, is_secret)),
        Value::Map(map) => map.iter().for_each(|(_, value)| learn_value(redactor, value, is_secret)),
        _ => {}
    }
}

impl ResourceTypes for WatchedCloud {
    fn info(&self, token: &TypeToken) -> Option<&ResourceTypeInfo> {
        self.cloud.info(token)
    }
}

impl Catalogue for WatchedCloud {
    fn longest_operation(&self) -> Option<Duration> {
        self.cloud.longest_operation()
    }

    fn resource(&self, token: &TypeToken) -> Option<Arc<dyn ResourceProvider>> {
        let provider = self.cloud.resource(token)?;
        Some(Arc::new(WatchedProvider { provider, redactor: Arc::clone(&self.redactor) }))
    }

    fn type_tokens(&self) -> Vec<&'static str> {
        self.cloud.type_tokens()
    }

    fn quotas(&self) -> BTreeMap<&'static str, Quota> {
        self.cloud.quotas()
    }

    fn provider_resource(&self, identity: &CloudIdentity) -> (String, PropertyMap) {
        let (name, inputs) = self.cloud.provider_resource(identity);
        learn(&self.redactor, &inputs);
        (name, inputs)
    }

    fn mark(&self, inputs: &mut PropertyMap, identity: &str) {
        self.cloud.mark(inputs, identity);
    }

    fn account_of(&self, record: &dyn Recorded) -> Option<String> {
        self.cloud.account_of(record)
    }

    fn is_elsewhere(&self, record: &dyn Recorded) -> bool {
        self.cloud.is_elsewhere(record)
    }
}

impl Blueprints for WatchedCloud {
    fn blueprint(&self, request: &BlueprintRequest) -> Result<Blueprint, ProviderError> {
        let blueprint = self.cloud.blueprint(request)?;
        blueprint.resources.iter().for_each(|spec| learn(&self.redactor, &spec.inputs));
        Ok(blueprint)
    }
}

#[async_trait]
impl Account for WatchedCloud {
    fn provider(&self) -> Provider {
        self.cloud.provider()
    }

    async fn identity(&self) -> Result<CloudIdentity, ProviderError> {
        self.cloud.identity().await
    }
}

#[async_trait]
impl Diagnostics for WatchedCloud {
    async fn invoke(&self, outputs: &PropertyMap, event: &str, timeout: Duration) -> Result<Invoked, ProviderError> {
        learn(&self.redactor, outputs);
        let invoked = self.cloud.invoke(outputs, event, timeout).await;
        match invoked.map_err(|error| redacted(&self.redactor, error))? {
            Invoked::Failed(error) => Ok(Invoked::Failed(self.redactor.text(&error).into_owned())),
            Invoked::Well(answer) => Ok(Invoked::Well(self.redactor.text(&answer).into_owned())),
        }
    }

    async fn recent_output(&self, outputs: &PropertyMap) -> Result<Option<String>, ProviderError> {
        learn(&self.redactor, outputs);
        let output = self.cloud.recent_output(outputs).await.map_err(|error| redacted(&self.redactor, error))?;
        Ok(output.map(|output| self.redactor.text(&output).into_owned()))
    }

    fn health_headers(&self, identity: &CloudIdentity) -> Vec<(String, String)> {
        self.cloud.health_headers(identity)
    }
}

struct WatchedProvider {
    provider: Arc<dyn ResourceProvider>,
    redactor: Arc<Redactor>,
}

impl WatchedProvider {
    fn checked<T>(&self, result: Result<T, ProviderError>) -> Result<T, ProviderError> {
        result.map_err(|error| redacted(&self.redactor, error))
    }

    fn learn_state(&self, state: &ResourceState) {
        learn(&self.redactor, &state.inputs);
        learn(&self.redactor, &state.outputs);
    }
}

#[async_trait]
impl ResourceProvider for WatchedProvider {
    fn info(&self) -> &'static ResourceTypeInfo {
        self.provider.info()
    }

    fn has_generated_id(&self) -> bool {
        self.provider.has_generated_id()
    }

    fn identifying_inputs(&self) -> &'static [&'static str] {
        self.provider.identifying_inputs()
    }

    fn adoption_facts(&self) -> AdoptionFacts {
        self.provider.adoption_facts()
    }

    fn unmanaged_inputs(&self, inputs: &PropertyMap) -> Vec<String> {
        self.provider.unmanaged_inputs(inputs)
    }

    fn default_inputs(&self, inputs: &PropertyMap) -> Vec<String> {
        self.provider.default_inputs(inputs)
    }

    fn import_id(&self, id: &str, inputs: &PropertyMap) -> String {
        self.provider.import_id(id, inputs)
    }

    fn of_import_id(&self, import_id: &str) -> Result<ImportedId, ProviderError> {
        self.provider.of_import_id(import_id)
    }

    async fn create(&self, context: &OperationContext, inputs: &PropertyMap) -> Result<ResourceState, ProviderError> {
        learn(&self.redactor, inputs);
        let state = self.checked(self.provider.create(context, inputs).await)?;
        self.learn_state(&state);
        Ok(state)
    }

    async fn read(
        &self,
        context: &OperationContext,
        id: &str,
        inputs: &PropertyMap,
    ) -> Result<Option<ResourceState>, ProviderError> {
        learn(&self.redactor, inputs);
        let state = self.checked(self.provider.read(context, id, inputs).await)?;
        state.iter().for_each(|state| self.learn_state(state));
        Ok(state)
    }

    async fn update(
        &self,
        context: &OperationContext,
        old: &ResourceState,
        inputs: &PropertyMap,
    ) -> Result<ResourceState, ProviderError> {
        self.learn_state(old);
        learn(&self.redactor, inputs);
        let state = self.checked(self.provider.update(context, old, inputs).await)?;
        self.learn_state(&state);
        Ok(state)
    }

    async fn delete(&self, context: &OperationContext, old: &ResourceState) -> Result<(), ProviderError> {
        self.learn_state(old);
        self.checked(self.provider.delete(context, old).await)
    }

    async fn find(&self, context: &OperationContext, inputs: &PropertyMap) -> Result<Option<Found>, ProviderError> {
        learn(&self.redactor, inputs);
        let found = self.checked(self.provider.find(context, inputs).await)?;
        found.iter().for_each(|found| self.learn_state(&found.state));
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::ProviderErrorKind;

    #[test]
    fn what_the_cloud_quotes_back_is_taken_out() {
        let redactor = Redactor::default();
        learn(&redactor, &PropertyMap::from([("key", Value::secret("hunter2hunter2"))]));
        let error = ProviderError::new(ProviderErrorKind::Refused, "the value hunter2hunter2 is too long");
        assert_eq!(redacted(&redactor, error).message, "the value [secret] is too long");
    }

    #[test]
    fn secrets_are_learned_at_any_depth_and_nothing_else_is() {
        let redactor = Redactor::default();
        let nested =
            Value::secret(Value::Map([("a", Value::from("inner value")), ("b", Value::Number(12345.0))].into()));
        let inputs = PropertyMap::from([
            ("plain", "plain text".into()),
            ("list", Value::List(vec![nested, Value::secret("token-1")])),
        ]);
        learn(&redactor, &inputs);
        assert_eq!(
            redactor.text("plain text, inner value, 12345, token-1"),
            "plain text, [secret], [secret], [secret]"
        );
    }
}
