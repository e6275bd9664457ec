//! States of Stash resources: the one type that Pulumi's engine runs without a plugin (SPEC.md section 12), so that the real
//! engine refreshes and destroys them offline.

use serde_json::{Value, json};

/// The id of the provider, any text that isn't empty.
const PROVIDER_ID: &str = "3f0c7b52-2f10-4c6e-9a57-0f6f4f1f9a01";

/// The name of a resource of the built-in package.
pub fn urn(stack: &str, project: &str, name: &str) -> String {
    format!("urn:pulumi:{stack}::{project}::pulumi:index:Stash::{name}")
}

fn provider_urn(stack: &str, project: &str) -> String {
    format!("urn:pulumi:{stack}::{project}::pulumi:providers:pulumi::default")
}

/// The provider and `count` Stash resources below the root of a stack, named `<prefix>-<number>`.
pub fn resources(stack: &str, project: &str, prefix: &str, count: usize) -> Vec<Value> {
    let root = format!("urn:pulumi:{stack}::{project}::pulumi:pulumi:Stack::{project}-{stack}");
    let provider = provider_urn(stack, project);
    let stash = |number: usize| {
        let value = json!({ "number": number, "text": format!("what {prefix} {number} holds") });
        json!({
            "urn": urn(stack, project, &format!("{prefix}-{number}")),
            "custom": true,
            "id": format!("{prefix}-{number}"),
            "type": "pulumi:index:Stash",
            "inputs": { "input": value },
            "outputs": { "input": value, "output": value },
            "parent": root,
            "provider": format!("{provider}::{PROVIDER_ID}"),
        })
    };
    let provider = json!({ "urn": provider, "custom": true, "id": PROVIDER_ID, "type": "pulumi:providers:pulumi" });
    std::iter::once(provider).chain((0..count).map(stash)).collect()
}

/// The state of a stack that holds nothing but its root and `count` Stash resources. Without secrets it needs no manager.
pub fn state(stack: &str, project: &str, count: usize) -> Value {
    let root = json!({
        "urn": format!("urn:pulumi:{stack}::{project}::pulumi:pulumi:Stack::{project}-{stack}"),
        "custom": false,
        "type": "pulumi:pulumi:Stack",
    });
    let mut all = vec![root];
    all.extend(resources(stack, project, "stash", count));
    json!({
        "version": 3,
        "deployment": { "manifest": { "time": "2026-01-02T03:04:05Z", "magic": "", "version": "" }, "resources": all },
    })
}
