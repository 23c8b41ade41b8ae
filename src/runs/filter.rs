//! Finding runs: words, and comparisons joined by `and`, `or`, `not`, such as
//! `k < 64 and method in ["mia", "perplexity"] and not starred`.
//!
//! ```text
//! any   = all { "or" all }
//! all   = one { ["and"] one }
//! one   = "not" one | "(" any ")" | name op value | name ["not"] "in" "[" value { "," value } "]" | word
//! op    = "<" | "<=" | ">" | ">=" | "=" | "==" | "!=" | "~"
//! ```
//!
//! A word has to occur in some text of the run. `~` takes a regular expression, and so does a word between slashes.

use regex::{Regex, RegexBuilder};

/// What is known about one run.
pub trait Facts {
    /// All values that go by `name`; empty when there are none.
    fn values(&self, name: &str) -> Vec<String>;
    /// Whether some text of the run satisfies `test`.
    fn any_text(&self, test: &dyn Fn(&str) -> bool) -> bool;
}

/// A filter, ready to be asked.
#[derive(Clone, Debug)]
pub struct Filter {
    root: Expr,
    names: Vec<String>,
}

/// Why a filter cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Place in the text, characters from 0.
    pub at: usize,
    /// What is wrong and what would be right, a sentence without its dot.
    pub message: String,
}

#[derive(Clone, Debug)]
enum Expr {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Compare(String, Op, String),
    In(String, Vec<String>),
    Like(String, Regex),
    Word(String),
    Pattern(Regex),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    Like,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Slashed(String),
    Op(Op),
    Sign(char),
}

impl Filter {
    /// Reads a filter. An empty text finds everything.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let tokens = tokens(text)?;
        let mut parser = Parser { end: text.chars().count(), tokens, at: 0, names: Vec::new() };
        if parser.tokens.is_empty() {
            return Ok(Self { root: Expr::All(Vec::new()), names: Vec::new() });
        }
        let root = parser.any()?;
        match parser.peek() {
            None => Ok(Self { root, names: parser.names }),
            Some(_) => Err(parser.fault("this bracket closes nothing")),
        }
    }

    /// Whether a run is found.
    pub fn finds(&self, facts: &dyn Facts) -> bool {
        self.root.holds(facts)
    }

    /// The names that are compared, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

impl Expr {
    fn holds(&self, facts: &dyn Facts) -> bool {
        let some = |name: &str, test: &dyn Fn(&str) -> bool| facts.values(name).iter().any(|v| test(v));
        match self {
            Self::All(parts) => parts.iter().all(|p| p.holds(facts)),
            Self::Any(parts) => parts.iter().any(|p| p.holds(facts)),
            Self::Not(part) => !part.holds(facts),
            // Of several values, such as the methods of a run, none may be equal.
            Self::Compare(name, Op::NotEqual, wanted) => {
                let values = facts.values(name);
                !values.is_empty() && values.iter().all(|v| compare(v, Op::NotEqual, wanted))
            }
            Self::Compare(name, op, wanted) => some(name, &|v| compare(v, *op, wanted)),
            Self::In(name, wanted) => some(name, &|v| wanted.iter().any(|w| compare(v, Op::Equal, w))),
            Self::Like(name, pattern) => some(name, &|v| pattern.is_match(v)),
            Self::Word(word) => facts.any_text(&|text| has_word(text, word)),
            Self::Pattern(pattern) => facts.any_text(&|text| pattern.is_match(text)),
        }
    }
}

/// Whether `text` contains `word`, which is in lower case.
fn has_word(text: &str, word: &str) -> bool {
    if text.is_ascii() && word.is_ascii() {
        // Thousands of runs are asked at every key that is typed, and most texts are like this.
        let word = word.as_bytes();
        return word.is_empty() || text.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    }
    text.to_lowercase().contains(word)
}

