//! Python literals in text: codecs write the fields of structured dtypes as literals.

use clew_core::limits::LITERAL_DEPTH;

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A text.
    Text(String),
    /// An int.
    Number(i64),
    /// `True`, `False` or `None`.
    Word(String),
    /// A tuple or list.
    Items(Vec<Literal>),
}

/// Parses a whole text as one literal; `None` if it is not one.
pub fn parse(text: &str) -> Option<Literal> {
    let mut parser = Parser { rest: text };
    let literal = parser.literal(0)?;
    parser.skip();
    parser.rest.is_empty().then_some(literal)
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, letter: char) -> bool {
        self.skip();
        let found = self.rest.strip_prefix(letter);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    fn literal(&mut self, depth: usize) -> Option<Literal> {
        if depth > LITERAL_DEPTH {
            return None;
        }
        self.skip();
        match self.rest.chars().next()? {
            '(' => self.items(')', depth),
            '[' => self.items(']', depth),
            quote @ ('\'' | '"') => self.text(quote),
            _ => self.word(),
        }
    }

    fn items(&mut self, end: char, depth: usize) -> Option<Literal> {
        self.rest = self.rest.get(1..)?;
        let mut items = Vec::new();
        while !self.eat(end) {
            items.push(self.literal(depth + 1)?);
            if !self.eat(',') {
                return self.eat(end).then_some(Literal::Items(items));
            }
        }
        Some(Literal::Items(items))
    }

    fn text(&mut self, quote: char) -> Option<Literal> {
        let mut letters = self.rest.get(1..)?.char_indices();
        let mut text = String::new();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => text.push(escape(&mut letters)?),
                _ if letter == quote => {
                    self.rest = self.rest.get(1 + at + 1..)?;
                    return Some(Literal::Text(text));
                }
                _ => text.push(letter),
            }
        }
        None
    }

    fn word(&mut self) -> Option<Literal> {
        let end = self
            .rest
            .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        match word.parse() {
            Ok(number) => Some(Literal::Number(number)),
            Err(_) if matches!(word, "True" | "False" | "None") => Some(Literal::Word(word.to_owned())),
            Err(_) => None,
        }
    }
}

fn escape(letters: &mut std::str::CharIndices<'_>) -> Option<char> {
    let kind = letters.next()?.1;
    let mut code = |digits: usize| {
        let text: String = letters.by_ref().take(digits).map(|(_, digit)| digit).collect();
        u32::from_str_radix(&text, 16).ok().and_then(char::from_u32)
    };
    match kind {
        'n' => Some('\n'),
        't' => Some('\t'),
        'r' => Some('\r'),
        'x' => code(2),
        'u' => code(4),
        'U' => code(8),
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_structured_dtype_is_read() {
        let text = r#"('fields', False, True, 16, [('a', '<i4', 0), ("it's", ('array', '<f8', (3,)), 8, None)])"#;
        let Some(Literal::Items(items)) = parse(text) else {
            panic!()
        };
        assert_eq!(items[0], Literal::Text("fields".to_owned()));
        assert_eq!(items[3], Literal::Number(16));
        let Literal::Items(fields) = &items[4] else { panic!() };
        assert_eq!(fields.len(), 2);
    }

    #[test]
    fn p14_what_is_no_literal_is_refused() {
        for text in ["", "(", "('a", "f(1)", "1 2", "('a' 'b')", "'\\", &"(".repeat(5000)] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn p14_brackets_in_each_other_are_bounded() {
        let nested = |depth: usize| parse(&format!("{}1{}", "[".repeat(depth), "]".repeat(depth)));
        assert!(nested(LITERAL_DEPTH).is_some() && nested(LITERAL_DEPTH + 1).is_none());
    }
}
