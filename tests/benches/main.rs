//! Figures, each beside what the machine can do without us. `make bench`, or some of them:
//! `cargo bench -p tests -- token replay`. How each is taken stands in `docs/benchmarks.md`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program for people: it prints figures, or fails"
)]
#![allow(missing_docs, reason = "not a library")]

mod bare;
mod findable;
mod load;
mod log;
mod machine;
mod moving;
mod notifications;
mod pages;
mod replay;
mod search;
mod suggest;
mod token;
mod world;

use tests::program::Program;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if arguments.iter().any(|argument| argument == bare::ARGUMENT) {
        // As many threads as Portus has.
        return runtime.enable_all().build().expect("a runtime").block_on(bare::serve());
    }
    // One thread generates the load: the rest of the machine is for what is measured.
    let runtime = runtime.worker_threads(1).enable_all().build().expect("a runtime");
    let asked = |figure: &str| {
        let named = arguments.iter().filter(|argument| !argument.starts_with('-'));
        named.clone().count() == 0 || named.clone().any(|argument| argument == figure)
    };
    println!("{}\n", machine::describe());
    runtime.block_on(async {
        if asked("memory") {
            memory().await;
        }
        if asked("token") {
            token::figures().await;
        }
        if asked("notifications") {
            notifications::figures().await;
        }
        if asked("findable") {
            findable::figures().await;
        }
        if asked("log") {
            log::figures().await;
        }
        if asked("replay") {
            replay::figures().await;
        }
        if asked("moving") {
            moving::figures().await;
        }
        if arguments.iter().any(|argument| argument == "world") {
            pages::world().await;
        }
        if asked("pages") {
            pages::figures().await;
        }
        if asked("search") {
            search::figures().await;
        }
        if asked("suggest") {
            suggest::figures().await;
        }
    });
}

/// Memory of an idle site.
async fn memory() {
    let site = Program::start().await;
    let pid = site.pid().expect("a running portus");
    let family = machine::family(pid);
    machine::settle(&family, std::time::Duration::from_secs(20));
    println!("## Memory, idle (proportional set size)\n");
    println!("| process | MB |\n| --- | --- |");
    println!("| portus | {:.0} |", machine::memory_mb(pid));
    for (name, label) in [("postgres", "Postgres, all processes"), ("docker-registr", "registry")] {
        let of = family.iter().filter(|pid| machine::name(**pid).starts_with(name));
        println!("| {label} | {:.0} |", of.map(|pid| machine::memory_mb(*pid)).sum::<f64>());
    }
    println!();
}
