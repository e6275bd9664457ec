//! Which pages of other origins may call: the same fields at an API and at a function's own address.

use serde::{Deserialize, Serialize};

/// A CORS policy under Pulumi's property names.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::adapters::aws) struct Cors {
    pub(in crate::adapters::aws) allow_credentials: Option<bool>,
    pub(in crate::adapters::aws) allow_headers: Option<Vec<String>>,
    pub(in crate::adapters::aws) allow_methods: Option<Vec<String>>,
    pub(in crate::adapters::aws) allow_origins: Option<Vec<String>>,
    pub(in crate::adapters::aws) expose_headers: Option<Vec<String>>,
    /// Seconds.
    pub(in crate::adapters::aws) max_age: Option<i32>,
}

/// Both ways between [`Cors`] and a service's own type, which has the same fields.
macro_rules! cors_of_service {
    ($($module:ident)::+) => {
        impl From<Cors> for $($module)::+::Cors {
            fn from(cors: Cors) -> Self {
                Self::builder()
                    .set_allow_credentials(cors.allow_credentials)
                    .set_allow_headers(cors.allow_headers)
                    .set_allow_methods(cors.allow_methods)
                    .set_allow_origins(cors.allow_origins)
                    .set_expose_headers(cors.expose_headers)
                    .set_max_age(cors.max_age)
                    .build()
            }
        }

        impl From<$($module)::+::Cors> for Cors {
            fn from(found: $($module)::+::Cors) -> Self {
                Self {
                    allow_credentials: Some(found.allow_credentials.unwrap_or(false)),
                    allow_headers: Some(found.allow_headers.unwrap_or_default()),
                    allow_methods: Some(found.allow_methods.unwrap_or_default()),
                    allow_origins: Some(found.allow_origins.unwrap_or_default()),
                    expose_headers: Some(found.expose_headers.unwrap_or_default()),
                    max_age: Some(found.max_age.unwrap_or(0)),
                }
            }
        }
    };
}

cors_of_service!(aws_sdk_apigatewayv2::types);
cors_of_service!(aws_sdk_lambda::types);
