//! Tokens to a tree of directives and blocks; `include` is followed here.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::lexer::{Lexer, Token};
use super::node::Node;
use super::template::{fill_in, unfilled};
use crate::conf::errors::{Error, Errors};

/// The largest file, bytes.
const MAX_FILE: u64 = 1 << 20;
/// The deepest nesting of blocks; nginx's own need no more than six.
const MAX_DEPTH: usize = 32;
/// The deepest nesting of includes; an include of itself ends here.
const MAX_INCLUDES: usize = 16;
/// The most files of one configuration.
const MAX_FILES: usize = 256;
/// The most directives of one configuration.
const MAX_NODES: u32 = 65_536;

/// Files of nginx that need not be there: its table of media types is built in, and the others go with directives
/// that are errors by themselves.
const OPTIONAL: [&str; 6] =
    ["mime.types", "fastcgi_params", "fastcgi.conf", "uwsgi_params", "scgi_params", "proxy_params"];

/// A whole configuration as it was written.
#[derive(Debug)]
pub struct Tree {
    root: Node,
    files: Vec<(Arc<str>, String)>,
    /// One for each `include` in the tree whose file cannot be read.
    unread: Vec<Error>,
    /// Directives that have been read.
    nodes: u32,
}

impl Tree {
    /// Reads a file and what it includes. Paths of includes are relative to the folder of the file.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let mut parser = Parser::new(path.parent().unwrap_or(Path::new("")).to_owned());
        let name: Arc<str> = path.to_string_lossy().into();
        let whole = |message: String| Error::in_line(&name, 0, message);
        let text = read(path).map_err(whole)?;
        let children = parser.parse(&name, text, 0)?;
        Ok(parser.finish(name, children))
    }

    /// Reads a text that is no file.
    pub fn from_text(name: &str, text: &str) -> Result<Self, Error> {
        let mut parser = Parser::new(PathBuf::new());
        let name: Arc<str> = name.into();
        let children = parser.parse(&name, text.to_owned(), 0)?;
        Ok(parser.finish(name, children))
    }

    /// Adds directives at the top level, as `-g` does. They replace those of the same name.
    pub fn append_globals(&mut self, text: &str) -> Result<(), Error> {
        let mut parser = Parser { nodes: self.nodes, ..Parser::new(PathBuf::new()) };
        // nginx takes the last directive without its semicolon, too. It may be followed by a comment.
        let terminator = if text.trim_end().ends_with([';', '}']) { "" } else { "\n;" };
        let added = parser.parse(&Arc::from("-g"), format!("{text}{terminator}"), 0)?;
        self.nodes = parser.nodes;
        let children = self.root.children.get_or_insert_default();
        children.retain(|old| !added.iter().any(|new| new.name == old.name && old.children.is_none()));
        children.extend(added);
        Ok(())
    }

    /// Adds the directives of another tree at the top level. Their files are not among those that were read.
    pub fn append(&mut self, other: Self) {
        self.root.children.get_or_insert_default().extend(other.root.children.unwrap_or_default());
    }

    /// Leaves out the directives that have errors, so that what depends on their values is not judged by wrong ones.
    pub fn leave_out(&mut self, errors: &Errors) {
        let wrong: HashSet<u32> = errors.iter().map(|error| error.place.position).collect();
        self.root.leave_out(&wrong);
    }

    /// The files that were read, in order: names and texts.
    pub fn files(&self) -> &[(Arc<str>, String)] {
        &self.files
    }

    /// The errors of files that could not be included; in the tree their `include` stands in their place.
    pub(in crate::conf) fn unread(&self) -> &[Error] {
        &self.unread
    }

    /// The top level.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The top level, for the check to add values.
    pub(in crate::conf) fn root_mut(&mut self) -> &mut Node {
        &mut self.root
    }
}

