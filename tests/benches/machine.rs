//! What the machine says of itself and of processes: processor time, memory, the disk's flush.

use std::fs::{OpenOptions, read_dir, read_to_string};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::unistd::{Pid, SysconfVar, sysconf};

/// Processor time that a process has used so far, in milliseconds, in steps of 10. Zero for one that
/// has ended: a short-lived child may do so while we look.
pub(crate) fn cpu_ms(pid: Pid) -> f64 {
    let Ok(stat) = read_to_string(format!("/proc/{pid}/stat")) else { return 0.0 };
    // The command's name, in parentheses, may hold blanks.
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 = [11, 12].iter().map(|at| fields[*at].parse::<f64>().unwrap_or(0.0)).sum();
    let a_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100) as f64;
    ticks * 1_000.0 / a_second
}

/// A process and everything it started, itself first.
pub(crate) fn family(pid: Pid) -> Vec<Pid> {
    let mut family = vec![pid];
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        at += 1;
        for task in read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten() {
            let children = read_to_string(task.path().join("children")).unwrap_or_default();
            family.extend(
                children.split_whitespace().filter_map(|c| c.parse().ok()).map(Pid::from_raw),
            );
        }
    }
    family
}

/// Memory of a process in MB: its share of what it holds together with others.
pub(crate) fn memory_mb(pid: Pid) -> f64 {
    let rollup = read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kb = pss.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    kb.unwrap_or(f64::NAN) / 1_024.0
}

/// The name of a process.
pub(crate) fn name(pid: Pid) -> String {
    read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

/// One write of 8 KiB and one `fdatasync`, over and over, on the disk of `folder`: times in
/// milliseconds, in ascending order.
pub(crate) fn flushes(folder: &Path, count: usize) -> Vec<f64> {
    let path = folder.join("flush-test");
    let mut file =
        OpenOptions::new().create(true).truncate(true).write(true).open(&path).expect("a file");
    // As Postgres's own: a file that is there already, so that only data is flushed.
    file.write_all(&vec![0; 8_192 * 64]).and_then(|()| file.sync_all()).expect("a whole file");
    let mut times: Vec<f64> = (0..count)
        .map(|number| {
            file.seek(SeekFrom::Start((number % 64 * 8_192) as u64)).expect("seek");
            let start = Instant::now();
            file.write_all(&[number as u8; 8_192])
                .and_then(|()| file.sync_data())
                .expect("a flush");
            start.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    drop(file);
    std::fs::remove_file(path).expect("the file");
    times.sort_by(f64::total_cmp);
    times
}

/// The value at this share of an ascending list.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}

/// What the figures were taken on.
pub(crate) fn describe() -> String {
    let cpu = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = read_to_string("/proc/meminfo").unwrap_or_default();
    let kb = memory.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kb = kb.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0);
    let load = read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(3).collect();
    let load = load.join(" ");
    format!("{cores} cores, {model}, {:.0} GB; load average at the start {load}", kb / 1_048_576.0)
}

/// Waits until the machine has been quiet for a moment, at most `patience`: the figures are of
/// what is measured, not of a start that still goes on.
pub(crate) fn settle(pids: &[Pid], patience: Duration) {
    let used = || pids.iter().map(|pid| cpu_ms(*pid)).sum::<f64>();
    let deadline = Instant::now() + patience;
    let mut before = used();
    while Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(500));
        let now = used();
        if now - before <= 20.0 {
            return;
        }
        before = now;
    }
}
