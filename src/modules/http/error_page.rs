//! `error_page`: the answer in place of an error.

use crate::conf::{Node, Scope};
use crate::engine::{Redirect, Route};

use super::rewrite::{self, internal_target};
use super::template::{Template, TemplateValues, When};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorPages(Vec<ErrorPage>);

/// One `error_page`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorPage {
    codes: Vec<u16>,
    status: Status,
    target: Template,
}

/// The status that goes with a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    /// That of the error.
    Kept,
    /// That of the page: `=`.
    Pages,
    /// This one: `=200`.
    Is(u16),
}

impl ErrorPage {
    /// Reads the arguments of the directive.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        let [codes @ .., target] = args else { return Err("codes and a URI".to_owned()) };
        let (codes, status) = match codes.split_last() {
            Some((last, codes)) if last.starts_with('=') => (codes, parse_status(last)?),
            _ => (codes, Status::Kept),
        };
        if codes.is_empty() {
            return Err("codes and a URI".to_owned());
        }
        let code = |text: &String| match text.parse() {
            Ok(code @ 300..=599) if code != 499 => Ok(code),
            _ => Err(format!("\"{text}\" is no status from 300 to 599")),
        };
        if !target.starts_with(['/', '@', '$']) && !rewrite::is_url(target) {
            return Err(format!("\"{target}\" is no path, no URL and no @name"));
        }
        Ok(Self {
            codes: codes.iter().map(code).collect::<Result<_, _>>()?,
            status,
            target: Template::parse(target, When::Request)?,
        })
    }
}

impl ErrorPages {
    /// The pages of the nearest level that has any.
    pub fn read(scope: &Scope<'_>) -> Self {
        Self(scope.all("error_page").into_iter().map(Node::custom).collect())
    }

    /// The route of a request that has ended in an error.
    pub fn route(&self, view: &TemplateValues<'_>, error: u16) -> Route {
        let Some(page) = self.0.iter().find(|page| page.codes.contains(&error)) else {
            return Route::Continue;
        };
        let target = page.target.fill(view);
        if !target.starts_with(['/', '@']) {
            let code = match page.status {
                Status::Is(code @ (301 | 302 | 303 | 307 | 308)) => code,
                _ => 302,
            };
            return Route::Verbatim(rewrite::redirect_to(code, &target));
        }
        let status = match page.status {
            Status::Kept => Some(error),
            Status::Pages => None,
            Status::Is(code) => Some(code),
        };
        Route::Redirect(Redirect { target: internal_target(&target), status })
    }
}

fn parse_status(text: &str) -> Result<Status, String> {
    match text.strip_prefix('=').unwrap_or(text) {
        "" => Ok(Status::Pages),
        code => match code.parse() {
            Ok(code @ 200..=599) => Ok(Status::Is(code)),
            _ => Err(format!("\"{text}\" is no status from =200 to =599")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Target;

    #[test]
    fn pages_are_written_as_nginx_has_them() {
        let parse = |text: &str| ErrorPage::parse(&text.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let page = parse("500 502 =200 /50x.html").unwrap();
        assert_eq!((page.codes, page.status), (vec![500, 502], Status::Is(200)));
        assert_eq!(parse("404 = @a").unwrap().status, Status::Pages);
        assert_eq!(parse("404 http://a/").unwrap().status, Status::Kept);
        for wrong in
            ["404", "/x", "=200 /x", "200 /x", "499 /x", "x /x", "404 =x /x", "404 nowhere", "404 /$nope"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(internal_target("/a?b=c"), Target::Path { path: "/a".into(), query: "b=c".into() });
        assert_eq!(internal_target("@a"), Target::Named("@a".into()));
    }
}
