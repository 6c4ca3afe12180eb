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

/// Of the program that it runs; empty where there is no such process.
pub(crate) fn name(process: u32) -> String {
    let name = std::fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    name.trim_end().to_owned()
}

/// Processor time of a process, of threads that have ended too; in hundredths of a second.
pub(crate) fn cpu(process: u32) -> Result<Duration, Failure> {
    Ok(Stat::of(process)?.own)
}

/// The same of a process and its children, those included that have ended.
pub(crate) fn cpu_of_family(process: u32) -> Result<Duration, Failure> {
    let first = Stat::of(process)?;
    let all = std::fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let children = all.filter_map(|child| Stat::of(child).ok()).filter(|child| child.parent == process);
    Ok(first.own + first.waited_for + children.map(|child| child.own).sum::<Duration>())
}

/// Of /proc/PID/stat.
struct Stat {
    parent: u32,
    own: Duration,
    /// Of children that have ended.
    waited_for: Duration,
}

impl Stat {
    fn of(process: u32) -> Result<Stat, Failure> {
        let text = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
        let after_name = text.rsplit_once(')').ok_or("an empty stat")?.1;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let field =
            |at: usize| -> Result<u64, Failure> { Ok(fields.get(at).ok_or("a short stat")?.parse()?) };
        let time =
            |user: usize| Ok::<_, Failure>(Duration::from_millis(10 * (field(user)? + field(user + 1)?)));
        Ok(Stat { parent: field(1)? as u32, own: time(11)?, waited_for: time(13)? })
    }
}
