//! `return`, `rewrite`, and `if` on the method, the host, the connection or a link, which are decided before anything is
//! looked up.
//!
//! nginx's `if` and `rewrite` are a programming language; this is the part of it that published configurations use to
//! answer the preflight of a browser, to turn methods away, to lead one host or all of plain HTTP to HTTPS (certbot writes
//! that), and to refuse links that somebody else has made. Anything else is refused, for without it something else would be
//! served than was meant.

use regex_lite::Regex;

use crate::conf::{self, Node, Scope};
use crate::engine::{Body, HttpReply, Redirect, Route, Target};
use crate::http::{ResponseHead, path, response};

use super::added::AddedHeader;
use super::template::{LinkValues, Template, TemplateValues, When};

/// One `return`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Return {
    /// This status, with the page that explains it.
    Status(u16),
    /// This status and this text.
    Text(u16, Template),
    /// A redirect with this status to this address.
    Redirect(u16, Template),
    /// Nothing: the connection closes. 444.
    Nothing,
}

impl Return {
    /// Reads the arguments of the directive.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        let template = |text: &String| Template::parse(text, When::Request);
        match args {
            [word] => match word.parse::<u16>() {
                Ok(444) => Ok(Self::Nothing),
                Ok(code @ (301 | 302 | 303 | 307 | 308)) => Err(format!("{code} needs a URL")),
                Ok(code) => status(code).map(Self::Status),
                Err(_) if is_url(word) => Ok(Self::Redirect(302, template(word)?)),
                Err(_) => Err(format!("\"{word}\" is neither a status nor a URL")),
            },
            [code, text] => {
                let code = code.parse().map_err(|_| format!("\"{code}\" is no status"))?;
                match status(code)? {
                    code @ (301 | 302 | 303 | 307 | 308) => Ok(Self::Redirect(code, template(text)?)),
                    444 => Ok(Self::Nothing),
                    code => Ok(Self::Text(code, template(text)?)),
                }
            }
            _ => Err(format!("arguments given: {}", args.len())),
        }
    }

    /// The route of a request. `mime` is the media type of its path.
    fn route<'a>(&self, view: &TemplateValues<'_>, mime: impl Fn() -> &'a str) -> Route {
        match self {
            Self::Nothing => Route::Close,
            // Without a page of our own: there is nothing to explain.
            Self::Status(code) if *code < 300 => {
                Route::Verbatim(HttpReply { head: ResponseHead::new(*code), body: Body::Empty })
            }
            Self::Status(code) => Route::Reply(HttpReply::error(*code)),
            Self::Text(code, text) => {
                let text = text.fill(view);
                let mut head = ResponseHead::new(*code);
                if response::has_body(*code) && !text.is_empty() {
                    head = head.with("Content-Type", mime());
                }
                Route::Verbatim(HttpReply { head, body: Body::Bytes(text.into_bytes().into()) })
            }
            Self::Redirect(code, url) => Route::Verbatim(redirect_to(*code, &url.fill(view))),
        }
    }
}

pub fn redirect_to(code: u16, url: &str) -> HttpReply {
    HttpReply::error(code).with("Location", path::escape_location(url))
}

/// The target on this server of a path with a query, or of a location's name.
pub fn internal_target(text: &str) -> Target {
    if text.starts_with('@') {
        return Target::Named(text.to_owned());
    }
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    Target::Path { path: path::tidy(path).unwrap_or_else(|| "/".to_owned()), query: query.to_owned() }
}

/// True for an address, false for a status or a word.
pub fn is_url(text: &str) -> bool {
    ["http://", "https://", "/", "$scheme"].iter().any(|start| text.starts_with(start))
}

fn status(code: u16) -> Result<u16, String> {
    if (200..=599).contains(&code) { Ok(code) } else { Err(format!("{code} is no status from 200 to 599")) }
}

