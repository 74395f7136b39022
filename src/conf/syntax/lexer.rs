//! Text to tokens: words, `;`, `{` and `}`, each with its line.

/// The longest word, bytes: nginx's buffer for one token.
const MAX_WORD: usize = 4096;

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// A name or an argument, without its quotes and escapes.
    Word(String),
    /// `;`
    Semicolon,
    /// `{`
    Open,
    /// `}`
    Close,
}

/// An error in a line of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LexError {
    /// The line, from 1.
    pub line: u32,
    /// Its text.
    pub message: String,
}

/// Cuts a text into tokens. A byte order mark and carriage returns are skipped.
pub struct Lexer<'a> {
    rest: std::str::Chars<'a>,
    line: u32,
}

impl<'a> Lexer<'a> {
    /// A lexer at the start of `text`.
    pub fn new(text: &'a str) -> Self {
        Self { rest: text.strip_prefix('\u{feff}').unwrap_or(text).chars(), line: 1 }
    }

    /// The line of the last token.
    pub fn line(&self) -> u32 {
        self.line
    }

    /// The next token and its line; `None` at the end.
    pub fn next(&mut self) -> Result<Option<(Token, u32)>, LexError> {
        self.skip_blanks();
        let line = self.line;
        let token = match self.peek() {
            None => return Ok(None),
            Some(';') => self.single(Token::Semicolon),
            Some('{') => self.single(Token::Open),
            Some('}') => self.single(Token::Close),
            Some(quote @ ('"' | '\'')) => self.quoted(quote)?,
            Some(_) => self.word()?,
        };
        Ok(Some((token, line)))
    }

    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    fn take(&mut self) -> Option<char> {
        let taken = self.rest.next();
        if taken == Some('\n') {
            self.line += 1;
        }
        taken
    }

    fn single(&mut self, token: Token) -> Token {
        self.take();
        token
    }

    fn skip_blanks(&mut self) {
        while let Some(next) = self.peek() {
            if next == '#' {
                while self.peek().is_some_and(|c| c != '\n') {
                    self.take();
                }
            } else if next.is_ascii_whitespace() {
                self.take();
            } else {
                return;
            }
        }
    }

    fn error<T>(line: u32, message: impl Into<String>) -> Result<T, LexError> {
        Err(LexError { line, message: message.into() })
    }

    fn push(&self, word: &mut String, c: char) -> Result<(), LexError> {
        if c == '\0' {
            return Self::error(self.line, "a NUL character");
        }
        if word.len() >= MAX_WORD {
            return Self::error(self.line, format!("a word longer than {MAX_WORD} bytes"));
        }
        word.push(c);
        Ok(())
    }

    /// Reads behind a backslash: a control character, a character with a meaning of its own, or, as in nginx, the
    /// backslash itself and the character.
    fn escape(&mut self, word: &mut String, backslash_stays: impl Fn(char) -> bool) -> Result<(), LexError> {
        let Some(next) = self.take() else { return self.push(word, '\\') };
        match next {
            't' => self.push(word, '\t'),
            'r' => self.push(word, '\r'),
            'n' => self.push(word, '\n'),
            other => {
                if backslash_stays(other) {
                    self.push(word, '\\')?;
                }
                self.push(word, other)
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Result<Token, LexError> {
        let opened = self.line;
        self.take();
        let mut word = String::new();
        loop {
            match self.take() {
                None => return Self::error(opened, format!("no closing {quote} for the one in this line")),
                Some('\\') => self.escape(&mut word, |c| !matches!(c, '"' | '\'' | '\\'))?,
                Some(c) if c == quote => break,
                Some(c) => self.push(&mut word, c)?,
            }
        }
        match self.peek() {
            None | Some(';' | '{' | '}' | ')') => Ok(Token::Word(word)),
            Some(c) if c.is_ascii_whitespace() => Ok(Token::Word(word)),
            Some(c) => {
                Self::error(self.line, format!("\"{}\" right after a closing {quote}", c.escape_debug()))
            }
        }
    }

    fn word(&mut self) -> Result<Token, LexError> {
        let mut word = String::new();
        while let Some(next) = self.peek() {
            match next {
                ';' | '{' => break,
                c if c.is_ascii_whitespace() => break,
                '\\' => {
                    self.take();
                    self.escape(&mut word, |c| {
                        !matches!(c, '"' | '\'' | '\\' | ' ' | ';' | '{' | '}' | '#')
                    })?;
                }
                '$' => {
                    self.take();
                    self.push(&mut word, '$')?;
                    if self.peek() == Some('{') {
                        self.take();
                        self.push(&mut word, '{')?;
                    }
                }
                c => {
                    self.take();
                    self.push(&mut word, c)?;
                }
            }
        }
        Ok(Token::Word(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lex(text: &str) -> Result<Vec<(Token, u32)>, LexError> {
        let mut lexer = Lexer::new(text);
        let mut tokens = Vec::new();
        while let Some(token) = lexer.next()? {
            tokens.push(token);
        }
        Ok(tokens)
    }

    fn words(text: &str) -> Vec<String> {
        let words = lex(text).unwrap().into_iter().filter_map(|(token, _)| match token {
            Token::Word(word) => Some(word),
            _ => None,
        });
        words.collect()
    }

    #[test]
    fn words_quotes_and_escapes_read_as_nginx_reads_them() {
        for (text, expected) in [
            ("a b;c{d}", &["a", "b", "c", "d}"][..]),
            (r#""a b" 'c;d{e}' "f\"g" 'h\'i'"#, &["a b", "c;d{e}", "f\"g", "h'i"]),
            (r"a\ b \; \t \d+ \\x", &["a b", ";", "\t", r"\d+", r"\x"]),
            ("${name}x $y #comment\nz#w", &["${name}x", "$y", "z#w"]),
            ("\u{feff}a\r\nb", &["a", "b"]),
            (r#""""#, &[""]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn tokens_know_their_lines() {
        let lines: Vec<_> = lex("a\n{ 'x\ny' ;\n}").unwrap().into_iter().map(|(_, line)| line).collect();
        assert_eq!(lines, [1, 2, 2, 3, 4]);
    }

    #[test]
    fn faults_name_the_line_where_they_began() {
        for (text, line, part) in [
            ("a;\n\"b\n\nc", 2, "no closing \""),
            ("a\n'b'c", 2, "right after"),
            ("a\0", 1, "NUL"),
            (&*"x".repeat(MAX_WORD + 1), 1, "longer"),
        ] {
            let error = lex(text).unwrap_err();
            assert!(error.line == line && error.message.contains(part), "{error:?}");
        }
        assert_eq!(words(&"x".repeat(MAX_WORD)).len(), 1);
    }
}
