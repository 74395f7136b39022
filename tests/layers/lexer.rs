//! The tokens of a Rust source: words, signs and `::`. Comments, lifetimes and what literals contain are left out.

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// An identifier, a keyword or a number.
    Word(String),
    /// `::`
    PathSeparator,
    /// Any other character.
    Sign(char),
    /// A string or a character.
    Literal,
}

impl Token {
    pub fn word(&self) -> Option<&str> {
        if let Self::Word(word) = self { Some(word) } else { None }
    }
}

pub fn tokens(text: &str) -> Vec<Token> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        let (token, length) = next(rest, first);
        found.extend(token);
        rest = &rest[length..];
    }
    found
}

/// The token that a text begins with, if it is one, and its length.
fn next(rest: &str, first: char) -> (Option<Token>, usize) {
    if rest.starts_with("//") {
        (None, rest.find('\n').unwrap_or(rest.len()))
    } else if rest.starts_with("/*") {
        (None, block_comment(rest))
    } else if let Some(length) = literal(rest) {
        (Some(Token::Literal), length)
    } else if first == '\'' {
        (None, 1 + word(&rest[1..]))
    } else if rest.starts_with("::") {
        (Some(Token::PathSeparator), 2)
    } else if is_of_a_word(first) {
        let length = word(rest);
        (Some(Token::Word(rest[..length].to_owned())), length)
    } else if first.is_whitespace() {
        (None, first.len_utf8())
    } else {
        (Some(Token::Sign(first)), first.len_utf8())
    }
}

fn is_of_a_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn word(rest: &str) -> usize {
    rest.find(|letter| !is_of_a_word(letter)).unwrap_or(rest.len())
}

/// The length of a comment that may contain others.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of a string or character, with its prefix (b, c, r); `None` if the text begins with something else.
fn literal(rest: &str) -> Option<usize> {
    let prefix = rest.bytes().take(2).take_while(|byte| b"bcr".contains(byte)).count();
    let is_raw = rest[..prefix].ends_with('r');
    let hashes = rest[prefix..].bytes().take_while(|&byte| is_raw && byte == b'#').count();
    let begin = prefix + hashes;
    let quoted = &rest[begin..];
    let length = if quoted.starts_with('"') && is_raw {
        let end = format!("\"{}", "#".repeat(hashes));
        1 + quoted[1..].find(&end)? + end.len()
    } else if quoted.starts_with('"') {
        string(quoted)?
    } else if quoted.starts_with('\'') && !is_raw {
        character(quoted)?
    } else {
        return None;
    };
    Some(begin + length)
}

fn string(quoted: &str) -> Option<usize> {
    let mut letters = quoted.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some(at + 1),
            '\\' => _ = letters.next(),
            _ => {}
        }
    }
    None
}

/// The length of a character; `None` for a lifetime.
fn character(quoted: &str) -> Option<usize> {
    let mut letters = quoted.char_indices().skip(1);
    if letters.next()?.1 == '\\' {
        letters.next()?;
        return Some(letters.find(|&(_, letter)| letter == '\'')?.0 + 1);
    }
    letters.next().filter(|&(_, letter)| letter == '\'').map(|(at, _)| at + 1)
}

/// Takes out the items under `#[cfg(test)]`. The second list has the names of those that are modules.
pub fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<String>) {
    let mark = self::tokens("#[cfg(test)]");
    let (mut kept, mut modules, mut at) = (Vec::new(), Vec::new(), 0);
    while at < tokens.len() {
        if tokens[at..].starts_with(&mark) {
            let item = &tokens[at..][..mark.len() + item_length(&tokens[at + mark.len()..])];
            modules.extend(module_name(item));
            at += item.len();
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    (kept, modules)
}

/// The tokens of the item in front: up to a semicolon or a closing brace that is not inside of anything else.
pub fn item_length(tokens: &[Token]) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']') => depth -= 1,
            Token::Sign('}') if depth == 1 => return at + 1,
            Token::Sign('}') => depth -= 1,
            Token::Sign(';') if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

fn module_name(item: &[Token]) -> Option<String> {
    let mut words = item.iter().skip_while(|token| token.word() != Some("mod")).skip(1);
    words.next()?.word().map(str::to_owned)
}

fn words(text: &str) -> Vec<String> {
    tokens(text).iter().filter_map(|token| token.word().map(str::to_owned)).collect()
}

#[test]
fn comments_strings_characters_and_lifetimes_are_no_words() {
    for text in [
        "a // crate::b\nc",
        "a /* b /* b */ b */ c",
        r#"a "b \" b" c"#,
        r##"a r"b\" c"##,
        "a r#\"b \" b\"# c",
        "a br##\"b\"# b\"## c",
        r#"a b"b" b'b' c"#,
        r"a '\'' '\u{62}' 'b' c",
        "a<'b, 'static> c",
        "/// b\na //! b\n c",
    ] {
        assert_eq!(words(text), ["a", "c"], "{text}");
    }
    assert_eq!(words("r#type bc"), ["r", "type", "bc"]);
    assert_eq!(tokens("a::b"), [&tokens("a")[..], &[Token::PathSeparator], &tokens("b")].concat());
}

#[test]
fn items_for_tests_are_taken_out() {
    let source = "a; #[cfg(test)] mod tests { fn b() { c() } } d;
        #[cfg(test)] #[allow(x)] pub(super) mod cases; e;
        #[cfg(test)] pub fn f(&self) -> [u8; 2] { g } h";
    let (kept, modules) = without_tests(&tokens(source));
    assert_eq!(kept, tokens("a; d; e; h"));
    assert_eq!(modules, ["tests", "cases"]);
}
