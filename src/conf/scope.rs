//! A block and the blocks around it: where every setting is read from.

use std::any::Any;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use super::errors::Error;
use super::syntax::node::Node;
use super::syntax::place::Place;
use super::syntax::tree::Tree;
use super::table::directive::{Context, Directive, Table, Takes};
use super::table::suggest::meant;
use super::value::Value;

/// A block of a checked tree, seen with what it inherits. Values that are not given are the table's defaults, so no
/// code repeats a default. A name that no table has, or a value of another kind than its table says, is a fault of the
/// program and ends it: read as some default it would never be found.
#[derive(Debug, Clone)]
pub struct Scope<'t> {
    table: &'t Table,
    /// This block first, then those around it.
    chain: Vec<Level<'t>>,
}

/// A block, as one of a kind.
#[derive(Debug, Clone)]
struct Level<'t> {
    block: &'t Node,
    context: Context,
    /// Its directives by name: a block with a thousand blocks in it is looked through for each directive of each.
    directives: Rc<HashMap<&'t str, Vec<&'t Node>>>,
}

impl<'t> Level<'t> {
    fn new(block: &'t Node, context: Context) -> Self {
        let mut directives = HashMap::<_, Vec<_>>::new();
        for node in block.children.iter().flatten() {
            directives.entry(node.name.as_str()).or_default().push(node);
        }
        Self { block, context, directives: Rc::new(directives) }
    }
}

impl<'t> Scope<'t> {
    /// The top level.
    pub fn root(tree: &'t Tree, table: &'t Table) -> Self {
        Self { table, chain: vec![Level::new(tree.root(), Context::Main)] }
    }

