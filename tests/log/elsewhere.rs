//! The tests against a server that somebody has started, as `EVENTSTORE_URL` names one: here a
//! double in a process of its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};

use tests::eventstore::{Double, URL};

const SERVE: &str = "PORTUS_TEST_DOUBLE_SERVES";
const NAME: &str = "elsewhere::the_contract_is_kept_on_a_server_of_another_process";

#[test]
fn the_contract_is_kept_on_a_server_of_another_process() {
    if std::env::var_os(SERVE).is_some() {
        serve();
        return;
    }
    if std::env::var_os(URL).is_some() {
        return; // the whole run is one
    }
    let program = std::env::current_exe().unwrap();
    let mut server = Command::new(&program);
    server.args([NAME, "--exact", "--nocapture"]).env(SERVE, "1");
    let mut server = server.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map_while(Result::ok);
    let url = lines.find_map(|line| Some(line[line.find("esdb://")?..].to_owned())).unwrap();
    let output = Command::new(&program)
        .args(["contract::eventstore", "two_processes_that_write", "a_server_that_keeps_what"])
        .env(URL, &url)
        .output()
        .unwrap();
    drop(server.stdin.take());
    lines.for_each(drop); // what it says at its end is not to find a closed door
    let ended = server.wait().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let passed = said.split(" passed").next().and_then(|text| text.rsplit(' ').next());
    assert!(passed.unwrap().parse::<usize>().unwrap() > 20, "{said}");
    assert!(ended.success());
}

/// Until whoever started us closes our standard input, in whatever way.
fn serve() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let double = runtime.block_on(Double::start());
    let line = format!("{}\n", double.url());
    std::io::stdout().write_all(line.as_bytes()).unwrap();
    let _ = std::io::stdin().read(&mut [0]);
}
