//! Keys of AWS KMS: `awskms://<id, alias/name or ARN>?region=…&profile=…&endpoint=…&context_<name>=<value>`.

use std::collections::BTreeMap;

use state::KeyError;
use zeroize::Zeroizing;

use super::url::KeyUrl;
use crate::adapters::aws::{AwsSettings, KmsKey, NO_REGION};
use crate::ports::ProviderError;

/// Parameters that say how a call is made in ways that make no difference to this program.
const WITHOUT_MEANING: &str = "awssdk";

pub(super) async fn encrypt(url: &KeyUrl, plaintext: &[u8]) -> Result<Vec<u8>, KeyError> {
    let key = open(url).await?;
    key.encrypt(plaintext).await.map_err(|error| failed(url, error))
}

pub(super) async fn decrypt(url: &KeyUrl, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let key = open(url).await?;
    key.decrypt(ciphertext).await.map(Zeroizing::new).map_err(|error| failed(url, error))
}

async fn open(url: &KeyUrl) -> Result<KmsKey, KeyError> {
    let (settings, context) = settings(url)?;
    KmsKey::open(&settings, url.path.clone(), context).await.map_err(|error| failed(url, error))
}

fn settings(url: &KeyUrl) -> Result<(AwsSettings, BTreeMap<String, String>), KeyError> {
    let mut settings = AwsSettings::default();
    let mut context = BTreeMap::new();
    for (name, value) in &url.parameters {
        match name.as_str() {
            "region" => settings.region = Some(value.clone()),
            "profile" => settings.profile = Some(value.clone()),
            // As Go's SDK does it, an endpoint without a scheme is one with https.
            "endpoint" if value.contains("://") => settings.endpoint = Some(value.clone()),
            "endpoint" => settings.endpoint = Some(format!("https://{value}")),
            WITHOUT_MEANING => {}
            name => match name.strip_prefix("context_") {
                Some(key) => _ = context.insert(key.to_owned(), value.clone()),
                None => return Err(url.unknown_parameter(name, "region, profile, endpoint, awssdk and context_<name>")),
            },
        }
    }
    Ok((settings, context))
}

fn failed(url: &KeyUrl, error: ProviderError) -> KeyError {
    let hint = match error.code.as_deref() {
        Some(NO_REGION) => Some("add ?region=<region> to the key's URL, or set AWS_REGION".to_owned()),
        // KMS says no more than that.
        Some("InvalidCiphertextException" | "IncorrectKeyException") => Some(
            "the data key was encrypted with another key, or in another encryption context (context_<name> in the URL)"
                .to_owned(),
        ),
        Some("NotFoundException") => {
            Some("check the key's id or alias, its region, and the account of the credentials".to_owned())
        }
        _ => error.hint.clone(),
    };
    url.failed(error, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_say_where_the_key_is_and_what_its_ciphertexts_are_bound_to() {
        let of = |text: &str| settings(&KeyUrl::parse(text).unwrap());
        let text =
            "awskms://alias/shop?region=eu-west-1&profile=dev&awssdk=v2&endpoint=localhost:4566&context_stack=a%20b";
        let (settings, context) = of(text).unwrap();
        assert_eq!((settings.region.as_deref(), settings.profile.as_deref()), (Some("eu-west-1"), Some("dev")));
        assert_eq!(settings.endpoint.as_deref(), Some("https://localhost:4566"));
        assert_eq!(context.into_iter().collect::<Vec<_>>(), [("stack".to_owned(), "a b".to_owned())]);
        let Err(error) = of("awskms://alias/shop?regoin=eu-west-1") else { panic!("a parameter that isn't known") };
        assert!(error.message.contains("'regoin'") && error.hint.unwrap().contains("region"), "{}", error.message);
    }
}
