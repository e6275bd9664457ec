//! A CORS policy as API Gateway and Lambda both take it.

use resource_graph::PropertyMap;

use crate::domain::gateway::cors::CorsPolicy;

/// The inputs for a policy.
pub(super) fn inputs(policy: &CorsPolicy) -> PropertyMap {
    let rules = policy.rules();
    let mut cors = PropertyMap::new();
    let lists = [
        ("allowOrigins", rules.origins.to_strings()),
        ("allowMethods", rules.methods.to_strings()),
        ("allowHeaders", rules.headers.to_strings()),
        ("exposeHeaders", rules.expose_headers.to_strings()),
    ];
    for (name, list) in lists {
        if !list.is_empty() {
            cors.insert(name, list);
        }
    }
    if let Some(age) = rules.max_age {
        let seconds = u32::try_from(age.duration().as_secs()).unwrap_or(u32::MAX);
        cors.insert("maxAge", seconds);
    }
    if rules.credentials {
        cors.insert("allowCredentials", true);
    }
    cors
}
