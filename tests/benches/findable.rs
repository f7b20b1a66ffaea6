//! From the registry's acknowledgement of a push to its first hit in search.

use std::time::Instant;

use tests::oci::Oci;
use tests::program::Program;

use crate::machine;

/// Pushes, one after the other.
const PUSHES: usize = 40;

pub(crate) async fn figures() {
    let site = Program::start_with(&[("PORTUS_LOG__FILTER", "warn")]).await;
    let alice = site.person("alice").await;
    let oci = Oci::new(site.registry(), Some((&alice.name, &alice.password)));
    let api = site.api_of(&alice);
    let mut times = Vec::new();
    for number in 0..PUSHES {
        let repository = format!("{}/found{number}", alice.name);
        oci.push_image(&repository, "v1").await.expect("a push");
        let acknowledged = Instant::now();
        loop {
            let found = api.get(&format!("/api/v1/search?q=found{number}")).await;
            if found.text.contains(&format!("\"{repository}\"")) {
                break;
            }
            assert!(acknowledged.elapsed().as_secs() < 30, "not found: {}", found.text);
        }
        times.push(acknowledged.elapsed().as_secs_f64() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    println!("## Push to findable\n");
    println!(
        "From the registry's answer to the last request of a push to the first search that finds it, \
         {PUSHES} pushes: p50 {:.0} ms, p99 {:.0} ms.\n",
        machine::percentile(&times, 0.5),
        machine::percentile(&times, 0.99)
    );
}
