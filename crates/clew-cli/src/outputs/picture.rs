//! Pictures in the outputs of a cell.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

/// Kinds of pictures that pages may display. None executes scripts in an `img` element.
const KINDS: [&str; 5] = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"];
/// The most bytes that are read for the size of a picture: it is near the beginning, but may follow a long preview.
const HEAD: usize = 256 * 1024;

/// A picture that a cell showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Picture {
    /// The MIME type.
    pub mime: &'static str,
    /// The width in pixels; null if unknown.
    pub width: Option<u64>,
    /// The height in pixels; null if unknown.
    pub height: Option<u64>,
    /// The size in bytes.
    pub bytes: u64,
    /// Its bytes in base64. Only letters, digits, `+`, `/` and `=`, whatever the record contained. In JSON, `data` contains it.
    #[serde(skip)]
    pub base64: String,
}

impl Picture {
    /// Parses a picture of a MIME bundle; `None` if it is not a picture, or corrupted.
    pub(super) fn of(mime: &str, content: &str) -> Option<Self> {
        let mime = KINDS.into_iter().find(|kind| *kind == mime)?;
        if mime == "image/svg+xml" {
            return Some(Self {
                mime,
                width: None,
                height: None,
                bytes: content.len() as u64,
                base64: BASE64_STANDARD.encode(content),
            });
        }
        let mut base64 = content.to_owned();
        base64.retain(|letter| !letter.is_ascii_whitespace());
        let bytes = BASE64_STANDARD.decode(&base64).ok()?;
        let size = imagesize::blob_size(&bytes[..bytes.len().min(HEAD)]).ok();
        Some(Self {
            mime,
            width: size.map(|size| size.width as u64),
            height: size.map(|size| size.height as u64),
            bytes: bytes.len() as u64,
            base64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A PNG header of a picture with 640 × 480 pixels.
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x06\0\0\0";

    #[test]
    fn the_size_stands_in_the_header() {
        let mut base64 = BASE64_STANDARD.encode(PNG);
        base64.insert(8, '\n');
        let picture = Picture::of("image/png", &base64).unwrap();
        assert_eq!((picture.width, picture.height), (Some(640), Some(480)));
        assert_eq!(picture.bytes, PNG.len() as u64);
        assert_eq!(picture.base64, BASE64_STANDARD.encode(PNG));
    }

    #[test]
    fn a_drawing_is_encoded_so_that_a_page_can_show_it() {
        let picture = Picture::of("image/svg+xml", "<svg onload='x'/>").unwrap();
        assert_eq!(BASE64_STANDARD.decode(&picture.base64).unwrap(), b"<svg onload='x'/>");
    }

    #[test]
    fn what_is_no_picture_is_none() {
        assert_eq!(Picture::of("image/png", "\"><script>"), None);
        assert_eq!(Picture::of("image/tiff", "AAAA"), None);
        assert_eq!(Picture::of("text/html", "AAAA"), None);
        let cut = Picture::of("image/png", &BASE64_STANDARD.encode(&PNG[..12])).unwrap();
        assert_eq!(cut.width, None);
    }
}
