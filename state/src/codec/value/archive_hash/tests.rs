use super::*;

fn text(text: &str) -> Value {
    Value::Asset(Box::new(Asset { hash: None, source: AssetSource::Text(text.to_owned()) }))
}

fn archive(source: ArchiveSource) -> Archive {
    Archive { hash: None, source }
}

/// The vectors of SPEC.md section 2.6.
#[test]
fn the_vectors_of_the_specification_hold() {
    let nothing = Path::new("");
    assert!(asset_hash(b"").starts_with("e3b0c442"));
    let hash = |assets: PropertyMap| hash_archive(&archive(ArchiveSource::Assets(assets)), nothing).unwrap();
    assert_eq!(hash(PropertyMap::new()), "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
    let code = "exports.handler = (e, c, cb) => cb(null, {statusCode: 200, body: 'Hello, world!'});";
    assert_eq!(asset_hash(code.as_bytes()), "fd60d6666d78aeb7725928f9b92129b682f188a66573523e6795928d0a97cd77");
    assert_eq!(
        hash([("index.js", text(code))].into()),
        "b898ebe846ff6543102dd399b89309fad766b5a1620bdb18c08b234b0b9bbd8a"
    );
}

#[test]
fn a_folder_hashes_as_the_entries_that_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [("b/x.txt", "x"), ("a.txt", "a"), (".pulumi/skipped", "s"), ("c/.pulumi", "a file")] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let at = |source| hash_archive(&archive(source), folder.path()).unwrap();
    let whole = at(ArchiveSource::Path(".".to_owned()));
    let entry = |name: &str, content: &str| ArchiveEntry { name: name.to_owned(), content: content.into() };
    assert_eq!(whole, archive_hash([entry("a.txt", "a"), entry("b/x.txt", "x")]));
    let inner = || Value::Archive(Box::new(archive(ArchiveSource::Path(".".to_owned()))));
    assert_eq!(at(ArchiveSource::Assets([(".", inner())].into())), whole);
    assert_eq!(
        at(ArchiveSource::Assets([("d", inner())].into())),
        archive_hash([entry("d/a.txt", "a"), entry("d/b/x.txt", "x")])
    );
    assert!(hash_archive(&archive(ArchiveSource::Path("missing".to_owned())), folder.path()).is_err());
}

