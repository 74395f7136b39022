//! What comes of the credentials that a client shows, and the words in which it is told.

/// What comes of one kind of credential, or of all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It opens.
    Right {
        /// The stream that the key stands for.
        name: Option<String>,
    },
    /// None has been shown.
    Missing,
    /// It was right until so many seconds ago.
    Expired(u64),
    /// The key is right, but for another stream.
    OtherStream,
    /// It is wrong, and may be a guess.
    Wrong(&'static str),
}

impl Outcome {
    /// The outcome of two: one that opens is enough; else the one that says most of what is wrong.
    pub fn or(self, other: Self) -> Self {
        if other.weight() > self.weight() { other } else { self }
    }

    fn weight(&self) -> u8 {
        match self {
            Self::Missing => 0,
            Self::OtherStream => 1,
            Self::Expired(_) => 2,
            Self::Wrong(_) => 3,
            Self::Right { .. } => 4,
        }
    }

    /// What the client is told. `missing` are the arguments that it could have shown behind a URL, with a verb for what
    /// it does there.
    pub fn text(&self, (verb, url): (&str, &str), missing: Expected) -> String {
        match self {
            Self::Right { .. } => String::new(),
            Self::Missing => {
                let Expected { what, arguments } = missing;
                format!("{what} missing: {verb} {url}?{arguments}")
            }
            Self::Expired(seconds) => format!("the link expired {seconds} s ago"),
            Self::OtherStream => "the key is for another stream".to_owned(),
            Self::Wrong(what) => (*what).to_owned(),
        }
    }
}

/// What a client is expected to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// With its verb: "a key is".
    pub what: &'static str,
    /// As the end of a URL.
    pub arguments: &'static str,
}
