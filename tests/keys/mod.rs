//! Keys of clouds that encrypt a stack's secrets: AWS KMS on the local cloud, and Azure Key Vault as a small server that really
//! encrypts.

mod key_vault;
mod kms;
