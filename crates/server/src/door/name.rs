//! Names of users. A name is the identity: runs, notifications and channels are kept under it, and nothing else.

const BYTES_MAX: usize = 100;

/// Whoever comes while nobody has to sign in, and the commands of the server's own machine.
pub const LOCAL: &str = "local";

/// Why no user can be named so; None: it is a name.
pub fn fault(name: &str) -> Option<String> {
    if name == LOCAL {
        return Some(format!(
            "`{LOCAL}` is who comes while nobody has to sign in, and the commands of the server's own machine"
        ));
    }
    (!is_plain(name)).then(|| {
        format!("a name has 1 to {BYTES_MAX} bytes, no control characters, and no spaces at its ends")
    })
}

/// Whether people can tell it from others by looking: so are roles and systems too.
pub(crate) fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.len() <= BYTES_MAX && word.trim() == word && !word.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn a_name_is_one_that_people_can_tell_from_others() {
        for name in ["ada", "Ada Lovelace", "ada@example.com", "auth0|5f7c", "bäcker", "Local"] {
            assert_eq!(fault(name), None, "{name}");
        }
        let long = "x".repeat(101);
        for name in ["", " ", " ada", "ada\u{a0}", "a\nb", "a\u{1b}[2J", "\t", "local", &long] {
            assert!(fault(name).is_some(), "{name:?}");
        }
    }
}