/// Hashes that Pulumi's own packages (v3.259.0) gave for one entry of a name with the text `content`.
#[test]
fn names_of_all_kinds_hash_as_in_pulumi() {
    let of = |part: &str, times: usize| part.repeat(times);
    let vectors = [
        // Plain, up to the length of the field and over it.
        (of("f", 100), "11837db02de2876e8b6b2f150eb380f46a416d8c6d90b13d66911c80eda5d18f"),
        (of("f", 101), "916f39e7bc07353b8b61ee15b590cf45747e3c3ffdbf918761c2df8bf88d2ab1"),
        (of("dir/", 40) + "file.js", "a985268e4077ef8b31790b825231737c1d39412e75e11cf90c35348812dd775c"),
        (of("dirs/", 50) + "xxxxxx", "e8766e589c10afe008f47bfa9b9559e048e951ef1b89eaebac16e09810414203"),
        (of("dirs/", 60) + "file.js", "c4f9517616aab268b088bb2753c967df4a14a183d5e63c9940aa3fd98c72e836"),
        (of("d", 120) + "/" + &of("f", 90), "5bdcfb32b1d7fb7e645a1a9f89e58031028d4e2354282761af4b42fc6d02365a"),
        (of("d", 155) + "/" + &of("f", 100), "34b87c65b46e2f9a7c4e760e873cee1599e6a02c3ed91fcc0384ca7e1e221385"),
        (of("d", 156) + "/" + &of("f", 99), "8cbe72c3718acacb823d68445312576fb1602a2dccd136b4b4f239c130c0daf6"),
        (of("d", 99) + "/" + &of("f", 101), "20959f6ce5213b4636208f6665fcaf23b5275fc8de2e99c85cd41c9cc47b0af8"),
        ("/".to_owned() + &of("f", 105), "a2387a88b765e87d82e08517352aa90ea45d8998ec78b92c600b1eea7b8cfedf"),
        // Not ASCII.
        ("ä.txt".to_owned(), "d166b6e9da17c89a75386e8c88a3767d0c6a1c403404c01289f3528bb78c0b1e"),
        ("ordner-ä/datei-ö.txt".to_owned(), "11fd165417e8a51e6e6365210b92f68df5bb2464c74b29b2e1ec9ec81ab4d820"),
        ("a/😀/index.js".to_owned(), "d917ffbd0c542fcbab8bc5a62201ae5301f1d3a2679dcd6af7b55ca9a61198bb"),
        (
            of("漢", 60) + "/" + &of("字", 40) + ".txt",
            "97e35eae4ca16308e00db11130195c6e63ce80639e4f4d0529bf035589ff7556",
        ),
        (of("d", 90) + "/é" + &of("f", 90), "0a05bc7b8b140d2e06b8f9bdf04f6454b1f079c48c74e08215b2faab5a7e7a1d"),
        // Records whose length is about a power of ten.
        (of("x", 45) + "é" + &of("y", 41), "a0dbe9eb471476084db275f7580340a2b2f012c12ac68e71da39a13ee24a8a49"),
        (of("x", 45) + "é" + &of("y", 42), "dd7e7b1a99b6adb9c0c6b545d0eaef8683e28cacc506a24cf5af3f4737f05b16"),
        (of("x", 45) + "é" + &of("y", 43), "f918b25404b3fcdce3b4f5377995c5e43943e363d372d781ed51186619e287c7"),
        (of("é", 492), "82303d97835dacb6a1967138e06fbf53913d8d669752e2c1f823c741c995b671"),
        ("a".to_owned() + &of("é", 492), "8d526c86ae57a7b572cd32eda93dbfb673eec9ad1450f80d6fcb121176fa5f19"),
        (of("é", 494), "2e376333dfbe6318a55c057093d4902c253b05664dd00e296848f968e7401381"),
        // As they are, whatever they mean.
        ("a b'c\"d.txt".to_owned(), "02a463914e6c7260e32c4147a74aaefd1f121452e123e1c49085c6a798db7e4d"),
        ("a\tb\u{1}.txt".to_owned(), "63f0890e76a15acc65d4960abb4666669bac67b0f8e4fe5e0c334407f64d86d1"),
        ("a\\b.txt".to_owned(), "25aa9924be1151d3a0d2c470ed5c2125def60e3fe81f779ef27e53cc7a7d6338"),
        ("./index.js".to_owned(), "3d86c16d84d0508944c041d414f08999b21f0c5ff2d2d631b04ad9718a1a8333"),
        ("a//b.js".to_owned(), "b0eb857a6c08399bbc99f9231c21f7b17643cfc435480a43b1f0f2ea00513be1"),
        ("a/./b.js".to_owned(), "d76caeac2abc8ad4019223a5b9413aa408a43cef12333adce343575f675dae78"),
        ("../up.js".to_owned(), "851b50ccd396a16397a8b11fa84ce6d5456968e7e3df931892747e6e7f0782b7"),
        ("/etc/passwd".to_owned(), "abf9132c38b93103133aac6f6d3e0fd4aed1632e3479a1290622f6407b1292b4"),
        ("..".to_owned(), "eb035ccfeda71488be00cfc066624217a18c5cbd848d023f4a41db284804f040"),
        (String::new(), "9de4ef84c1b8f2c86aec8b3d2c4c44542585f4e10b78c3a1b8b9a7a3e8335fc4"),
    ];
    for (name, hash) in vectors {
        let entry = ArchiveEntry { name: name.clone(), content: b"content".to_vec() };
        assert_eq!(archive_hash([entry]), hash, "{name}");
    }
}

