//! The sources as one: which file a name comes from, and which names a file imports.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path as FilePath;

use super::imports::{Import, Imports, Path};
use super::lexer::{Token, item_length, tokens, without_tests};

/// The library, as the first segment of the paths here; the other crate is `main`.
pub const LIBRARY: &str = "millstream";

/// Steps from one `pub use` to the next until a name is taken for one that cannot be found.
const MAX_STEPS: usize = 16;

/// One source file.
#[derive(Debug)]
pub struct Source {
    /// Its path in src/.
    pub file: String,
    /// Its path in the program: `millstream::net::server`.
    pub module: Path,
    /// It holds tests and nothing else.
    pub is_test: bool,
    /// All of it, with its unit tests.
    pub all: Vec<Token>,
    /// It has a module without a file of its own, whose paths would be taken for the file's.
    pub misleads: bool,
    imports: Imports,
    /// The types, functions, constants and so on that it defines, at any depth.
    definitions: BTreeSet<String>,
}

/// All sources.
#[derive(Debug)]
pub struct House {
    pub sources: Vec<Source>,
    by_module: HashMap<Path, usize>,
}

/// The names that files import from others: of (this file, of that file).
pub type Edges = BTreeMap<(usize, usize), BTreeSet<String>>;

impl House {
    /// Reads a folder.
    pub fn read(src: &FilePath) -> Self {
        let mut files = Vec::new();
        collect(src, src, &mut files);
        Self::new(files)
    }

    /// Files by their paths in src/, with their texts.
    pub fn new(mut files: Vec<(String, String)>) -> Self {
        files.sort();
        let (mut sources, mut tests) = (Vec::new(), Vec::new());
        for (file, text) in files {
            let (all, module) = (tokens(&text), module_of(&file));
            let (code, test_modules) = without_tests(&all);
            tests.extend(test_modules.into_iter().map(|name| [&module[..], &[name]].concat()));
            let (imports, definitions) = (Imports::of(&code), definitions(&code));
            let misleads = has_relative_inline_module(&code);
            sources.push(Source { file, module, is_test: false, all, misleads, imports, definitions });
        }
        for source in &mut sources {
            source.is_test = tests.iter().any(|test| source.module.starts_with(test));
        }
        let by_module = sources.iter().enumerate().map(|(at, source)| (source.module.clone(), at)).collect();
        Self { sources, by_module }
    }

    /// Every file that is no test.
    pub fn code(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(|source| !source.is_test)
    }

    /// Every path that a file names, from the crate it begins in: `std::net::IpAddr`, `millstream::net::Server`. A path
    /// that ends with `*` stands for all names behind it.
    pub fn names(&self, source: &Source) -> Vec<Path> {
        let imports = source.imports.imports.iter().map(|import| {
            let star = import.name.is_none().then(|| "*".to_owned());
            let mut path = self.absolute(source, &import.path);
            path.extend(star);
            path
        });
        let mentions = source.imports.mentions.iter().map(|path| self.absolute(source, path));
        imports.chain(mentions).collect()
    }

