//! What `-t` says of the access log.

use crate::conf::{FindingKind, Node};
use crate::engine::{Config, Probe};

/// All formats, wherever they stand: nginx-rtmp keeps one list for all its servers.
pub fn formats<'t>(config: &Config<'t>) -> Vec<&'t Node> {
    let mut found: Vec<&Node> = Vec::new();
    for app in &config.applications {
        for node in app.scope.by_level(&["log_format"]).into_iter().flatten() {
            if !found.iter().any(|known| std::ptr::eq(*known, node)) {
                found.push(node);
            }
        }
    }
    found
}

/// Says, once, that nginx-rtmp writes a log where none is asked for, and nothing is written here.
pub fn check(config: &Config<'_>, probe: &mut Probe) {
    let silent = config.applications.iter().find(|app| app.scope.all("access_log").is_empty());
    if let Some(app) = silent {
        let message = "no access log of RTMP is written, since none is asked for: write \"access_log PATH;\", or \
                       \"access_log off;\", which stops nginx-rtmp too";
        probe.tell(app.scope.node(), FindingKind::Differs, message);
    }
}