    /// The block itself.
    pub fn node(&self) -> &'t Node {
        self.chain[0].block
    }

    /// The same block read as one of another kind: a server without a location is one itself.
    pub fn read_as(&self, context: Context) -> Self {
        let mut chain = self.chain.clone();
        chain.insert(0, Level { context, ..self.chain[0].clone() });
        Self { table: self.table, chain }
    }

    fn context(&self) -> Context {
        self.chain[0].context
    }

    /// The blocks of a name in this one, in order.
    pub fn blocks(&self, name: &str) -> impl Iterator<Item = Scope<'t>> {
        let opens = match self.table.find(name, self.context()).map(|row| row.takes) {
            Some(Takes::Block { opens, .. }) => opens,
            _ => self.context(),
        };
        self.own(name).map(move |node| {
            let mut chain = vec![Level::new(node, opens)];
            chain.extend_from_slice(&self.chain);
            Scope { table: self.table, chain }
        })
    }

    /// The directives of a name in this block, without what it inherits.
    pub fn own(&self, name: &str) -> impl Iterator<Item = &'t Node> {
        self.chain[0].directives.get(name).cloned().unwrap_or_default().into_iter()
    }

    /// The directives of a name at the nearest level that has any, as nginx inherits lists.
    pub fn all(&self, name: &str) -> Vec<&'t Node> {
        let row = self.row(name);
        for level in &self.chain {
            // An outer directive of the same name that is another one does not count.
            if row.is_none_or(|row| !row.contexts.contains(&level.context)) {
                continue;
            }
            if let Some(found) = level.directives.get(name) {
                return found.clone();
            }
        }
        Vec::new()
    }

    /// The directives of several names, in order, at the nearest level that has any: `allow` and `deny`.
    pub fn all_of(&self, names: &[&str]) -> Vec<&'t Node> {
        let levels = self.chain.iter().map(|level| level.block.children.iter().flatten());
        let mut found = levels.map(|nodes| nodes.filter(|node| names.contains(&node.name.as_str())));
        found
            .find_map(|nodes| Some(nodes.collect::<Vec<_>>()).filter(|nodes| !nodes.is_empty()))
            .unwrap_or_default()
    }

    /// The directives of several names at every level that they may stand at, in order: this block's first, then those
    /// of the blocks around it. So nginx-rtmp inherits `allow` and `deny`.
    pub fn by_level(&self, names: &[&str]) -> Vec<Vec<&'t Node>> {
        let nodes = |level: &Level<'t>| {
            let may_stand = |name: &&&str| self.table.find(name, level.context).is_some();
            let found = names.iter().filter(may_stand).filter_map(|name| level.directives.get(name));
            let mut found: Vec<_> = found.flatten().copied().collect();
            found.sort_by_key(|node| node.position);
            found
        };
        self.chain.iter().map(nodes).collect()
    }

    /// The nearest directive of a name.
    pub fn find(&self, name: &str) -> Option<&'t Node> {
        self.all(name).first().copied()
    }

    /// True if a directive may be missing here because it has been left out as wrong, under its name or a misspelt one.
    pub fn may_have_lost(&self, name: &str) -> bool {
        let mut lost = self.chain.iter().flat_map(|level| &level.block.left_out);
        lost.any(|lost| meant(lost, &[name]).is_some())
    }

    /// The place of the nearest directive of a name, or of the block itself if there is none.
    pub fn place(&self, name: &str) -> Place {
        Place::of(self.find(name).unwrap_or(self.node()))
    }

    /// On or off.
    pub fn flag(&self, name: &str) -> bool {
        match self.value(name) {
            Value::Flag(is_on) => is_on,
            other => unfit(name, &other),
        }
    }

    /// A time; `off` is zero.
    pub fn time(&self, name: &str) -> Duration {
        match self.value(name) {
            Value::Time(time) => time,
            other => unfit(name, &other),
        }
    }

    /// A size in bytes.
    pub fn size(&self, name: &str) -> u64 {
        match self.value(name) {
            Value::Size(bytes) => bytes,
            other => unfit(name, &other),
        }
    }

    /// A number.
    pub fn number(&self, name: &str) -> u64 {
        match self.value(name) {
            Value::Number(number) => number,
            other => unfit(name, &other),
        }
    }

    /// A value of the owner's type.
    pub fn custom<T: Any + Clone>(&self, name: &str) -> T {
        custom(name, &self.value(name))
    }

    /// The first argument; "" when there is none and no default.
    pub fn text(&self, name: &str) -> String {
        self.words(name).into_iter().next().unwrap_or_default()
    }

    /// All arguments.
    pub fn words(&self, name: &str) -> Vec<String> {
        match self.find(name) {
            Some(node) => node.args.clone(),
            None => self.known_row(name).default_words(),
        }
    }

    fn value(&self, name: &str) -> Value {
        match self.find(name) {
            Some(node) => node.checked_value().clone(),
            None => default_value(self.known_row(name)),
        }
    }

    fn known_row(&self, name: &str) -> &'static Directive {
        self.row(name).unwrap_or_else(|| fault(name, "no table has it"))
    }

    /// The directive of a name that counts here: the one that may stand here or nearest around.
    fn row(&self, name: &str) -> Option<&'static Directive> {
        self.chain.iter().find_map(|level| self.table.find(name, level.context))
    }
}

impl Node {
    /// The value, of the owner's type.
    pub fn custom<T: Any + Clone>(&self) -> T {
        custom(&self.name, self.checked_value())
    }

    fn checked_value(&self) -> &Value {
        self.value.as_ref().unwrap_or_else(|| fault(&self.name, "it has not been checked"))
    }
}

fn default_value(row: &Directive) -> Value {
    row.parse(&row.default_words()).unwrap_or_else(|why| fault(row.name, &why))
}

fn custom<T: Any + Clone>(name: &str, value: &Value) -> T {
    match value {
        Value::Custom(custom) => custom.get().unwrap_or_else(|| unfit(name, value)),
        other => unfit(name, other),
    }
}

fn unfit(name: &str, value: &Value) -> ! {
    fault(name, &format!("its value is {value:?}"))
}

