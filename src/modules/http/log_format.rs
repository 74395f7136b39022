//! `log_format`: how a line of an access log is written.

use crate::engine::access_logs::escape::{self, Escape};
use crate::modules::http::template::{Template, TemplateValues, When};

/// nginx's own format, which needs no `log_format`.
pub const COMBINED: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \
                            \"$http_referer\" \"$http_user_agent\"";

/// Bytes of a line; what is longer is cut. A head is no longer than 8 KiB, but escapes make four of one.
const MAX_LINE: usize = 16 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFormat {
    template: Template,
    escape: Escape,
}

impl LogFormat {
    /// nginx's own format.
    pub fn combined() -> Result<Self, String> {
        Ok(Self { template: Template::parse(COMBINED, When::Log)?, escape: Escape::Default })
    }

    /// Reads the arguments of `log_format`, of which the first is the format's name.
    pub fn parse_named(args: &[String]) -> Result<Self, String> {
        let (escape, text) = escape::read_named(args)?;
        Ok(Self { template: Template::parse(&text, When::Log)?, escape })
    }

    /// A line, with its end.
    pub fn line(&self, view: &TemplateValues<'_>) -> String {
        let mut line = self.template.fill_with(view, |value, line| self.escape.push(value, line));
        escape::end_line(&mut line, MAX_LINE);
        line
    }
}
