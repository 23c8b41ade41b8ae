//! The desk of the Figures view: how figures are written, and the page that is being composed, with undo.

use std::time::{Duration, Instant};

use super::worker::Trouble;
use crate::figures::{ExportSpec, Format};
use crate::runs::{Page, Panel};

/// A change of the page.
#[derive(Clone, Debug)]
pub enum DeskCommand {
    /// Format, size, fonts.
    Spec(Box<ExportSpec>),
    /// Panels in a row.
    Columns(usize),
    /// Put a figure on the page.
    Add(Panel),
    /// Take a panel off.
    Remove(usize),
    /// Exchange a panel with the one this many places on.
    Move(usize, isize),
    /// Another page, for instance from a file.
    Replace(Box<Page>),
    /// Compose a page, or show one figure at a time.
    Compose(bool),
    /// Whether the page goes beside each exported file.
    WithPage(bool),
}

/// The picture of a page as it will be written.
pub enum Preview {
    /// The picture.
    Drawn(egui::TextureHandle),
    /// Why there is none.
    Failed(Trouble),
}

/// The page with its history.
pub struct Desk {
    /// Panels, columns, format.
    pub page: Page,
    /// Whether a page is composed.
    pub is_composing: bool,
    /// Whether the page goes beside each exported file.
    pub with_page: bool,
    /// The picture of the page with this key.
    pub preview: Option<(u64, Preview)>,
    /// The key of the picture that is on its way.
    pub asked: Option<u64>,
    undo: Vec<Page>,
    redo: Vec<Page>,
    last_edit: Option<Instant>,
}

impl Default for Desk {
    /// An empty page that becomes a PDF, as papers take it.
    fn default() -> Self {
        let spec = ExportSpec { format: Format::Pdf, ..ExportSpec::default() };
        Self {
            page: Page { spec, ..Page::default() },
            is_composing: false,
            with_page: false,
            preview: None,
            asked: None,
            undo: Vec::new(),
            redo: Vec::new(),
            last_edit: None,
        }
    }
}

impl Desk {
    /// Whether there is something to undo, and to redo.
    pub fn history(&self) -> [bool; 2] {
        [!self.undo.is_empty(), !self.redo.is_empty()]
    }

    /// Goes back one change.
    pub fn undo(&mut self) {
        if let Some(before) = self.undo.pop() {
            self.redo.push(std::mem::replace(&mut self.page, before));
            self.last_edit = None;
        }
    }

    /// Goes forward again.
    pub fn redo(&mut self) {
        if let Some(after) = self.redo.pop() {
            self.undo.push(std::mem::replace(&mut self.page, after));
            self.last_edit = None;
        }
    }

    /// Applies a change, remembering what was before.
    pub fn apply(&mut self, command: DeskCommand) {
        /// Changes of format and size in quick succession, as a dragged number makes them, are one change.
        const ONE_EDIT: Duration = Duration::from_millis(700);
        let before = self.page.clone();
        let is_fluid = matches!(command, DeskCommand::Spec(_));
        self.change(command);
        if before == self.page {
            return;
        }
        let goes_on = is_fluid && self.last_edit.is_some_and(|t| t.elapsed() < ONE_EDIT);
        self.last_edit = is_fluid.then(Instant::now);
        if !goes_on {
            const KEPT: usize = 200;
            self.undo.push(before);
            if self.undo.len() > KEPT {
                self.undo.remove(0);
            }
        }
        self.redo.clear();
    }

    fn change(&mut self, command: DeskCommand) {
        let panels = &mut self.page.panels;
        match command {
            DeskCommand::Spec(spec) => self.page.spec = *spec,
            DeskCommand::Columns(n) => self.page.columns = n.max(1),
            DeskCommand::Add(panel) => panels.push(panel),
            DeskCommand::Remove(index) => {
                if index < panels.len() {
                    panels.remove(index);
                }
            }
            DeskCommand::Move(index, by) => {
                let other = index.saturating_add_signed(by);
                if index < panels.len() && other < panels.len() {
                    panels.swap(index, other);
                }
            }
            DeskCommand::Replace(page) => {
                self.page = *page;
                self.is_composing = true;
            }
            DeskCommand::Compose(is_on) => self.is_composing = is_on,
            DeskCommand::WithPage(is_on) => self.with_page = is_on,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(figure: &str) -> Panel {
        Panel { figure: figure.to_owned(), ..Panel::default() }
    }

    #[test]
    fn panels_are_added_moved_and_taken_back() {
        let mut desk = Desk::default();
        for name in ["a", "b", "c"] {
            desk.apply(DeskCommand::Add(panel(name)));
        }
        desk.apply(DeskCommand::Move(2, -1));
        desk.apply(DeskCommand::Move(0, -1));
        desk.apply(DeskCommand::Remove(9));
        let names = |desk: &Desk| desk.page.panels.iter().map(|p| p.figure.clone()).collect::<String>();
        assert_eq!(names(&desk), "acb");
        desk.undo();
        assert_eq!(names(&desk), "abc");
        desk.redo();
        assert_eq!((names(&desk).as_str(), desk.history()), ("acb", [true, false]));
    }

    #[test]
    fn a_dragged_number_is_one_change() {
        let mut desk = Desk::default();
        for width_mm in [80.0, 81.0, 82.0] {
            desk.apply(DeskCommand::Spec(Box::new(ExportSpec { width_mm, ..ExportSpec::default() })));
        }
        desk.undo();
        assert_eq!(desk.page, Desk::default().page);
    }
}
