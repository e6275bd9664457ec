//! The frame of what lies within an API of API Gateway v2 and has a generated id: authorizers, integrations and routes. A type
//! says how it maps onto the SDK's types and what its natural key is ([`ApiChild`]); [`api_child!`] makes the operations, which
//! differ in nothing but the names of the SDK's methods. Stages and APIs themselves share the parts.

use std::error::Error;
use std::future::Future;

use aws_sdk_apigatewayv2::Client as ApiGateway;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use resource_graph::{CallCost, OperationCost, ResourceTypeInfo, resource::resource_type::never_equivalent};

use crate::adapters::aws::calls::Action;
use crate::adapters::aws::frame::managed::{AdoptionForm, Call};
use crate::adapters::aws::frame::pages::Pages;
use crate::adapters::aws::frame::properties::{Default, Shape};
use crate::adapters::aws::frame::tags::{self, Tags};
use crate::adapters::aws::quota::API_GATEWAY;
use crate::ports::ProviderError;

const TAG: Action = Action::write("apigateway:TagResource", API_GATEWAY).needs("apigateway:TagResource");
const UNTAG: Action = Action::write("apigateway:UntagResource", API_GATEWAY).needs("apigateway:UntagResource");

/// The most that a page of a listing may hold, so that one call mostly is enough.
pub(in crate::adapters::aws) const PAGE: &str = "500";

/// What one type knows.
pub(in crate::adapters::aws) trait ApiChild {
    type Inputs;
    /// The SDK's type of one in a listing.
    type Listed;

    const INFO: &'static ResourceTypeInfo;
    const SHAPE: Shape;
    const ADOPTION: AdoptionForm;

    /// What messages call it.
    fn title(inputs: &Self::Inputs, id: Option<&str>) -> String;

    /// Whether it has the natural key of these inputs.
    fn is_like(found: &Self::Listed, wanted: &Self::Inputs) -> bool;

    /// The inputs that an update sends. What is left out of it stays as it is, so what is to go is said.
    fn change(old: &Self::Inputs, new: &Self::Inputs) -> Self::Inputs;
}

/// Makes a resource type of an [`ApiChild`], from its name in the operations and the SDK's methods for them. The file has two
/// macros, as the SDK has another type for each operation: `settings!` sets the inputs in a request to make or change one, and
/// `remote!` reads an answer.
macro_rules! api_child {
    ($child:ident, $name:literal, $id:ident, $create:ident $get:ident $update:ident $delete:ident $list:ident) => {
        impl $child {
            /// The one of the API that has the same natural key.
            async fn like(call: &Call<'_>, inputs: &Inputs) -> Result<Option<Remote<Outputs>>, ProviderError> {
                const LIST: Action = api_child::reads(concat!("apigateway:Get", $name, "s"));
                let page = |token| {
                    let request = call.client::<ApiGateway>().$list().api_id(&inputs.api_id);
                    let request = request.max_results(api_child::PAGE).set_next_token(token);
                    async move { request.send().await.map(|answer| (answer.items, answer.next_token)) }
                };
                let look_at = |found| match Self::is_like(&found, inputs) {
                    true => Ok(Some(remote!(inputs, found))),
                    false => Ok(None),
                };
                api_child::first_listed(call, LIST, &inputs.api_id, page, look_at).await
            }
        }

        #[async_trait]
        impl AwsResource for $child {
            type Inputs = Inputs;
            type Outputs = Outputs;

            const INFO: &'static ResourceTypeInfo = <Self as ApiChild>::INFO;
            const SHAPE: Shape = <Self as ApiChild>::SHAPE;
            const IMPORT: ImportForm = ImportForm::Within("apiId");
            const ADOPTION: AdoptionForm = <Self as ApiChild>::ADOPTION;

            async fn create(call: &Call<'_>, inputs: &Inputs) -> Result<Remote<Outputs>, ProviderError> {
                const CREATE: Action = api_child::makes(concat!("apigateway:Create", $name));
                let request = settings!(call.client::<ApiGateway>().$create().api_id(&inputs.api_id), inputs);
                let send = || {
                    let request = request.clone();
                    async move { request.send().await.map(Ok) }
                };
                let inquire = || Box::pin(async move { Ok(Self::like(call, inputs).await?.map(Err)) }) as _;
                match call.send_once(CREATE, &Self::title(inputs, None), send, &inquire).await? {
                    Ok(answer) => Ok(remote!(inputs, answer)),
                    Err(found) => Ok(found),
                }
            }

            async fn read(call: &Call<'_>, id: &str, inputs: &Inputs) -> Result<Outputs, ProviderError> {
                const GET: Action = api_child::reads(concat!("apigateway:Get", $name));
                let request = call.client::<ApiGateway>().$get().api_id(&inputs.api_id).$id(id);
                let answer = call.send(GET, &Self::title(inputs, Some(id)), || request.clone().send()).await?;
                Ok(remote!(inputs, answer).outputs)
            }

            async fn update(call: &Call<'_>, id: &str, old: &Inputs, new: &Inputs) -> Result<Outputs, ProviderError> {
                const UPDATE: Action = api_child::changes(concat!("apigateway:Update", $name));
                let wanted = Self::change(old, new);
                let request = settings!(call.client::<ApiGateway>().$update().api_id(&new.api_id).$id(id), &wanted);
                let answer = call.send(UPDATE, &Self::title(new, Some(id)), || request.clone().send()).await?;
                Ok(remote!(new, answer).outputs)
            }

            async fn delete(call: &Call<'_>, id: &str, inputs: &Inputs) -> Result<(), ProviderError> {
                const DELETE: Action = api_child::removes(concat!("apigateway:Delete", $name));
                let request = call.client::<ApiGateway>().$delete().api_id(&inputs.api_id).$id(id);
                call.send(DELETE, &Self::title(inputs, Some(id)), || request.clone().send()).await.map(drop)
            }

            async fn find(
                call: &Call<'_>,
                inputs: &Inputs,
            ) -> Result<Option<(crate::ports::Whose, Remote<Outputs>)>, ProviderError> {
                match Self::like(call, inputs).await? {
                    Some(found) => Ok(Some((api::whose(call, &inputs.api_id).await?, found))),
                    None => Ok(None),
                }
            }
        }
    };
}
pub(in crate::adapters::aws) use api_child;

