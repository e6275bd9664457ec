//! IAM policy documents: whether two texts mean the same, so that AWS's own way of writing one down is no change.

use resource_graph::Value;
use serde_json::Value as Json;

/// Whether two JSON texts are the same policy: keys in any order, a single value or a list of one, lists in any order.
pub(in crate::adapters::aws) fn same_policy(old: &Value, new: &Value) -> bool {
    match (old.as_str().map(normalised), new.as_str().map(normalised)) {
        (Some(Some(old)), Some(Some(new))) => old == new,
        _ => false,
    }
}

fn normalised(text: &str) -> Option<Json> {
    let mut document: Json = serde_json::from_str(text).ok()?;
    let object = document.as_object_mut()?;
    if let Some(statements) = object.remove("Statement") {
        let statements = match statements {
            Json::Array(list) => list,
            one => vec![one],
        };
        object.insert("Statement".to_owned(), sorted(statements.into_iter().map(statement).collect()));
    }
    Some(document)
}

/// A statement with each single value as a list of one.
fn statement(statement: Json) -> Json {
    let Json::Object(members) = statement else { return statement };
    let members = members.into_iter().map(|(name, value)| {
        let value = match name.as_str() {
            "Action" | "NotAction" | "Resource" | "NotResource" => list(value),
            "Principal" | "NotPrincipal" => match value {
                // "*" and {"AWS": "*"} mean the same for access, but AWS keeps them as they were written.
                Json::Object(kinds) => Json::Object(kinds.into_iter().map(|(kind, who)| (kind, list(who))).collect()),
                other => other,
            },
            "Condition" => match value {
                Json::Object(operators) => {
                    Json::Object(operators.into_iter().map(|(name, keys)| (name, condition(keys))).collect())
                }
                other => other,
            },
            _ => value,
        };
        (name, value)
    });
    Json::Object(members.collect())
}

fn condition(keys: Json) -> Json {
    match keys {
        // Names of condition keys are compared without case.
        Json::Object(keys) => {
            Json::Object(keys.into_iter().map(|(key, value)| (key.to_ascii_lowercase(), list(value))).collect())
        }
        other => other,
    }
}

fn list(value: Json) -> Json {
    match value {
        Json::Array(values) => sorted(values),
        one => Json::Array(vec![one]),
    }
}

fn sorted(mut values: Vec<Json>) -> Json {
    values.sort_by_cached_key(Json::to_string);
    Json::Array(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(old: &str, new: &str) -> bool {
        same_policy(&Value::from(old), &Value::from(new))
    }

    #[test]
    fn order_and_single_values_do_not_count() {
        assert!(same(
            r#"{"Version":"2012-10-17","Statement":[{"Action":["a","b"],"Effect":"Allow","Resource":"x"},{"Effect":"Deny","Action":"c","Resource":"*"}]}"#,
            r#"{"Statement": [{"Effect":"Deny","Action":["c"],"Resource":"*"}, {"Effect":"Allow","Resource":["x"],"Action":["b","a"]}], "Version": "2012-10-17"}"#,
        ));
    }

    #[test]
    fn another_action_effect_or_condition_counts() {
        let policy = r#"{"Statement":[{"Action":"a","Effect":"Allow","Resource":"x","Condition":{"StringEquals":{"AWS:SourceAccount":"1"}}}]}"#;
        for other in
            [policy.replace("\"a\"", "\"b\""), policy.replace("Allow", "Deny"), policy.replace("\"1\"", "\"2\"")]
        {
            assert!(!same(policy, &other), "{other}");
        }
        assert!(same(policy, &policy.replace("AWS:", "aws:")));
    }

    #[test]
    fn what_is_no_policy_is_never_the_same() {
        assert!(!same("not json", "not json either"));
        assert!(!same("[]", "[ ]"));
    }
}
