//! The examples in `deploy/` are what the programs that read them take.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use rcgen::generate_simple_self_signed;
use tests::program::binary;
use tests::watched::{Watched, find, free_port, have, scratch, within};

fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(path)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(example(path)).expect("an example")
}

#[track_caller]
fn good(output: &Output) -> String {
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

/// The unit as installed, with our own program in the place of the installed one.
fn installed(folder: &Path, with_drop_in: bool) -> PathBuf {
    let ours = |path: &str| {
        let text = text(path);
        assert!(text.contains("ExecStart=/usr/bin/portus serve"), "{text}");
        text.replace("/usr/bin/portus", &binary().display().to_string())
    };
    let unit = folder.join("portus.service");
    std::fs::write(&unit, ours("systemd/portus.service")).expect("written");
    if with_drop_in {
        let beside = folder.join("portus.service.d");
        std::fs::create_dir(&beside).expect("a folder");
        std::fs::write(beside.join("embedded.conf"), ours("systemd/embedded.conf"))
            .expect("written");
    }
    unit
}

#[test]
fn systemd_takes_the_unit_and_finds_it_well_locked_in() {
    if !have(&["systemd-analyze"]) {
        return;
    }
    for with_drop_in in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let unit = installed(folder.path(), with_drop_in);
        let verified = Command::new("systemd-analyze").arg("verify").arg(&unit).output().unwrap();
        assert_eq!(good(&verified), "", "with the drop-in: {with_drop_in}");
    }
    // SR-OPS-1: an exposure of at most 2.0.
    let folder = tempfile::tempdir().unwrap();
    let unit = installed(folder.path(), false);
    let judged = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=20", "--no-pager"])
        .arg(&unit)
        .output();
    assert!(good(&judged.unwrap()).contains("Overall exposure level"));
}

/// Wrong configuration is exit code 2; that its database is not there is another matter.
#[test]
fn portus_takes_the_configuration_of_the_containers() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("url");
    std::fs::write(&secret, "postgres://portus_service:x@127.0.0.1:1/portus\n").unwrap();
    let composed = text("compose/docker-compose.yml");
    let named = ["PORTUS_DATABASE__URL_FILE", "PORTUS_DATABASE__OWNER_URL_FILE"];
    let mut command = Command::new(binary());
    command.args(["check", "--json", "--config"]).arg(example("compose/portus.toml"));
    command.arg("--data-dir").arg(folder.path().join("data")).env_clear();
    for name in named {
        assert!(composed.contains(&format!("{name}: /run/secrets/")), "{name}");
        command.env(name, &secret);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(4), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    let settings = report["settings"].as_array().unwrap();
    let value = |key: &str| settings.iter().find(|one| one["key"] == key).unwrap()["value"].clone();
    assert_eq!(value("http.external_url"), "https://portus.example.org");
    // What the files say to each other.
    let subnet = value("http.trusted_proxies").to_string();
    let subnet = subnet.trim_matches(['"', '[', ']', '\\']);
    assert!(composed.contains(&format!("subnet: {subnet} ")), "{subnet}");
    let registry = text("compose/registry.yml");
    let service = value("registry.service");
    assert!(registry.contains(&format!("service: {}\n", service.as_str().unwrap())));
    assert!(registry.contains("issuer: portus.example.org\n"));
}

#[test]
fn a_real_registry_takes_the_configuration_of_the_containers() {
    if !have(&["docker-registry"]) {
        return;
    }
    let folder = scratch("dp");
    let address = format!("127.0.0.1:{}", free_port());
    let certificate = generate_simple_self_signed(["authority".to_owned()]).unwrap();
    let bundle = folder.join("bundle.pem");
    std::fs::write(&bundle, certificate.cert.pem()).unwrap();
    let mut settings = text("compose/registry.yml");
    for (from, to) in [
        ("0.0.0.0:5000", address.clone()),
        ("/var/lib/registry", folder.join("data").display().to_string()),
        ("/etc/registry/token-bundle.pem", bundle.display().to_string()),
    ] {
        assert!(settings.contains(from), "{from}");
        settings = settings.replace(from, &to);
    }
    let config = folder.join("config.yml");
    std::fs::write(&config, settings).unwrap();
    let tidy = format!("rm -rf {}", folder.display());
    let arguments = ["serve".to_owned(), config.display().to_string()];
    let program = find("docker-registry").unwrap();
    let process = Watched::start(&folder.join("state"), &tidy, &program, &arguments, &[]);
    let asked = || {
        let request = format!("http://{address}/v2/");
        let answer = Command::new("curl").args(["-sD-", &request]).output().ok()?;
        let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
        answer.contains("401 Unauthorized").then_some(answer)
    };
    let answer = within(Duration::from_secs(20), asked);
    let answer = answer.unwrap_or_else(|| panic!("{}", process.log_tail()));
    let challenge =
        "Bearer realm=\"https://portus.example.org/v2/token\",service=\"registry.example.org\"";
    assert!(answer.contains(challenge), "{answer}");
}

#[test]
fn nginx_takes_its_example() {
    if !have(&["nginx"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut servers = text("proxy/nginx.conf");
    for host in ["portus.example.org", "registry.example.org"] {
        let made = generate_simple_self_signed([host.to_owned()]).unwrap();
        for (end, pem) in [("pem", made.cert.pem()), ("key", made.signing_key.serialize_pem())] {
            let installed = format!("/etc/ssl/portus/{host}.{end}");
            assert!(servers.contains(&installed), "{installed}");
            let ours = folder.path().join(format!("{host}.{end}"));
            std::fs::write(&ours, pem).unwrap();
            servers = servers.replace(&installed, &ours.display().to_string());
        }
    }
    // A port of our own, should anything be tried.
    let servers = servers.replace("listen 80;", &format!("listen 127.0.0.1:{};", free_port()));
    let servers = servers.replace("listen 443 ", &format!("listen 127.0.0.1:{} ", free_port()));
    let config = folder.path().join("nginx.conf");
    let whole = format!(
        "pid {0}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n\
         client_body_temp_path {0}/body;\nproxy_temp_path {0}/proxy;\n\
         fastcgi_temp_path {0}/f;\nuwsgi_temp_path {0}/u;\nscgi_temp_path {0}/s;\n{servers}}}\n",
        folder.path().display(),
    );
    std::fs::write(&config, whole).unwrap();
    let tested = Command::new(find("nginx").unwrap()).arg("-t").arg("-c").arg(&config).output();
    let said = good(&tested.unwrap());
    assert!(!said.contains("[warn]"), "{said}");
}

#[test]
fn caddy_takes_its_example() {
    if !have(&["caddy"]) {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let checked = Command::new(find("caddy").unwrap())
        .args(["validate", "--adapter", "caddyfile", "--config"])
        .arg(example("proxy/Caddyfile"))
        .env("HOME", home.path())
        .output();
    assert!(good(&checked.unwrap()).contains("Valid configuration"));
}