    /// The imports of each file from each other. To hand on a name (`pub use`) is no import, unless the file has a use
    /// for it itself; neither is a module by itself, but what is reached through it.
    pub fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for (from, source) in self.sources.iter().enumerate().filter(|(_, source)| !source.is_test) {
            let is_used = |name: &String| source.imports.words.contains(name);
            let imports = source.imports.imports.iter();
            let own =
                imports.filter(|import| !import.is_exported || import.name.as_ref().is_some_and(is_used));
            for import in own {
                let path = self.absolute(source, &import.path);
                let found = match import.name {
                    None => self.module_at(&path).map(|file| (file, "*".to_owned())),
                    Some(_) => self.definer(&path),
                };
                self.add(&mut edges, from, found);
            }
            for mention in &source.imports.mentions {
                self.add(&mut edges, from, self.definer(&self.absolute(source, mention)));
            }
        }
        edges
    }

    fn add(&self, edges: &mut Edges, from: usize, definer: Option<(usize, String)>) {
        let other = definer.filter(|&(to, _)| to != from && !self.sources[to].is_test);
        if let Some((to, name)) = other {
            edges.entry((from, to)).or_default().insert(name);
        }
    }

    /// A path as it is written in a file, from the crate it begins in.
    fn absolute(&self, source: &Source, path: &[String]) -> Path {
        let Some((first, rest)) = path.split_first() else { return Path::new() };
        let module = &source.module;
        let child = || [&module[..], std::slice::from_ref(first)].concat();
        match first.as_str() {
            "crate" => [&module[..1], rest].concat(),
            "self" => [&module[..], rest].concat(),
            "super" => {
                let above = path.iter().take_while(|segment| *segment == "super").count();
                [&module[..module.len().saturating_sub(above)], &path[above..]].concat()
            }
            _ if self.by_module.contains_key(&child()) => [&module[..], path].concat(),
            _ => match source.imports.imports.iter().find(|import| import.name.as_ref() == Some(first)) {
                Some(import) if import.path.first() != Some(first) => {
                    [self.absolute(source, &import.path), rest.to_vec()].concat()
                }
                Some(import) if import.path.len() > 1 => [&import.path[..], rest].concat(),
                _ => path.to_vec(),
            },
        }
    }

    /// The file of the innermost module that a path leads through.
    fn module_at(&self, path: &[String]) -> Option<usize> {
        (1..=path.len()).rev().find_map(|length| self.by_module.get(&path[..length]).copied())
    }

    /// The file that defines what a path names, whoever hands it on, and the name there; `None` for a module, and for
    /// what is not ours.
    fn definer(&self, path: &[String]) -> Option<(usize, String)> {
        let mut path = path.to_vec();
        for _ in 0..MAX_STEPS {
            let module = self.module_at(&path)?;
            let depth = self.sources[module].module.len();
            // A module that has the name of what it defines: `pub use check::check`.
            let (module, depth) = match path.len() == depth {
                true => (self.module_at(&path[..depth - 1])?, depth - 1),
                false => (module, depth),
            };
            let source = &self.sources[module];
            let (name, rest) = path[depth..].split_first()?;
            match self.import_of(source, name) {
                Some(next) => path = [next, rest.to_vec()].concat(),
                None if self.by_module.contains_key(&path[..=depth]) => return None,
                None => return Some((module, name.clone())),
            }
        }
        None
    }

    /// The path by which a file imports a name; `None` if it defines the name itself.
    fn import_of(&self, source: &Source, name: &String) -> Option<Path> {
        let imports = &source.imports.imports;
        if let Some(import) = imports.iter().find(|import| import.name.as_ref() == Some(name)) {
            return Some(self.absolute(source, &import.path))
                .filter(|path| *path != [&source.module[..], std::slice::from_ref(name)].concat());
        }
        if source.definitions.contains(name) {
            return None;
        }
        imports
            .iter()
            .filter(|import| import.name.is_none())
            .find_map(|all| self.behind_star(source, all, name))
    }

    fn behind_star(&self, source: &Source, all: &Import, name: &String) -> Option<Path> {
        let path = self.absolute(source, &all.path);
        let module = &self.sources[*self.by_module.get(&path)?];
        let has = module.definitions.contains(name)
            || module.imports.imports.iter().any(|import| import.name.as_ref() == Some(name));
        has.then(|| [path, vec![name.clone()]].concat())
    }
}

fn collect(folder: &FilePath, src: &FilePath, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, src, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let file = path.strip_prefix(src).unwrap().to_str().unwrap().to_owned();
            files.push((file, fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The folders of the program.
const PROGRAM_FOLDERS: [&str; 3] = ["ctl/", "launcher/", "logging/"];

/// The program's files lie beside lib.rs or in a folder of its own, the library's in all other folders.
fn module_of(file: &str) -> Path {
    let path = file.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    let segments = path.split('/').map(str::to_owned);
    match path {
        "lib" => vec![LIBRARY.to_owned()],
        "main" => vec!["main".to_owned()],
        _ if file.contains('/') && !PROGRAM_FOLDERS.iter().any(|folder| file.starts_with(folder)) => {
            std::iter::once(LIBRARY.to_owned()).chain(segments).collect()
        }
        _ => std::iter::once("main".to_owned()).chain(segments).collect(),
    }
}

fn definitions(code: &[Token]) -> BTreeSet<String> {
    let keywords = ["struct", "enum", "union", "trait", "type", "fn", "const", "static"];
    let pairs = code.windows(2).filter_map(|pair| Some((pair[0].word()?, pair[1].word()?)));
    pairs.filter(|(keyword, _)| keywords.contains(keyword)).map(|(_, name)| name.to_owned()).collect()
}

fn has_relative_inline_module(code: &[Token]) -> bool {
    let begins = |at: &usize| code[*at].word() == Some("mod") && code.get(at + 2) == Some(&Token::Sign('{'));
    let is_relative =
        |token: &Token| token.word().is_some_and(|word| ["use", "self", "super"].contains(&word));
    let mut modules = (0..code.len()).filter(begins).map(|at| &code[at..][..item_length(&code[at..])]);
    modules.any(|module| module.iter().any(is_relative))
}
