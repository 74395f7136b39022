//! Services to which streams are pushed under keys.

/// A service.
#[derive(Debug, PartialEq, Eq)]
pub struct Service {
    /// The end of the names of its hosts.
    domain: &'static str,
    pub name: &'static str,
    /// Its application. What else stands in its place is a key that has lost its own.
    pub app: &'static str,
}

const SERVICES: [Service; 4] = [
    Service { domain: "youtube.com", name: "YouTube", app: "live2" },
    Service { domain: "twitch.tv", name: "Twitch", app: "app" },
    Service { domain: "facebook.com", name: "Facebook", app: "rtmp" },
    Service { domain: "live-video.net", name: "Twitch or Kick", app: "app" },
];

impl Service {
    /// The service that a host belongs to.
    pub fn of_host(host: &str) -> Option<&'static Self> {
        let host = host.strip_suffix('.').unwrap_or(host);
        let is_of = |domain: &str| {
            host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        SERVICES.iter().find(|service| is_of(service.domain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_belongs_to_the_service_whose_domain_it_ends_with() {
        let name = |host| Service::of_host(host).map(|service| service.name);
        assert_eq!(name("a.rtmps.youtube.com."), Some("YouTube"));
        assert_eq!(name("twitch.tv"), Some("Twitch"));
        assert_eq!((name("nottwitch.tv"), name("twitch.tv.example")), (None, None));
    }
}
