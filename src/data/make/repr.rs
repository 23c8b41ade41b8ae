//! Lists as Python writes them.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// Characters that Python escapes: those of the classes Other and Separator, the space aside.
static ESCAPED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[\p{C}\p{Z}--[ ]]$").ok());

/// `str(list)`; `None` when something in it is an object.
pub(super) fn list(items: &[Value]) -> Option<String> {
    let items: Vec<String> = items.iter().map(item).collect::<Option<_>>()?;
    Some(format!("[{}]", items.join(", ")))
}

fn item(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(quoted(text)),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(if *yes { "True" } else { "False" }.to_owned()),
        Value::Null => Some("None".to_owned()),
        Value::Array(items) => list(items),
        Value::Object(_) => None,
    }
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
            c if is_escaped(c) => out.push_str(&escape(c)),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

fn escape(c: char) -> String {
    match c as u32 {
        code @ 0..=0xff => format!("\\x{code:02x}"),
        code @ 0x100..=0xffff => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}

fn is_escaped(c: char) -> bool {
    c != ' '
        && !c.is_ascii_graphic()
        && ESCAPED.as_ref().is_some_and(|class| class.is_match(c.encode_utf8(&mut [0; 4])))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(items: &Value) -> Option<String> {
        list(items.as_array().unwrap())
    }

    /// Python: `print(str(["a", "it's", 'say "no"', "it's \"x\"", "a\n\\b\x01"]))`.
    #[test]
    fn quotes_are_those_of_python() {
        let items = json!(["a", "it's", "say \"no\"", "it's \"x\"", "a\n\\b\u{1}"]);
        assert_eq!(written(&items).unwrap(), r#"['a', "it's", 'say "no"', 'it\'s "x"', 'a\n\\b\x01']"#);
        assert_eq!(written(&json!([])).unwrap(), "[]");
    }

    /// Python 3.11: `str(["a\u00a0b", "\u00ad\u2028\u200b\u3000", "\ue000", "\U000e0001", "\x7f\x85", "é기🙂"])`.
    #[test]
    fn what_cannot_be_printed_is_escaped() {
        let items =
            json!(["a\u{a0}b", "\u{ad}\u{2028}\u{200b}\u{3000}", "\u{e000}", "\u{e0001}", "\u{7f}\u{85}", "é기🙂"]);
        let wanted = r"['a\xa0b', '\xad\u2028\u200b\u3000', '\ue000', '\U000e0001', '\x7f\x85', 'é기🙂']";
        assert_eq!(written(&items).unwrap(), wanted);
    }

    /// Python: `str([1, -2.5, True, None, ["x"]])`.
    #[test]
    fn numbers_stay_numbers_and_objects_are_no_list() {
        assert_eq!(written(&json!([1, -2.5, true, null, ["x"]])).unwrap(), "[1, -2.5, True, None, ['x']]");
        assert_eq!(written(&json!(["a", {"b": 1}])), None);
    }
}
