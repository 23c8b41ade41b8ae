//! Lists of texts as Python writes them.

use crate::data::source::hexadecimal;

/// `str(list)` of some texts.
pub(super) fn list(items: &[&str]) -> String {
    let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
    format!("[{}]", items.join(", "))
}

/// `repr(text)`: in single quotes, unless the text has some and no double ones.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => out.extend(['\\', c]),
            c if c.is_control() => out.extend(["\\x", &hexadecimal(&[c as u8])]),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Python: `print(str(["a", "it's", 'say "no"', "it's \"x\"", "a\n\\b\x01"]))`.
    #[test]
    fn quotes_are_those_of_python() {
        let items = ["a", "it's", "say \"no\"", "it's \"x\"", "a\n\\b\u{1}"];
        assert_eq!(list(&items), r#"['a', "it's", 'say "no"', 'it\'s "x"', 'a\n\\b\x01']"#);
        assert_eq!(list(&[]), "[]");
    }
}
