//! A real registry, Debian's `docker-registry` 2.8, takes our tokens with our bundle.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use domain::access::Subject;
use reqwest::StatusCode;
use tests::watched::{Watched, find, free_port, scratch, within};

use web::registry::keys::{KeyForm, KeyStore, Kind, Rotated};
use web::registry::signer::{Signer, SignerOptions};
use web::registry::signing_key::{Algorithm, PublicKey};

use super::bench::{Bench, ISSUER, SERVICE, user, verify};

struct Registry {
    address: String,
    _process: Watched,
}

impl Registry {
    fn start(bundle: &Path) -> Self {
        let folder = scratch("tk");
        let address = format!("127.0.0.1:{}", free_port());
        let config = folder.join("config.yml");
        let settings = format!(
            "version: 0.1\nlog: {{level: warn}}\nstorage:\n  filesystem: {{rootdirectory: {folder}/data}}\n\
             http: {{addr: {address}}}\nauth:\n  token:\n    realm: https://{ISSUER}/v2/token\n    \
             service: {SERVICE}\n    issuer: {ISSUER}\n    rootcertbundle: {bundle}\n",
            folder = folder.display(),
            bundle = bundle.display(),
        );
        std::fs::write(&config, settings).unwrap();
        let binary = find("docker-registry").expect("docker-registry, of the package of this name");
        let tidy = format!("rm -rf {}", folder.display());
        let arguments = ["serve".to_owned(), config.display().to_string()];
        let process = Watched::start(&folder.join("state"), &tidy, &binary, &arguments, &[]);
        let listens = || std::net::TcpStream::connect(&address).ok();
        if within(Duration::from_secs(20), listens).is_none() {
            panic!("docker-registry did not start; it says:\n{}", process.log_tail());
        }
        Self { address, _process: process }
    }

    async fn get(&self, path: &str, token: &str) -> StatusCode {
        let request = reqwest::Client::new()
            .get(format!("http://{}{path}", self.address))
            .header("authorization", format!("Bearer {token}"));
        request.send().await.unwrap().status()
    }

    async fn upload(&self, repository: &str, token: &str) -> StatusCode {
        let request = reqwest::Client::new()
            .post(format!("http://{}/v2/{repository}/blobs/uploads/", self.address))
            .header("authorization", format!("Bearer {token}"));
        request.send().await.unwrap().status()
    }
}

const TAGS: &str = "/v2/alice/app/tags/list";

