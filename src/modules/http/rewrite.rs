//! `return`, and `if` on the method, which are decided before anything is looked up.
//!
//! nginx's `if` is a programming language; this is the part of it that published configurations use to
//! answer the preflight of a browser and to turn methods away. Any other condition is refused, for
//! without it something else would be served than was meant.

use regex_lite::Regex;

use crate::conf::{self, Node, Scope};
use crate::engine::{Body, HttpReply, Route};
use crate::http::{ResponseHead, path, response};

use super::added::AddedHeader;
use super::template::{Template, TemplateValues, When};

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

/// True for an address, false for a status or a word.
pub fn is_url(text: &str) -> bool {
    ["http://", "https://", "/", "$scheme"].iter().any(|start| text.starts_with(start))
}

fn status(code: u16) -> Result<u16, String> {
    if (200..=599).contains(&code) { Ok(code) } else { Err(format!("{code} is no status from 200 to 599")) }
}

/// One `if`: a condition on the method, and what holds then.
#[derive(Debug, Clone)]
pub struct Condition {
    test: Test,
    /// Its headers, in place of those of the location if there are any.
    added: Vec<AddedHeader>,
    action: Option<Return>,
}

/// The condition on the method.
#[derive(Debug, Clone)]
enum Test {
    Is(String),
    IsNot(String),
    Matches(Regex),
    MatchesNot(Regex),
}

const IF_SYNTAX: &str = "the only `if` known is: if ($request_method = METHOD) { add_header ...; return ...; }, \
                    with =, !=, ~, ~*, !~ or !~*";

impl Condition {
    fn read(node: &Node) -> Result<Self, conf::Errors> {
        let test = Test::parse(&node.args).map_err(|why| conf::Error::at(node, why))?;
        let mut faults = conf::Faults::default();
        let mut condition = Self { test, added: Vec::new(), action: None };
        for child in node.children.iter().flatten() {
            let result = match child.name.as_str() {
                "add_header" => AddedHeader::parse(&child.args).map(|header| condition.added.push(header)),
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

impl Test {
    fn parse(args: &[String]) -> Result<Self, String> {
        // However it was cut into words: "($request_method = 'OPTIONS')" is three, or five, or one.
        let text = args.join(" ");
        let text = text.trim().strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        let text = text.and_then(|text| text.trim().strip_prefix("$request_method"));
        let text = text.ok_or_else(|| IF_SYNTAX.to_owned())?.trim();
        let mut operators = ["!~*", "!~", "!=", "~*", "~", "="].into_iter();
        let found = operators.find_map(|operator| Some((operator, text.strip_prefix(operator)?)));
        let (operator, value) = found.ok_or_else(|| IF_SYNTAX.to_owned())?;
        let value = value.trim().trim_matches(['"', '\'']).trim();
        if value.is_empty() {
            return Err(IF_SYNTAX.to_owned());
        }
        let regex = || {
            let any_case = if operator.ends_with('*') { "(?i)" } else { "" };
            let built = Regex::new(&format!("{any_case}{value}"));
            built.map_err(|error| format!("the regular expression \"{value}\" is not understood: {error}"))
        };
        Ok(match operator {
            "=" => Self::Is(value.to_owned()),
            "!=" => Self::IsNot(value.to_owned()),
            "~" | "~*" => Self::Matches(regex()?),
            _ => Self::MatchesNot(regex()?),
        })
    }

    fn holds(&self, method: &str) -> bool {
        match self {
            Self::Is(value) => method == value,
            Self::IsNot(value) => method != value,
            Self::Matches(regex) => regex.is_match(method),
            Self::MatchesNot(regex) => !regex.is_match(method),
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
}

impl Rewrite {
    /// Reads the directives of the block itself.
    pub fn read(scope: &Scope<'_>, faults: &mut conf::Faults) -> Self {
        let mut steps = Vec::new();
        for node in scope.node().children.iter().flatten() {
            match node.name.as_str() {
                "if" => steps.extend(faults.keep(Condition::read(node)).map(Step::If)),
                "return" => steps.push(Step::Return(node.custom())),
                _ => {}
            }
        }
        Self { steps }
    }

    /// The route of a request. `mime` is the media type of its path.
    pub fn route<'a>(&self, view: &TemplateValues<'_>, mime: impl Fn() -> &'a str) -> Route {
        match self.outcome(view.request.head.method.as_str()) {
            (_, Some(action)) => action.route(view, mime),
            (_, None) => Route::Continue,
        }
    }

    /// The headers of the last `if` that holds for a method and has any.
    pub fn added(&self, method: &str) -> Option<&[AddedHeader]> {
        self.outcome(method).0
    }

    fn outcome(&self, method: &str) -> (Option<&[AddedHeader]>, Option<&Return>) {
        let mut added = None;
        for step in &self.steps {
            match step {
                Step::Return(action) => return (added, Some(action)),
                Step::If(condition) if condition.test.holds(method) => {
                    if !condition.added.is_empty() {
                        added = Some(condition.added.as_slice());
                    }
                    if let Some(action) = &condition.action {
                        return (added, Some(action));
                    }
                }
                Step::If(_) => {}
            }
        }
        (added, None)
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
            let test = Test::parse(&words(condition)).unwrap();
            assert!(test.holds("OPTIONS") && !test.holds("GET"), "{condition:?}");
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
