//! What is signed with the installation's secret: addresses at which people bring a run its signals (elements.md, flow/await),
//! and the checkpoints of modals. Whoever has an address needs no account, so a signature is for one run and one name.

use std::{
    fmt::{self, Write},
    sync::Arc,
};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{FiringId, Run, escaped};

/// Signs and checks addresses. Cheap to clone.
#[derive(Clone, PartialEq)]
pub struct Signals {
    secret: Arc<[u8; 32]>,
    /// Scheme, host and perhaps a path, without a slash at the end.
    base: Arc<str>,
}

impl Signals {
    /// Signed with the installation's secret, under `base`: scheme, host and perhaps a path, without a slash at the end.
    pub fn new(secret: Arc<[u8; 32]>, base: Arc<str>) -> Signals {
        Signals { secret, base }
    }

    /// Where somebody brings that run the signal of that name: the same at every repetition.
    pub(crate) fn address(&self, run: &Run, name: &str) -> String {
        let mut address =
            format!("{}/{}/signal/{}/{}?sig=", self.base, escaped(&run.system), run.id_text, escaped(name));
        write(&mut address, self.code(&[b"signal", &run.id.to_be_bytes(), name.as_bytes()]));
        address
    }

    /// What an answer to that firing's modal names: nobody else can make one.
    pub(crate) fn checkpoint(&self, run: u128, firing: FiringId) -> String {
        let mut checkpoint = format!("{run:032x}{firing}");
        write(&mut checkpoint, self.of_modal(run, firing));
        checkpoint
    }

    /// The run and the firing that a checkpoint was made for; None: it was not made here.
    pub fn opens(&self, checkpoint: &str) -> Option<(u128, FiringId)> {
        let digits = |at: std::ops::Range<usize>| {
            let digits =
                checkpoint.get(at).filter(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
            u128::from_str_radix(digits, 16).ok()
        };
        let (run, firing) = (digits(0..32)?, FiringId(digits(32..64)?));
        holds(self.of_modal(run, firing), checkpoint.get(64..)?).then_some((run, firing))
    }

    fn of_modal(&self, run: u128, firing: FiringId) -> Hmac<Sha256> {
        self.code(&[b"modal", &run.to_be_bytes(), &firing.0.to_be_bytes()])
    }

    /// Whether that is the signature for the run and the name, in a time that tells nothing of how much of it is right.
    pub fn hold(&self, run: u128, name: &str, signature: &str) -> bool {
        holds(self.code(&[b"signal", &run.to_be_bytes(), name.as_bytes()]), signature)
    }

    /// HMAC-SHA256; the first part says what for, and of each kind only the last varies in length.
    fn code(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut block = [0; 64];
        block[..32].copy_from_slice(&*self.secret);
        let mut code = Hmac::<Sha256>::new(&block.into());
        parts.iter().for_each(|part| code.update(part));
        code
    }
}

fn write(to: &mut String, code: Hmac<Sha256>) {
    // Writing to a string does not fail.
    for byte in code.finalize().into_bytes() {
        let _ = write!(to, "{byte:02x}");
    }
}

fn holds(code: Hmac<Sha256>, signature: &str) -> bool {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8);
    let pair = |pair: &[u8; 2]| Some(digit(&pair[0])? << 4 | digit(&pair[1])?);
    let (pairs, rest) = signature.as_bytes().as_chunks::<2>();
    let Some(given) = pairs.iter().map(pair).collect::<Option<Vec<u8>>>() else { return false };
    rest.is_empty() && code.verify_slice(&given).is_ok()
}

impl fmt::Debug for Signals {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signals({})", self.base)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use recipe::Value;

    use super::Signals;
    use crate::{FiringId, Run};

    fn signals(secret: u8) -> Signals {
        Signals::new(Arc::new([secret; 32]), "http://localhost:1".into())
    }

    fn address(secret: u8, run: u128, name: &str) -> String {
        let run = Run {
            id: run,
            id_text: "RUN".into(),
            root: run,
            system: "my shop".into(),
            user: Value::Null,
            roles: vec![],
            locale: "en".into(),
            timezone: "UTC".into(),
            in_request: false,
            signals: signals(secret),
        };
        run.signals.address(&run, name)
    }

    #[test]
    fn an_address_is_the_same_at_every_repetition_and_names_what_it_is_for() {
        let first = address(1, 2, "yes/no?");
        assert_eq!(first, address(1, 2, "yes/no?"));
        assert!(first.starts_with("http://localhost:1/my%20shop/signal/RUN/yes%2Fno%3F?sig="), "{first}");
    }

    #[test]
    fn a_signature_is_for_one_installation_one_run_and_one_name() {
        let address = address(1, 2, "approve");
        let (_, signed) = address.split_once("sig=").unwrap();
        assert_eq!(signed.len(), 64);
        assert!(signals(1).hold(2, "approve", signed));
        assert!(!signals(1).hold(2, "approved", signed) && !signals(1).hold(3, "approve", signed));
        assert!(!signals(2).hold(2, "approve", signed));
        for at in 0..signed.len() {
            let mut other = signed.to_owned();
            other.replace_range(at..=at, if &signed[at..=at] == "0" { "1" } else { "0" });
            assert!(!signals(1).hold(2, "approve", &other), "{other}");
        }
        for wrong in ["", "0", &signed[..62], &format!("{signed}00"), "zz", "ä"] {
            assert!(!signals(1).hold(2, "approve", wrong), "{wrong}");
        }
    }

    #[test]
    fn a_checkpoint_opens_where_it_was_made_and_only_whole() {
        let made = signals(1).checkpoint(2, FiringId(3));
        assert_eq!((made.len(), signals(1).opens(&made)), (128, Some((2, FiringId(3)))));
        assert_eq!(signals(2).opens(&made), None);
        for at in 0..made.len() {
            let mut other = made.clone();
            other.replace_range(at..=at, if &made[at..=at] == "0" { "1" } else { "0" });
            assert_eq!(signals(1).opens(&other), None, "{other}");
        }
        let cut = &made[..64];
        for wrong in ["", "ä", cut, &format!("{made}00"), &made.replacen(&made[..1], "+", 1), &"ä".repeat(64)]
        {
            assert_eq!(signals(1).opens(wrong), None, "{wrong}");
        }
        assert!(!signals(1).hold(2, &"0".repeat(32), &made[64..]), "it is no address");
    }

    #[test]
    fn the_secret_is_not_printed() {
        assert_eq!(format!("{:?}", signals(7)), "Signals(http://localhost:1)");
    }
}
