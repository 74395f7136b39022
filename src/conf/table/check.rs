//! The check of a tree against the table: names, contexts, arguments, blocks, repetition.

use std::collections::{HashMap, HashSet};

use super::directive::{Context, Directive, Repeat, Table, Takes};
use super::suggest::{elsewhere, meant};
use super::unsupported::{self, Treatment};
use crate::conf::finding::{Finding, FindingKind};
use crate::conf::syntax::template::{fill_in, unfilled};
use crate::conf::{Error, Errors, Faults, Node, Place, Tree};

/// Checks a whole tree; each directive keeps its value. Returns findings of directives that have no effect, one for
/// each name, or all errors.
pub fn check(tree: &mut Tree, table: &Table) -> Result<Vec<Finding>, Errors> {
    let mut checker = Checker::new(table);
    tree.unread().iter().cloned().for_each(|error| checker.faults.push(error));
    checker.block(tree.root_mut(), Context::Main);
    checker.faults.into_result(checker.findings)
}

struct Checker<'a> {
    table: &'a Table,
    findings: Vec<Finding>,
    reported: HashSet<String>,
    /// The advice given for planned directives, with the first directive that it was given for.
    advised: HashMap<&'static str, (String, Place)>,
    faults: Faults,
}

impl<'a> Checker<'a> {
    fn new(table: &'a Table) -> Self {
        let (findings, reported, advised) = (Vec::new(), HashSet::new(), HashMap::new());
        Self { table, findings, reported, advised, faults: Faults::default() }
    }

    fn block(&mut self, block: &mut Node, context: Context) {
        let mut seen = HashSet::new();
        for node in block.children.iter_mut().flatten() {
            let is_unread = node.name == "include" && node.children.is_none();
            if is_unread {
                continue;
            }
            let Some(row) = self.table.find(&node.name, context) else {
                self.report_unknown(node, context);
                continue;
            };
            if !seen.insert(row.name) && row.repeat == Repeat::Once {
                self.fault(node, format!("\"{}\" stands in this block twice", node.name));
            }
            match row.parse(&node.args) {
                Err(why) => self.fault(node, format!("{why}{}", hint(node))),
                Ok(value) => {
                    self.warn_of_templates(node);
                    node.value = Some(value);
                }
            }
            self.check_braces(node, row);
        }
    }

    fn fault(&mut self, node: &Node, message: String) {
        self.faults.push(Error::at(node, message));
    }

    fn warn_of_templates(&mut self, node: &Node) {
        if let Some(variable) = node.args.iter().find_map(|arg| unfilled(arg)) {
            let message =
                format!("{variable} is taken as it is; it is to be filled in before, such as by envsubst");
            self.findings.push(Finding::at(node, FindingKind::Warning, message));
        }
    }

    /// Checks that a directive has a block if its row has one.
    fn check_braces(&mut self, node: &mut Node, row: &Directive) {
        match (row.takes, &node.children) {
            (Takes::Block { opens, .. }, Some(_)) => self.block(node, opens),
            (Takes::Block { .. } | Takes::Free(_), None) => {
                self.fault(node, format!("\"{}\" has a block in braces, not \";\"", node.name));
            }
            (Takes::Free(_), Some(_)) | (_, None) => {}
            (_, Some(_)) => {
                let hint = hint(node);
                self.fault(node, format!("\"{}\" ends with \";\" and has no block{hint}", node.name));
            }
        }
    }

    /// Reports a directive that no table has in this context: a misplaced one, one of nginx, or an unknown one.
    fn report_unknown(&mut self, node: &Node, context: Context) {
        let name = &node.name;
        match unsupported::treatment(name, context) {
            Some(Treatment::Ignored) => {
                let message = format!("\"{name}\" is accepted and means nothing here");
                self.finding(node, FindingKind::Ignored, message);
            }
            Some(Treatment::Differs(how)) => {
                let message = format!("\"{name}\" is accepted, and {how}");
                self.finding(node, FindingKind::Differs, message);
            }
            Some(Treatment::Planned(_)) if unsupported::is_off_anyway(name, &node.args) => {
                let message = format!("\"{name} off\" is accepted and means nothing here");
                self.finding(node, FindingKind::Ignored, message);
            }
            Some(Treatment::Planned(instead)) => self.planned(node, instead),
            Some(Treatment::Refused(why)) => {
                self.fault(node, format!("\"{name}\" is nginx's, and Millstream does not do it: {why}"));
            }
            None => self.fault(node, self.misplaced(name, context)),
        }
    }

    /// Reports a directive that is planned. The advice is given once, for the first directive that it applies to.
    fn planned(&mut self, node: &Node, instead: &'static str) {
        let name = &node.name;
        let message = match self.advised.get(instead) {
            Some((first, place)) => {
                format!("\"{name}\" is not there yet, like \"{first}\" in {}", place.seen_from(node))
            }
            None => format!("\"{name}\" is not there yet: {instead}; {}", unsupported::MORE),
        };
        if instead != unsupported::LEAVE_OUT {
            self.advised.entry(instead).or_insert_with(|| (name.clone(), Place::of(node)));
        }
        self.fault(node, message);
    }

