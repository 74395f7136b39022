//! The programs that run a part of their arguments as code, and how they read their options.

use super::mark::Advice;

/// A program that runs a part of its arguments as code.
pub struct Interpreter {
    /// Its names, without version numbers.
    pub names: &'static [&'static str],
    pub style: Style,
    /// The letters of the options with code.
    pub code: &'static str,
    /// The letters of options with another value, in the same word or the next one.
    pub takes: &'static str,
    /// The same, where the value is only data.
    pub data: &'static str,
    /// The same, where it is the file with the code.
    pub file: &'static str,
    /// The letters of options whose value is the rest of the word, if there is one.
    pub inline: &'static str,
    /// The letters of options behind which a number may stand, and other letters.
    pub digits: &'static str,
    /// The letters of the other options.
    pub flags: &'static str,
    /// The long options that are understood.
    pub long: &'static [(&'static str, Long)],
    /// The characters of values that mean nothing to it, besides letters and digits.
    pub harmless: &'static str,
    pub advice: Advice,
}

/// Where an interpreter finds its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// In the first word that is no option, if there is the option.
    Shell,
    /// In the value of the option.
    Option,
    /// The same, or else in the first word that is no option.
    First,
    /// The same, and options may stand behind that word.
    FirstAmongOptions,
    /// In the value of the option, wherever that stands.
    Anywhere,
    /// In all words.
    All,
}

/// What a long option says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Long {
    Code,
    Takes,
    Data,
    TwoData,
    File,
    Flag,
}

/// What means nothing to any shell.
const OF_SHELLS: &str = "-_.~+=@,/:";
/// What means nothing to other languages, at least in quotes. A slash ends a part of sed's `s/x/$name/`.
const OF_OTHERS: &str = "-_.";
/// Behind `qx` each sign is a quote to Perl.
const OF_PERL: &str = "_";

const PLAIN: Interpreter = Interpreter {
    names: &[],
    style: Style::Option,
    code: "",
    takes: "",
    data: "",
    file: "",
    inline: "",
    digits: "",
    flags: "",
    long: &[],
    harmless: OF_OTHERS,
    advice: Advice::Environment,
};
const SHELL: Interpreter = Interpreter { harmless: OF_SHELLS, advice: Advice::Quote, ..PLAIN };
const ELSEWHERE: Interpreter = Interpreter { style: Style::All, advice: Advice::Script, ..SHELL };

