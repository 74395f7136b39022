//! The module's directives. An argument may be a secret: no message quotes one.

use crate::conf::value::Custom;
use crate::conf::{Acts, Context, Directive, Repeat, Takes};

use super::action::Action;
use super::keys::KeyLine;
use super::rules::Rule;
use super::signatures::SecretLine;
use super::users::UserLine;

const KEY: Takes =
    Takes::Custom { syntax: "SECRET [NAME]|off", parse: |args| Custom::of(KeyLine::parse(args)) };

const SECRET: Takes =
    Takes::Custom { syntax: "SECRET [address]|off", parse: |args| Custom::of(SecretLine::parse(args)) };

const fn rule(name: &'static str, doc: &'static str) -> Directive {
    let parse = |args: &[String]| Custom::of(Rule::parse(args));
    list(name, Takes::Custom { syntax: "[publish|play] address|network|all|unix:", parse }, doc)
}

const fn list(name: &'static str, takes: Takes, doc: &'static str) -> Directive {
    let (repeat, acts) = (Repeat::Many, Acts::AtOnce);
    Directive { name, contexts: Context::APPLICATIONS, takes, default: "", repeat, acts, doc }
}

const fn user_file(name: &'static str, takes: Takes, doc: &'static str) -> Directive {
    let (repeat, acts) = (Repeat::Once, Acts::AtOnce);
    Directive { name, contexts: Context::APPLICATIONS, takes, default: "off", repeat, acts, doc }
}

/// The rows of the table.
pub const DIRECTIVES: &[Directive] = &[
    rule(
        "allow",
        "Allows clients at an address or in a network, such as `192.168.0.0/16` or `2001:db8::/32`, to publish, to \
         play, or both. The first allow or deny that matches decides: those of the block come first, then those of \
         the blocks around it, as in nginx-rtmp. If none matches, it is allowed.",
    ),
    rule("deny", "Denies what allow allows."),
    list(
        "publish_key",
        KEY,
        "Who publishes must show this key: any stream as `NAME?key=SECRET`. With a name, the key is for that stream \
         alone: to publish the stream SECRET, or `NAME?key=SECRET`, is to publish NAME. There may be many. Those of a \
         block replace those of the blocks around it; off removes them.",
    ),
    list("play_key", KEY, "The same for who plays."),
    list(
        "publish_secret",
        SECRET,
        "Who publishes must show a signature: `NAME?expires=TIME&sig=SIGNATURE`. TIME is the end of the link's validity, \
         in seconds since 1970; SIGNATURE is HMAC-SHA-256 in hexadecimal, under SECRET, of the lines `publish`, \
         `APPLICATION/NAME` and TIME, and with address of the client's address, too. The lines are joined by LF. There \
         may be two, while one is replaced by the other. Those of a block replace those of the blocks around it; off \
         removes them.",
    ),
    list("play_secret", SECRET, "The same for who plays; the first line is then `play`."),
    user_file(
        "publish_user_file",
        Takes::Custom {
            syntax: "file [adobe]|off",
            parse: |args| Custom::of(UserLine::parse(Action::Publish, args)),
        },
        "Who publishes must show a user and a password that are in this file: `NAME?user=USER&pass=PASSWORD`. The file has \
         lines of `USER:HASH`, as htpasswd makes them: bcrypt, `$apr1$`, `$5$`, `$6$`, `{SHA}`, `{SSHA}` or `{PLAIN}` \
         with the password itself. It is read for each password, so a changed one needs no reload. With adobe, \
         encoders that show nothing else are asked at their connect for user and password in the way of Adobe \
         (`authmod=adobe`); this works for `{PLAIN}` only.",
    ),
    user_file(
        "play_user_file",
        Takes::Custom { syntax: "file|off", parse: |args| Custom::of(UserLine::parse(Action::Play, args)) },
        "The same for who plays.",
    ),
];
