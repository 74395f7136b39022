//! What `-t` says about the files of a server of TLS.