/// Numbers by size, everything else by letters without regard to case.
fn compare(value: &str, op: Op, wanted: &str) -> bool {
    let order = match (value.parse::<f64>(), wanted.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.partial_cmp(&b),
        _ => Some(value.to_lowercase().cmp(&wanted.to_lowercase())),
    };
    let Some(order) = order else { return false };
    match op {
        Op::Less => order.is_lt(),
        Op::LessOrEqual => order.is_le(),
        Op::Greater => order.is_gt(),
        Op::GreaterOrEqual => order.is_ge(),
        Op::Equal | Op::Like => order.is_eq(),
        Op::NotEqual => order.is_ne(),
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    at: usize,
    end: usize,
    names: Vec<String>,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|t| &t.1)
    }

    fn fault(&self, message: &str) -> Fault {
        let at = self.tokens.get(self.at).map_or(self.end, |t| t.0);
        Fault { at, message: message.to_owned() }
    }

    /// Takes the word if it comes next.
    fn takes(&mut self, wanted: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Token::Word(w)) if w.eq_ignore_ascii_case(wanted));
        self.at += usize::from(is_it);
        is_it
    }

    fn takes_sign(&mut self, sign: char) -> bool {
        let is_it = self.peek() == Some(&Token::Sign(sign));
        self.at += usize::from(is_it);
        is_it
    }

    fn any(&mut self) -> Result<Expr, Fault> {
        let mut parts = vec![self.all()?];
        while self.takes("or") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::Any(parts) })
    }

    fn all(&mut self) -> Result<Expr, Fault> {
        let mut parts = vec![self.one()?];
        loop {
            let is_or = matches!(self.peek(), Some(Token::Word(w)) if w.eq_ignore_ascii_case("or"));
            if self.takes("and") {
                parts.push(self.one()?);
            } else if is_or || matches!(self.peek(), None | Some(Token::Sign(')'))) {
                break;
            } else {
                parts.push(self.one()?);
            }
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::All(parts) })
    }

    fn one(&mut self) -> Result<Expr, Fault> {
        if self.takes("not") {
            return Ok(Expr::Not(Box::new(self.one()?)));
        }
        if self.takes_sign('(') {
            let inside = self.any()?;
            return if self.takes_sign(')') { Ok(inside) } else { Err(self.fault("a bracket `)` is missing")) };
        }
        match self.peek().cloned() {
            Some(Token::Word(word)) if ["and", "or"].contains(&word.to_lowercase().as_str()) => {
                Err(self.fault(&format!("something is missing before `{word}`")))
            }
            Some(Token::Word(word)) => {
                self.at += 1;
                self.after_name(word)
            }
            Some(Token::Quoted(text)) => {
                self.at += 1;
                match self.peek() {
                    Some(Token::Op(_)) => self.after_name(text),
                    _ => Ok(Expr::Word(text.to_lowercase())),
                }
            }
            Some(Token::Slashed(text)) => {
                let pattern = self.pattern(&text)?;
                self.at += 1;
                Ok(Expr::Pattern(pattern))
            }
            Some(Token::Op(_)) => Err(self.fault("a name is missing before the comparison, as in `k < 64`")),
            Some(Token::Sign(_)) => Err(self.fault("a word or a comparison is expected here")),
            None => Err(self.fault("something is missing at the end")),
        }
    }

    fn after_name(&mut self, name: String) -> Result<Expr, Fault> {
        if let Some(Token::Op(op)) = self.peek().cloned() {
            self.at += 1;
            self.names.push(name.clone());
            if op == Op::Like {
                let text = match self.peek().cloned() {
                    Some(Token::Slashed(text)) => text,
                    _ => self.value_here()?,
                };
                let pattern = self.pattern(&text)?;
                self.at += 1;
                return Ok(Expr::Like(name, pattern));
            }
            let value = self.value_here()?;
            self.at += 1;
            return Ok(Expr::Compare(name, op, value));
        }
        let start = self.at;
        let is_negated = self.takes("not");
        if self.takes("in") {
            self.names.push(name.clone());
            let inside = Expr::In(name, self.list()?);
            return Ok(if is_negated { Expr::Not(Box::new(inside)) } else { inside });
        }
        self.at = start;
        Ok(Expr::Word(name.to_lowercase()))
    }

    fn list(&mut self) -> Result<Vec<String>, Fault> {
        if !self.takes_sign('[') {
            return Err(self.fault("a list is expected after `in`, as in `method in [\"mia\", \"perplexity\"]`"));
        }
        let mut values = Vec::new();
        while !self.takes_sign(']') {
            if !values.is_empty() && !self.takes_sign(',') {
                return Err(self.fault("`,` or `]` is missing in the list"));
            }
            values.push(self.value_here()?);
            self.at += 1;
        }
        Ok(values)
    }

    fn value_here(&self) -> Result<String, Fault> {
        match self.peek() {
            Some(Token::Word(text) | Token::Quoted(text)) => Ok(text.clone()),
            _ => Err(self.fault("a value is missing: a number, a word, or a text in quotes")),
        }
    }

    fn pattern(&self, text: &str) -> Result<Regex, Fault> {
        // A pattern that would need much memory is refused, not tried.
        let built = RegexBuilder::new(text).case_insensitive(true).size_limit(1 << 20).build();
        built.map_err(|error| {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
            self.fault(&format!("`{text}` is no regular expression: {reason}"))
        })
    }
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, Fault> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let start = at;
        let token = match c {
            c if c.is_whitespace() => {
                at += 1;
                continue;
            }
            '(' | ')' | '[' | ']' | ',' => Token::Sign(c),
            '"' | '\'' => Token::Quoted(until(&chars, &mut at, c)?),
            '/' => Token::Slashed(until(&chars, &mut at, c)?),
            '<' | '>' | '=' | '!' | '~' => Token::Op(operator(&chars, &mut at)?),
            _ => {
                while chars.get(at + 1).is_some_and(|c| !c.is_whitespace() && !"()[],<>=!~\"".contains(*c)) {
                    at += 1;
                }
                Token::Word(chars.get(start..=at).unwrap_or_default().iter().collect())
            }
        };
        at += 1;
        found.push((start, token));
    }
    Ok(found)
}

