//! The look of the small pages that the server makes itself: errors, and lists of folders. They are of one file each, so
//! their stylesheet stands in them, and their policy names it by its digest.

/// The stylesheet, in the colours of the console.
pub const STYLE: &str = ":root{color-scheme:light dark;--back:#f2f4f5;--card:#fff;--line:#dce1e4;--text:#152025;\
--soft:#56636c;--accent:#0b7a6f}\
@media(prefers-color-scheme:dark){:root{--back:#0d1214;--card:#151c1f;--line:#283237;--text:#e6ecee;--soft:#97a5ac;\
--accent:#3ecdbb}}\
body{margin:0;background:var(--back);color:var(--text);\
font:15px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",sans-serif}\
main{box-sizing:border-box;max-width:900px;margin:0 auto;padding:24px 16px}\
.short{max-width:480px;padding-top:16vh}\
svg{display:block;width:36px;fill:none;stroke:var(--accent);stroke-width:3.2;stroke-linecap:round}\
h1{margin:14px 0 8px;font-size:22px;font-weight:650;line-height:1.3;overflow-wrap:anywhere}\
p{margin:0;color:var(--soft)}\
pre{margin:16px 0 0;padding:12px 16px;overflow-x:auto;background:var(--card);border:1px solid var(--line);\
border-radius:10px;color:var(--soft);font:13px/1.7 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}\
a{color:var(--accent)}\
:focus-visible{outline:3px solid var(--accent)}";

/// What a policy (Content-Security-Policy) has for the stylesheet: its digest.
pub const STYLE_SOURCE: &str = "'sha256-DGmdINNx/2Kj0pC71EyauhhAmk0izFTYUeUPXzRNB3U='";

/// The beginning of a page up to its heading; `title` is escaped already.
pub fn begin(title: &str, class: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style></head>\n\
         <body><main{class}><svg viewBox=\"0 0 32 32\" aria-hidden=\"true\"><path d=\"M3 9{WAVE}M3 17{WAVE}M3 25{WAVE}\"/>\
         </svg>\n<h1>{title}</h1>\n"
    )
}

/// The end of a page.
pub const END: &str = "</main></body></html>\n";

/// A line of the sign of the server.
const WAVE: &str = "c4.3-4 8.7-4 13 0s8.7 4 13 0";

#[cfg(test)]
mod tests {
    use base64ct::{Base64, Encoding};
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_policy_has_the_digest_of_the_stylesheet() {
        let digest = Base64::encode_string(&Sha256::digest(STYLE));
        assert_eq!(STYLE_SOURCE, format!("'sha256-{digest}'"));
    }
}
