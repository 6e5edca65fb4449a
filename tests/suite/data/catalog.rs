//! The known sets as data, and what is listed and verified of them on disk.

use std::collections::HashSet;
use std::fs;

use gpu_mnist::data::catalog::{self, CATALOG, Hash, KMNIST, KnownSet, MNIST, Source, locate};
use gpu_mnist::data::idx::{FileName, FileRole};
use gpu_mnist::data::verify::{self, FileCheck, Form, SetListing};

use super::{NAMES, file_checks, files_of, gzip, pattern, write_files, write_set};

#[test]
fn every_known_set_is_described_consistently() {
    let mut ids = HashSet::new();
    for set in CATALOG {
        assert!(ids.insert(set.id), "{set} twice");
        assert_eq!(catalog::named(set.id), Ok(*set));
        assert!(catalog::is_reserved(set.id));
        let names: HashSet<_> = set.class_names.iter().collect();
        assert_eq!(
            names.len(),
            set.class_names.len(),
            "{set}: a class name twice"
        );
        assert_eq!(set.shape.height, set.shape.width, "{set}");
        let files = match set.whole {
            None => &set.files[..],
            Some(whole) => {
                assert!(!whole.names.is_empty() && whole.counts[0] > 0, "{set}");
                let lower = |name: &&str| name.to_lowercase() == **name;
                assert!(whole.names.iter().all(lower), "{set}");
                &[]
            }
        };
        for (role, file) in FileRole::ALL.into_iter().zip(files) {
            assert_eq!(file.role, role, "{set}");
            let parsed = FileName::parse(file.name).expect("a name that is found");
            assert_eq!(
                (parsed.role, &parsed.prefix[..]),
                (role, set.prefix),
                "{set}"
            );
            let hashed = file.archive_sha256.is_some() || file.unpacked_sha256.is_some();
            assert!(hashed, "{set}: {} can be verified", file.name);
        }
        for part in [0, 2] {
            assert_eq!(set.files[part].count, set.files[part + 1].count, "{set}");
        }
        match set.source {
            Source::Mirrors(mirrors) => {
                let sound = |url: &&str| url.starts_with("https://") && url.ends_with('/');
                assert!(!mirrors.is_empty() && mirrors.iter().all(sound), "{set}");
            }
            Source::Archive { url, hash, .. } => {
                let (digits, length) = match hash {
                    Hash::Sha256(digits) => (digits, 64),
                    Hash::Md5(digits) => (digits, 32),
                };
                assert!(
                    url.starts_with("https://") && digits.len() == length,
                    "{set}"
                );
                let hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                assert!(digits.bytes().all(hexadecimal), "{set}");
            }
        }
        assert!(set.download_bytes() > 0 || set.whole.is_some(), "{set}");
    }
    let classes = |name: &str| catalog::named(name).expect("known").class_names.len();
    assert_eq!(
        [
            "balanced", "byclass", "bymerge", "letters", "digits", "mnist"
        ]
        .map(|split| classes(&format!("emnist-{split}"))),
        [47, 62, 47, 26, 10, 10]
    );
    assert!(catalog::is_reserved("auto") && catalog::is_reserved("synthetic"));
    assert!(!catalog::is_reserved("./mnist") && !catalog::is_reserved("mnist/"));
}

#[test]
fn near_names_are_proposed() {
    let said = |name: &str| catalog::named(name).expect_err("no set").to_string();
    assert!(said("fashion-mnits").contains("did you mean fashion-mnist?"));
    assert!(said("MNIST").contains("did you mean mnist?"));
    assert!(said("emnist").contains("did you mean emnist-balanced, emnist-byclass"));
    assert!(said("sythetic").contains("did you mean synthetic?"));
    let far = said("photographs");
    assert!(
        !far.contains("did you mean") && far.contains("gpu-mnist data list"),
        "{far}"
    );
}

