//! Which addresses may be called: public ones, and those that settings allow by host.
//!
//! A literal address is looked at in the URL, every other one as the resolver gives it, just before it is connected to:
//! a name that points elsewhere the second time passes neither. What settings allow goes through a client of its own, so
//! that neither its resolver nor its open connections serve a host or port that they do not allow.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use interpreter::Failure;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use store::sabotage::Sabotage;
use url::Host;

/// Hosts (or host:port) whose addresses may be private.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) allow: Vec<String>,
}

/// How a URL may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Whatever its name resolves to.
    Allowed,
    /// As far as its name resolves to public addresses.
    Guarded,
}

impl Guard {
    /// Looks at the URL's scheme, host and port. The url crate has turned decimal, octal and hexadecimal forms into
    /// addresses.
    pub(super) fn way(&self, url: &Url) -> Result<Way, Failure> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Failure::new("invalid", "only http and https can be called"));
        }
        let address = match url.host() {
            None => return Err(Failure::new("invalid", "the address of the call has no host")),
            Some(_) if self.allows(url) => return Ok(Way::Allowed),
            Some(Host::Domain(_)) => return Ok(Way::Guarded),
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
        };
        if public(address) { Ok(Way::Guarded) } else { Err(refused()) }
    }

    fn allows(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let with_port = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
        self.allow.iter().any(|name| name.eq_ignore_ascii_case(host) || name.eq_ignore_ascii_case(&with_port))
    }
}

pub(super) fn refused() -> Failure {
    Failure::new(
        "address_refused",
        "the address of the call is not a public one, and settings do not allow it",
    )
}

/// Every address that a name resolved to is refused.
#[derive(Debug)]
pub(super) struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no address of the host may be called")
    }
}

impl std::error::Error for Refused {}

/// The system's resolver, without what may not be called.
pub(super) struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let kept: Vec<SocketAddr> = found.filter(|address| public(address.ip())).collect();
            if kept.is_empty() {
                return Err(Box::new(Refused) as Box<dyn std::error::Error + Send + Sync>);
            }
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}

/// Whether anyone on the internet could mean that address.
fn public(address: IpAddr) -> bool {
    match address {
        _ if Sabotage::NoAddressRule.on() => true,
        IpAddr::V4(address) => public_v4(address),
        IpAddr::V6(address) => public_v6(address),
    }
}

fn public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let refused = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19));
    !refused
}

/// Global unicast is 2000::/3; inside it some prefixes hold another address, or nobody's.
fn public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let tunnels_and_examples = a == 0x2002
        || (a == 0x2001 && b < 0x200)
        || (a == 0x2001 && b == 0xdb8)
        || (a == 0x3fff && b < 0x1000)
        || a == 0x3ffe;
    (0x2000..0x4000).contains(&a) && !tunnels_and_examples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_called() {
        let refused = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.1.2.3",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2001::1",
            "ff02::1",
        ];
        for text in refused {
            assert!(!public(text.parse().unwrap_or(IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1)))), "{text}");
        }
        for text in ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"] {
            assert!(public(text.parse().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))), "{text}");
        }
    }

    #[test]
    fn other_ways_to_write_an_address_are_that_address() {
        let guard = Guard { allow: Vec::new() };
        for text in [
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://[::ffff:7f00:1]/",
            "http://127.1/",
        ] {
            let refused = Url::parse(text).map(|url| guard.way(&url).is_err());
            assert_eq!(refused, Ok(true), "{text}");
        }
    }

    #[test]
    fn what_is_allowed_is_that_host_or_that_port_of_it() {
        let guard = Guard { allow: vec!["127.0.0.1:8087".into(), "Intern".into(), "localhost:80".into()] };
        let way = |text: &str| Url::parse(text).map(|url| guard.way(&url).ok());
        for (text, expected) in [
            ("http://127.0.0.1:8087/x", Some(Way::Allowed)),
            ("http://127.0.0.1:8088/x", None),
            ("http://intern:9/", Some(Way::Allowed)),
            ("https://intern/", Some(Way::Allowed)),
            ("http://localhost/", Some(Way::Allowed)),
            ("http://localhost:81/", Some(Way::Guarded)),
            ("http://localhost./", Some(Way::Guarded)),
            ("http://1.1.1.1/", Some(Way::Guarded)),
        ] {
            assert_eq!(way(text), Ok(expected), "{text}");
        }
    }
}
