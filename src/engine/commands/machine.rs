//! The hosts in the URLs of commands that are this machine.

use std::net::IpAddr;

/// Whether a host, perhaps with a port, is this machine: `localhost`, `127.0.0.1:1935`, `[::1]`.
pub fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(inside) => inside.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_own = |address: IpAddr| address.is_loopback() || address.is_unspecified();
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(is_own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_name_and_a_few_addresses() {
        for host in
            ["localhost", "LOCALHOST:1935", "127.0.0.1", "127.1.2.3:80", "0.0.0.0", "[::1]", "[::1]:1935"]
        {
            assert!(is_this_machine(host), "{host}");
        }
        for host in
            ["", ":1935", "localhost.example", "192.0.2.1:1935", "[2001:db8::1]", "2001:db8::1", "::1"]
        {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
