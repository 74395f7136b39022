//! The imports of a file: the `use` items, and the paths in its code, as they are written.

use super::lexer::Token;

/// Segments of a path: `crate::net::Server` has three.
pub type Path = Vec<String>;

/// One name of a `use` item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    pub path: Path,
    /// Its name in the file; `None` if all names of the path are imported (`*`).
    pub name: Option<String>,
    /// Others may import it from here (`pub use`).
    pub is_exported: bool,
}

/// The imports of a file, and the rest of it.
#[derive(Debug, Default)]
pub struct Imports {
    pub imports: Vec<Import>,
    /// Paths of two segments or more outside of `use` items.
    pub mentions: Vec<Path>,
    /// All words outside of `use` items.
    pub words: Vec<String>,
}

impl Imports {
    pub fn of(tokens: &[Token]) -> Self {
        let (mut found, mut at, mut is_exported) = (Self::default(), 0, false);
        while at < tokens.len() {
            at = match &tokens[at] {
                Token::Word(word) if word == "use" && begins_a_path(tokens.get(at + 1)) => {
                    read_tree(tokens, at + 1, &mut Vec::new(), is_exported, &mut found.imports)
                }
                Token::Word(word) if word == "pub" => {
                    is_exported = true;
                    after_visibility(tokens, at + 1)
                }
                Token::Word(_) | Token::PathSeparator => {
                    is_exported = false;
                    found.read_path(tokens, at)
                }
                _ => {
                    is_exported = false;
                    at + 1
                }
            };
        }
        found
    }

    /// Reads a path or a word; returns where it ends.
    fn read_path(&mut self, tokens: &[Token], begin: usize) -> usize {
        let (mut at, mut path) = (begin, Path::new());
        loop {
            at += usize::from(tokens.get(at) == Some(&Token::PathSeparator));
            let Some(word) = tokens.get(at).and_then(Token::word) else { break };
            path.push(word.to_owned());
            at += 1;
            if tokens.get(at) != Some(&Token::PathSeparator) {
                break;
            }
        }
        // A path behind a type in angle brackets is not one of its own: `<T>::new`, `Vec::<u8>::new`.
        let is_rest = tokens[begin] == Token::PathSeparator;
        self.words.extend(path.iter().cloned());
        if path.len() > 1 && !is_rest {
            self.mentions.push(path);
        }
        at.max(begin + 1)
    }
}

/// Not so in `impl Trait + use<'a>`.
fn begins_a_path(token: Option<&Token>) -> bool {
    matches!(token, Some(Token::Word(_) | Token::PathSeparator | Token::Sign('{')))
}

/// Behind `pub`: what is in brackets there is no import.
fn after_visibility(tokens: &[Token], at: usize) -> usize {
    if tokens.get(at) != Some(&Token::Sign('(')) {
        return at;
    }
    let end = tokens[at..].iter().position(|token| *token == Token::Sign(')'));
    at + end.map_or(1, |end| end + 1)
}

/// Reads a tree of names behind a prefix; returns where it ends.
fn read_tree(
    tokens: &[Token],
    mut at: usize,
    prefix: &mut Path,
    is_exported: bool,
    found: &mut Vec<Import>,
) -> usize {
    let depth = prefix.len();
    loop {
        match tokens.get(at) {
            Some(Token::Word(word)) if word == "as" => break,
            Some(Token::Word(word)) => prefix.push(word.clone()),
            Some(Token::PathSeparator) => {}
            Some(Token::Sign('*')) => {
                found.push(Import { path: prefix.clone(), name: None, is_exported });
                prefix.truncate(depth);
                return at + 1;
            }
            Some(Token::Sign('{')) => {
                at += 1;
                while tokens.get(at).is_some_and(|token| *token != Token::Sign('}')) {
                    at = read_tree(tokens, at, prefix, is_exported, found);
                    at += usize::from(tokens.get(at) == Some(&Token::Sign(',')));
                }
                prefix.truncate(depth);
                return at + 1;
            }
            _ => break,
        }
        at += 1;
    }
    // `a::{self}` is `a`; a `self` that stands in front is the file's own module.
    if prefix.len() > 1 && prefix.last().is_some_and(|last| last == "self") {
        prefix.pop();
    }
    let mut name = prefix.last().cloned();
    if tokens.get(at).and_then(Token::word) == Some("as") {
        name = tokens.get(at + 1).and_then(Token::word).map(str::to_owned);
        at += 2;
    }
    found.push(Import { path: prefix.clone(), name, is_exported });
    prefix.truncate(depth);
    at
}

fn read(text: &str) -> Imports {
    Imports::of(&super::lexer::tokens(text))
}

/// Each import as "path = name".
fn imports(text: &str) -> Vec<String> {
    let show =
        |import: &Import| format!("{} = {}", import.path.join("::"), import.name.as_deref().unwrap_or("*"));
    read(text).imports.iter().map(show).collect()
}

#[test]
fn a_nested_use_tree_is_a_list_of_paths() {
    assert_eq!(
        imports("use a::{self, b::{C, D as E}, f::*, g}; use super::h::{self as i};"),
        ["a = a", "a::b::C = C", "a::b::D = E", "a::f = *", "a::g = g", "super::h = i"]
    );
    assert_eq!(
        imports("use {a::B, c}; fn f() -> impl Sized + use<'a> { use ::d::e; }"),
        ["a::B = B", "c = c", "d::e = e"]
    );
}

#[test]
fn exports_are_told_from_imports() {
    let read =
        read("pub use a::B; pub(crate) use c::D; pub(in crate::x) use e::{F, G}; pub fn h() { use i::J; }");
    let exported: Vec<_> = read.imports.iter().map(|import| import.is_exported).collect();
    assert_eq!(exported, [true, true, true, true, false]);
    assert!(read.mentions.is_empty(), "{read:?}");
}

#[test]
fn paths_in_code_are_found_in_macros_too() {
    let read = read("fn f(x: a::B) -> <T as c::D>::E { $crate::g!(super::h::<u8>::I, j) }");
    let mentions: Vec<_> = read.mentions.iter().map(|path| path.join("::")).collect();
    assert_eq!(mentions, ["a::B", "c::D", "crate::g", "super::h"]);
}