/// The table of them.
pub const INTERPRETERS: &[Interpreter] = &[
    Interpreter {
        names: &[
            "sh", "bash", "rbash", "dash", "ash", "hush", "ksh", "rksh", "mksh", "lksh", "pdksh", "oksh",
            "loksh", "zsh", "rzsh", "yash", "csh", "tcsh", "posh", "osh",
        ],
        style: Style::Shell,
        code: "c",
        takes: "oO",
        long: &[
            ("--rcfile", Long::Takes),
            ("--init-file", Long::Takes),
            ("--norc", Long::Flag),
            ("--noprofile", Long::Flag),
            ("--login", Long::Flag),
            ("--posix", Long::Flag),
            ("--restricted", Long::Flag),
            ("--verbose", Long::Flag),
        ],
        ..SHELL
    },
    Interpreter {
        names: &["fish"],
        code: "cC",
        takes: "dfDo",
        flags: "hilnNPpv",
        long: &[
            ("--command", Long::Code),
            ("--init-command", Long::Code),
            ("--no-config", Long::Flag),
            ("--login", Long::Flag),
        ],
        ..SHELL
    },
    Interpreter {
        names: &["su", "runuser"],
        style: Style::Anywhere,
        code: "c",
        takes: "gGsTwu",
        flags: "flmpP",
        long: &[
            ("--command", Long::Code),
            ("--session-command", Long::Code),
            ("--shell", Long::Takes),
            ("--group", Long::Takes),
            ("--user", Long::Takes),
            ("--login", Long::Flag),
            ("--preserve-environment", Long::Flag),
        ],
        ..SHELL
    },
    Interpreter {
        names: &["script", "flock", "capsh"],
        style: Style::Anywhere,
        code: "c",
        takes: "wEBIOTto",
        flags: "sxuneFqaf",
        long: &[
            ("--command", Long::Code),
            ("--nonblock", Long::Flag),
            ("--nb", Long::Flag),
            ("--timeout", Long::Takes),
            ("--wait", Long::Takes),
            ("--close", Long::Flag),
            ("--quiet", Long::Flag),
        ],
        ..SHELL
    },
    Interpreter {
        names: &["env"],
        code: "S",
        takes: "uCa",
        flags: "i0v",
        long: &[
            ("--split-string", Long::Code),
            ("--unset", Long::Takes),
            ("--chdir", Long::Takes),
            ("--ignore-environment", Long::Flag),
        ],
        ..SHELL
    },
    // What they start runs at another machine, or in an environment that is another one's.
    Interpreter {
        names: &[
            "ssh",
            "rsh",
            "autossh",
            "pdsh",
            "mosh",
            "plink",
            "dbclient",
            "watch",
            "parallel",
            "tmux",
            "byobu",
            "screen",
            "sg",
            "at",
            "make",
            "gmake",
            "hyperfine",
        ],
        ..ELSEWHERE
    },
    Interpreter {
        names: &[
            "eval",
            "pwsh",
            "powershell",
            "sqlite",
            "mysql",
            "mariadb",
            "psql",
            "mongo",
            "mongosh",
            "dc",
            "clickhouse-client",
            "duckdb",
        ],
        style: Style::All,
        ..PLAIN
    },
    Interpreter {
        names: &["python", "pypy", "ipython"],
        code: "c",
        takes: "WXQm",
        flags: "bBdEhiIOPqsSuvVx",
        long: &[("--check-hash-based-pycs", Long::Takes), ("--version", Long::Flag), ("--help", Long::Flag)],
        ..PLAIN
    },
    Interpreter {
        names: &["perl"],
        code: "eE",
        takes: "I",
        inline: "mMCDdFixV",
        digits: "0l",
        flags: "acfghnpsStTuUvwWX",
        harmless: OF_PERL,
        ..PLAIN
    },
    Interpreter {
        names: &["ruby", "jruby", "truffleruby"],
        code: "e",
        takes: "ICEr",
        inline: "FTKWxi",
        digits: "0",
        flags: "acdhlnpsSUvwy",
        ..PLAIN
    },
    Interpreter {
        names: &["node", "nodejs", "bun"],
        code: "ep",
        takes: "rC",
        flags: "cihv",
        long: &[
            ("--eval", Long::Code),
            ("--print", Long::Code),
            ("--require", Long::Takes),
            ("--import", Long::Takes),
            ("--loader", Long::Takes),
            ("--no-warnings", Long::Flag),
            ("--version", Long::Flag),
            ("--help", Long::Flag),
        ],
        ..PLAIN
    },
    Interpreter {
        names: &["php"],
        code: "rBRE",
        takes: "cdfFtSz",
        flags: "aeihlmnqsvwCH",
        long: &[("--run", Long::Code), ("--process-code", Long::Code), ("--file", Long::Takes)],
        ..PLAIN
    },
    Interpreter { names: &["raku", "rakudo"], code: "e", takes: "IM", flags: "npcv", ..PLAIN },
    Interpreter { names: &["lua", "luajit"], code: "e", takes: "l", flags: "iEvW", ..PLAIN },
    Interpreter {
        names: &["Rscript", "R"],
        code: "e",
        long: &[("--vanilla", Long::Flag), ("--slave", Long::Flag), ("--no-save", Long::Flag)],
        ..PLAIN
    },
    Interpreter { names: &["expect"], code: "c", takes: "f", flags: "binvN", ..PLAIN },
    Interpreter { names: &["guile"], code: "c", takes: "Llsxe", flags: "qhv", ..PLAIN },
    Interpreter {
        names: &["julia"],
        code: "eE",
        takes: "LpHJCtO",
        flags: "iqhv",
        long: &[("--eval", Long::Code), ("--print", Long::Code), ("--load", Long::Takes)],
        ..PLAIN
    },
    Interpreter { names: &["gnuplot"], style: Style::Anywhere, code: "e", flags: "dpcsVh", ..PLAIN },
    Interpreter {
        names: &["nu", "elvish", "xonsh"],
        code: "c",
        long: &[("--commands", Long::Code)],
        ..PLAIN
    },
    Interpreter {
        names: &["awk", "gawk", "mawk", "nawk", "original-awk"],
        style: Style::First,
        code: "e",
        takes: "ilW",
        data: "vF",
        file: "fE",
        flags: "bcCgnNOPrsS",
        long: &[
            ("--source", Long::Code),
            ("--file", Long::File),
            ("--assign", Long::Data),
            ("--field-separator", Long::Data),
            ("--include", Long::Takes),
        ],
        ..PLAIN
    },
    Interpreter {
        names: &["sed", "gsed", "ssed"],
        style: Style::FirstAmongOptions,
        code: "e",
        takes: "l",
        file: "f",
        inline: "i",
        flags: "nErszu",
        long: &[
            ("--expression", Long::Code),
            ("--file", Long::File),
            ("--in-place", Long::Flag),
            ("--quiet", Long::Flag),
            ("--silent", Long::Flag),
            ("--regexp-extended", Long::Flag),
        ],
        ..PLAIN
    },
    Interpreter {
        names: &["jq", "gojq", "jaq"],
        style: Style::FirstAmongOptions,
        takes: "L",
        flags: "nrjascCMSeRhVf",
        long: &[
            ("--arg", Long::TwoData),
            ("--argjson", Long::TwoData),
            ("--slurpfile", Long::TwoData),
            ("--rawfile", Long::TwoData),
            ("--indent", Long::Data),
            ("--null-input", Long::Flag),
            ("--raw-output", Long::Flag),
            ("--compact-output", Long::Flag),
            ("--args", Long::Flag),
        ],
        ..PLAIN
    },
];
