//! Keys, seals, and what is worth what.

use std::path::Path;

use clew_core::format::SignedRecord;
use clew_core::store::disk::Disk;
use clew_core::store::{Access, KeyTrust, PublicKey, SigningKey, Store, StoreError, Trust, TrustEntry, Verdict};
use clew_testing::disk::{Fault, SimDisk, Surviving};

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
    assert!(error.to_string().contains("other users can read or write it"));
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
    for (word, worth) in [
        ("trusted", Verdict::Trusted),
        ("former", Verdict::Own),
        ("removed", Verdict::Foreign),
    ] {
        let trust = trust_of(&format!("{} {word} 0 a colleague\n", key().public()), stranger);
        assert_eq!(verdict(trust), worth, "{word}");
    }
    assert!(!Verdict::Foreign.may_run() && Verdict::Trusted.may_run());
}

#[test]
fn p11_a_changed_operation_or_seal_is_told() {
    let signed = key().sign(b"an operation".to_vec());
    assert!(PublicKey::has_signed(&signed));
    let changed = [
        SignedRecord {
            bytes: b"another operation".to_vec(),
            ..signed.clone()
        },
        SignedRecord {
            key: SigningKey::from_secret(&[1; 32]).public().0,
            ..signed.clone()
        },
        SignedRecord {
            signature: vec![0; 64],
            ..signed.clone()
        },
        SignedRecord {
            signature: vec![0; 3],
            ..signed
        },
    ];
    assert!(changed.iter().all(|changed| !PublicKey::has_signed(changed)));
}

/// What a list of trusted keys says to whoever has the key `own`.
fn trust_of(text: &str, own: PublicKey) -> Trust {
    let files = [(Path::new(CONFIG).join("trusted.keys"), text.as_bytes().to_vec())];
    let disk = SimDisk::with_files(&files.into_iter().collect());
    Trust::load(&disk, Path::new(CONFIG), own).unwrap()
}

#[test]
fn p11_trust_is_read_line_by_line_and_never_guessed() {
    let [friend, other] = [7, 8].map(|byte| SigningKey::from_secret(&[byte; 32]).public());
    let text = format!(
        "# friends\n{friend} trusted 12 Ada, of the lab\nnot-a-key trusted 12 Bob\n{}\n{other} Bob\n{other} trusted\n\
         {other} trusted soon Bob\n{other} befriended 12 Bob\n",
        &friend.to_string()[..40]
    );
    let trust = trust_of(&text, key().public());
    let said: Vec<_> = trust.said().collect();
    assert_eq!(said.len(), 1);
    assert_eq!(
        (said[0].0, said[0].1.label.as_str(), said[0].1.time),
        (friend, "Ada, of the lab", 12)
    );
    assert_eq!(trust.verdict(other), Verdict::Foreign);
}

fn said(standing: KeyTrust, label: &str) -> TrustEntry {
    TrustEntry {
        standing,
        time: 5,
        label: label.to_owned(),
    }
}

#[test]
fn p11_trust_taken_away_is_gone_and_what_is_written_is_read_again() {
    let (disk, config, own) = (SimDisk::new(43), Path::new(CONFIG), key().public());
    disk.create_dir(config).unwrap();
    let [ada, bob] = [7, 8].map(|byte| SigningKey::from_secret(&[byte; 32]).public());
    let say = |key, said| Trust::say(&disk, config, own, key, said).unwrap();
    let verdicts = || {
        let trust = Trust::load(&disk, config, own).unwrap();
        [own, ada, bob].map(|key| trust.verdict(key))
    };
    say(ada, said(KeyTrust::Trusted, "Ada\nof the lab"));
    say(bob, said(KeyTrust::Trusted, ""));
    assert_eq!(verdicts(), [Verdict::Own, Verdict::Trusted, Verdict::Trusted]);
    say(ada, said(KeyTrust::Removed, "Ada"));
    assert_eq!(verdicts(), [Verdict::Own, Verdict::Foreign, Verdict::Trusted]);
    say(own, said(KeyTrust::Removed, ""));
    assert_eq!(
        verdicts()[0],
        Verdict::Own,
        "nobody can be made a stranger to themselves"
    );
}