/// An operation that makes something. The permissions are called after the HTTP methods, here and below
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonapigatewaymanagementv2.html>).
pub(in crate::adapters::aws) const fn makes(operation: &'static str) -> Action {
    Action::write(operation, API_GATEWAY).needs("apigateway:POST")
}

/// An operation that reads or lists.
pub(in crate::adapters::aws) const fn reads(operation: &'static str) -> Action {
    Action::read(operation, API_GATEWAY).needs("apigateway:GET")
}

/// An operation that changes something.
pub(in crate::adapters::aws) const fn changes(operation: &'static str) -> Action {
    Action::write(operation, API_GATEWAY).needs("apigateway:PATCH")
}

/// An operation that takes something away.
pub(in crate::adapters::aws) const fn removes(operation: &'static str) -> Action {
    Action::write(operation, API_GATEWAY).needs("apigateway:DELETE")
}

/// Facts of a type whose resources lie within an API.
pub(in crate::adapters::aws) const fn info(
    token: &'static str,
    replace_on: &'static [&'static str],
    stable_outputs: &'static [&'static str],
) -> ResourceTypeInfo {
    const ONE_CALL: &[CallCost] = &[CallCost { quota: API_GATEWAY, calls: 1 }];
    ResourceTypeInfo {
        token,
        replace_on,
        stable_outputs,
        delete_before_replace: false,
        conflict_input: Some("apiId"),
        conflict_scope: "apigatewayv2:api",
        id_within: &["apiId"],
        create: OperationCost::new(ONE_CALL, 300),
        update: OperationCost::new(ONE_CALL, 300),
        delete: OperationCost::new(ONE_CALL, 300),
        read: OperationCost::new(ONE_CALL, 150),
        equivalent: never_equivalent,
    }
}

/// The shape of a type whose resources lie within an API.
pub(in crate::adapters::aws) const fn shape(
    required: &'static [&'static str],
    identity: &'static [&'static str],
) -> Shape {
    let directives = &[("region", Default::Chosen)];
    Shape { required, identity, generated_id: true, files: &[], directives, defaults: &[], sensitive: &[] }
}

/// The text that an update sends: an empty one for what is to go.
pub(in crate::adapters::aws) fn cleared(old: &Option<String>, new: &Option<String>) -> Option<String> {
    new.clone().or_else(|| old.as_ref().map(|_| String::new()))
}

/// Goes through the pages of a listing until one of its items gives something.
pub(in crate::adapters::aws) async fn first_listed<I, T, E, F>(
    call: &Call<'_>,
    list: Action,
    on: &str,
    page: impl Fn(Option<String>) -> F + Send + Sync,
    mut look_at: impl FnMut(I) -> Result<Option<T>, ProviderError> + Send,
) -> Result<Option<T>, ProviderError>
where
    I: Send,
    E: ProvideErrorMetadata + Error + Send + 'static,
    F: Future<Output = Result<(Option<Vec<I>>, Option<String>), SdkError<E, HttpResponse>>> + Send,
{
    let mut pages = Pages::default();
    loop {
        let (items, next) = call.send(list, on, || page(pages.token())).await?;
        for item in items.unwrap_or_default() {
            if let Some(found) = look_at(item)? {
                return Ok(Some(found));
            }
        }
        if !pages.go_on(next, list.name)? {
            return Ok(None);
        }
    }
}

/// The ARN of an API (its id) or of something within it (the id, and the path from there)
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/arn-format-reference.html>).
pub(in crate::adapters::aws) async fn arn(call: &Call<'_>, path: &str) -> Result<String, ProviderError> {
    let partition = &call.connection.account().await?.partition;
    Ok(format!("arn:{partition}:apigateway:{}::/apis/{path}", call.connection.region))
}

/// Leads from some tags to others.
pub(in crate::adapters::aws) async fn set_tags(
    call: &Call<'_>,
    on: &str,
    arn: &str,
    old: Option<&Tags>,
    new: Option<&Tags>,
) -> Result<(), ProviderError> {
    let (set, removed) = tags::changes(old, new);
    if !set.is_empty() {
        let set = set.into_iter().collect();
        let request = call.client::<ApiGateway>().tag_resource().resource_arn(arn).set_tags(Some(set));
        call.send(TAG, on, || request.clone().send()).await?;
    }
    if !removed.is_empty() {
        let request = call.client::<ApiGateway>().untag_resource().resource_arn(arn).set_tag_keys(Some(removed));
        call.send(UNTAG, on, || request.clone().send()).await?;
    }
    Ok(())
}