/// As above, of archives within archives and of several entries.
#[test]
fn archives_of_all_shapes_hash_as_in_pulumi() {
    let nested = |assets: PropertyMap| Value::Archive(Box::new(archive(ArchiveSource::Assets(assets))));
    let of_x = |name: &str| nested([(name, text("x"))].into());
    let vectors: [(PropertyMap, &str); 13] = [
        ([(".", of_x("./x"))].into(), "76f360c956554f010f1e9ba8575283f55c752138178885b02b63f2ef3bf8c0a4"),
        ([("d", of_x("x"))].into(), "5dc2816298dc7c27b61417126c9d68fc6112d587b5fcb1b9f9ef62b3de362f1d"),
        ([("a/b", of_x("../x"))].into(), "b35d828f4f6edecdc600a7bbd9b62679317d4b4a1a62e92087464ae17cf4cf81"),
        ([("a", of_x("../../x"))].into(), "2eae9ab64dcc830a1c92f19eeda6eb80cfd95a8884b5e9ce621ba9eb1f3117ef"),
        ([("/r", of_x("x/./y//z"))].into(), "ccedb8659635165142f1d9bba650412d39f12d3a2ddbee39396c16f845dc2c52"),
        ([("a//b/./c/", of_x("x"))].into(), "8f7f5292c24cbaee8617e84f50ba12b9b5df505bd7c7a145edbc8c6ed44639e8"),
        ([("d", of_x(".."))].into(), "e5808ce34ed31fa4d54ee29acb5d13c93b894bac79bd7f9f2c8a9b95ccbf68e3"),
        (
            [("a", nested([("x", text("1"))].into())), ("a/x", text("2"))].into(),
            "546ae17d163efa8f5357da409899b06b8bad8dddccfad14777457765fde0c9df",
        ),
        (
            [("b", "1"), ("a/z", "2"), ("a.b", "3"), ("B", "4"), ("ä", "5")].map(|(name, of)| (name, text(of))).into(),
            "73c526c0d14546f5b2496c2fc35853d98b629cda44fd31399eb08e296b09d669",
        ),
        ([("e", text(""))].into(), "d63a092582e82ef52a2957c4b12ce002fb67c4f7bb211e0fd9b4052e8d6c2407"),
        ([("e", text(&"x".repeat(512)))].into(), "ce5ddae641c8649947d3e5e712f2eac48b8cba5d510a0405581c3f0d29f9555e"),
        ([("e", text(&"x".repeat(513)))].into(), "3700b929d1e1aefcc0beb48f2fd3b1ba8963b49db0d25be6ff1f69aac79610c6"),
        (
            [("e", nested(PropertyMap::new()))].into(),
            "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
        ),
    ];
    for (assets, hash) in vectors {
        assert_eq!(hash_texts(&assets).as_deref(), Some(hash), "{assets:?}");
        assert_eq!(hash_archive(&archive(ArchiveSource::Assets(assets)), Path::new("")).unwrap(), hash);
    }
    assert_eq!(hash_texts(&[("file", Value::Null)].into()), None);
}

/// As above, of a folder with files, links and what is passed over.
#[cfg(unix)]
#[test]
fn folders_hash_as_in_pulumi() {
    let folder = tempfile::tempdir().unwrap();
    let long = format!("lib/{}.js", "l".repeat(120));
    for (name, content) in [
        ("handler.js", "exports"),
        ("lib/ä.js", "ä"),
        (&*long, "long"),
        ("a/b", "1"),
        ("a.b", "2"),
        (".pulumi/x", "no"),
        ("sub/.pulumi", "file named so"),
        ("sub/y", "y"),
    ] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    std::os::unix::fs::symlink("handler.js", folder.path().join("link.js")).unwrap();
    std::os::unix::fs::symlink("lib", folder.path().join("linkdir")).unwrap();
    let hash = |source| hash_archive(&archive(source), folder.path()).unwrap();
    let whole = || Value::Archive(Box::new(archive(ArchiveSource::Path(".".to_owned()))));
    let expected = "7dce37a755d665a58a184268cc3577dda0971f3e86a7d06eceb56a2adeafd6a8";
    assert_eq!(hash(ArchiveSource::Path(".".to_owned())), expected);
    assert_eq!(hash(ArchiveSource::Assets([(".", whole())].into())), expected);
    assert_eq!(
        hash(ArchiveSource::Assets([("x/y", whole())].into())),
        "31156544afab17d49c9539b06bf14c721ae0491a8e3b1dbc76480b78c6228032"
    );
}
