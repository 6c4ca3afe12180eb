//! What secrets are made of and checked with, for the doors that have some.

use hmac::{Hmac, KeyInit};
use sha2::Sha256;

/// Of a key of any length up to 64 bytes, as the protocol's secret is a text.
pub(crate) fn mac(key: &[u8]) -> Hmac<Sha256> {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    Hmac::<Sha256>::new(&block.into())
}

/// Random bytes of the operating system's.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], store::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| store::Error::Unavailable(format!("no random bytes: {error}").into()))?;
    Ok(bytes)
}

/// Of lower-case or upper-case hexadecimal digits.
pub(crate) fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    let byte = |pair: Option<&str>| {
        u8::from_str_radix(pair.filter(|pair| pair.len() == 2 && !pair.starts_with('+'))?, 16).ok()
    };
    pairs.map(byte).collect()
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