/// One `if`: a condition, and what holds then.
#[derive(Debug, Clone)]
pub struct Condition {
    subject: Subject,
    test: Test,
    /// Its headers, in place of those of the location if there are any.
    added: Vec<AddedHeader>,
    action: Option<Return>,
}

/// What a condition is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Subject {
    Method,
    SecureLink,
    /// Another variable.
    Other(Template),
}

impl Subject {
    /// The subject at the beginning of a condition, and what follows it.
    fn parse(text: &str) -> Option<(Self, &str)> {
        let text = text.strip_prefix('$')?;
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end)?;
        let subject = match name {
            "request_method" => Self::Method,
            "secure_link" => Self::SecureLink,
            name if OTHERS.contains(&name) || name.starts_with("ssl_") => {
                Self::Other(Template::parse(&format!("${name}"), When::Request).ok()?)
            }
            _ => return None,
        };
        Some((subject, rest))
    }

    /// Whether its values are never empty.
    fn has_always_one(&self) -> bool {
        *self == Self::Method
    }
}

/// The variables that a condition may be on, besides those of TLS.
const OTHERS: [&str; 6] = ["host", "http_host", "server_name", "server_port", "scheme", "https"];

/// The condition on a text.
#[derive(Debug, Clone)]
enum Test {
    Is(String),
    IsNot(String),
    Matches(Regex),
    MatchesNot(Regex),
}

const IF_SYNTAX: &str = "the only `if` known is: if ($request_method = METHOD) { add_header ...; return ...; }, \
                    with =, !=, ~, ~*, !~ or !~*, and such as if ($host = NAME) { return ...; }, on $host, $http_host, \
                    $server_name, $server_port, $scheme, $https, $ssl_client_verify or another $ssl_..., or $secure_link";

/// What to do in place of an `if` on an argument, by which nginx is made the backend of a callback.
const KEYS_SYNTAX: &str =
    "the key of a publisher is checked by \"publish_key KEY;\" in its application (docs/access.md)";

impl Condition {
    fn read(node: &Node) -> Result<Self, conf::Errors> {
        let (subject, test) = Test::parse(&node.args).map_err(|why| conf::Error::at(node, why))?;
        let mut faults = conf::Faults::default();
        let mut condition = Self { subject, test, added: Vec::new(), action: None };
        for child in node.children.iter().flatten() {
            let result = match child.name.as_str() {
                "add_header" if condition.subject == Subject::Method => {
                    AddedHeader::parse(&child.args).map(|header| condition.added.push(header))
                }
                "return" if condition.action.is_none() => {
                    Return::parse(&child.args).map(|action| condition.action = Some(action))
                }
                "return" => Err("\"return\" stands in this block twice".to_owned()),
                other => Err(format!("\"{other}\" in an `if`; {IF_SYNTAX}")),
            };
            faults.keep(result.map_err(|why| conf::Error::at(child, why)));
        }
        faults.into_result(condition)
    }
}

impl Condition {
    fn holds(&self, view: &TemplateValues<'_>) -> bool {
        match (&self.subject, view.link) {
            (Subject::Other(value), _) => self.test.holds(&value.fill(view)),
            (Subject::Method, _) => self.test.holds(view.request.head.method.as_str()),
            (Subject::SecureLink, LinkValues::Check(check)) => self.test.holds(&check.value(view)),
            (Subject::SecureLink, _) => self.test.holds(""),
        }
    }
}