    /// Tells something of a name, once.
    fn finding(&mut self, node: &Node, kind: FindingKind, message: String) {
        if self.reported.insert(node.name.clone()) {
            self.findings.push(Finding::at(node, kind, message));
        }
    }

    /// The error for a name that has no meaning in a context: the blocks it belongs in, or a suggestion.
    fn misplaced(&self, name: &str, context: Context) -> String {
        let mut places: Vec<Context> = self.table.named(name).flat_map(|row| row.contexts).copied().collect();
        if places.is_empty() {
            places = unsupported::contexts(name);
        }
        let places: Vec<String> = places.iter().map(ToString::to_string).collect();
        if let Some(variable) = unfilled(name) {
            return format!("unknown directive \"{name}\" in {context}; {}", fill_in(variable));
        }
        let translated = elsewhere(name).filter(|_| places.is_empty() && !self.faults.are_many());
        if let Some(here) = translated {
            return format!("unknown directive \"{name}\" in {context}; it is {here} here");
        }
        match places.as_slice() {
            // Of so many errors, these are not shown.
            [] if self.faults.are_many() => {
                format!("unknown directive \"{}\" in {context}", name.escape_debug())
            }
            [] => {
                let here: Vec<_> = self.table.names(Some(context)).collect();
                let anywhere: Vec<_> = self.table.names(None).chain(unsupported::names()).collect();
                let meant = meant(name, &here).or_else(|| meant(name, &anywhere));
                let hint = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
                format!("unknown directive \"{}\" in {context}{hint}", name.escape_debug())
            }
            [place] => format!("\"{name}\" is not allowed in {context}; it belongs in {place}"),
            [first @ .., last] => {
                format!(
                    "\"{name}\" is not allowed in {context}; it belongs in {} or {last}",
                    first.join(", ")
                )
            }
        }
    }
}

