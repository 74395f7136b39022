//! The secret under which the tokens of fragments are made, where no directive gives one: random, and kept in a hidden
//! file of `hls_path`, so that no URI changes when the server is started again.
//!
//! The file has 64 hexadecimal digits and a line feed. The digits as they are written are the secret: in
//! `hls_token_secret` of another server they make the same tokens.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::geteuid;

use crate::auth::segment_token::SegmentSigner;
use crate::engine::files::{self, with_path};
use crate::modules::hls::files::keys;

pub const NAME: &str = ".millstream-tokens";

/// Hexadecimal digits of a secret.
const DIGITS: usize = 64;

#[derive(Clone, PartialEq, Eq)]
pub struct TokenSecret(String);

/// What a folder has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// No secret yet.
    Nothing,
    Secret(TokenSecret),
    /// A secret that other users of the machine may read.
    Exposed(TokenSecret),
    /// A file of the server's own without a secret, as a power cut leaves it. It is replaced.
    Broken,
}

impl TokenSecret {
    pub fn random() -> io::Result<Self> {
        let bytes = [keys::random()?, keys::random()?];
        Ok(Self(bytes.as_flattened().iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    pub fn signer(&self) -> SegmentSigner {
        SegmentSigner::new(self.0.as_bytes())
    }

    /// Reads the secret of a folder. It is an error if others have made the file, who would know the secret.
    pub fn read(folder: &Path) -> io::Result<Kept> {
        let path = folder.join(NAME);
        let (file, facts) = match files::open(File::options().read(true), &path) {
            Ok(opened) => opened,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Kept::Nothing),
            Err(error) => return Err(with_path(&path, &error)),
        };
        let folder_owner = fs::metadata(folder).map_or(0, |facts| facts.uid());
        if !is_trusted(facts.uid(), folder_owner) {
            return Err(with_path(&path, &io::Error::other("it belongs to another user")));
        }
        match parse(file) {
            Ok(secret) if others_may_read(&facts) => Ok(Kept::Exposed(secret)),
            Ok(secret) => Ok(Kept::Secret(secret)),
            Err(error) if error.kind() == ErrorKind::InvalidData && facts.uid() == geteuid().as_raw() => {
                Ok(Kept::Broken)
            }
            Err(error) => Err(with_path(&path, &error)),
        }
    }

    /// Writes the secret into a folder, unless that has one.
    pub fn keep(&self, folder: &Path) -> io::Result<()> {
        let path = folder.join(NAME);
        let created = files::create_new(&path, 0o600).or_else(|error| {
            if error.kind() == ErrorKind::AlreadyExists && matches!(Self::read(folder), Ok(Kept::Broken)) {
                fs::remove_file(&path)?;
                files::create_new(&path, 0o600)
            } else {
                Err(error)
            }
        });
        let mut file = match created {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
            Err(error) => return Err(with_path(&path, &error)),
        };
        // After a power cut, half a secret would be worse than none.
        let written = writeln!(file, "{}", self.0).and_then(|()| file.sync_all());
        written.map_err(|error| {
            let _ = fs::remove_file(&path);
            with_path(&path, &error)
        })
    }
}

impl TokenSecret {
    /// The same; a failure is only logged.
    pub fn keep_or_warn(&self, folder: &Path) {
        if let Err(error) = self.keep(folder) {
            log::warn!("hls: the secret of tokens is not kept for the next start: {error}");
        }
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret")
    }
}

/// Whether a user may have made the file: the server's, root, or the owner of the folder, who can replace all in it.
fn is_trusted(owner: u32, folder_owner: u32) -> bool {
    owner == 0 || owner == folder_owner || owner == geteuid().as_raw()
}

fn others_may_read(facts: &Metadata) -> bool {
    facts.mode() & 0o077 != 0
}

fn parse(file: File) -> io::Result<TokenSecret> {
    let mut text = String::new();
    file.take(DIGITS as u64 + 2).read_to_string(&mut text)?;
    let digits = text.strip_suffix('\n').unwrap_or(&text);
    if digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(TokenSecret(digits.to_owned()))
    } else {
        Err(io::Error::new(ErrorKind::InvalidData, format!("it does not have {DIGITS} hexadecimal digits")))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::test_folder::Folder;

    #[test]
    fn a_secret_is_kept_and_read_back_and_only_its_owner_may_read_it() {
        let folder = Folder::new();
        assert_eq!(TokenSecret::read(&folder).unwrap(), Kept::Nothing);
        let secret = TokenSecret::random().unwrap();
        secret.keep(&folder).unwrap();
        assert_eq!(TokenSecret::read(&folder).unwrap(), Kept::Secret(secret.clone()));
        let path = folder.join(NAME);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(path).unwrap();
        assert_eq!((text.len(), text.as_str()), (65, format!("{}\n", secret.0).as_str()));
        let signer = SegmentSigner::new(text.trim().as_bytes());
        assert_eq!(secret.signer().token("live/cam", "1.ts"), signer.token("live/cam", "1.ts"));
    }

    #[test]
    fn a_secret_that_is_there_stays() {
        let folder = Folder::new();
        let (first, second) = (TokenSecret::random().unwrap(), TokenSecret::random().unwrap());
        first.keep(&folder).unwrap();
        second.keep(&folder).unwrap();
        assert!(first != second);
        assert_eq!(TokenSecret::read(&folder).unwrap(), Kept::Secret(first));
        assert!(second.keep(&folder.join("none")).is_err());
    }

    #[test]
    fn what_is_no_secret_is_replaced() {
        let digits = "0123456789abcdef".repeat(4);
        let secret = TokenSecret::random().unwrap();
        for text in
            [String::new(), digits[1..].to_owned(), format!("{digits}0"), format!("x{}", &digits[1..])]
        {
            let folder = Folder::new();
            fs::write(folder.join(NAME), &text).unwrap();
            assert_eq!(TokenSecret::read(&folder).unwrap(), Kept::Broken);
            secret.keep(&folder).unwrap();
            assert_eq!(TokenSecret::read(&folder).unwrap(), Kept::Secret(secret.clone()), "{text}");
        }
        let folder = Folder::new();
        fs::write(folder.join(NAME), [0xff; 64]).unwrap();
        assert_eq!(TokenSecret::read(&folder).unwrap(), Kept::Broken);
    }

    #[test]
    fn what_is_no_file_is_an_error_that_names_it_and_is_left() {
        let (folder, secret) = (Folder::new(), TokenSecret::random().unwrap());
        fs::write(folder.join("other"), "").unwrap();
        symlink("other", folder.join(NAME)).unwrap();
        let error = TokenSecret::read(&folder).unwrap_err().to_string();
        assert!(error.ends_with("/.millstream-tokens: a link, which is not followed"), "{error}");
        secret.keep(&folder).unwrap();
        assert!(fs::symlink_metadata(folder.join(NAME)).unwrap().is_symlink());
        let folder = Folder::new();
        fs::create_dir(folder.join(NAME)).unwrap();
        assert!(TokenSecret::read(&folder).is_err());
        secret.keep(&folder).unwrap();
        assert!(folder.join(NAME).is_dir());
    }

    #[test]
    fn a_secret_that_others_may_read_is_used_and_known_as_such() {
        let folder = Folder::new();
        let secret = TokenSecret::random().unwrap();
        secret.keep(&folder).unwrap();
        for mode in [0o640, 0o604, 0o622] {
            fs::set_permissions(folder.join(NAME), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(TokenSecret::read(&folder).unwrap(), Kept::Exposed(secret.clone()));
        }
    }

    #[test]
    fn a_secret_is_not_another_users() {
        let own = geteuid().as_raw();
        let other = own.wrapping_add(7);
        assert!(is_trusted(0, other) && is_trusted(own, other) && is_trusted(other, other));
        assert!(!is_trusted(other, own));
    }

    #[test]
    fn it_is_not_shown() {
        assert_eq!(format!("{:?}", TokenSecret::random().unwrap()), "TokenSecret");
    }
}
