//! The bytes that a token of the vocabulary stands for.

/// How the tokens of a vocabulary spell bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// One printable character a byte (GPT-2, Pythia, Llama 3).
    ByteLevel,
    /// Text with a stand-in for the space, and `<0x0A>` for single bytes (Llama 1 and 2, Amber).
    ByteFallback {
        /// Stands for a space; U+2581 in SentencePiece.
        space: Option<char>,
    },
    /// The text itself, after this prefix of tokens that continue a word.
    Plain {
        /// Marks a token inside a word; `##` in WordPiece.
        prefix: String,
    },
}

impl Spelling {
    /// The name that `inspect` shows.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::ByteLevel => "byte-level",
            Self::ByteFallback { .. } => "SentencePiece with byte fallback",
            Self::Plain { .. } => "plain",
        }
    }

    /// The bytes of `token`.
    pub(super) fn bytes(&self, token: &str) -> Vec<u8> {
        match self {
            Self::ByteLevel => match token.chars().map(byte_of).collect() {
                Some(bytes) => bytes,
                None => token.as_bytes().to_vec(),
            },
            Self::ByteFallback { space } => match hexadecimal_byte(token) {
                Some(byte) => vec![byte],
                None => match space {
                    Some(space) => token.replace(*space, " ").into_bytes(),
                    None => token.as_bytes().to_vec(),
                },
            },
            Self::Plain { prefix } => {
                let rest = if prefix.is_empty() { None } else { token.strip_prefix(prefix.as_str()) };
                rest.unwrap_or(token).as_bytes().to_vec()
            }
        }
    }
}

/// The byte of `<0x0A>`.
fn hexadecimal_byte(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    if digits.len() == 2 { u8::from_str_radix(digits, 16).ok() } else { None }
}

/// The byte that a character of a byte-level vocabulary stands for: printable bytes stand for themselves, the
/// other 68 follow from U+0100 on in their order (`encoder.py` of openai/gpt-2, `bytes_to_unicode`).
fn byte_of(c: char) -> Option<u8> {
    let is_printable = |byte: u8| matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
    let code = u32::from(c);
    match u8::try_from(code) {
        Ok(byte) => Some(byte).filter(|&byte| is_printable(byte)),
        Err(_) => (0..=u8::MAX).filter(|&byte| !is_printable(byte)).nth((code - 0x100) as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_character() {
        let mut seen: Vec<u8> = (0..0x200).filter_map(|code| byte_of(char::from_u32(code)?)).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..=255).collect::<Vec<u8>>());
        assert_eq!(byte_of('Ġ'), Some(b' '));
        assert_eq!(byte_of('Ċ'), Some(b'\n'));
        assert_eq!(byte_of('한'), None);
    }

    #[test]
    fn byte_fallback_and_spaces() {
        let spelling = Spelling::ByteFallback { space: Some('\u{2581}') };
        assert_eq!(spelling.bytes("<0xE2>"), [0xE2]);
        assert_eq!(spelling.bytes("<0xE2"), b"<0xE2");
        assert_eq!(spelling.bytes("\u{2581}girl"), b" girl");
        assert_eq!(Spelling::ByteLevel.bytes("Ġthe"), b" the");
    }
}
