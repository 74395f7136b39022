//! Compresses the files of the console, which the program has in it and sends so: a browser loads a third of the bytes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};

const WEB: &str = "src/modules/page/web";

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed={WEB}");
    let out = std::env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("OUT_DIR is set by cargo"))?;
    compress(Path::new(WEB), &PathBuf::from(out).join("web"))
}

/// Compresses each file of a folder, and those of the folders in it, into a file of the same name with ".gz".
fn compress(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let mut target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            compress(&entry.path(), &target)?;
            continue;
        }
        println!("cargo:rerun-if-changed={}", entry.path().display());
        target.as_mut_os_string().push(".gz");
        // Without a time the same source makes the same program.
        let mut gzip = GzBuilder::new().mtime(0).write(File::create(target)?, Compression::best());
        gzip.write_all(&fs::read(entry.path())?)?;
        gzip.finish()?;
    }
    Ok(())
}
