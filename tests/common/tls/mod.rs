//! What tests of TLS share, of the server's own and of that to backends.

pub mod both;
pub mod certificates;
pub mod openssl;
pub mod transport;
