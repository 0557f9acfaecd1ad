//! Pictures from a store, shown without being run.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

use super::Clean;

/// Kinds of pictures that are shown. SVG may hold scripts: inside an image none of them runs and nothing is fetched.
const SHOWN: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/svg+xml"];

/// A picture, as it lies in an output: SVG as text, the others in base64. `None` if it is of another kind or no base64.
pub fn picture(kind: &str, data: &str, alt: &str) -> Option<Markup> {
    let kind = SHOWN.into_iter().find(|shown| *shown == kind)?;
    // Encoded anew, so that the address holds nothing but base64.
    let encoded = if kind == "image/svg+xml" {
        STANDARD.encode(data)
    } else {
        let packed: String = data.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
        STANDARD.encode(STANDARD.decode(packed).ok()?)
    };
    Some(html! { img src={ "data:" (kind) ";base64," (encoded) } alt=(Clean(alt)); })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pictures_in_base64_become_addresses() {
        assert!(picture("image/png", "iVBORw0K\nGgo=", "plot").is_some());
        for (kind, data) in [
            ("text/html", "PGI+"),
            ("image/png", "javascript:alert(1)"),
            ("image/png\" onerror=\"x()", "iVBORw0KGgo="),
            ("IMAGE/PNG", "\" onerror=\"x()"),
        ] {
            assert!(picture(kind, data, "plot").is_none(), "{kind} {data}");
        }
    }

    #[test]
    fn svg_is_only_ever_the_content_of_an_image() {
        let shown = picture("image/svg+xml", "<svg onload=alert(1)>", "a \"plot\"")
            .unwrap()
            .0;
        assert_eq!(
            shown,
            r#"<img src="data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+" alt="a &quot;plot&quot;">"#
        );
    }
}
