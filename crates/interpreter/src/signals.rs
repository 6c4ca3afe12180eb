//! The signed addresses at which people bring a run its signals (elements.md, flow/await). Whoever has one needs no account,
//! so a signature is for one run and one name.

use std::{
    fmt::{self, Write},
    sync::Arc,
};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{Run, escaped};

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
        // Writing to a string does not fail.
        for byte in self.code(run.id, name).finalize().into_bytes() {
            let _ = write!(address, "{byte:02x}");
        }
        address
    }

    /// Whether that is the signature for the run and the name, in a time that tells nothing of how much of it is right.
    pub fn hold(&self, run: u128, name: &str, signature: &str) -> bool {
        let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8);
        let pair = |pair: &[u8; 2]| Some(digit(&pair[0])? << 4 | digit(&pair[1])?);
        let (pairs, rest) = signature.as_bytes().as_chunks::<2>();
        let Some(given) = pairs.iter().map(pair).collect::<Option<Vec<u8>>>() else { return false };
        rest.is_empty() && self.code(run, name).verify_slice(&given).is_ok()
    }

    /// HMAC-SHA256; only the last part varies in length.
    fn code(&self, run: u128, name: &str) -> Hmac<Sha256> {
        let mut block = [0; 64];
        block[..32].copy_from_slice(&*self.secret);
        let mut code = Hmac::<Sha256>::new(&block.into());
        [&b"signal"[..], &run.to_be_bytes(), name.as_bytes()].iter().for_each(|part| code.update(part));
        code
    }
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
    use crate::Run;

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
    fn the_secret_is_not_printed() {
        assert_eq!(format!("{:?}", signals(7)), "Signals(http://localhost:1)");
    }
}
