//! Tables of user-facing texts: an example of every variant of an enum. A missing variant is a compile error.

use std::fmt::Display;

/// Creates examples of every variant of an enum. Each must match its pattern, and the patterns must be exhaustive.
#[macro_export]
macro_rules! every {
    ($type:ty { $($pattern:pat => [$($example:expr),+ $(,)?]),+ $(,)? }) => {{
        let _ = |one: &$type| match one { $($pattern => ()),+ };
        let mut all: Vec<$type> = Vec::new();
        $($(
            let example: $type = $example;
            assert!(matches!(&example, $pattern), "{} is another variant", stringify!($example));
            all.push(example);
        )+)+
        all
    }};
}

/// Formats texts as lines, for a snapshot.
pub fn lines(texts: impl IntoIterator<Item: Display>) -> String {
    let texts: Vec<String> = texts.into_iter().map(|text| text.to_string()).collect();
    texts.join("\n")
}
