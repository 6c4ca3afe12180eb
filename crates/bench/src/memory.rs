//! What the kernel says of a process: memory and processor time.

use std::time::Duration;

use crate::Failure;

/// A line of /proc/PID/status in MiB: VmRSS now, VmHWM at its highest.
pub(crate) fn mib(process: &str, line: &str) -> Result<f64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let found = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    let kib: f64 = found.and_then(|text| text.split_whitespace().next()).ok_or("no such line")?.parse()?;
    Ok(kib / 1024.0)
}

/// The highest mark begins anew.
pub(crate) fn forget_peak() -> Result<(), Failure> {
    Ok(std::fs::write("/proc/self/clear_refs", "5")?)
}

/// Processor time that all threads of a process have used.
pub(crate) fn used(process: u32) -> Result<Duration, Failure> {
    let mut nanoseconds = 0u64;
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let schedstat = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        nanoseconds += schedstat.split_whitespace().next().ok_or("an empty schedstat")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}