impl Test {
    fn parse(args: &[String]) -> Result<(Subject, Self), String> {
        // However it was cut into words: "($request_method = 'OPTIONS')" is three, or five, or one.
        let text = args.join(" ");
        let text = text.trim().strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        let text = text.ok_or_else(|| IF_SYNTAX.to_owned())?.trim();
        let (subject, text) = Subject::parse(text).ok_or_else(|| match text.starts_with("$arg_") {
            true => format!("{IF_SYNTAX}; {KEYS_SYNTAX}"),
            false => IF_SYNTAX.to_owned(),
        })?;
        let text = text.trim();
        let mut operators = ["!~*", "!~", "!=", "~*", "~", "="].into_iter();
        let found = operators.find_map(|operator| Some((operator, text.strip_prefix(operator)?)));
        let (operator, value) = found.ok_or_else(|| IF_SYNTAX.to_owned())?;
        let value = value.trim().trim_matches(['"', '\'']).trim();
        if value.is_empty() && subject.has_always_one() {
            return Err(IF_SYNTAX.to_owned());
        }
        let regex = || {
            let any_case = if operator.ends_with('*') { "(?i)" } else { "" };
            let built = Regex::new(&format!("{any_case}{value}"));
            built.map_err(|error| format!("the regular expression \"{value}\" is not understood: {error}"))
        };
        let test = match operator {
            "=" => Self::Is(value.to_owned()),
            "!=" => Self::IsNot(value.to_owned()),
            "~" | "~*" => Self::Matches(regex()?),
            _ => Self::MatchesNot(regex()?),
        };
        Ok((subject, test))
    }

    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Is(value) => text == value,
            Self::IsNot(value) => text != value,
            Self::Matches(regex) => regex.is_match(text),
            Self::MatchesNot(regex) => !regex.is_match(text),
        }
    }
}

/// All of a block's own `if` and `return`, in order: nginx does not inherit them.
#[derive(Debug, Clone, Default)]
pub struct Rewrite {
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    If(Condition),
    Return(Return),
    Rewrite(PathTemplate),
}

/// The new path of a `rewrite` of every path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate(Template);

impl PathTemplate {
    /// Reads the arguments of `rewrite`.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        match args {
            [pattern, path] if pattern == "^" && path.starts_with('/') => {
                Template::parse(path, When::Request).map(Self)
            }
            _ => Err("only ^ is known, for every path; return and try_files lead elsewhere, too".to_owned()),
        }
    }
}

impl Rewrite {
    /// Reads the directives of the block itself.
    pub fn read(scope: &Scope<'_>, faults: &mut conf::Faults) -> Self {
        let mut steps = Vec::new();
        for node in scope.node().children.iter().flatten() {
            match node.name.as_str() {
                "if" => steps.extend(faults.keep(Condition::read(node)).map(Step::If)),
                "return" => steps.push(Step::Return(node.custom())),
                "rewrite" => steps.push(Step::Rewrite(node.custom())),
                _ => {}
            }
        }
        Self { steps }
    }

