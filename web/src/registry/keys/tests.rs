use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn mode(folder: &Path, name: &str) -> u32 {
    folder.join(name).metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn keys_are_made_once_and_readable_by_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("keys");
    let first = KeyStore::open(&folder, now()).unwrap();
    let again = KeyStore::open(&folder, now()).unwrap();
    assert_eq!(first.leaf().unwrap().public, again.leaf().unwrap().public);
    assert_eq!(first.bundle().unwrap(), again.bundle().unwrap());
    assert_eq!([mode(&folder, CA), mode(&folder, LEAF)], [0o600, 0o600]);
    assert_eq!(mode(&folder, BUNDLE), 0o644);
    assert!(!first.bundle().unwrap().contains("PRIVATE"));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 3, "nothing is left beside");
}

#[test]
fn a_private_key_that_others_may_read_stops_the_start() {
    for (name, bits) in [(CA, 0o640), (LEAF, 0o604), (CA, 0o660), (LEAF, 0o644)] {
        let folder = tempfile::tempdir().unwrap();
        KeyStore::open(folder.path(), now()).unwrap();
        let open = std::fs::Permissions::from_mode(bits);
        std::fs::set_permissions(folder.path().join(name), open).unwrap();
        let refused = KeyStore::open(folder.path(), now()).unwrap_err().to_string();
        assert!(refused.contains("chmod 600"), "{refused}");
    }
}

#[test]
fn a_broken_key_file_stops_the_start_and_is_left_alone() {
    for name in [CA, LEAF] {
        for content in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n"] {
            let folder = tempfile::tempdir().unwrap();
            KeyStore::open(folder.path(), now()).unwrap();
            std::fs::write(folder.path().join(name), content).unwrap();
            let refused = KeyStore::open(folder.path(), now());
            assert!(matches!(refused, Err(KeyError::Content { .. })), "{name} {content:?}");
            assert_eq!(std::fs::read_to_string(folder.path().join(name)).unwrap(), content);
        }
    }
}

#[test]
fn a_rotation_changes_the_leaf_and_nothing_that_the_registry_knows() {
    let folder = tempfile::tempdir().unwrap();
    let store = KeyStore::open(folder.path(), now()).unwrap();
    let (old, bundle, stamp) =
        (store.leaf().unwrap().public, store.bundle().unwrap(), store.stamp().unwrap());
    let new = store.rotate(now()).unwrap();
    assert_ne!(new.kid, old.kid);
    assert_ne!(store.stamp().unwrap(), stamp);
    assert_eq!(store.bundle().unwrap(), bundle);
    assert_eq!(store.retired().unwrap(), [old]);
    for _ in 0..5 {
        store.rotate(now()).unwrap();
    }
    assert_eq!(store.retired().unwrap().len(), RETIRED);
}

#[test]
fn a_leaf_is_due_a_month_before_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let leaf = KeyStore::open(folder.path(), now()).unwrap().leaf().unwrap();
    let days = |n: i64| now() + SignedDuration::from_hours(24 * n);
    assert!(!leaf.is_due(days(LEAF_DAYS - ROTATE_DAYS - 1)));
    assert!(leaf.is_due(days(LEAF_DAYS - ROTATE_DAYS + 1)));
}

/// The ids that real registries found a key under.
#[test]
fn key_ids_are_those_of_distribution() {
    let pem = include_str!("../../../../tests/fixtures/registry/token/es256.crt");
    let folder = tempfile::tempdir().unwrap();
    let store = KeyStore { folder: folder.path().to_owned(), kind: Kind::default() };
    let der = store.certificates(LEAF, pem).unwrap().remove(0);
    let public = store.public(LEAF, der).unwrap();
    let ids = include_str!("../../../../tests/fixtures/registry/token/key-ids.json");
    let ids: serde_json::Value = serde_json::from_str(ids).unwrap();
    let all = ids.to_string();
    assert!(all.contains(&public.kid), "{} in {all}", public.kid);
    assert!(all.contains(&public.thumbprint), "{} in {all}", public.thumbprint);
}

fn rs256(form: KeyForm) -> Kind {
    Kind { algorithm: Algorithm::Rs256, form }
}

#[test]
fn another_algorithm_makes_the_leaf_due_and_the_authority_stays() {
    let folder = tempfile::tempdir().unwrap();
    let usual = KeyStore::open(folder.path(), now()).unwrap();
    let bundle = usual.bundle().unwrap();
    let store = KeyStore::open_as(folder.path(), rs256(KeyForm::Chain), now()).unwrap();
    let leaf = store.leaf().unwrap();
    assert!(store.is_due(&leaf, now()) && !usual.is_due(&leaf, now()));
    let new = store.rotate(now()).unwrap();
    assert_eq!(new.key.algorithm(), Algorithm::Rs256);
    assert_eq!(store.bundle().unwrap(), bundle);
    assert_eq!(store.retired().unwrap()[0].key.algorithm(), Algorithm::Es256);
    assert!(!store.is_due(&store.leaf().unwrap(), now()));
}

#[test]
fn where_registries_hold_the_key_itself_a_new_one_is_announced_before_it_signs() {
    for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
        let folder = tempfile::tempdir().unwrap();
        let kind = Kind { algorithm, form: KeyForm::KeyId };
        let store = KeyStore::open_as(folder.path(), kind, now()).unwrap();
        let (old, stamp) = (store.leaf().unwrap().public, store.stamp().unwrap());
        let holds = |leaf: &PublicLeaf| store.bundle().unwrap().contains(&leaf.certificate_pem());
        assert!(holds(&old));

        let Rotated::Announced(next) = store.step(now()).unwrap() else { panic!() };
        assert_eq!(store.leaf().unwrap().public, old, "the old one signs on");
        assert_ne!(store.stamp().unwrap(), stamp, "a running service publishes the new one");
        assert!(holds(&old) && holds(&next));
        assert_eq!(mode(folder.path(), NEXT), 0o600);

        assert_eq!(store.step(now()).unwrap(), Rotated::Signs(next.clone()));
        assert_eq!(store.leaf().unwrap().public, next);
        assert!(holds(&old) && holds(&next), "tokens of the old one are still out");
        assert!(store.next().unwrap().is_none());
        // Its certificate's end changes nothing: by its id a registry looks at the key alone.
        let end = now() + SignedDuration::from_hours(24 * LEAF_DAYS);
        assert!(!store.is_due(&store.leaf().unwrap(), end));
    }
}
