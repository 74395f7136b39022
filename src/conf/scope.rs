//! A block and the blocks around it: where every setting is read from.

use std::time::Duration;

use super::errors::Error;
use super::syntax::node::Node;
use super::syntax::place::Place;
use super::syntax::tree::Tree;
use super::table::directive::{Context, Directive, Table, Takes};
use super::table::suggest::meant;
use super::value;

/// A block, seen with what it inherits. Values that are not given are the table's defaults, so no code
/// repeats a default; a value that was not checked reads as nothing, zero or off.
#[derive(Debug, Clone)]
pub struct Scope<'t> {
    table: &'t Table,
    /// This block first, then those around it.
    chain: Vec<(&'t Node, Context)>,
}

impl<'t> Scope<'t> {
    /// The top level.
    pub fn root(tree: &'t Tree, table: &'t Table) -> Self {
        Self { table, chain: vec![(tree.root(), Context::Main)] }
    }

    /// The block itself.
    pub fn node(&self) -> &'t Node {
        self.chain[0].0
    }

    /// The same block read as one of another kind: a server without a location is one itself.
    pub fn read_as(&self, context: Context) -> Self {
        let mut chain = self.chain.clone();
        chain.insert(0, (self.node(), context));
        Self { table: self.table, chain }
    }

    fn context(&self) -> Context {
        self.chain[0].1
    }

    /// The blocks of a name in this one, in order.
    pub fn blocks(&self, name: &str) -> impl Iterator<Item = Scope<'t>> {
        let opens = match self.table.find(name, self.context()).map(|row| row.takes) {
            Some(Takes::Block { opens, .. }) => opens,
            _ => self.context(),
        };
        self.own(name).map(move |node| {
            let mut chain = vec![(node, opens)];
            chain.extend(&self.chain);
            Scope { table: self.table, chain }
        })
    }

    /// The directives of a name in this block, without what it inherits.
    pub fn own(&self, name: &str) -> impl Iterator<Item = &'t Node> {
        self.node().children.iter().flatten().filter(move |node| node.name == name)
    }

    /// The directives of a name at the nearest level that has any, as nginx inherits lists.
    pub fn all(&self, name: &str) -> Vec<&'t Node> {
        for (block, context) in &self.chain {
            // An outer directive of the same name that is another one does not count.
            if self.row(name).is_none_or(|row| !row.contexts.contains(context)) {
                continue;
            }
            let found: Vec<_> = block.children.iter().flatten().filter(|node| node.name == name).collect();
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }

    /// The directives of several names, in order, at the nearest level that has any: `allow` and `deny`.
    pub fn all_of(&self, names: &[&str]) -> Vec<&'t Node> {
        let levels = self.chain.iter().map(|(block, _)| block.children.iter().flatten());
        let mut found = levels.map(|nodes| nodes.filter(|node| names.contains(&node.name.as_str())));
        found
            .find_map(|nodes| Some(nodes.collect::<Vec<_>>()).filter(|nodes| !nodes.is_empty()))
            .unwrap_or_default()
    }

    /// The nearest directive of a name.
    pub fn find(&self, name: &str) -> Option<&'t Node> {
        self.all(name).first().copied()
    }

    /// Whether a directive of a name may be missing here because it has been left out as wrong, by that name or one that
    /// was meant for it.
    pub fn may_have_lost(&self, name: &str) -> bool {
        let mut lost = self.chain.iter().flat_map(|(block, _)| &block.left_out);
        lost.any(|lost| meant(lost, &[name]).is_some())
    }

    /// Where the nearest directive of a name stands; the block itself if there is none.
    pub fn place(&self, name: &str) -> Place {
        Place::of(self.find(name).unwrap_or(self.node()))
    }

    /// On or off.
    pub fn flag(&self, name: &str) -> bool {
        value::flag(&self.text(name)).unwrap_or_default()
    }

    /// A time; `off` is zero.
    pub fn time(&self, name: &str) -> Duration {
        value::time(&self.text(name)).unwrap_or_default()
    }

    /// A size in bytes.
    pub fn size(&self, name: &str) -> u64 {
        value::size(&self.text(name)).unwrap_or_default()
    }

    /// A number.
    pub fn number(&self, name: &str) -> u64 {
        value::number(&self.text(name)).unwrap_or_default()
    }

    /// The first argument; "" when there is none and no default.
    pub fn text(&self, name: &str) -> String {
        self.words(name).into_iter().next().unwrap_or_default()
    }

    /// All arguments.
    pub fn words(&self, name: &str) -> Vec<String> {
        if let Some(node) = self.find(name) {
            return node.args.clone();
        }
        let default = self.row(name).map_or("", |row| row.default);
        debug_assert!(self.row(name).is_some(), "no directive {name} here");
        default.split_whitespace().map(str::to_owned).collect()
    }

    /// The directive of a name that counts here: the one that may stand here or nearest around.
    fn row(&self, name: &str) -> Option<&'static Directive> {
        self.chain.iter().find_map(|(_, context)| self.table.find(name, *context))
    }
}

impl Error {
    /// The same error, which is about a directive that a block and those around it lack. It is not reported if the
    /// directive may have been left out as wrong.
    pub fn for_lack_of(mut self, name: &str, scope: &Scope<'_>) -> Self {
        self.is_doubtful = scope.may_have_lost(name);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conf::table::directive::{Label, Repeat, row};

    const ROWS: &[Directive] = &[
        row("rtmp", &[Context::Main], Takes::Block { opens: Context::Rtmp, label: Label::None }, ""),
        row(
            "application",
            &[Context::Rtmp],
            Takes::Block { opens: Context::Application, label: Label::Name },
            "",
        ),
        row("live", &[Context::Rtmp, Context::Application], Takes::Flag, "off"),
        row("ping", &[Context::Rtmp], Takes::TimeOrOff, "60s"),
        row("max", &[Context::Rtmp, Context::Application], Takes::Size, "1m"),
        Directive {
            repeat: Repeat::Many,
            ..row("add", &[Context::Rtmp, Context::Application], Takes::Text, "")
        },
    ];

    #[test]
    fn values_come_from_the_nearest_block_or_the_table() {
        let text = "rtmp { live on; add 1; add 2; ping off;
            application a { live OFF; max 2k; }
            application b { add 3; } }";
        let tree = Tree::from_text("f", text).unwrap();
        let table = Table::new(&[ROWS]);
        let root = Scope::root(&tree, &table);
        let rtmp = root.blocks("rtmp").next().unwrap();
        let apps: Vec<_> = rtmp.blocks("application").collect();
        assert_eq!((apps[0].flag("live"), apps[1].flag("live")), (false, true));
        assert_eq!((apps[0].size("max"), apps[1].size("max")), (2048, 1 << 20));
        assert_eq!(apps[1].time("ping"), Duration::ZERO);
        let added =
            |scope: &Scope<'_>| scope.all("add").iter().map(|node| node.args[0].clone()).collect::<String>();
        assert_eq!((added(&apps[0]), added(&apps[1])), ("12".to_owned(), "3".to_owned()));
        assert_eq!(apps[0].node().args, ["a"]);
    }
}
