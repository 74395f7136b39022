//! The URLs in a command that lead to this machine over RTMP, and warnings about those that lead to nothing.

use crate::conf::Node;
use crate::engine::{Config, Probe, Protocol, is_this_machine};

/// What URLs of streams begin with.
const SCHEMES: &[&str] = &["rtmp://", RTMPS];
const RTMPS: &str = "rtmps://";

/// The port of RTMP.
const USUAL_PORT: u16 = 1935;
/// The port of RTMPS.
const USUAL_PORT_OF_TLS: u16 = 443;

/// A URL of a stream on this machine.
pub struct LocalUrl<'a> {
    scheme: &'a str,
    host: &'a str,
    /// The application as it is written, perhaps with variables.
    pub app: &'a str,
    /// Whether the command plays the stream.
    pub is_input: bool,
}

/// The URLs in the words of a command. Words of a shell's code are looked at, too.
pub fn local_urls(words: &[String]) -> Vec<LocalUrl<'_>> {
    let is_between = |c: char| c.is_whitespace() || "'\"|;&()<>".contains(c);
    let words: Vec<_> =
        words.iter().flat_map(|word| word.split(is_between)).filter(|word| !word.is_empty()).collect();
    let behind = words.iter().skip(1).zip(&words);
    let urls = behind.filter_map(|(word, before)| {
        let (begin, scheme) = SCHEMES.iter().find_map(|scheme| Some((word.find(scheme)?, *scheme)))?;
        let (host, path) = word.get(begin + scheme.len()..)?.split_once('/')?;
        let app = path.split(['/', '?']).next().unwrap_or_default();
        is_this_machine(host).then_some(LocalUrl { scheme, host, app, is_input: *before == "-i" })
    });
    urls.collect()
}

/// Warns of a URL that leads to no application, or has no port though it needs one. Another port may be that of another
/// server.
pub fn check_urls(node: &Node, config: &Config<'_>, probe: &mut Probe) {
    let listeners = config.listeners.iter().filter(|listener| listener.protocol == Protocol::Rtmp);
    let ports = |is_encrypted| -> Vec<u16> {
        let own = listeners.clone().filter(|listener| listener.is_encrypted() == is_encrypted);
        own.filter_map(|listener| listener.address.port()).collect()
    };
    let (plain, encrypted) = (ports(false), ports(true));
    if plain.contains(&0) || encrypted.contains(&0) {
        return;
    }
    for url in local_urls(&node.args) {
        let written = url.host.rsplit_once("]:").or_else(|| url.host.split_once(':'));
        let written = written.filter(|(_, port)| !port.contains(':')).map(|(_, port)| port.parse::<u16>());
        let port = match written {
            Some(Ok(port)) => port,
            None if url.scheme == RTMPS => USUAL_PORT_OF_TLS,
            None => USUAL_PORT,
            Some(Err(_)) => continue,
        };
        let (ports, others) = if url.scheme == RTMPS { (&encrypted, &plain) } else { (&plain, &encrypted) };
        if let Some(why) = leads_nowhere(&url, (port, written.is_some()), (ports, others), config) {
            return probe.warn(node, why);
        }
    }
}

/// Why a URL leads to nothing.
fn leads_nowhere(
    url: &LocalUrl<'_>,
    (port, is_written): (u16, bool),
    (ports, others): (&[u16], &[u16]),
    config: &Config<'_>,
) -> Option<String> {
    let LocalUrl { scheme, host, app, .. } = url;
    if others.contains(&port) && !ports.contains(&port) {
        let (other, what) = if *scheme == RTMPS { ("rtmp://", "without TLS") } else { (RTMPS, "with TLS") };
        return Some(format!("the RTMP server at port {port} is one {what}: write \"{other}{host}/...\""));
    }
    if !ports.contains(&port) {
        let first = ports.first().filter(|_| !is_written)?;
        return Some(format!("no RTMP server listens at port {port}: write \"{scheme}{host}:{first}/...\""));
    }
    let is_known = app.is_empty()
        || app.contains('$')
        || config.applications.iter().any(|known| known.name == *app)
        || config.rtmp_servers.iter().any(|server| server.find("stream_from_app").is_some());
    (!is_known).then(|| format!("there is no application \"{app}\", to which \"{scheme}{host}/{app}\" leads"))
}
