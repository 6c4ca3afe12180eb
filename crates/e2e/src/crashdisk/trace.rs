//! strace's text as calls in the order in which they began and ended.
//!
//! A call that has ended before another began stands so in the trace: strace lets a thread go on only once it has written
//! down what it did. Everything quoted is hexadecimal (`-xx`), so no text can be mistaken for something else.

use std::collections::HashMap;

/// One call on the kernel.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// Of the file that its first argument or its result stands for.
    pub(crate) path: String,
    /// All that is quoted among its arguments: a path, or what is written.
    pub(crate) bytes: Vec<u8>,
    /// What stands behind the last quoted argument, or the last argument: an offset, a length, flags.
    pub(crate) rest: String,
    /// The place in the order where it began.
    pub(crate) begun: usize,
    /// Where it ended; None: the process died in it.
    pub(crate) ended: Option<usize>,
    pub(crate) failed: bool,
}

impl Call {
    /// Its last argument as a number.
    pub(crate) fn last(&self) -> u64 {
        let word = self.rest.rsplit(',').next().unwrap_or_default().trim();
        word.parse().unwrap_or_else(|_| panic!("`{}` ends with `{word}`, which is no number", self.name))
    }
}

/// What happens at a place in the order.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Begins(usize),
    Ends(usize),
}

#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) calls: Vec<Call>,
    pub(crate) steps: Vec<Step>,
}

impl Trace {
    pub(crate) fn call(&self, step: Step) -> &Call {
        match step {
            Step::Begins(call) | Step::Ends(call) => &self.calls[call],
        }
    }

    /// Adds the calls of a further life of the server, those that are `wanted`.
    pub(crate) fn read(&mut self, text: &str, wanted: impl Fn(&Call) -> bool) {
        let mut open: HashMap<&str, Option<usize>> = HashMap::new();
        for line in text.lines() {
            let Some((thread, line)) = line.split_once(' ') else { continue };
            let line = line.trim_start();
            if line.starts_with("+++") || line.starts_with("---") {
                continue;
            }
            if let Some(resumed) = line.strip_prefix("<... ") {
                if let Some(Some(call)) = open.remove(thread) {
                    self.end(call, result(resumed));
                }
                continue;
            }
            let (begins, ended) = match line.strip_suffix(" <unfinished ...>") {
                Some(begins) => (begins, None),
                None => {
                    let (begins, _) = line.rsplit_once(" = ").unwrap_or_else(|| panic!("no call: `{line}`"));
                    (begins.trim_end().trim_end_matches(')'), Some(result(line)))
                }
            };
            let Some(mut call) = call(begins) else { panic!("no call: `{line}`") };
            if call.name == "openat" {
                call.path = String::from_utf8_lossy(&call.bytes).into_owned();
            }
            let at = wanted(&call).then(|| {
                call.begun = self.steps.len();
                self.steps.push(Step::Begins(self.calls.len()));
                self.calls.push(call);
                self.calls.len() - 1
            });
            match (ended, at) {
                (Some(result), Some(call)) => self.end(call, result),
                (Some(_), None) => {}
                (None, at) => {
                    open.insert(thread, at);
                }
            }
        }
    }

    fn end(&mut self, call: usize, result: &str) {
        self.calls[call].ended = Some(self.steps.len());
        self.calls[call].failed = result.starts_with('-');
        self.steps.push(Step::Ends(call));
    }
}

/// What stands behind the last ` = `.
fn result(line: &str) -> &str {
    line.rsplit_once(" = ").map_or("", |(_, result)| result)
}

/// `name(12<\x2f..>, "\x00..", 1, 2`
fn call(text: &str) -> Option<Call> {
    let (name, arguments) = text.split_once('(')?;
    let mut bytes = Vec::new();
    let mut parts = arguments.split('"');
    let before = parts.next().unwrap_or_default();
    let mut rest = before;
    while let (Some(quoted), Some(behind)) = (parts.next(), parts.next()) {
        unhex(quoted, &mut bytes);
        rest = behind;
    }
    let mut path = Vec::new();
    if let Some((number, named)) = before.split_once('<')
        && number.bytes().all(|byte| byte.is_ascii_digit())
    {
        unhex(named.split('>').next().unwrap_or_default(), &mut path);
    }
    Some(Call {
        name: name.to_owned(),
        path: String::from_utf8_lossy(&path).into_owned(),
        bytes,
        rest: rest.to_owned(),
        begun: 0,
        ended: None,
        failed: false,
    })
}

/// `\x2f\x74`
fn unhex(text: &str, bytes: &mut Vec<u8>) {
    let digit = |byte: u8| (byte as char).to_digit(16).expect("a hexadecimal digit") as u8;
    bytes.extend(text.as_bytes().chunks_exact(4).map(|code| digit(code[2]) << 4 | digit(code[3])));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_begins_and_ends_where_strace_says_so() {
        let text = r#"7  pwrite64(3<\x2f\x61>, "\x01\xff", 2, 4096 <unfinished ...>
8  fdatasync(3<\x2f\x61>) = 0
7  <... pwrite64 resumed>)          = 2
8  writev(4<\x73\x3a>, [{iov_base="\x48", iov_len=1}, {iov_base="\x49", iov_len=1}], 2) = 2
8  unlink("\x2f\x62") = -1 ENOENT (No such file or directory)
8  ftruncate(3<\x2f\x61>, 77 <unfinished ...>
7  +++ killed by SIGKILL +++"#;
        let mut trace = Trace::default();
        trace.read(text, |_| true);
        let told = trace.calls.iter().map(|call| {
            let Call { name, path, bytes, begun, ended, failed, .. } = call;
            format!("{name} {path:?} {bytes:?} {begun} {ended:?} {failed}")
        });
        let wanted = [
            r#"pwrite64 "/a" [1, 255] 0 Some(3) false"#,
            r#"fdatasync "/a" [] 1 Some(2) false"#,
            r#"writev "s:" [72, 73] 4 Some(5) false"#,
            r#"unlink "" [47, 98] 6 Some(7) true"#,
            r#"ftruncate "/a" [] 8 None false"#,
        ];
        assert_eq!(told.collect::<Vec<_>>(), wanted);
        assert_eq!((trace.calls[0].last(), trace.calls[4].last()), (4096, 77));
    }
}
