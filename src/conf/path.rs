//! Limits of the names and paths that a configuration gives to files.

/// Bytes of a file's name, as every file system of Linux has them.
pub const NAME_MAX: usize = 255;
/// Bytes of a configured path. The system takes 4095 for a whole path; the rest is for the working directory and for
/// files below the path.
const PATH_MAX: usize = 3072;

/// Judges a path by its length and by those of the names in it.
pub fn check(path: &str) -> Result<(), String> {
    if path.len() > PATH_MAX {
        return Err(format!("it has {} bytes, and at most {PATH_MAX} are taken", path.len()));
    }
    match path.split('/').find(|name| name.len() > NAME_MAX) {
        Some(name) => {
            Err(format!("a name in it has {} bytes, and a file's name has at most {NAME_MAX}", name.len()))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths_that_no_file_can_have_are_refused() {
        let longest = format!("/{}", "n".repeat(NAME_MAX));
        for path in ["", "/", "a//b/", &longest, &longest.repeat(12)] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
        let name = check(&format!("/var/{}/x", "n".repeat(NAME_MAX + 1))).unwrap_err();
        assert!(name.starts_with("a name in it has 256 bytes"), "{name}");
        let path = check(&"/x".repeat(PATH_MAX / 2 + 1)).unwrap_err();
        assert!(path.starts_with("it has 3074 bytes"), "{path}");
    }
}
