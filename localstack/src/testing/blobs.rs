//! Containers on an Azurite: made by a request that is signed with the account's key (Azure's page "Authorize with Shared Key").

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::Utc;
use hyper::Method;
use ring::hmac;

use crate::error::{Error, Result};
use crate::health::request_with;

/// The account that every Azurite has, and its published key (Azure's page "Use the Azurite emulator").
pub(crate) const ACCOUNT: &str = "devstoreaccount1";
pub(crate) const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

const VERSION: &str = "2021-12-02";

/// Makes a container in the account.
pub(crate) async fn create_container(endpoint: &str, name: &str) -> Result<()> {
    let url = format!("{endpoint}/{ACCOUNT}/{name}?restype=container");
    let failed = |reason: String| Error::Request { url: url.clone(), reason };
    let date = Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let authorization = authorization(&date, name).map_err(&failed)?;
    let headers = [("x-ms-date", &*date), ("x-ms-version", VERSION), ("authorization", &authorization)];
    let answer = request_with(Method::PUT, &url, &headers, Duration::from_secs(30)).await.map_err(&failed)?;
    match answer.status.is_success() {
        true => Ok(()),
        false => Err(failed(format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body)))),
    }
}

fn authorization(date: &str, container: &str) -> std::result::Result<String, String> {
    // The eleven standard headers are all empty. The account stands twice: it is the resource's first part and that of the path, which on Azure it isn't.
    let text = format!(
        "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:{VERSION}\n/{ACCOUNT}/{ACCOUNT}/{container}\nrestype:container"
    );
    let key = BASE64.decode(KEY).map_err(|error| error.to_string())?;
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), text.as_bytes());
    Ok(format!("SharedKey {ACCOUNT}:{}", BASE64.encode(signature)))
}