/// Ends the program, which reads a directive that no table has, or as a type that the table does not say.
#[expect(clippy::panic, reason = "whatever is written in the file, each start would come here")]
fn fault(name: &str, why: &str) -> ! {
    panic!("the directive \"{name}\" is read in a wrong way: {why}")
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
    use crate::conf::table::check;
    use crate::conf::table::directive::{Label, Repeat, row};
    use crate::conf::value::Custom;

    const ROWS: &[Directive] = &[
        row("rtmp", &[Context::Main], Takes::Block { opens: Context::Rtmp, label: Label::None }, ""),
        Directive {
            repeat: Repeat::Many,
            ..row(
                "application",
                &[Context::Rtmp],
                Takes::Block { opens: Context::Application, label: Label::Name },
                "",
            )
        },
        row("live", &[Context::Rtmp, Context::Application], Takes::Flag, "off"),
        row("ping", &[Context::Rtmp], Takes::TimeOrOff, "60s"),
        row("max", &[Context::Rtmp, Context::Application], Takes::Size(0, u64::MAX), "1m"),
        row(
            "pair",
            &[Context::Rtmp],
            Takes::Custom { syntax: "word word", parse: |args| Custom::of(pair(args)) },
            "a b",
        ),
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
        let mut tree = Tree::from_text("f", text).unwrap();
        let table = Table::new(&[ROWS]);
        check(&mut tree, &table).unwrap();
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

    #[test]
    fn lists_of_all_levels_begin_with_the_innermost_one() {
        read("rtmp { add 1; max 1m; application a { add 2; max 2m; add 3; } }", |rtmp| {
            let app = rtmp.blocks("application").next().unwrap();
            let levels = app.by_level(&["add", "max"]);
            let names =
                |nodes: &Vec<&Node>| nodes.iter().map(|node| node.args[0].clone()).collect::<Vec<_>>();
            assert_eq!(
                levels.iter().map(names).collect::<Vec<_>>(),
                [vec!["2", "2m", "3"], vec!["1", "1m"], vec![]]
            );
        });
    }

    fn pair(args: &[String]) -> Result<(String, String), String> {
        let [first, second] = args else { return Err("two words".to_owned()) };
        Ok((first.clone(), second.clone()))
    }

    fn read<T>(text: &str, read: impl FnOnce(&Scope<'_>) -> T) -> T {
        let mut tree = Tree::from_text("f", text).unwrap();
        let table = Table::new(&[ROWS]);
        check(&mut tree, &table).unwrap();
        let root = Scope::root(&tree, &table);
        read(&root.blocks("rtmp").next().unwrap())
    }

    #[test]
    fn a_value_that_an_owner_has_parsed_is_kept_and_read_by_its_type() {
        let pair = |first: &str, second: &str| (first.to_owned(), second.to_owned());
        assert_eq!(
            read("rtmp { pair c d; }", |rtmp| rtmp.custom::<(String, String)>("pair")),
            pair("c", "d")
        );
        assert_eq!(read("rtmp { }", |rtmp| rtmp.custom::<(String, String)>("pair")), pair("a", "b"));
        let of_node = |rtmp: &Scope<'_>| rtmp.find("pair").unwrap().custom::<(String, String)>();
        assert_eq!(read("rtmp { pair e f; }", of_node), pair("e", "f"));
    }

    #[test]
    #[should_panic(expected = "\"liv\" is read in a wrong way: no table has it")]
    fn a_name_that_no_table_has_is_not_read_as_a_default() {
        read("rtmp { }", |rtmp| rtmp.text("liv"));
    }

    #[test]
    #[should_panic(expected = "\"live\" is read in a wrong way")]
    fn a_value_is_not_read_as_one_of_another_kind() {
        read("rtmp { live on; }", |rtmp| rtmp.time("live"));
    }

    #[test]
    #[should_panic(expected = "\"pair\" is read in a wrong way")]
    fn a_value_is_not_read_as_one_of_another_type() {
        read("rtmp { pair c d; }", |rtmp| rtmp.custom::<String>("pair"));
    }
}