/// Where other programs keep a set below a data folder.
#[test]
fn a_known_set_is_found_where_others_keep_it() {
    let files = files_of(&pattern(MNIST.shape, 10, 20), &pattern(MNIST.shape, 10, 10));
    for (set, place) in [
        ("mnist", "mnist"),
        ("mnist", "MNIST/raw"),
        ("fashion-mnist", "FashionMNIST/raw"),
        ("fashion-mnist", "Fashion_MNIST"),
        ("kmnist", "KMNIST/KMNIST/raw"),
        ("qmnist", "QMNIST/raw"),
        ("emnist-letters", "EMNIST/raw"),
        ("emnist-letters", "gzip"),
        ("emnist-letters", "emnist-letters"),
        ("mnist", "."),
    ] {
        let set = catalog::named(set).expect("known");
        let data = tempfile::tempdir().expect("a folder");
        write_files(
            &data.path().join(place),
            set.files.map(|file| file.name),
            &files,
        );
        // Files of another set beside it do not stand in the way.
        fs::create_dir(data.path().join("other")).expect("made");
        let found = locate::find(data.path(), set).unwrap_or_else(|| panic!("{set} in {place}"));
        assert!(found.is_complete());
        let canonical = |path: &std::path::Path| path.canonicalize().expect("there");
        assert_eq!(
            canonical(&found.path),
            canonical(&data.path().join(place)),
            "{set}"
        );
    }
    let data = tempfile::tempdir().expect("a folder");
    let error = |path: &std::path::Path| {
        locate::require(path, &KMNIST)
            .expect_err("nothing is there")
            .to_string()
    };
    fs::create_dir(data.path().join("MNIST")).expect("made");
    let text = error(data.path());
    assert!(
        text.contains("it holds MNIST/") && text.contains("data fetch kmnist"),
        "{text}"
    );
    let text = error(&data.path().join("slip"));
    assert!(
        text.contains("no such folder") && text.contains("--data-dir"),
        "{text}"
    );
}

fn listing_of(data: &std::path::Path, set: &KnownSet) -> SetListing {
    let mut listings = verify::list(data).into_iter();
    listings
        .find(|listing| listing.id == set.id)
        .expect("every set is listed")
}

#[test]
fn verify_and_list_tell_complete_from_incomplete() {
    let folder = write_set(20, 10);
    fs::remove_file(folder.path().join(NAMES[1])).expect("removed");
    let checks = file_checks(verify::verify(folder.path()).expect("there"));
    let sound: Vec<_> = checks.iter().map(FileCheck::is_sound).collect();
    assert_eq!(sound, [true, false, true, true]);
    assert_eq!(checks[1].form, Form::Missing);
    assert_eq!(checks[0].count, Some(20));
    assert_eq!(checks[0].holds.as_deref(), Some("20x28x28 unsigned bytes"));
    let json = serde_json::to_value(&checks).expect("serialises");
    assert_eq!(json[1]["form"], "missing");

    let data = tempfile::tempdir().expect("a temporary folder");
    fs::rename(folder.path(), data.path().join("mnist")).expect("renamed");
    let listing = listing_of(data.path(), &MNIST);
    assert_eq!(listing.missing, [NAMES[1]]);
    assert!(!listing.is_complete());
    let known = file_checks(verify::verify_known(data.path(), &MNIST).expect("four files"));
    assert_eq!(known[0].hash_matches, Some(false));
    assert!(listing_of(data.path(), &KMNIST).found.is_empty());
}

/// A cut archive or file is there, but the set is not complete.
#[test]
fn a_cut_file_is_not_listed_as_complete() {
    let files = files_of(
        &pattern(KMNIST.shape, 10, 60_000),
        &pattern(KMNIST.shape, 10, 10_000),
    );
    let packed = files.each_ref().map(|file| gzip(file));
    let data = tempfile::tempdir().expect("a folder");
    let folder = data.path().join("kmnist");
    let archives = NAMES.map(|name| format!("{name}.gz"));
    let archives = archives.each_ref().map(String::as_str);
    // Sound though packed by others: sizes are all that is compared.
    write_files(&folder, archives, &packed);
    let listing = listing_of(data.path(), &KMNIST);
    assert!(listing.is_complete(), "{:?}", listing.wrong);
    // Of several members, where the last four bytes say nothing.
    let members: Vec<u8> = files[1].chunks(10_000).flat_map(gzip).collect();
    fs::write(folder.join(archives[1]), &members).expect("written");
    assert!(listing_of(data.path(), &KMNIST).is_complete());

    for (place, bytes) in [
        (0, &packed[0][..packed[0].len() / 2]),
        (1, &members[..members.len() - 10]),
        (2, &packed[2][..packed[2].len() - 1]),
        (3, &files[3][..files[3].len() - 1]),
        (3, &gzip(&files[3][..8])[..]),
        (3, &[][..]),
    ] {
        fs::write(folder.join(archives[place]), bytes).expect("written");
        let listing = listing_of(data.path(), &KMNIST);
        assert_eq!(listing.wrong.len(), 1, "{:?}", listing.wrong);
        assert_eq!(listing.wrong[0].path, folder.join(archives[place]));
        assert!(!listing.is_complete());
        fs::write(folder.join(archives[place]), &packed[place]).expect("written");
    }
    // The length of another split.
    fs::write(folder.join(archives[3]), &files[1]).expect("written");
    let wrong = listing_of(data.path(), &KMNIST).wrong;
    assert!(
        wrong[0].fault.to_string().contains("60000 items"),
        "{}",
        wrong[0].fault
    );
}