/// Reads a regular file; a FIFO or a device would stop us for ever.
fn read(path: &Path) -> Result<String, String> {
    let facts = fs::metadata(path).map_err(|error| error.to_string())?;
    if !facts.is_file() {
        return Err("not a regular file".to_owned());
    }
    if facts.len() > MAX_FILE {
        return Err(format!("larger than {MAX_FILE} bytes"));
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

struct Parser {
    folder: PathBuf,
    files: Vec<(Arc<str>, String)>,
    nodes: u32,
    includes: usize,
    unread: Vec<Error>,
}

impl Parser {
    fn new(folder: PathBuf) -> Self {
        Self { folder, files: Vec::new(), nodes: 0, includes: 0, unread: Vec::new() }
    }

    fn finish(self, file: Arc<str>, children: Vec<Node>) -> Tree {
        let root = Node {
            name: String::new(),
            args: Vec::new(),
            children: Some(children),
            file,
            line: 0,
            last_line: 0,
            value: None,
            position: 0,
            left_out: Vec::new(),
        };
        Tree { root, files: self.files, unread: self.unread, nodes: self.nodes }
    }

    /// Parses one file that stands `depth` blocks deep.
    fn parse(&mut self, file: &Arc<str>, text: String, depth: usize) -> Result<Vec<Node>, Error> {
        if self.files.len() >= MAX_FILES {
            return Err(Error::in_line(file, 0, format!("more than {MAX_FILES} files")));
        }
        let mut lexer = Lexer::new(&text);
        let nodes = self.block(&mut lexer, file, None, depth)?;
        self.files.push((Arc::clone(file), text));
        Ok(nodes)
    }

    /// Parses directives up to the brace that closes the block opened in line `opened`, or, outside
    /// any, up to the end of the file.
    fn block(
        &mut self,
        lexer: &mut Lexer<'_>,
        file: &Arc<str>,
        opened: Option<u32>,
        depth: usize,
    ) -> Result<Vec<Node>, Error> {
        let fault = |line, message: String| Error::in_line(file, line, message);
        if depth > MAX_DEPTH {
            return Err(fault(lexer.line(), format!("blocks nested deeper than {MAX_DEPTH}")));
        }
        let mut nodes = Vec::new();
        loop {
            let next = lexer.next().map_err(|error| fault(error.line, error.message))?;
            match (next, opened) {
                (None, None) => return Ok(nodes),
                (None, Some(line)) => {
                    return Err(fault(line, "no closing \"}\" for the block that begins here".into()));
                }
                (Some((Token::Close, _)), Some(_)) => return Ok(nodes),
                (Some((Token::Word(name), line)), _) => {
                    self.nodes += 1;
                    if self.nodes > MAX_NODES {
                        return Err(fault(line, format!("more than {MAX_NODES} directives")));
                    }
                    let node = self.directive(lexer, file, (name, line), depth)?;
                    if node.name == "include" && node.children.is_none() {
                        nodes.extend(self.include(&node, depth)?);
                    } else {
                        nodes.push(node);
                    }
                }
                (Some((Token::Semicolon, line)), _) => {
                    return Err(fault(line, "unexpected \";\": no directive stands before it".into()));
                }
                (Some((Token::Open, line)), _) => {
                    return Err(fault(line, "unexpected \"{\": no block's name stands before it".into()));
                }
                (Some((Token::Close, line)), None) => {
                    return Err(fault(line, "unexpected \"}\": no block is open here".into()));
                }
            }
        }
    }

    /// Parses what follows a directive's name.
    fn directive(
        &mut self,
        lexer: &mut Lexer<'_>,
        file: &Arc<str>,
        (name, line): (String, u32),
        depth: usize,
    ) -> Result<Node, Error> {
        let mut node = Node {
            name,
            args: Vec::new(),
            children: None,
            file: Arc::clone(file),
            line,
            last_line: line,
            value: None,
            position: self.nodes,
            left_out: Vec::new(),
        };
        loop {
            let next = lexer.next();
            let next = next.map_err(|error| Error::in_line(file, error.line, error.message))?;
            match next {
                Some((Token::Word(word), line)) => {
                    node.args.push(word);
                    node.last_line = line;
                }
                Some((Token::Semicolon, _)) => return Ok(node),
                Some((Token::Open, opened)) => {
                    node.children = Some(self.block(lexer, file, Some(opened), depth + 1)?);
                    return Ok(node);
                }
                Some((Token::Close, _)) | None => {
                    let name = node.name.escape_debug();
                    let hint = unfilled(&node.name).map(|variable| format!("; {}", fill_in(variable)));
                    let hint = hint.unwrap_or_default();
                    let message = format!("directive \"{name}\" is not terminated by \";\"{hint}");
                    return Err(Error::at(&node, message));
                }
            }
        }
    }

    /// The directives of an included file; the `include` itself if the file cannot be read, so that the rest is
    /// checked.
    fn include(&mut self, node: &Node, depth: usize) -> Result<Vec<Node>, Error> {
        let [pattern] = node.args.as_slice() else {
            return Err(Error::at(node, "\"include\" takes one file or pattern"));
        };
        if self.includes >= MAX_INCLUDES {
            return Err(Error::at(node, format!("includes nested deeper than {MAX_INCLUDES}")));
        }
        self.includes += 1;
        let mut nodes = Vec::new();
        for path in self.included_files(node, pattern)? {
            let name: Arc<str> = path.to_string_lossy().into();
            match read(&path) {
                Ok(text) => nodes.extend(self.parse(&name, text, depth)?),
                Err(why) => {
                    self.unread.push(Error::at(node, format!("include {name}: {why}")));
                    nodes.push(node.clone());
                }
            }
        }
        self.includes -= 1;
        Ok(nodes)
    }

    /// The files that a pattern means, sorted. A pattern may match nothing; a plain name must be there.
    fn included_files(&self, node: &Node, pattern: &str) -> Result<Vec<PathBuf>, Error> {
        let whole = self.folder.join(pattern);
        if !pattern.contains(['*', '?', '[']) {
            let is_optional =
                whole.file_name().is_some_and(|name| OPTIONAL.iter().any(|known| name == *known));
            if is_optional && fs::metadata(&whole).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
                return Ok(Vec::new());
            }
            return Ok(vec![whole]);
        }
        // The folder is not part of the pattern, whatever characters its name has.
        let folder = glob::Pattern::escape(&self.folder.to_string_lossy());
        let pattern = if Path::new(pattern).is_absolute() {
            pattern.to_owned()
        } else {
            Path::new(&folder).join(pattern).to_string_lossy().into_owned()
        };
        let found =
            glob::glob(&pattern).map_err(|error| Error::at(node, format!("include {pattern}: {error}")))?;
        Ok(found.filter_map(Result::ok).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_folder::Folder;

    fn error(text: &str) -> String {
        Tree::from_text("f", text).unwrap_err().to_string()
    }

    #[test]
    fn blocks_and_directives_become_a_tree_with_lines() {
        let tree = Tree::from_text("f", "a 1 'b c';\nd {\n  e;\n}\n").unwrap();
        let nodes = tree.root().children.as_ref().unwrap();
        assert_eq!(
            (nodes[0].name.as_str(), &nodes[0].args[..]),
            ("a", &["1".to_owned(), "b c".to_owned()][..])
        );
        let inner = &nodes[1].children.as_ref().unwrap()[0];
        assert_eq!((inner.name.as_str(), inner.line), ("e", 3));
    }

    #[test]
    fn faults_of_form_name_the_line() {
        assert_eq!(error("a;\nb {\n c;\n"), "f:2: no closing \"}\" for the block that begins here");
        assert_eq!(error("a"), "f:1: directive \"a\" is not terminated by \";\"");
        let template = "f:1: directive \"${A}\" is not terminated by \";\"; ${A} is to be filled in before, such as by envsubst";
        assert_eq!(error("x { ${A}\n }"), template);
        assert_eq!(error("x {\n a }"), "f:2: directive \"a\" is not terminated by \";\"");
        assert_eq!(error("a;\n;"), "f:2: unexpected \";\": no directive stands before it");
        assert_eq!(error("}"), "f:1: unexpected \"}\": no block is open here");
        assert_eq!(error("{"), "f:1: unexpected \"{\": no block's name stands before it");
        assert!(error(&"a {".repeat(10_000)).contains("nested deeper"));
        assert!(error(&"a;".repeat(MAX_NODES as usize + 1)).contains("more than"));
    }

    #[test]
    fn globals_replace_directives_of_the_same_name() {
        let mut tree = Tree::from_text("f", "pid a; daemon off;").unwrap();
        tree.append_globals("pid b # why").unwrap();
        let nodes = tree.root().children.as_ref().unwrap();
        let shown: Vec<_> = nodes.iter().map(|node| format!("{} {}", node.name, node.args[0])).collect();
        assert_eq!(shown, ["daemon off", "pid b"]);
    }

    #[test]
    fn includes_are_followed_sorted_and_bounded() {
        let folder = Folder::new();
        let write = |name: &str, text: &str| folder.write(name, text);
        write(
            "main",
            "include d/*.conf; x { include d/a.conf; } include none*; include no/mime.types; include fastcgi_params;",
        );
        write("d/b.conf", "b;");
        write("d/a.conf", "a;");
        write("self", "include self;");
        write("missing", "\ninclude nothing;");
        write("folder", "include d;");
        let tree = Tree::load(&folder.join("main")).unwrap();
        let names: Vec<_> = tree.root().children.as_ref().unwrap().iter().map(|node| &*node.name).collect();
        assert_eq!(names, ["a", "b", "x"]);
        assert_eq!(tree.files().len(), 4);
        let error = |name: &str| Tree::load(&folder.join(name)).unwrap_err().to_string();
        assert!(error("self").contains("includes nested deeper"));
        let unread = |name: &str| Tree::load(&folder.join(name)).unwrap().unread()[0].to_string();
        assert!(
            unread("missing").contains("missing:2: include") && unread("missing").contains("No such file")
        );
        assert!(unread("folder").contains("not a regular file"));
        assert!(error("absent").contains("No such file"));
    }

    #[test]
    fn random_text_is_a_tree_or_an_error() {
        let mut seed = 7u64;
        for _ in 0..2000 {
            let mut text = String::new();
            for _ in 0..60 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text.push(char::from(b"ab {};\"'\\#$\n"[(seed >> 33) as usize % 12]));
            }
            let _ = Tree::from_text("f", &text);
        }
    }
}
