//! Renders pictures from a store without executing them.

use maud::{Markup, html};

use super::CleanText;
use crate::outputs::Picture;

/// Renders a picture from a cell's output. SVG may contain scripts: within an `img` element none is executed and nothing is fetched.
pub fn picture(picture: &Picture, alt: &str) -> Markup {
    let address = format!("data:{};base64,{}", picture.mime, picture.base64);
    html! { img src=(address) width=[picture.width] height=[picture.height] alt=(CleanText(alt)) loading="lazy"; }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_is_only_ever_the_content_of_an_image() {
        let drawing = Picture {
            mime: "image/svg+xml",
            width: None,
            height: None,
            bytes: 21,
            base64: "PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+".to_owned(),
        };
        let shown = picture(&drawing, "a \"plot\"").0;
        assert_eq!(
            shown,
            r#"<img src="data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+" alt="a &quot;plot&quot;" loading="lazy">"#
        );
    }
}