    /// The route of a request. `mime` is the media type of its path.
    pub fn route<'a>(&self, view: &TemplateValues<'_>, mime: impl Fn() -> &'a str) -> Route {
        for step in &self.steps {
            let action = match step {
                Step::Return(action) => action,
                Step::Rewrite(PathTemplate(path)) => {
                    return Route::Redirect(Redirect {
                        target: internal_target(&path.fill(view)),
                        status: None,
                    });
                }
                Step::If(condition) => match &condition.action {
                    Some(action) if condition.holds(view) => action,
                    _ => continue,
                },
            };
            return action.route(view, mime);
        }
        Route::Continue
    }

    /// The headers of the last `if` that holds for a method and has any.
    pub fn added(&self, method: &str) -> Option<&[AddedHeader]> {
        let mut added = None;
        for step in &self.steps {
            let Step::If(condition) = step else { break };
            // One on a link has no headers.
            if condition.subject == Subject::Method && condition.test.holds(method) {
                if !condition.added.is_empty() {
                    added = Some(condition.added.as_slice());
                }
                if condition.action.is_some() {
                    break;
                }
            }
        }
        added
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn a_condition_is_the_same_however_it_is_cut_into_words() {
        for condition in [
            &["($request_method", "=", "OPTIONS", ")"][..],
            &["($request_method", "=", "OPTIONS)"],
            &["(", "$request_method", "=", "OPTIONS", ")"],
            &["($request_method=\"OPTIONS\")"],
            &["($request_method = OPTIONS )"],
            &["($request_method", "~*", "options)"],
            &["($request_method", "~", "^(OPTIONS|TRACE)$)"],
            &["($request_method", "!~", "^(GET|HEAD|POST)$", ")"],
            &["($request_method", "!=", "GET)"],
        ] {
            let (subject, test) = Test::parse(&words(condition)).unwrap();
            assert_eq!(subject, Subject::Method);
            assert!(test.holds("OPTIONS") && !test.holds("GET"), "{condition:?}");
        }
    }

    #[test]
    fn who_checks_a_key_by_an_if_is_told_what_does_that() {
        let error = |condition: &[&str]| Test::parse(&words(condition)).err().unwrap_or_default();
        assert!(error(&["($arg_psk", "=", "x)"]).ends_with(KEYS_SYNTAX));
        assert!(!error(&["($http_origin)"]).contains("publish_key"));
    }

    #[test]
    fn a_condition_on_a_link_may_have_an_empty_value() {
        for (condition, value) in [
            (&["($secure_link", "=", "", ")"][..], ""),
            (&["($secure_link", "=", "\"\")"], ""),
            (&["($secure_link", "=", "0", ")"], "0"),
            (&["($secure_link", "!=", "1)"], "0"),
        ] {
            let (subject, test) = Test::parse(&words(condition)).unwrap();
            assert!(subject == Subject::SecureLink && test.holds(value) && !test.holds("1"), "{condition:?}");
        }
    }

    #[test]
    fn a_condition_may_be_on_the_host_or_on_the_connection() {
        let request = crate::engine::HttpRequest::for_test("GET / HTTP/1.1\r\nHost: TV.example:80\r\n\r\n");
        let view = TemplateValues { request: &request, server_name: "a", done: None, link: LinkValues::None };
        for (condition, holds) in [
            ("($host = tv.example)", true),
            ("($host != tv.example)", false),
            ("($host ~ ^tv\\.)", true),
            ("($server_name = a)", true),
            ("($scheme = http)", true),
            ("($scheme = https)", false),
            ("($https = \"\")", true),
            ("($https != on)", true),
            ("($ssl_client_verify != SUCCESS)", true),
        ] {
            let (subject, test) = Test::parse(&[condition.to_owned()]).unwrap();
            let condition_met = Condition { subject, test, added: Vec::new(), action: None };
            assert_eq!(condition_met.holds(&view), holds, "{condition}");
        }
    }

    #[test]
    fn any_other_condition_is_a_mistake() {
        for condition in [
            &["($http_origin)"][..],
            &["($request_method)"],
            &["($request_method", "=", ")"],
            &["$request_method", "=", "OPTIONS"],
            &["(-f", "$request_filename)"],
            &["($request_method", "~", "(", ")"],
            &["($secure_link_expires", "=", "1)"],
            &["($ssl_nothing", "=", "1)"],
            &["($host)"],
            &[],
        ] {
            assert!(Test::parse(&words(condition)).is_err(), "{condition:?}");
        }
    }

    #[test]
    fn a_return_has_a_status_a_text_or_an_address() {
        let parse = |args: &[&str]| Return::parse(&words(args));
        let text = |text: &str| Template::parse(text, When::Request).unwrap();
        assert_eq!(parse(&["204"]), Ok(Return::Status(204)));
        assert_eq!(parse(&["444"]), Ok(Return::Nothing));
        assert_eq!(parse(&["200", "a $uri"]), Ok(Return::Text(200, text("a $uri"))));
        assert_eq!(parse(&["301", "/a"]), Ok(Return::Redirect(301, text("/a"))));
        assert_eq!(
            parse(&["https://$host$request_uri"]),
            Ok(Return::Redirect(302, text("https://$host$request_uri")))
        );
        for wrong in [&["301"][..], &["nowhere"], &["99"], &["600", "x"], &["x", "y"], &[], &["200", "$nope"]]
        {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
