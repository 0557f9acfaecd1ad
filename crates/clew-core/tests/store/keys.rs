//! Keys, seals, and what is worth what.

use std::path::Path;

use clew_core::format::SignedOperation;
use clew_core::store::{Access, PublicKey, SigningKey, Store, StoreError, Trust, Verdict};
use clew_testing::disk::SimDisk;

use crate::story::{STORE, Told, begin, key, writer};

const CONFIG: &str = "/home/u/.config/clew";

#[test]
fn p11_the_key_is_made_once_and_kept() {
    let disk = SimDisk::new(40);
    let first = SigningKey::load_or_create(&disk, Path::new(CONFIG)).unwrap();
    let second = SigningKey::load_or_create(&disk, Path::new(CONFIG)).unwrap();
    assert_eq!(first.public(), second.public());
    assert!(!format!("{first:?}").contains(&first.public().to_string()));
}

#[test]
fn p11_a_key_that_others_may_read_is_refused() {
    let disk = SimDisk::new(41);
    SigningKey::load_or_create(&disk, Path::new(CONFIG)).unwrap();
    disk.open_to_others(&Path::new(CONFIG).join("signing.key"));
    let error = SigningKey::load_or_create(&disk, Path::new(CONFIG)).unwrap_err();
    assert!(matches!(error, StoreError::Key { .. }));
    assert!(error.to_string().contains("others may read it"));
}

#[cfg(unix)]
#[test]
fn p12_the_key_and_the_store_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let (config, store) = (folder.path().join("config"), folder.path().join("store"));
    let disk = clew_core::store::disk::RealDisk;
    let key = SigningKey::load_or_create(&disk, &config).unwrap();
    let store = Store::open(std::sync::Arc::new(disk), store, Access::ReadWrite).unwrap();
    let history = store.create_history(&crate::story::description("flights")).unwrap();
    let mut writer = store.writer(history, store.new_session(), &key).unwrap();
    writer.reserve_number().unwrap();
    Told::new(2).record(&mut writer).unwrap();
    let mut folders = vec![folder.path().join("config"), store.directory().to_owned()];
    while let Some(next) = folders.pop() {
        assert_eq!(
            next.metadata().unwrap().permissions().mode() & 0o777,
            0o700,
            "{}",
            next.display()
        );
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                assert_eq!(
                    path.metadata().unwrap().permissions().mode() & 0o777,
                    0o600,
                    "{}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn p11_a_seal_is_worth_what_its_key_is_worth() {
    let (disk, store, history) = begin(42);
    let mut writer = writer(&store, history);
    Told::new(1).record(&mut writer).unwrap();
    let stranger = SigningKey::from_secret(&[1; 32]).public();
    let verdict = |trust: Trust| {
        let store = Store::open(std::sync::Arc::new(disk.clone()), STORE, Access::ReadOnly)
            .unwrap()
            .with_trust(trust);
        store.load(history).unwrap().sessions[&writer.session()].operations[0].verdict
    };
    assert_eq!(verdict(Trust::own(key().public())), Verdict::Own);
    assert_eq!(verdict(Trust::own(stranger)), Verdict::Foreign);
    let mut trust = Trust::own(stranger);
    trust.others.insert(key().public(), "a colleague".to_owned());
    assert_eq!(verdict(trust), Verdict::Trusted);
    assert!(!Verdict::Foreign.may_run() && Verdict::Trusted.may_run());
}

#[test]
fn p11_a_changed_operation_or_seal_is_told() {
    let signed = key().sign(b"an operation".to_vec());
    assert!(PublicKey::has_signed(&signed));
    let changed = [
        SignedOperation {
            bytes: b"another operation".to_vec(),
            ..signed.clone()
        },
        SignedOperation {
            key: SigningKey::from_secret(&[1; 32]).public().0,
            ..signed.clone()
        },
        SignedOperation {
            signature: vec![0; 64],
            ..signed.clone()
        },
        SignedOperation {
            signature: vec![0; 3],
            ..signed
        },
    ];
    assert!(changed.iter().all(|changed| !PublicKey::has_signed(changed)));
}

#[test]
fn trust_is_read_line_by_line_and_never_guessed() {
    let friend = SigningKey::from_secret(&[7; 32]).public();
    let text = format!(
        "# friends\n{friend} Ada, of the lab\nnot-a-key Bob\n{}\n",
        &friend.to_string()[..40]
    );
    let files = [(Path::new(CONFIG).join("trusted.keys"), text.into_bytes())];
    let disk = SimDisk::with_files(&files.into_iter().collect());
    let trust = Trust::load(&disk, Path::new(CONFIG), key().public()).unwrap();
    assert_eq!(trust.others.len(), 1);
    assert_eq!(trust.others[&friend], "Ada, of the lab");
}