/// The likely cause of wrong arguments.
fn hint(node: &Node) -> String {
    match node.args.iter().find_map(|arg| unfilled(arg)) {
        Some(variable) => format!("; {}", fill_in(variable)),
        None if node.last_line > node.line => "; is a \";\" missing?".to_owned(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conf::table::directive::{Label, row};

    const EVERYWHERE: &[Context] = &[Context::Rtmp, Context::Application];
    const ROWS: &[Directive] = &[
        row("rtmp", &[Context::Main], Takes::Block { opens: Context::Rtmp, label: Label::None }, ""),
        row(
            "application",
            &[Context::Rtmp],
            Takes::Block { opens: Context::Application, label: Label::Name },
            "",
        ),
        row("live", EVERYWHERE, Takes::Flag, "off"),
        row("chunk_size", &[Context::Rtmp], Takes::Number(128, 4096), "4096"),
        row("timeout", EVERYWHERE, Takes::Time, "60s"),
        row("max_message", EVERYWHERE, Takes::Size(1 << 10, 16 << 20), "1m"),
        row("record", EVERYWHERE, Takes::AnyOf(&["off", "all"]), "off"),
        row("types", EVERYWHERE, Takes::Free(Label::None), ""),
    ];

    fn run(text: &str) -> Result<Vec<Finding>, String> {
        let mut tree = Tree::from_text("f", text).unwrap();
        check(&mut tree, &Table::new(&[ROWS])).map_err(|error| error.to_string())
    }

    #[test]
    fn faults_say_where_what_was_expected_and_what_may_be_meant() {
        for (text, message) in [
            ("rtmp {\n liv on;\n}", "f:2: unknown directive \"liv\" in rtmp; did you mean \"live\"?"),
            ("banana;", "f:1: unknown directive \"banana\" in the top level"),
            ("live on;", "f:1: \"live\" is not allowed in the top level; it belongs in rtmp or application"),
            ("rtmp { live yes; }", "f:1: \"live\" takes on or off, not \"yes\""),
            ("rtmp { live; }", "f:1: \"live\" takes on or off, not nothing"),
            ("rtmp { live on off; }", "f:1: \"live\" takes on or off, not 2 arguments"),
            ("rtmp { chunk_size 12k; }", "f:1: \"chunk_size\" takes a number from 128 to 4096, not \"12k\""),
            (
                "rtmp { chunk_size 4k; }",
                "f:1: \"chunk_size\" takes a number from 128 to 4096, not \"4k\"; write \"4096\"",
            ),
            (
                "rtmp { timeout 3 s; }",
                "f:1: \"timeout\" takes a time such as 30s or 500ms, not 2 arguments; write \"3s\"",
            ),
            ("rtmp { timeout 3 4; }", "f:1: \"timeout\" takes a time such as 30s or 500ms, not 2 arguments"),
            (
                "rtmp { timeout 3 m 4; }",
                "f:1: \"timeout\" takes a time such as 30s or 500ms, not 3 arguments",
            ),
            ("rtmp { chunk_size 127; }", "f:1: \"chunk_size\" takes a number from 128 to 4096, not \"127\""),
            ("rtmp { timeout -1; }", "f:1: \"timeout\" takes a time such as 30s or 500ms, not \"-1\""),
            ("rtmp { max_message 1t; }", "f:1: \"max_message\" takes a size from 1k to 16m, not \"1t\""),
            ("rtmp { max_message 17m; }", "f:1: \"max_message\" takes a size from 1k to 16m, not \"17m\""),
            ("rtmp { record all x; }", "f:1: \"record\" takes any of off, all, not \"x\""),
            ("rtmp;", "f:1: \"rtmp\" has a block in braces, not \";\""),
            ("rtmp { live on { } }", "f:1: \"live\" ends with \";\" and has no block"),
            ("rtmp x { }", "f:1: \"rtmp\" takes nothing before \"{\", not \"x\""),
            ("rtmp { application { } }", "f:1: \"application\" takes a name, not nothing"),
            ("rtmp { live on; live off; }", "f:1: \"live\" stands in this block twice"),
            (
                "rtmp { live on\n chunk_size 128; }",
                "f:1: \"live\" takes on or off, not 3 arguments; is a \";\" missing?",
            ),
            (
                "worker_connections 1;",
                "f:1: \"worker_connections\" is not allowed in the top level; it belongs in events",
            ),
            (
                "rtmp {\n dash on;\n}",
                "f:2: \"dash\" is not there yet: use hls, which browsers play with hls.js; docs/nginx-rtmp.md has more",
            ),
        ] {
            assert_eq!(run(text), Err(message.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_directive_without_effect_is_accepted_and_named_once() {
        let text = "worker_rlimit_nofile 1; rtmp {\n tcp_nodelay on;\n resolver x; } worker_rlimit_nofile 2;";
        let findings: Vec<_> = run(text).unwrap().iter().map(ToString::to_string).collect();
        let expected = [
            "f:1: \"worker_rlimit_nofile\" is accepted and means nothing here",
            "f:2: \"tcp_nodelay\" is accepted and means nothing here",
            "f:3: differs from nginx: \"resolver\" is accepted, and names are looked up by the system when they are needed (/etc/resolv.conf)",
        ];
        assert_eq!(findings, expected);
    }

    #[test]
    fn names_of_other_servers_are_translated() {
        for (name, own) in [("on_unpublish", "on_publish_done"), ("on_stop", "on_play_done")] {
            let error = format!("f:1: unknown directive \"{name}\" in rtmp; it is \"{own}\" here");
            assert_eq!(run(&format!("rtmp {{ {name} x; }}")), Err(error));
        }
        let error = "f:1: unknown directive \"http_hooks\" in rtmp; it is \"notify_format srs\" here";
        assert_eq!(run("rtmp { http_hooks { enabled on; } }"), Err(error.to_owned()));
    }

    #[test]
    fn a_planned_directive_that_is_off_means_nothing() {
        let findings = run("rtmp { dash off; }").unwrap();
        let told = "f:1: \"dash off\" is accepted and means nothing here";
        assert_eq!(findings.iter().map(ToString::to_string).collect::<Vec<_>>(), [told]);
        assert!(run("rtmp { dash on; }").is_err());
    }

    #[test]
    fn the_advice_for_planned_directives_is_given_once() {
        let text = "rtmp { dash on;\n dash_path x;\n dash on; server_name x; merge_slashes on; }";
        let expected = "f:1: \"dash\" is not there yet: use hls, which browsers play with hls.js; docs/nginx-rtmp.md has more\n\
                        f:2: \"dash_path\" is not there yet, like \"dash\" in line 1\n\
                        f:3: \"dash\" is not there yet, like \"dash\" in line 1\n\
                        f:3: \"server_name\" is not there yet: leave it out; docs/nginx-rtmp.md has more\n\
                        f:3: \"merge_slashes\" is not there yet: leave it out; docs/nginx-rtmp.md has more";
        assert_eq!(run(text), Err(expected.to_owned()));
    }

    #[test]
    fn a_template_that_is_not_filled_in_is_pointed_at() {
        let error = "f:1: \"live\" takes on or off, not \"${LIVE}\"; ${LIVE} is to be filled in before, such as by envsubst";
        assert_eq!(run("rtmp { live ${LIVE}; }"), Err(error.to_owned()));
        assert_eq!(run("rtmp { application ${small} { } }"), Ok(vec![]));
        let findings = run("rtmp { application a-${NAME}-b { } }").unwrap();
        let told =
            "f:1: warning: ${NAME} is taken as it is; it is to be filled in before, such as by envsubst";
        assert_eq!(findings.iter().map(ToString::to_string).collect::<Vec<_>>(), [told]);
    }

    #[test]
    fn a_good_file_passes() {
        let text = "rtmp { chunk_size 128; application a { live on; timeout 1m30s; types { x y; } } }";
        assert_eq!(run(text), Ok(vec![]));
        assert_eq!(Table::new(&[ROWS]).check_defaults(), Ok(()));
    }
}
