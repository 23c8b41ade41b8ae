//! Two texts word by word.

use egui::text::{LayoutJob, TextFormat};
use egui::{FontId, Stroke};
use similar::{ChangeTag, TextDiff};

use super::one_line;
use crate::app::style::Tokens;
use crate::app::style::tokens::size;

/// A run of words that is in both texts, or in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    tag: ChangeTag,
    text: String,
}

impl Piece {
    /// Whether both texts have it.
    pub fn is_same(&self) -> bool {
        self.tag == ChangeTag::Equal
    }

    /// Whether only the new text has it.
    pub fn is_new(&self) -> bool {
        self.tag == ChangeTag::Insert
    }
}

/// What has to be taken from `old` and put in to get `new`. Texts of many thousand words are compared for a
/// tenth of a second at most, then more coarsely.
pub fn diff_words(old: &str, new: &str) -> Vec<Piece> {
    let mut config = TextDiff::configure();
    config.timeout(std::time::Duration::from_millis(100));
    let diff = config.diff_words(old, new);
    let mut pieces: Vec<Piece> = Vec::new();
    for change in diff.iter_all_changes() {
        match pieces.last_mut().filter(|p| p.tag == change.tag()) {
            Some(piece) => piece.text.push_str(change.value()),
            None => pieces.push(Piece { tag: change.tag(), text: change.value().to_owned() }),
        }
    }
    pieces
}

/// The pieces as text: what is new on green, what is gone struck through.
pub fn words_job(pieces: &[Piece], t: &Tokens, width: f32) -> LayoutJob {
    let mut job = LayoutJob::default();
    job.wrap.max_width = width;
    for piece in pieces {
        let font_id = FontId::proportional(size::BODY);
        let format = match piece.tag {
            ChangeTag::Equal => TextFormat { font_id, color: t.text, ..TextFormat::default() },
            ChangeTag::Insert => {
                TextFormat { font_id, color: t.good, background: t.good_soft, ..TextFormat::default() }
            }
            ChangeTag::Delete => {
                TextFormat { font_id, color: t.bad, strikethrough: Stroke::new(1.0, t.bad), ..TextFormat::default() }
            }
        };
        job.append(&piece.text, 0.0, format);
    }
    job
}

/// The pieces of a row against its clean twin: what is altered is marked, what it took the place of struck through. In
/// one line, line breaks are signs.
pub fn marked_job(pieces: &[Piece], t: &Tokens, width: f32, is_one_line: bool) -> LayoutJob {
    let mut job = LayoutJob::default();
    job.wrap.max_width = width;
    for piece in pieces {
        let font_id = FontId::proportional(size::BODY);
        let format = match piece.tag {
            ChangeTag::Equal => TextFormat { font_id, color: t.text, ..TextFormat::default() },
            ChangeTag::Insert => {
                TextFormat { font_id, color: t.warn, background: t.warn_soft, ..TextFormat::default() }
            }
            ChangeTag::Delete => TextFormat {
                font_id,
                color: t.text_faint,
                strikethrough: Stroke::new(1.0, t.text_faint),
                ..TextFormat::default()
            },
        };
        let text = if is_one_line { one_line(&piece.text) } else { piece.text.as_str().into() };
        job.append(&text, 0.0, format);
    }
    job
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_give_back_both_texts() {
        let (old, new) = ("the cat sat on 매트 🙂", "the dog sat on 매트");
        let pieces = diff_words(old, new);
        let text = |left_out: ChangeTag| {
            pieces.iter().filter(|p| p.tag != left_out).map(|p| p.text.as_str()).collect::<String>()
        };
        assert_eq!((text(ChangeTag::Insert), text(ChangeTag::Delete)), (old.to_owned(), new.to_owned()));
        assert!(pieces.iter().any(|p| p.tag == ChangeTag::Insert && p.text == "dog"));
        assert!(diff_words(old, old).iter().all(Piece::is_same));
    }
}
