//! The clients of AWS's services: one line for each service, made on first use and kept.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_config::SdkConfig;

use super::origin::Origin;

/// The SDK's client of one service. A clone is the same client.
pub(in crate::adapters::aws) trait ServiceClient: Clone + Send + Sync + 'static {
    /// Makes it.
    fn new(config: &SdkConfig, origin: &Origin) -> Self;
}

/// The services that are called: their names as Pulumi's provider names their endpoints, their SDKs, and how a client is made
/// where that takes more than the configuration.
macro_rules! services {
    ($($name:literal $sdk:ident $(by $make:path)?;)+) => {
        /// The services' names.
        pub(in crate::adapters::aws) const SERVICES: &[&str] = &[$($name),+];

        $(services!(@client $sdk $(by $make)?);)+
    };
    (@client $sdk:ident) => {
        impl ServiceClient for $sdk::Client {
            fn new(config: &SdkConfig, _: &Origin) -> Self {
                $sdk::Client::new(config)
            }
        }
    };
    (@client $sdk:ident by $make:path) => {
        impl ServiceClient for $sdk::Client {
            fn new(config: &SdkConfig, origin: &Origin) -> Self {
                $make(config, origin)
            }
        }
    };
}

services! {
    "apigatewayv2" aws_sdk_apigatewayv2;
    "iam" aws_sdk_iam;
    "lambda" aws_sdk_lambda;
    "logs" aws_sdk_cloudwatchlogs;
    "s3" aws_sdk_s3 by s3;
    "sts" aws_sdk_sts;
}

/// S3, with the bucket in the path at endpoints that aren't AWS's: emulators have no name for each bucket.
fn s3(config: &SdkConfig, origin: &Origin) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(config);
    aws_sdk_s3::Client::from_conf(config.force_path_style(origin.endpoint.is_some()).build())
}

/// The clients that were asked for so far.
pub(in crate::adapters::aws) struct Clients {
    config: SdkConfig,
    made: Mutex<HashMap<TypeId, Box<dyn Any + Send>>>,
}

impl Clients {
    pub(in crate::adapters::aws) fn new(config: SdkConfig) -> Self {
        Self { config, made: Mutex::default() }
    }

    /// The client of a service.
    pub(in crate::adapters::aws) fn get<C: ServiceClient>(&self, origin: &Origin) -> C {
        // Whoever panicked left whole clients behind.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let known = made.get(&TypeId::of::<C>()).and_then(|client| client.downcast_ref::<C>()).cloned();
        known.unwrap_or_else(|| {
            let client = C::new(&self.config, origin);
            made.insert(TypeId::of::<C>(), Box::new(client.clone()));
            client
        })
    }
}

#[cfg(test)]
mod tests {
    use aws_config::{BehaviorVersion, Region};

    use super::*;

    #[test]
    fn a_service_has_one_client() {
        let config = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).region(Region::new("eu-west-1"));
        let (clients, origin) = (Clients::new(config.build()), Origin::default());
        let _: (aws_sdk_iam::Client, aws_sdk_sts::Client) = (clients.get(&origin), clients.get(&origin));
        let _: aws_sdk_iam::Client = clients.get(&origin);
        assert_eq!(clients.made.lock().unwrap().len(), 2);
    }
}
