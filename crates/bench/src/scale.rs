//! What the machine itself can do.

use std::{
    fs::OpenOptions,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use crate::Failure;

/// fdatasync of a 4 KiB append, per second, for `time`, in `folder`.
pub(crate) fn fdatasync_per_s(folder: &Path, time: Duration) -> Result<f64, Failure> {
    let path = folder.join("scale");
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    let block = [7u8; 4096];
    let begin = Instant::now();
    let mut count = 0u32;
    while begin.elapsed() < time {
        file.write_all(&block)?;
        file.sync_data()?;
        count += 1;
    }
    let per_s = f64::from(count) / begin.elapsed().as_secs_f64();
    std::fs::remove_file(&path)?;
    Ok(per_s)
}