#[test]
fn p11_a_list_of_keys_that_others_may_write_to_counts_for_nothing() {
    let (disk, config, own) = (SimDisk::new(44), Path::new(CONFIG), key().public());
    disk.create_dir(config).unwrap();
    let ada = SigningKey::from_secret(&[7; 32]).public();
    Trust::say(&disk, config, own, ada, said(KeyTrust::Trusted, "Ada")).unwrap();
    disk.open_to_others(&config.join("trusted.keys"));
    assert!(matches!(Trust::load(&disk, config, own), Err(StoreError::Trust { .. })));
    let (trust, why) = Trust::load_or_own(&disk, config, own);
    assert_eq!(
        (trust.verdict(ada), trust.verdict(own)),
        (Verdict::Foreign, Verdict::Own)
    );
    assert!(why.unwrap().to_string().contains("other users can read or write it"));
    let error = Trust::say(&disk, config, own, ada, said(KeyTrust::Trusted, "Ada"));
    assert!(
        error.is_err(),
        "what others wrote is not made one's own by writing it again"
    );
}

#[test]
fn p11_with_a_new_key_what_the_old_one_signed_stays_ones_own_until_that_is_taken_back() {
    let (disk, config) = (SimDisk::new(45), Path::new(CONFIG));
    assert!(
        Trust::rotate(&disk, config, 9).unwrap().is_none(),
        "no key, none to replace"
    );
    let old = SigningKey::load_or_create(&disk, config).unwrap().public();
    let (was, new) = Trust::rotate(&disk, config, 9).unwrap().unwrap();
    let new = new.public();
    assert_eq!(was, old);
    assert_ne!(new, old);
    assert_eq!(SigningKey::load(&disk, config).unwrap().unwrap().public(), new);
    let trust = Trust::load(&disk, config, new).unwrap();
    assert_eq!((trust.verdict(old), trust.verdict(new)), (Verdict::Own, Verdict::Own));
    Trust::say(&disk, config, new, old, said(KeyTrust::Removed, "")).unwrap();
    let trust = Trust::load(&disk, config, new).unwrap();
    assert_eq!(
        (trust.verdict(old), trust.verdict(new)),
        (Verdict::Foreign, Verdict::Own)
    );
}

#[test]
fn p11_a_new_key_cut_short_at_any_effect_leaves_a_key_and_all_of_ones_own() {
    let config = Path::new(CONFIG);
    let begin = || {
        let disk = SimDisk::new(46);
        let old = SigningKey::load_or_create(&disk, config).unwrap().public();
        (disk, old)
    };
    let (disk, _) = begin();
    let before = disk.effects();
    Trust::rotate(&disk, config, 9).unwrap();
    let count = disk.effects() - before;
    assert!(count > 6, "{count} effects");
    let ways = [Surviving::All, Surviving::Nothing]
        .into_iter()
        .chain((0..8).map(Surviving::Some));
    for (effect, surviving) in (0..count).flat_map(|effect| ways.clone().map(move |way| (effect, way))) {
        let (disk, old) = begin();
        disk.fail_at(effect, Fault::PowerCut);
        assert!(Trust::rotate(&disk, config, 9).is_err());
        let disk = disk.crash(surviving);
        let own = SigningKey::load(&disk, config)
            .unwrap()
            .expect("there is a key")
            .public();
        let trust = Trust::load(&disk, config, own).unwrap();
        let verdicts = (trust.verdict(old), trust.verdict(own));
        assert_eq!(verdicts, (Verdict::Own, Verdict::Own), "effect {effect}, {surviving:?}");
    }
}
