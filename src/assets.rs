//! The web client, embedded in the program.

use std::borrow::Cow;

use hearken_signaling_server::{Asset, Assets};
use rust_embed::RustEmbed;

/// The files that `npm run build` made. A debug build reads them from disk at run time.
#[derive(RustEmbed)]
#[folder = "web-client/dist"]
struct Files;

/// Shown while there is no web client to show.
const NOT_BUILT: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Hearken</title>
<h1>Hearken runs, but without its web client</h1>
<p>This program was built before the web client was. <code>make run</code> builds both.</p>
</html>
";

/// The embedded web client.
pub struct WebClient;

impl Assets for WebClient {
    fn get(&self, path: &str) -> Option<Asset> {
        match Files::get(path) {
            Some(file) => Some(Asset {
                content_type: file.metadata.mimetype().to_owned(),
                bytes: file.data,
            }),
            None if path == "index.html" => Some(Asset {
                content_type: "text/html".to_owned(),
                bytes: Cow::Borrowed(NOT_BUILT.as_bytes()),
            }),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_a_page() {
        let page = WebClient.get("index.html").unwrap();
        assert_eq!(page.content_type, "text/html");
        assert!(String::from_utf8_lossy(&page.bytes).contains("Hearken"));
        assert!(WebClient.get("no-such-file.js").is_none());
        assert!(WebClient.get("../../Cargo.toml").is_none());
    }
}
