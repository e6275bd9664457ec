//! An address of a function's own, which everybody may send requests to.

use resource_graph::{PropertyMap, Value};

use super::code::Parts;
use super::cors;
use super::names::Names;
use super::scope::Scope;
use crate::domain::gateway::cors::CorsPolicy;

/// Adds the address of a function's alias and what lets requests through to it, and shows it.
///
/// It takes two statements: one for the address, and one for the function, through its address alone
/// (<https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html>).
pub(super) fn add(scope: &mut Scope<'_>, parts: &Parts, names: &Names, policy: Option<&CorsPolicy>) {
    let on = [("function", parts.function.output("name")), ("qualifier", parts.alias.output("name"))];
    let mut inputs = PropertyMap::from([
        ("authorizationType", Value::from("NONE")),
        ("functionName", parts.function.output("name")),
        ("qualifier", parts.alias.output("name")),
    ]);
    if let Some(policy) = policy {
        inputs.insert("cors", cors::inputs(policy));
    }
    let url = scope.add("aws:lambda/functionUrl:FunctionUrl", "url", inputs);
    let statements = [
        (
            "url-permission",
            "lambda:InvokeFunctionUrl",
            &names.url_statement,
            ("functionUrlAuthType", Value::from("NONE")),
        ),
        ("permission", "lambda:InvokeFunction", &names.statement, ("invokedViaFunctionUrl", Value::from(true))),
    ];
    for (role, action, statement, condition) in statements {
        let mut inputs = PropertyMap::from(on.clone());
        inputs.insert("action", action);
        inputs.insert("principal", "*");
        inputs.insert("statementId", statement.as_str());
        inputs.insert(condition.0, condition.1);
        scope.add("aws:lambda/permission:Permission", role, inputs);
    }
    scope.show("url", url.output("functionUrl"));
}