/// The text up to the closing sign; `at` is left on that sign.
fn until(chars: &[char], at: &mut usize, close: char) -> Result<String, Fault> {
    let start = *at;
    let rest = chars.get(start + 1..).unwrap_or_default();
    match rest.iter().position(|c| *c == close) {
        Some(n) => {
            *at = start + 1 + n;
            Ok(rest.iter().take(n).collect())
        }
        None => Err(Fault { at: start, message: format!("the closing `{close}` is missing") }),
    }
}

/// A comparison; `at` is left on its last sign.
fn operator(chars: &[char], at: &mut usize) -> Result<Op, Fault> {
    let start = *at;
    let with_equal = chars.get(start + 1) == Some(&'=');
    let (op, length) = match (chars.get(start), with_equal) {
        (Some('<'), true) => (Op::LessOrEqual, 2),
        (Some('>'), true) => (Op::GreaterOrEqual, 2),
        (Some('='), true) => (Op::Equal, 2),
        (Some('!'), true) => (Op::NotEqual, 2),
        (Some('<'), false) => (Op::Less, 1),
        (Some('>'), false) => (Op::Greater, 1),
        (Some('='), false) => (Op::Equal, 1),
        (Some('~'), _) => (Op::Like, 1),
        _ => {
            return Err(Fault { at: start, message: "`!` stands only in `!=`; write `not` before a condition".into() });
        }
    };
    *at = start + length - 1;
    if matches!(chars.get(start + length), Some('<' | '>' | '=' | '!' | '~')) {
        let message = "there is no such comparison; there are < <= > >= = != ~".to_owned();
        return Err(Fault { at: start, message });
    }
    Ok(op)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Run(&'static [(&'static str, &'static str)]);

    impl Facts for Run {
        fn values(&self, name: &str) -> Vec<String> {
            self.0.iter().filter(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()).collect()
        }
        fn any_text(&self, test: &dyn Fn(&str) -> bool) -> bool {
            self.0.iter().any(|(_, v)| test(v))
        }
    }

    const RUN: Run = Run(&[
        ("name", "First try"),
        ("method", "mia"),
        ("method", "perplexity"),
        ("k", "32"),
        ("lr", "1e-4"),
        ("auroc.min_k_0.2", "0.61"),
    ]);

    #[test]
    fn runs_are_found_by_words_and_comparisons() {
        for text in [
            "",
            "first",
            "FIRST try",
            "'first try'",
            "k < 64 and method in [\"mia\"]",
            "k<64 method in [x, 'perplexity']",
            "lr <= 0.0001",
            "auroc.min_k_0.2 > 0.6",
            "not (k > 32 or nothing = 1)",
            "k = 31 or k == 32",
            "k not in [1, 2]",
            "method != alignment",
            "name ~ ^first",
            "name ~ 'try$'",
            "/f.rst/",
            "k = 31 and k = 32 or first",
        ] {
            assert!(Filter::parse(text).unwrap().finds(&RUN), "{text}");
        }
        for text in [
            "second",
            "first second",
            "k > 32",
            "method != mia",
            "nothing = 1",
            "nothing != 1",
            "not first",
            "k in []",
            "name ~ ^try",
            "first and (k = 1 or k = 2)",
        ] {
            assert!(!Filter::parse(text).unwrap().finds(&RUN), "{text}");
        }
    }

    #[test]
    fn faults_say_where_and_what() {
        for (text, at, words) in [
            ("k <", 3, "a value is missing"),
            ("k < and", 7, ""),
            ("(k < 3", 6, "`)` is missing"),
            ("k < 3)", 5, "closes nothing"),
            ("name = 'x", 7, "closing `'`"),
            ("k <> 3", 2, "no such comparison"),
            ("k ! 3", 2, "only in `!=`"),
            ("method in mia", 10, "a list is expected"),
            ("method in [mia perplexity]", 15, "`,` or `]`"),
            ("method in [mia", 14, "`,` or `]`"),
            ("< 3", 0, "a name is missing"),
            ("k < 3 and", 9, "at the end"),
            ("or k", 0, "before `or`"),
            ("name ~ '['", 7, "no regular expression"),
        ] {
            match Filter::parse(text) {
                Err(fault) => {
                    assert!(fault.message.contains(words), "{text}: {fault:?}");
                    assert_eq!(fault.at, at, "{text}: {fault:?}");
                }
                Ok(filter) => assert!(words.is_empty(), "{text}: {filter:?}"),
            }
        }
    }

    #[test]
    fn no_text_makes_it_fail_without_a_fault() {
        let pieces = ["k", "<", "in", "[", "]", "(", ")", "not", "and", "or", "'", "/", "~", "!", ",", "é"];
        for a in pieces {
            for b in pieces {
                for c in pieces {
                    let text = format!("{a} {b}{c}");
                    if let Err(fault) = Filter::parse(&text) {
                        assert!(fault.at <= text.chars().count() && !fault.message.is_empty(), "{text}");
                    }
                }
            }
        }
    }

    #[test]
    fn names_that_are_compared_are_listed() {
        assert_eq!(Filter::parse("word and k < 3 or method in [a]").unwrap().names(), ["k", "method"]);
    }
}
