//! A key of AWS KMS that encrypts and decrypts a few bytes: the data key of a stack's secrets.

use std::collections::BTreeMap;

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;

use crate::adapters::aws::AwsSettings;
use crate::adapters::aws::calls::{Action, DirectGate, Patience, Sender};
use crate::adapters::aws::connection::connection;
use crate::adapters::aws::connection::origin::Origin;
use crate::adapters::aws::quota;
use crate::ports::{ProviderError, ProviderErrorKind};

const ENCRYPT: Action = Action::read("kms:Encrypt", quota::KMS);
const DECRYPT: Action = Action::read("kms:Decrypt", quota::KMS);

/// A symmetric key, and the context that its ciphertexts are bound to.
pub struct KmsKey {
    client: Client,
    origin: Origin,
    id: String,
    context: BTreeMap<String, String>,
}

impl KmsKey {
    /// The key of an id, alias (`alias/…`) or ARN. Nothing is called yet.
    ///
    /// # Errors
    /// When there is no region, or no such profile.
    pub async fn open(
        settings: &AwsSettings,
        id: String,
        context: BTreeMap<String, String>,
    ) -> Result<Self, ProviderError> {
        let (config, origin) = connection::load(settings).await?;
        Ok(Self { client: Client::new(&config), origin, id, context })
    }

    /// Encrypts up to 4 KiB
    /// (<https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html>).
    ///
    /// # Errors
    /// When KMS refuses it or can't be reached.
    pub async fn encrypt(&self, plaintext: &[u8]) -> Result<Vec<u8>, ProviderError> {
        let answer = self.send(ENCRYPT, || {
            let request = self.client.encrypt().key_id(&self.id).plaintext(Blob::new(plaintext));
            self.context.iter().fold(request, |request, (key, value)| request.encryption_context(key, value)).send()
        });
        answer.await?.ciphertext_blob.map(Blob::into_inner).ok_or_else(|| self.without_answer())
    }

    /// Decrypts what the key has encrypted.
    ///
    /// # Errors
    /// When KMS refuses it, since the key or the context is another, or can't be reached.
    pub async fn decrypt(&self, ciphertext: &[u8]) -> Result<Vec<u8>, ProviderError> {
        let answer = self.send(DECRYPT, || {
            let request = self.client.decrypt().key_id(&self.id).ciphertext_blob(Blob::new(ciphertext));
            self.context.iter().fold(request, |request, (key, value)| request.encryption_context(key, value)).send()
        });
        answer.await?.plaintext.map(Blob::into_inner).ok_or_else(|| self.without_answer())
    }

    async fn send<T, E, F>(&self, action: Action, request: impl Fn() -> F + Send + Sync) -> Result<T, ProviderError>
    where
        T: Send,
        E: aws_smithy_types::error::metadata::ProvideErrorMetadata + std::error::Error + Send + 'static,
        F: Future<
                Output = Result<
                    T,
                    aws_smithy_runtime_api::client::result::SdkError<
                        E,
                        aws_smithy_runtime_api::client::orchestrator::HttpResponse,
                    >,
                >,
            > + Send,
    {
        let gate = DirectGate::new();
        let sender = Sender { gate: &gate, origin: &self.origin, patience: Patience::Greeting, absence: None };
        sender.send(action, &self.id, request).await
    }

    fn without_answer(&self) -> ProviderError {
        let message = format!("{} answered without a value", self.origin.target());
        ProviderError::new(ProviderErrorKind::Internal, message)
    }
}
