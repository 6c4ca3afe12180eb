//! The log: a line an event on standard error. What others wrote (a run's message, a name, an error's words) stays within its
//! line: it neither begins another nor speaks to the terminal.

use std::{
    fmt::{self, Debug},
    io::{IsTerminal, Write, stderr},
};

use tracing_subscriber::{
    EnvFilter,
    field::MakeExt,
    fmt::format::{self, Writer},
};

use crate::say::inline;

/// Begins it; HEFE_LOG says what is in it, else `usual`.
pub(crate) fn begin(usual: &str) {
    let filter = EnvFilter::try_from_env("HEFE_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Lossy(stderr()))
        .fmt_fields(format::debug_fn(field).delimited(" "))
        .log_internal_errors(false)
        .with_ansi(stderr().is_terminal())
        .try_init();
    drop(started);
}

fn field(to: &mut Writer<'_>, field: &tracing::field::Field, value: &dyn Debug) -> fmt::Result {
    let text = format!("{value:?}");
    match field.name() {
        "message" => write!(to, "{}", inline(&text)),
        name => write!(to, "{name}={}", inline(&text)),
    }
}

/// A log that cannot be written (its reader has gone, its disk is full) stops nobody.
struct Lossy(std::io::Stderr);

impl Write for Lossy {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let _ = self.0.write_all(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}