async fn token(bench: &Bench, name: &str, scope: &str) -> String {
    let answer = bench.get(name, &format!("scope={scope}")).await;
    answer.body["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_real_registry_takes_what_was_granted_and_nothing_else() {
    let bench = Bench::new().await;
    let registry = Registry::start(&bench.keys.bundle_path());
    assert_eq!(registry.get("/v2/", "").await, 401);

    let anonymous = bench.anonymous("").await;
    let anonymous = anonymous.body["token"].as_str().unwrap();
    assert_eq!(registry.get("/v2/", anonymous).await, 200);
    assert_eq!(registry.get(TAGS, anonymous).await, 401);

    // 404: may look, and there is nothing.
    let pull = token(&bench, "alice", "repository:alice/app:pull").await;
    assert_eq!(registry.get(TAGS, &pull).await, 404);
    assert_eq!(registry.get("/v2/bob/app/tags/list", &pull).await, 401);
    assert_eq!(registry.upload("alice/app", &pull).await, 401);
    let push = token(&bench, "alice", "repository:alice/app:pull,push").await;
    assert_eq!(registry.upload("alice/app", &push).await, 202);
    let stranger = token(&bench, "bob", "repository:alice/app:pull,push").await;
    assert_eq!(registry.get(TAGS, &stranger).await, 401);
    assert_eq!(registry.get("/v2/_catalog", &pull).await, 401);
    let catalog = token(&bench, "root", "registry:catalog:*").await;
    assert_eq!(registry.get("/v2/_catalog", &catalog).await, 200);

    // With a signature that was changed.
    let flipped = if pull.ends_with('A') { 'Q' } else { 'A' };
    let forged = format!("{}{flipped}", &pull[..pull.len() - 1]);
    assert_eq!(registry.get(TAGS, &forged).await, 401);
}

#[tokio::test]
async fn a_real_registry_takes_old_and_new_tokens_over_rotations_without_a_restart() {
    let bench = Bench::new().await;
    let registry = Registry::start(&bench.keys.bundle_path());
    let scope = "repository:alice/app:pull";
    let mut tokens = vec![token(&bench, "alice", scope).await];
    for _ in 0..3 {
        let now = bench.desk.clock.now();
        bench.keys.rotate(now).unwrap();
        assert!(bench.state.signer.look(now).unwrap());
        tokens.push(token(&bench, "alice", scope).await);
        for token in &tokens {
            assert_eq!(registry.get(TAGS, token).await, 404);
        }
    }
    let mut kids: Vec<_> = tokens.iter().map(|token| verify(token).header["kid"].clone()).collect();
    kids.dedup();
    assert_eq!(kids.len(), 4, "each was signed with another key");
}

/// Edge case 41: keys whose x or y begins with a zero byte.
#[tokio::test]
async fn a_real_registry_takes_a_key_with_a_short_coordinate() {
    let bench = Bench::new().await;
    let registry = Registry::start(&bench.keys.bundle_path());
    let now = bench.desk.clock.now();
    // base64url of a zero byte and anything below 64 begins with `AA` to `AP`.
    let short = |key: &PublicKey| match key {
        PublicKey::P256 { x, .. } => x.starts_with('A') && short_byte(x),
        PublicKey::Rsa { .. } => false,
    };
    let found = (0..20_000).any(|_| short(&bench.keys.rotate(now).unwrap().key));
    assert!(found);
    bench.state.signer.look(now).unwrap();
    let token = token(&bench, "alice", "repository:alice/app:pull").await;
    assert_eq!(registry.get(TAGS, &token).await, 404);
}

fn short_byte(coordinate: &str) -> bool {
    BASE64_URL_SAFE_NO_PAD.decode(coordinate).unwrap()[0] == 0
}

/// A signer of another kind in place of the usual one; its keys are in the folder.
fn sign_as(bench: &mut Bench, kind: Kind) -> (KeyStore, tempfile::TempDir) {
    let (folder, now) = (tempfile::tempdir().unwrap(), bench.desk.clock.now());
    let keys = KeyStore::open_as(folder.path(), kind, now).unwrap();
    let signer = Signer::open(keys.clone(), SignerOptions::new(ISSUER), now).unwrap();
    bench.change(|state| state.signer = signer);
    (keys, folder)
}

fn algorithm_of(token: &str) -> serde_json::Value {
    let header = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<serde_json::Value>(&header).unwrap()["alg"].clone()
}

#[tokio::test]
async fn a_real_registry_of_2_x_takes_every_kind_of_key_and_nothing_changed() {
    const SCOPE: &str = "repository:alice/app:pull";
    let mut bench = Bench::new().await;
    for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
        for form in [KeyForm::Chain, KeyForm::KeyId] {
            let (keys, _folder) = sign_as(&mut bench, Kind { algorithm, form });
            let registry = Registry::start(&keys.bundle_path());
            let token = token(&bench, "alice", SCOPE).await;
            assert_eq!(algorithm_of(&token), algorithm.as_str());
            assert_eq!(registry.get(TAGS, &token).await, 404, "{algorithm} {form:?}");
            assert_eq!(registry.get("/v2/bob/app/tags/list", &token).await, 401);
            let (signed, signature) = token.rsplit_once('.').unwrap();
            let flipped = if signature.starts_with('A') { 'Q' } else { 'A' };
            let forged = format!("{signed}.{flipped}{}", &signature[1..]);
            assert_eq!(registry.get(TAGS, &forged).await, 401, "{algorithm} {form:?}");
        }
    }
}

#[tokio::test]
async fn a_change_of_algorithm_needs_nothing_of_a_real_registry_that_gets_chains() {
    const SCOPE: &str = "repository:alice/app:pull";
    let mut bench = Bench::new().await;
    let registry = Registry::start(&bench.keys.bundle_path());
    let before = token(&bench, "alice", SCOPE).await;
    let (folder, now) = (bench.keys.bundle_path(), bench.desk.clock.now());
    let kind = Kind { algorithm: Algorithm::Rs256, form: KeyForm::Chain };
    let keys = KeyStore::open_as(folder.parent().unwrap(), kind, now).unwrap();
    let signer = Signer::open(keys, SignerOptions::new(ISSUER), now).unwrap();
    let published = signer.jwks();
    bench.change(|state| state.signer = signer);
    let after = token(&bench, "alice", SCOPE).await;
    assert_eq!([algorithm_of(&before), algorithm_of(&after)], ["ES256", "RS256"]);
    for token in [before, after] {
        assert_eq!(registry.get(TAGS, &token).await, 404);
    }
    let kinds: Vec<_> = published["keys"].as_array().unwrap().iter().map(|k| &k["kty"]).collect();
    assert_eq!(kinds, ["RSA", "EC"]);
}

