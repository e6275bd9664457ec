use super::*;

fn parse(url: &str) -> Result<StoreUrl> {
    StoreUrl::parse(url, Path::new("/srv/project"), Some(Path::new("/home/ann")))
}

fn s3(url: &str) -> S3Url {
    match parse(url) {
        Ok(StoreUrl::S3(url)) => url,
        other => panic!("{url}: {other:?}"),
    }
}

fn refusal(url: &str) -> (String, String) {
    let error = parse(url).unwrap_err();
    (error.to_string(), error.hint().unwrap())
}

#[test]
fn file_urls_start_at_the_root_the_base_or_the_home_folder() {
    for (url, expected) in [
        ("file:///var/state", "/var/state"),
        ("file://./.semantest", "/srv/project/.semantest"),
        ("file://../shared", "/srv/shared"),
        ("file://~", "/home/ann"),
        ("file://~/state?metadata=skip&no_tmp_dir=true", "/home/ann/state"),
        ("file:///with%20space", "/with space"),
    ] {
        assert_eq!(parse(url).unwrap(), StoreUrl::File { folder: expected.into() }, "{url}");
    }
}

#[test]
fn urls_that_make_no_sense_are_refused_with_a_way_out() {
    for url in [
        "",
        "state",
        "file://",
        "file:///%zz",
        "file:///%",
        "s3://",
        "s3:///prefix",
        "s3://a b",
        "azblob://",
        "s3://b/../c",
    ] {
        assert!(refusal(url).1.contains("file:///absolute/path"), "{url}");
    }
    assert!(refusal("./state").1.contains("did you mean file://./state?"));
    for (url, message, hint) in [
        ("gs://bucket", "Google Cloud Storage", "pulumi stack export"),
        ("postgres://host/db", "PostgreSQL", "pulumi stack import"),
        ("https://api.pulumi.com", "Pulumi Cloud", "pulumi stack export"),
        ("ftp://host", "'ftp'", "s3://bucket"),
        ("s3://b?regoin=x", "no parameter 'regoin'", "region, profile, endpoint"),
        ("azblob://c?account=x", "no parameter 'account'", "storage_account"),
        ("file:///x?y=z", "no parameter 'y'", "metadata, no_tmp_dir"),
        ("file:///x?metadata=keep", "'skip'", "file://"),
        ("s3://b?disableSSL=maybe", "true or false", "s3://"),
        ("s3://b?ssetype=AES128", "AES256, aws:kms", "s3://"),
        ("s3://b?ssetype=AES256&kmskeyid=k", "'kmskeyid'", "ssetype=aws:kms"),
        ("s3://b?endpoint=ftp://x", "'ftp://x'", "s3://"),
        ("s3://b.c?accelerate=true", "'accelerate'", "s3://"),
        ("azblob://c?protocol=ftp", "http or https", "azblob://"),
    ] {
        let (found, advice) = refusal(url);
        assert!(found.contains(message), "{url}: {found}");
        assert!(advice.contains(hint), "{url}: {advice}");
    }
}

#[test]
fn buckets_have_pulumis_parameters() {
    let url = s3("s3://bucket/a//b/?region=eu-west-1&profile=ci&awssdk=v2&fips=1&dualstack=true");
    let expected = S3Url {
        bucket: "bucket".to_owned(),
        prefix: "a/b".to_owned(),
        region: Some("eu-west-1".to_owned()),
        profile: Some("ci".to_owned()),
        fips: true,
        dualstack: true,
        ..S3Url::default()
    };
    assert_eq!(url, expected);
    assert_eq!(StoreUrl::S3(url).to_string(), "s3://bucket/a/b");
    for (query, endpoint, path_style) in [
        ("endpoint=127.0.0.1:4566&disableSSL=true&s3ForcePathStyle=true", "http://127.0.0.1:4566", true),
        ("endpoint=minio.example&disable_https=false&use_path_style=true", "https://minio.example", true),
        ("endpoint=http://127.0.0.1:4566/", "http://127.0.0.1:4566", false),
        ("endpoint=https%3A%2F%2Fstore.example%2Fs3", "https://store.example/s3", false),
    ] {
        let url = s3(&format!("s3://bucket?{query}"));
        assert_eq!((url.endpoint.as_deref(), url.path_style, url.plain_http), (Some(endpoint), path_style, false));
    }
    assert!(s3("s3://bucket?disableSSL=1").plain_http);
    for (query, encryption) in [
        ("", S3Encryption::Unasked),
        ("ssetype=AES256", S3Encryption::Aes256),
        ("ssetype=aws:kms", S3Encryption::Kms { key: None }),
        ("kmskeyid=alias/state", S3Encryption::Kms { key: Some("alias/state".to_owned()) }),
        ("ssetype=aws:kms:dsse&kmskeyid=k", S3Encryption::DoubleKms { key: Some("k".to_owned()) }),
        ("ssetype=none", S3Encryption::Unasked),
    ] {
        assert_eq!(s3(&format!("s3://bucket?{query}")).encryption, encryption, "{query}");
    }
}

#[test]
fn containers_have_pulumis_parameters() {
    let url =
        parse("azblob://state/team?storage_account=acc&protocol=http&domain=127.0.0.1:10000&localemu=true").unwrap();
    let expected = AzureUrl {
        container: "state".to_owned(),
        prefix: "team".to_owned(),
        account: Some("acc".to_owned()),
        protocol: Some("http".to_owned()),
        domain: Some("127.0.0.1:10000".to_owned()),
        local_emulator: Some(true),
        cdn: None,
    };
    assert_eq!(url.to_string(), "azblob://state/team");
    assert_eq!(url, StoreUrl::Azure(expected));
}