#[tokio::test]
async fn where_a_real_registry_holds_the_key_itself_a_rotation_in_two_steps_refuses_nobody() {
    const SCOPE: &str = "repository:alice/app:pull";
    let mut bench = Bench::new().await;
    let kind = Kind { algorithm: Algorithm::Rs256, form: KeyForm::KeyId };
    let (keys, _folder) = sign_as(&mut bench, kind);
    let (first, now) = (Registry::start(&keys.bundle_path()), bench.desk.clock.now());
    let old = token(&bench, "alice", SCOPE).await;

    let Rotated::Announced(next) = keys.step(now).unwrap() else { panic!("not at once") };
    assert!(bench.state.signer.look(now).unwrap());
    let published = bench.state.signer.jwks().to_string();
    assert!(published.contains(&next.kid), "{published}");
    // The registry that has not been told goes on.
    assert_eq!(first.get(TAGS, &token(&bench, "alice", SCOPE).await).await, 404);

    let told = Registry::start(&keys.bundle_path());
    assert_eq!(keys.step(now).unwrap(), Rotated::Signs(next));
    assert!(bench.state.signer.look(now).unwrap());
    let new = token(&bench, "alice", SCOPE).await;
    assert_eq!([told.get(TAGS, &old).await, told.get(TAGS, &new).await], [404, 404]);
    assert_eq!(first.get(TAGS, &new).await, 401, "which is why it is announced first");
}

#[tokio::test]
async fn a_real_registry_refuses_another_authoritys_tokens() {
    let bench = Bench::new().await;
    let other = tempfile::tempdir().unwrap();
    let now = bench.desk.clock.now();
    let other = web::registry::keys::KeyStore::open(&other.path().join("keys"), now).unwrap();
    let registry = Registry::start(&other.bundle_path());
    let token = token(&bench, "alice", "repository:alice/app:pull").await;
    assert_eq!(registry.get("/v2/", &token).await, 401);
}

/// Verified by another program than ours.
#[tokio::test]
async fn openssl_verifies_the_chain_before_and_after_a_rotation() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let answer = bench.get("alice", "").await;
        let leaf = answer.token().header["x5c"][0].as_str().unwrap().to_owned();
        let der = folder.path().join("leaf.der");
        std::fs::write(&der, BASE64_STANDARD.decode(leaf).unwrap()).unwrap();
        let pem = folder.path().join("leaf.pem");
        let converted = Command::new("openssl")
            .args(["x509", "-inform", "DER", "-in"])
            .arg(&der)
            .arg("-out")
            .arg(&pem)
            .status()
            .unwrap();
        assert!(converted.success());
        let verified = Command::new("openssl")
            .args(["verify", "-x509_strict", "-CAfile"])
            .arg(bench.keys.bundle_path())
            .arg(&pem)
            .output()
            .unwrap();
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
        bench.keys.rotate(bench.desk.clock.now()).unwrap();
        bench.state.signer.look(bench.desk.clock.now()).unwrap();
    }
}

#[tokio::test]
async fn the_program_shows_and_rotates_keys_for_people_and_machines() {
    use web::cli::keys;
    let bench = Bench::new().await;
    let (store, now) = (&bench.keys, bench.desk.clock.now());
    let old = bench.state.signer.key();
    assert!(keys::show(store, false).unwrap().contains(&old.thumbprint));
    let rotated: serde_json::Value =
        serde_json::from_str(&keys::rotate(store, now, true).unwrap()).unwrap();
    assert_ne!(rotated["present"]["kid"], old.kid.as_str());
    let shown: serde_json::Value = serde_json::from_str(&keys::show(store, true).unwrap()).unwrap();
    assert_eq!(shown["present"], rotated["present"]);
    assert_eq!(shown["retired"][0]["kid"], old.kid.as_str());
    // The running service has it without being told, and a refresh token of before works on.
    assert!(bench.state.signer.look(now).unwrap());
    let alice = Subject::Account { name: user("alice") };
    let graph = bench.state.access.snapshot();
    let refresh = bench.state.authenticator.issue_refresh(&graph, &alice, SERVICE).unwrap();
    assert_eq!(bench.post_refresh(&refresh, &[]).await.status, 200);
}
